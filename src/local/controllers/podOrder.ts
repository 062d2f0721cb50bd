/**
 * Which pods a ReplicaSet gives up first: those whose loss costs least. Order of Kubernetes (controller_utils.go):
 * unassigned, pending, not ready, lower deletion cost, crowded on one node, ready for a shorter time, more restarts, newer.
 */
import { conditionOf, isPodReady, type Pod } from '../kinds.ts';

const PHASE_RANK: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

const cost = (pod: Pod): number => {
  const value = Number(pod.metadata.annotations?.[DELETION_COST] ?? 0);
  return Number.isInteger(value) ? value : 0;
};
const restarts = (pod: Pod): number =>
  Math.max(0, ...(pod.status?.containerStatuses ?? []).map((status) => status.restartCount ?? 0));
const readySince = (pod: Pod): string => conditionOf(pod, 'Ready')?.lastTransitionTime ?? '';
const text = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** `podsOnNode`: how many pods of the same owner run on a node. Negative when `a` goes first. */
function deletedFirst(a: Pod, b: Pod, podsOnNode: (node: string) => number): number {
  const ready = Number(isPodReady(a)) - Number(isPodReady(b));
  return (
    Number(Boolean(a.spec.nodeName)) - Number(Boolean(b.spec.nodeName)) ||
    (PHASE_RANK[a.status?.phase ?? 'Pending'] ?? 0) - (PHASE_RANK[b.status?.phase ?? 'Pending'] ?? 0) ||
    ready ||
    cost(a) - cost(b) ||
    podsOnNode(b.spec.nodeName ?? '') - podsOnNode(a.spec.nodeName ?? '') ||
    (isPodReady(a) ? text(readySince(b), readySince(a)) : 0) ||
    restarts(b) - restarts(a) ||
    text(b.metadata.creationTimestamp ?? '', a.metadata.creationTimestamp ?? '') ||
    text(a.metadata.name, b.metadata.name)
  );
}

/** The `count` pods to delete. `related` are the pods of all sets of the same owner. */
export function podsToDelete(pods: readonly Pod[], count: number, related: readonly Pod[] = pods): Pod[] {
  const perNode = new Map<string, number>();
  for (const pod of related) {
    const node = pod.spec.nodeName ?? '';
    if (node !== '') perNode.set(node, (perNode.get(node) ?? 0) + 1);
  }
  return [...pods].sort((a, b) => deletedFirst(a, b, (node) => perNode.get(node) ?? 0)).slice(0, Math.max(0, count));
}
