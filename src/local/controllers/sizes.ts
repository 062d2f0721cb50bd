/**
 * How many pods each ReplicaSet of a Deployment should have next. Pure, and step by step what Kubernetes' own
 * controller does (pkg/controller/deployment: rolling.go, recreate.go, sync.go), so that what is seen here in a
 * rollout is what production shows. One call answers one step; the next one follows when pods have changed.
 */
import type { Deployment, IntOrString } from '../kinds.ts';

/** A ReplicaSet as far as sizes are concerned. */
export interface SetSize {
  name: string;
  /** What its spec asks for. */
  replicas: number;
  available: number;
  createdAtMs: number;
  /** Replicas plus surge of the Deployment when it last scaled this set (annotation max-replicas). */
  maxReplicas?: number;
}

export interface Resize {
  name: string;
  replicas: number;
}

export interface Fences {
  replicas: number;
  surge: number;
  unavailable: number;
}

/** An absolute number, or a percentage of `total` rounded up or down. Bad text counts as 0. */
export function scaledValue(value: IntOrString, total: number, round: 'up' | 'down'): number {
  if (typeof value === 'number') return value;
  const match = /^(\d+)%$/.exec(value);
  if (!match) return 0;
  const exact = (Number(match[1]) * total) / 100;
  return round === 'up' ? Math.ceil(exact) : Math.floor(exact);
}

/** Surge rounds up and unavailable rounds down; when both come to nothing, one pod may be missing, else nothing moves. */
export function fencesOf(deployment: Deployment): Fences {
  const replicas = deployment.spec.replicas ?? 1;
  if (deployment.spec.strategy?.type === 'Recreate') return { replicas, surge: 0, unavailable: 0 };
  const { maxSurge = '25%', maxUnavailable = '25%' } = deployment.spec.strategy?.rollingUpdate ?? {};
  const surge = scaledValue(maxSurge, replicas, 'up');
  const unavailable = scaledValue(maxUnavailable, replicas, 'down');
  const allowed = surge === 0 && unavailable === 0 ? 1 : unavailable;
  return { replicas, surge, unavailable: replicas === 0 ? 0 : Math.min(allowed, replicas) };
}

const sum = (sets: readonly SetSize[], of: (set: SetSize) => number): number =>
  sets.reduce((total, set) => total + of(set), 0);

const oldestFirst = (a: SetSize, b: SetSize): number => a.createdAtMs - b.createdAtMs || (a.name < b.name ? -1 : 1);

/** Size of the new set: as many as fit under replicas + surge, never more than replicas. */
export function newSetReplicas(fences: Fences, newReplicas: number, allReplicas: number): number {
  if (newReplicas >= fences.replicas) return fences.replicas;
  const room = fences.replicas + fences.surge - allReplicas;
  return room <= 0 ? newReplicas : Math.min(newReplicas + room, fences.replicas);
}

/** Next step of a RollingUpdate: the new set grows first; only when it cannot, old sets shrink. */
export function rollingStep(fences: Fences, newSet: SetSize, oldSets: readonly SetSize[]): Resize[] {
  const all = newSet.replicas + sum(oldSets, (set) => set.replicas);
  const wanted = newSetReplicas(fences, newSet.replicas, all);
  if (wanted !== newSet.replicas) return [{ name: newSet.name, replicas: wanted }];

  const minAvailable = fences.replicas - fences.unavailable;
  const newUnavailable = newSet.replicas - newSet.available;
  const mayGo = all - minAvailable - newUnavailable;
  if (mayGo <= 0) return [];

  const sizes = new Map(oldSets.map((set) => [set.name, set.replicas]));
  const shrink = (set: SetSize, count: number): number => {
    sizes.set(set.name, (sizes.get(set.name) as number) - count);
    return count;
  };
  const ordered = [...oldSets].sort(oldestFirst);
  // Pods that do not work go first: taking them away costs nobody a request.
  let gone = 0;
  for (const set of ordered) gone += shrink(set, Math.max(0, Math.min(mayGo - gone, set.replicas - set.available)));
  let left = newSet.available + sum(oldSets, (set) => set.available) - minAvailable;
  for (const set of ordered) left -= shrink(set, Math.max(0, Math.min(left, sizes.get(set.name) as number)));

  return oldSets
    .filter((set) => sizes.get(set.name) !== set.replicas)
    .map((set) => ({ name: set.name, replicas: sizes.get(set.name) as number }));
}

/**
 * The Deployment's replicas changed (or it is paused): spread the difference over the sets that have pods, in
 * proportion to their size, and give what rounding leaves to the largest.
 */
export function proportionalStep(
  deployment: Deployment,
  newSet: SetSize | undefined,
  oldSets: readonly SetSize[],
): Resize[] {
  const fences = fencesOf(deployment);
  const all = newSet ? [...oldSets, newSet] : [...oldSets];
  const active = all.filter((set) => set.replicas > 0);
  const only = active.length === 0 ? (newSet ?? latest(oldSets)) : active.length === 1 ? active[0] : undefined;
  if (only) return only.replicas === fences.replicas ? [] : [{ name: only.name, replicas: fences.replicas }];
  if (newSet && newSet.replicas === fences.replicas && newSet.available === fences.replicas) {
    return oldSets.filter((set) => set.replicas > 0).map((set) => ({ name: set.name, replicas: 0 }));
  }
  if (deployment.spec.strategy?.type === 'Recreate') return [];

  const allowed = fences.replicas > 0 ? fences.replicas + fences.surge : 0;
  const toAdd = allowed - sum(active, (set) => set.replicas);
  if (toAdd === 0) return [];
  const newestWins = toAdd > 0 ? -1 : 1;
  const ordered = active.sort((a, b) => b.replicas - a.replicas || newestWins * oldestFirst(a, b));
  let added = 0;
  const sizes = ordered.map((set) => {
    const share = shareOf(set, deployment, fences, toAdd, added);
    added += share;
    return { name: set.name, replicas: set.replicas + share, before: set.replicas };
  });
  const largest = sizes[0];
  if (largest) largest.replicas = Math.max(0, largest.replicas + toAdd - added);
  return sizes.filter((set) => set.replicas !== set.before).map(({ name, replicas }) => ({ name, replicas }));
}

function shareOf(set: SetSize, deployment: Deployment, fences: Fences, toAdd: number, added: number): number {
  if (toAdd === added) return 0;
  if (fences.replicas === 0) return Math.max(-set.replicas, toAdd - added);
  const maxBefore = set.maxReplicas ?? deployment.status?.replicas ?? 0;
  if (maxBefore === 0) return 0;
  const share = Math.round((set.replicas * (fences.replicas + fences.surge)) / maxBefore) - set.replicas;
  return toAdd > 0 ? Math.min(share, toAdd - added) : Math.max(share, toAdd - added);
}

const latest = (sets: readonly SetSize[]): SetSize | undefined => [...sets].sort(oldestFirst).at(-1);
