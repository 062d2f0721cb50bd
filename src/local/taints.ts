/** Taints of nodes and what pods tolerate of them. Pure; the scheduler and the node lifecycle ask here. */
import type { Node, Taint, Toleration } from './kinds.ts';
import { conditionOf } from './kinds.ts';

const UNREACHABLE = 'node.kubernetes.io/unreachable';
const NOT_READY = 'node.kubernetes.io/not-ready';
export const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

/** Kubernetes adds this toleration to each pod at admission; a pod that came another way is treated as if it had it. */
const DEFAULT_TOLERATION_SECONDS = 300;

export function tolerates(tolerations: readonly Toleration[] | undefined, taint: Taint): boolean {
  return (tolerations ?? []).some((toleration) => toleratesTaint(toleration, taint));
}

function toleratesTaint({ key, operator = 'Equal', value, effect }: Toleration, taint: Taint): boolean {
  if (effect && effect !== taint.effect) return false;
  if (key && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return Boolean(key) && (value ?? '') === (taint.value ?? '');
}

/** How long a pod may stay on a node with this NoExecute taint: 0 not at all, undefined for ever. */
export function staySeconds(tolerations: readonly Toleration[] | undefined, taint: Taint): number | undefined {
  const matching = (tolerations ?? []).filter((toleration) => toleratesTaint(toleration, taint));
  if (matching.length === 0) {
    return taint.key === UNREACHABLE || taint.key === NOT_READY ? DEFAULT_TOLERATION_SECONDS : 0;
  }
  const limits = matching.flatMap(({ tolerationSeconds }) =>
    tolerationSeconds === undefined ? [] : [tolerationSeconds],
  );
  return limits.length === 0 ? undefined : Math.max(0, Math.min(...limits));
}

/** The taints that follow from a node's state; others on it are its owner's and stay. */
const LIFECYCLE = new Set([UNREACHABLE, NOT_READY, UNSCHEDULABLE]);

/** The node's taints as they should be now. Those that are right already keep their timeAdded. */
export function desiredTaints(node: Node, nowText: string): Taint[] {
  const present = node.spec?.taints ?? [];
  const wanted: Taint[] = [];
  const ready = conditionOf(node, 'Ready')?.status;
  const key = ready === 'False' ? NOT_READY : ready === 'Unknown' ? UNREACHABLE : undefined;
  if (node.spec?.unschedulable) wanted.push({ key: UNSCHEDULABLE, effect: 'NoSchedule' });
  if (key) wanted.push({ key, effect: 'NoSchedule' }, { key, effect: 'NoExecute' });
  const same = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect;
  return [
    ...present.filter((taint) => !LIFECYCLE.has(taint.key) || wanted.some((one) => same(one, taint))),
    ...wanted
      .filter((taint) => !present.some((one) => same(one, taint)))
      .map((taint) => ({ ...taint, timeAdded: nowText })),
  ];
}
