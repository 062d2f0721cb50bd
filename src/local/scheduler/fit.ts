/**
 * Where does a pod go? Pure: pod + nodes + what runs on them → a node, or why none. Filters and words are those of
 * Kubernetes' scheduler, for the part of it that is served here; a pod that demands another part is refused, not
 * placed as if it had not.
 */
import { podRequests, sumOf } from '../../platform/cluster/requests.ts';
import { isPodFinished, type Node, type Pod } from '../kinds.ts';
import { tolerates, UNSCHEDULABLE } from '../taints.ts';
import { matchesAffinity } from './affinity.ts';
import { allocatableOf, nominalRequests } from './requests.ts';

export type Fit = { node: Node } | { message: string };

/** Pods that are on a node or on their way there, by the node's name. */
export type PodsByNode = (node: string) => readonly Pod[];

export function findNode(pod: Pod, nodes: readonly Node[], podsByNode: PodsByNode): Fit {
  const demand = unservedDemand(pod);
  if (demand) return { message: demand };
  if (nodes.length === 0) return { message: 'no nodes available to schedule pods' };
  const counts = new Map<string, number>();
  let best: { node: Node; score: Score } | undefined;
  for (const node of nodes) {
    const present = podsByNode(node.metadata.name).filter((other) => !isPodFinished(other));
    const reasons = reasonsAgainst(pod, node, present);
    for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    if (reasons.length > 0) continue;
    const score = scoreOf(pod, node, present);
    if (!best || isBetter(score, best.score)) best = { node, score };
  }
  if (best) return { node: best.node };
  const reasons = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return { message: `0/${nodes.length} nodes are available: ${reasons.join(', ')}.` };
}

/** The first filter that fails says why; the filter of resources names all that are short. */
function reasonsAgainst(pod: Pod, node: Node, present: readonly Pod[]): string[] {
  if (node.spec?.unschedulable && !tolerates(pod.spec.tolerations, { key: UNSCHEDULABLE, effect: 'NoSchedule' })) {
    return ['node(s) were unschedulable'];
  }
  const taints = (node.spec?.taints ?? []).filter(({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute');
  if (taints.some((taint) => !tolerates(pod.spec.tolerations, taint))) return ['node(s) had untolerated taint(s)'];
  const labels = node.metadata.labels ?? {};
  const selector = Object.entries(pod.spec.nodeSelector ?? {});
  if (selector.some(([key, value]) => labels[key] !== value) || !matchesAffinity(pod, node)) {
    return ["node(s) didn't match Pod's node affinity/selector"];
  }
  if (portsClash(pod, present)) return ["node(s) didn't have free ports for the requested pod ports"];
  return shortages(pod, node, present);
}

function shortages(pod: Pod, node: Node, present: readonly Pod[]): string[] {
  const allocatable = allocatableOf(node);
  const reasons: string[] = [];
  if (present.length + 1 > (allocatable.get('pods') ?? 0)) reasons.push('Too many pods');
  const used = sumOf(present, podRequests);
  for (const [resource, asked] of podRequests(pod)) {
    const free = (allocatable.get(resource) ?? 0) - (used.get(resource) ?? 0);
    if (asked > 0 && asked > free) reasons.push(`Insufficient ${resource}`);
  }
  return reasons;
}

interface HostPort {
  ip: string;
  port: number;
  protocol: string;
}

const hostPorts = (pod: Pod): HostPort[] =>
  [...(pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'), ...pod.spec.containers]
    .flatMap(({ ports }) => ports ?? [])
    .flatMap(({ hostPort, hostIP, protocol = 'TCP', containerPort }) => {
      const port = hostPort ?? (pod.spec.hostNetwork ? containerPort : 0);
      return port > 0 ? [{ ip: hostIP || '0.0.0.0', port, protocol }] : [];
    });

function portsClash(pod: Pod, present: readonly Pod[]): boolean {
  const wanted = hostPorts(pod);
  if (wanted.length === 0) return false;
  const everywhere = (ip: string): boolean => ip === '0.0.0.0' || ip === '::';
  return present
    .flatMap(hostPorts)
    .some((taken) =>
      wanted.some(
        ({ ip, port, protocol }) =>
          port === taken.port &&
          protocol === taken.protocol &&
          (ip === taken.ip || everywhere(ip) || everywhere(taken.ip)),
      ),
    );
}

interface Score {
  /** PreferNoSchedule taints that the pod does not tolerate. */
  avoided: number;
  /** Mean free share of CPU and memory after the pod, 0–100. */
  free: number;
  pods: number;
}

function scoreOf(pod: Pod, node: Node, present: readonly Pod[]): Score {
  const soft = (node.spec?.taints ?? []).filter(({ effect }) => effect === 'PreferNoSchedule');
  const allocatable = allocatableOf(node);
  const used = sumOf([...present, pod], nominalRequests);
  const shares = ['cpu', 'memory'].flatMap((resource) => {
    const all = allocatable.get(resource) ?? 0;
    return all > 0 ? [Math.max(0, ((all - (used.get(resource) ?? 0)) * 100) / all)] : [];
  });
  return {
    avoided: soft.filter((taint) => !tolerates(pod.spec.tolerations, taint)).length,
    free: shares.length === 0 ? 0 : Math.floor(shares.reduce((sum, share) => sum + share, 0) / shares.length),
    pods: present.length,
  };
}

/** Least allocated; then fewer pods; then the node that came first, so that the same question has the same answer. */
const isBetter = (a: Score, b: Score): boolean => (b.avoided - a.avoided || a.free - b.free || b.pods - a.pods) > 0;

/** What this scheduler does not weigh: to place such a pod anyway would break its promise without a word. */
function unservedDemand({ spec }: Pod): string | undefined {
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  const demands: [string, boolean][] = [
    ['podAffinity', (podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).length > 0],
    ['podAntiAffinity', (podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).length > 0],
  ];
  const affinity = demands.find(([, present]) => present)?.[0];
  if (affinity) {
    const field = `spec.affinity.${affinity}.requiredDuringSchedulingIgnoredDuringExecution`;
    return `${field} is not served by the local cluster: use nodeSelector or nodeAffinity, or a Kubernetes cluster.`;
  }
  const spread = (spec.topologySpreadConstraints ?? []).some(
    ({ whenUnsatisfiable = 'DoNotSchedule' }) => whenUnsatisfiable === 'DoNotSchedule',
  );
  return spread
    ? 'spec.topologySpreadConstraints with DoNotSchedule is not served by the local cluster: use ScheduleAnyway, or a Kubernetes cluster.'
    : undefined;
}
