/**
 * What a Deployment says of itself: counts and the conditions Available, Progressing and ReplicaFailure, with the
 * reasons and words that `kubectl rollout status` and `kubectl wait` look for. Pure (Kubernetes' progress.go).
 */
import {
  type Condition,
  conditionOf,
  type Deployment,
  type DeploymentStatus,
  type ReplicaSet,
  timeText,
} from '../kinds.ts';
import { fencesOf } from './sizes.ts';

/** The largest int32 means: no deadline. */
const NO_DEADLINE = 2_147_483_647;

export const hasDeadline = (deployment: Deployment): boolean =>
  deployment.spec.progressDeadlineSeconds !== undefined && deployment.spec.progressDeadlineSeconds !== NO_DEADLINE;

export interface Sets {
  newSet: ReplicaSet | undefined;
  oldSets: readonly ReplicaSet[];
}

const total = (sets: readonly ReplicaSet[], count: (set: ReplicaSet) => number | undefined): number =>
  sets.reduce((sum, set) => sum + (count(set) ?? 0), 0);

/** Counts, and whether enough pods are available. Progressing is left as it is. */
export function countedStatus(deployment: Deployment, { newSet, oldSets }: Sets, nowMs: number): DeploymentStatus {
  const all = newSet ? [...oldSets, newSet] : oldSets;
  const available = total(all, (set) => set.status?.availableReplicas);
  const wanted = total(all, (set) => set.spec.replicas ?? 1);
  const counts = {
    replicas: total(all, (set) => set.status?.replicas),
    updatedReplicas: newSet?.status?.replicas ?? 0,
    readyReplicas: total(all, (set) => set.status?.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, wanted - available),
  };
  const { replicas, unavailable } = fencesOf(deployment);
  const enough = available >= replicas - unavailable;
  const conditions = withCondition(
    deployment.status?.conditions ?? [],
    enough
      ? newCondition('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.', nowMs)
      : newCondition(
          'Available',
          'False',
          'MinimumReplicasUnavailable',
          'Deployment does not have minimum availability.',
          nowMs,
        ),
  );
  const { collisionCount } = deployment.status ?? {};
  return {
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    ...(deployment.metadata.generation === undefined ? {} : { observedGeneration: deployment.metadata.generation }),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    conditions,
  };
}

/** The status during a rollout: counts, and how it goes. */
export function rolloutStatus(deployment: Deployment, sets: Sets, nowMs: number): DeploymentStatus {
  const status = countedStatus(deployment, sets, nowMs);
  let conditions = status.conditions ?? [];
  const current = conditionOf(deployment, 'Progressing');
  if (!hasDeadline(deployment)) conditions = conditions.filter(({ type }) => type !== 'Progressing');
  const over = (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && current?.reason === 'NewReplicaSetAvailable';
  if (hasDeadline(deployment) && !over) {
    const next = progressing(deployment, sets.newSet, status, nowMs);
    if (next?.reason === 'ReplicaSetUpdated') {
      // Every step forward moves lastUpdateTime, from which the deadline counts; only a change of status moves the other.
      const since = current?.status === 'True' ? current.lastTransitionTime : next.lastTransitionTime;
      conditions = [...conditions.filter(({ type }) => type !== 'Progressing'), { ...next, lastTransitionTime: since }];
    } else if (next) conditions = withCondition(conditions, next);
  }
  conditions = conditions.filter(({ type }) => type !== 'ReplicaFailure');
  const failure = [...(sets.newSet ? [sets.newSet] : []), ...sets.oldSets]
    .map((set) => conditionOf(set, 'ReplicaFailure'))
    .find((condition) => condition !== undefined);
  if (failure) {
    const present = deployment.status?.conditions?.find(({ type }) => type === 'ReplicaFailure');
    const { status: value, reason = 'FailedCreate', message = '' } = failure;
    const same = present?.reason === reason && present.message === message;
    conditions.push(same ? present : newCondition('ReplicaFailure', value, reason, message, nowMs));
  }
  return { ...status, conditions };
}

function progressing(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  status: DeploymentStatus,
  nowMs: number,
): Condition | undefined {
  const what = newSet ? `ReplicaSet "${newSet.metadata.name}"` : `Deployment "${deployment.metadata.name}"`;
  const say = (value: Condition['status'], reason: string, words: string): Condition =>
    newCondition('Progressing', value, reason, `${what} ${words}`, nowMs);
  if (isComplete(deployment, status)) return say('True', 'NewReplicaSetAvailable', 'has successfully progressed.');
  if (hasMoved(deployment.status ?? {}, status)) return say('True', 'ReplicaSetUpdated', 'is progressing.');
  if (hasTimedOut(deployment, nowMs)) return say('False', 'ProgressDeadlineExceeded', 'has timed out progressing.');
  return undefined;
}

/** All pods are of the new set, all are available, none of an old one is left. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const replicas = deployment.spec.replicas ?? 1;
  return (
    (status.updatedReplicas ?? 0) === replicas &&
    (status.replicas ?? 0) === replicas &&
    (status.availableReplicas ?? 0) === replicas &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

function hasMoved(before: DeploymentStatus, now: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus): number => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  return (
    (now.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(now) < old(before) ||
    (now.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (now.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

const deadlineAtMs = (deployment: Deployment, { lastUpdateTime }: Condition): number =>
  Date.parse(lastUpdateTime ?? '') + (deployment.spec.progressDeadlineSeconds ?? 0) * 1000;

function hasTimedOut(deployment: Deployment, nowMs: number): boolean {
  const current = conditionOf(deployment, 'Progressing');
  if (!current || current.reason === 'NewReplicaSetAvailable') return false;
  return current.reason === 'ProgressDeadlineExceeded' || deadlineAtMs(deployment, current) < nowMs;
}

/** Milliseconds until the deadline must be looked at, undefined when nothing is waited for. Nobody else would wake us. */
export function msUntilDeadline(deployment: Deployment, status: DeploymentStatus, nowMs: number): number | undefined {
  const current = conditionOf({ status }, 'Progressing');
  if (!current || !hasDeadline(deployment) || deployment.spec.paused || isComplete(deployment, status))
    return undefined;
  if (current.reason === 'ProgressDeadlineExceeded') return undefined;
  return Math.max(0, deadlineAtMs(deployment, current) - nowMs) + 1000;
}

export function newCondition(
  type: string,
  status: Condition['status'],
  reason: string,
  message: string,
  nowMs: number,
): Condition {
  const now = timeText(nowMs);
  return { type, status, lastUpdateTime: now, lastTransitionTime: now, reason, message };
}

/** Same status and reason: unchanged. Same status: the transition time stays. */
export function withCondition(conditions: readonly Condition[], next: Condition): Condition[] {
  const current = conditions.find(({ type }) => type === next.type);
  if (current?.status === next.status && current.reason === next.reason) return [...conditions];
  const since = current?.status === next.status ? current.lastTransitionTime : next.lastTransitionTime;
  return [...conditions.filter(({ type }) => type !== next.type), { ...next, lastTransitionTime: since }];
}
