/**
 * A revision: its hash, and the ControllerRevision that keeps it whole. The runtime is copied into it, so that an edit of
 * a ServingRuntime never replaces the pods of what runs behind everybody's back; the next revision takes the new one.
 */
import type { ArtifactRef, ModelDeployment, ModelDeploymentSpec } from '../../contract/modeldeployment.ts';
import { ANNOTATIONS } from '../../contract/names.ts';
import type { ServingRuntime } from '../../contract/servingruntime.ts';
import type { KubeObject } from '../../platform/cluster/port.ts';
import type { ControllerRevision, Snapshot } from '../kinds.ts';
import { childOf, revisionName } from './child.ts';

export function snapshotOf(spec: ModelDeploymentSpec, { spec: runtime }: ServingRuntime): Snapshot {
  const { container, fetch, capabilities, defaultResources, podSecurityContext, imagePullSecrets, placement } = runtime;
  return {
    model: spec.model,
    runtimeName: spec.runtime,
    runtime: {
      container,
      fetch: { ...fetch, ...requestsOf(spec, defaultResources) },
      ...(capabilities && { capabilities }),
      ...(defaultResources && { defaultResources }),
      ...(podSecurityContext && { podSecurityContext }),
      ...(imagePullSecrets && { imagePullSecrets }),
      ...(placement && { placement }),
    },
    // The hash does not tell an empty one from none: two data with one name would stand in each other's way.
    ...(hasKeys(spec.resources) && { resources: spec.resources }),
    ...(hasKeys(spec.placement) && { placement: spec.placement }),
  };
}

const hasKeys = (value: object | undefined): boolean => value !== undefined && Object.keys(value).length > 0;

/**
 * A quota wants requests of every container; those of a step that is over before the server starts are not added to its. Kept
 * with the revision: one that was made before keeps its pods as they are.
 */
function requestsOf(spec: ModelDeploymentSpec, defaults: ServingRuntime['spec']['defaultResources']) {
  const requests = { ...defaults?.requests, ...spec.resources?.requests };
  return hasKeys(requests) && { resources: { requests } };
}

/**
 * `first` stays while `revision` rises with every return. creationTimestamp would say the same in whole seconds only, and
 * two revisions made within one would have no order.
 */
export function desiredRevision(
  owner: ModelDeployment,
  hash: string,
  { revision, first }: { revision: number; first: number },
  data: Snapshot,
): KubeObject {
  const child = childOf(owner, 'apps/v1', 'ControllerRevision', revisionName(owner.metadata.name, hash), { hash });
  const annotations = {
    [ANNOTATIONS.firstRevision]: String(first),
    [ANNOTATIONS.artifact]: JSON.stringify(placeOf(owner.spec.model.artifact)),
  };
  return { ...child, metadata: { ...child.metadata, annotations }, data, revision };
}

/** A ControllerRevision's data cannot be changed, and the place of an artifact is no part of a revision: it is kept beside them. */
export function snapshotIn({ metadata, data }: ControllerRevision): Snapshot | undefined {
  const kept = metadata.annotations?.[ANNOTATIONS.artifact];
  if (!data || kept === undefined) return data;
  try {
    return withPlace(data, JSON.parse(kept) as Place);
  } catch {
    return data;
  }
}

/** With its artifact there: a typing error in the address was once kept for ever. */
export function withPlace(data: Snapshot, { uri, secretName }: Place): Snapshot {
  const { secretName: _before, ...artifact } = data.model.artifact;
  const place = { ...(uri !== undefined && { uri }), ...(secretName !== undefined && { secretName }) };
  return { ...data, model: { ...data.model, artifact: { ...artifact, ...place } } };
}

type Place = Partial<Pick<ArtifactRef, 'uri' | 'secretName'>>;

/** Behind a Secret the uri is nothing that a pod sees. */
const placeOf = ({ uri, secretName }: ArtifactRef): Place => (secretName ? { secretName } : { uri });

/** One that was made without the annotation has not said more than its present number. */
export const firstNumber = ({ metadata, revision }: ControllerRevision): number =>
  Number(metadata.annotations?.[ANNOTATIONS.firstRevision] ?? Number.NaN) || revision;
