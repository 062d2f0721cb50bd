/** The ReplicaSets of a Deployment as its history: which one is new, its revision, its annotations, what may be forgotten. */

import { canonical } from '../../lib/canonical.ts';
import { apiVersionOf } from '../../platform/cluster/port.ts';
import { DEPLOYMENTS, REPLICASETS } from '../../platform/cluster/resources.ts';
import type { Deployment, PodTemplate, ReplicaSet } from '../kinds.ts';

import { shortHash } from './names.ts';
import { ownedBy } from './ownership.ts';
import { fencesOf, type SetSize } from './sizes.ts';

const HASH_LABEL = 'pod-template-hash';
export const REVISION = 'deployment.kubernetes.io/revision';
const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
const DESIRED = 'deployment.kubernetes.io/desired-replicas';
const MAX = 'deployment.kubernetes.io/max-replicas';
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
/** Of the Deployment alone: not handed on to its sets. */
const OWN_ANNOTATIONS = new Set([LAST_APPLIED, REVISION, REVISION_HISTORY, DESIRED, MAX]);

const withoutHash = ({ metadata, spec }: PodTemplate): string => {
  const labels = Object.entries(metadata?.labels ?? {}).filter(([key]) => key !== HASH_LABEL);
  const { annotations, finalizers } = metadata ?? {};
  return canonical({ labels: Object.fromEntries(labels), annotations: annotations ?? {}, finalizers, spec });
};

/** Collisions are counted into the hash, so that a name taken by somebody else's set leads to another name. */
const templateHash = ({ spec, status }: Deployment): string =>
  shortHash(`${withoutHash(spec.template)}${status?.collisionCount ? `#${status.collisionCount}` : ''}`);

const byAge = (a: ReplicaSet, b: ReplicaSet): number =>
  (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? '') ||
  a.metadata.name.localeCompare(b.metadata.name);

export const revisionOf = (object: ReplicaSet | Deployment): number => {
  const revision = Number(object.metadata.annotations?.[REVISION] ?? 0);
  return Number.isSafeInteger(revision) ? revision : 0;
};

/**
 * The oldest set with the Deployment's template. A set with the hash we give is the new one even where the server has
 * filled in defaults in one of the two templates and not in the other: else each look would make one more set.
 */
export function findNewSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  const wanted = withoutHash(deployment.spec.template);
  const hash = templateHash(deployment);
  const ordered = [...sets].sort(byAge);
  return (
    ordered.find((set) => set.spec.template && withoutHash(set.spec.template) === wanted) ??
    ordered.find((set) => set.metadata.labels?.[HASH_LABEL] === hash)
  );
}

export const nextRevision = (oldSets: readonly ReplicaSet[]): number => Math.max(0, ...oldSets.map(revisionOf)) + 1;

/** Annotations a set is to have at this revision. A set that comes back (a rollback) remembers the numbers it had. */
export function setAnnotations(deployment: Deployment, set: ReplicaSet | undefined, revision: number) {
  const handed = Object.entries(deployment.metadata.annotations ?? {}).filter(([key]) => !OWN_ANNOTATIONS.has(key));
  const annotations: Record<string, string> = { ...set?.metadata.annotations, ...Object.fromEntries(handed) };
  const before = set ? revisionOf(set) : 0;
  if (before < revision) {
    annotations[REVISION] = String(revision);
    const history = annotations[REVISION_HISTORY];
    if (before > 0) annotations[REVISION_HISTORY] = history ? `${history},${before}` : String(before);
  }
  return annotations;
}

/** What a set remembers of the sizes it was given, from which a later change of replicas is shared out. */
export function sizeAnnotations(deployment: Deployment): Record<string, string> {
  const { replicas, surge } = fencesOf(deployment);
  return { [DESIRED]: String(replicas), [MAX]: String(replicas + surge) };
}

/** The Deployment's replicas are not those for which its sets were last sized. */
export const isScaled = (deployment: Deployment, sets: readonly ReplicaSet[]): boolean =>
  sets.some((set) => {
    const desired = set.metadata.annotations?.[DESIRED];
    return (set.spec.replicas ?? 1) > 0 && desired !== undefined && desired !== String(deployment.spec.replicas ?? 1);
  });

export function sizeOf(set: ReplicaSet): SetSize {
  const max = set.metadata.annotations?.[MAX];
  return {
    name: set.metadata.name,
    replicas: set.spec.replicas ?? 1,
    available: set.status?.availableReplicas ?? 0,
    createdAtMs: Date.parse(set.metadata.creationTimestamp ?? '') || 0,
    ...(max === undefined ? {} : { maxReplicas: Number(max) }),
  };
}

export function newSetOf(deployment: Deployment, revision: number, replicas: number): ReplicaSet {
  const hash = templateHash(deployment);
  const { template, selector, minReadySeconds } = structuredClone(deployment.spec);
  const labels = { ...template.metadata?.labels, [HASH_LABEL]: hash };
  return {
    apiVersion: apiVersionOf(REPLICASETS),
    kind: REPLICASETS.kind,
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: deployment.metadata.namespace,
      labels,
      annotations: { ...setAnnotations(deployment, undefined, revision), ...sizeAnnotations(deployment) },
      ownerReferences: [ownedBy(deployment, DEPLOYMENTS)],
    },
    spec: {
      replicas,
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [HASH_LABEL]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

/** Old sets beyond revisionHistoryLimit, oldest first; one that still has or had pods a moment ago stays. */
export function forgettable(deployment: Deployment, oldSets: readonly ReplicaSet[]): ReplicaSet[] {
  const { revisionHistoryLimit: limit = 10 } = deployment.spec;
  const living = oldSets.filter((set) => set.metadata.deletionTimestamp === undefined);
  return living
    .sort((a, b) => revisionOf(a) - revisionOf(b) || byAge(a, b))
    .slice(0, Math.max(0, living.length - limit))
    .filter(
      ({ spec, status, metadata }) =>
        (spec.replicas ?? 1) === 0 &&
        (status?.replicas ?? 0) === 0 &&
        (metadata.generation ?? 0) <= (status?.observedGeneration ?? 0),
    );
}
