/**
 * A revision: its hash, and the ControllerRevision that keeps it whole. The runtime is copied into it, so that an edit of
 * a ServingRuntime never replaces the pods of what runs behind everybody's back; the next revision takes the new one.
 */
import type { ModelDeployment, ModelDeploymentSpec } from '../../contract/modeldeployment.ts';
import { ANNOTATIONS } from '../../contract/names.ts';
import type { ServingRuntime } from '../../contract/servingruntime.ts';
import type { KubeObject } from '../../platform/cluster/port.ts';
import type { ControllerRevision, Snapshot } from '../kinds.ts';
import { childOf } from './child.ts';

export function snapshotOf(spec: ModelDeploymentSpec, { spec: runtime }: ServingRuntime): Snapshot {
  const { container, fetch, capabilities, defaultResources, podSecurityContext, imagePullSecrets, placement } = runtime;
  return {
    model: spec.model,
    runtimeName: spec.runtime,
    runtime: {
      container,
      fetch,
      ...(capabilities && { capabilities }),
      ...(defaultResources && { defaultResources }),
      ...(podSecurityContext && { podSecurityContext }),
      ...(imagePullSecrets && { imagePullSecrets }),
      ...(placement && { placement }),
    },
    ...(spec.resources && { resources: spec.resources }),
    ...(spec.placement && { placement: spec.placement }),
  };
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
  const child = childOf(owner, 'apps/v1', 'ControllerRevision', `${owner.metadata.name}-${hash}`, { hash });
  const annotations = { [ANNOTATIONS.firstRevision]: String(first) };
  return { ...child, metadata: { ...child.metadata, annotations }, data, revision };
}

/** One that was made without the annotation has not said more than its present number. */
export const firstNumber = ({ metadata, revision }: ControllerRevision): number =>
  Number(metadata.annotations?.[ANNOTATIONS.firstRevision] ?? Number.NaN) || revision;
