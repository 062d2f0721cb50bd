/**
 * Which pods are on a node, and which of its GPUs each of them holds. Outside dynamic resource allocation Kubernetes
 * tells nobody which device a container was given; pods on simulated nodes state it in an annotation.
 */
import { parseDevices } from '../../contract/devices.ts';
import { ANNOTATIONS } from '../../contract/names.ts';
import type { Ctx } from '../../graphql/context.ts';
import { podRequests } from '../../platform/cluster/requests.ts';
import type { KubeNode, Pod } from '../../platform/cluster/view.ts';

export const GPU = 'nvidia.com/gpu';

/** Labels that GPU feature discovery writes on a node. */
const GFD = { product: 'nvidia.com/gpu.product', memory: 'nvidia.com/gpu.memory', count: 'nvidia.com/gpu.count' };

/** More than any machine has, so that a wrong label cannot make an answer of any size. */
const MAX_GPUS = 256;

/** Pods that take up room on the node, by namespace and name. Those that have finished do not. */
export function podsOnNode(ctx: Ctx, nodeName: string): Pod[] {
  const place = ({ metadata }: Pod): string => `${metadata.namespace}/${metadata.name}`;
  return ctx.cluster.pods
    .by('node', nodeName)
    .filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed')
    .sort((a, b) => (place(a) < place(b) ? -1 : 1));
}

/** Indexes of the GPUs that the pod says it holds; empty when it asks for none; null when nobody says. */
export function devicesOfPod(pod: Pod): number[] | null {
  const stated = parseDevices(pod.metadata.annotations?.[ANNOTATIONS.devices]).get(GPU);
  return stated ?? ((podRequests(pod).get(GPU) ?? 0) > 0 ? null : []);
}

/** The pods that hold one GPU; null when it is not known because a pod on the node has GPUs and does not say which. */
export function podsOnGpu(ctx: Ctx, nodeName: string, index: number): Pod[] | null {
  const pods = podsOnNode(ctx, nodeName);
  const holders = pods.filter((pod) => devicesOfPod(pod)?.includes(index));
  return holders.length > 0 || pods.every((pod) => devicesOfPod(pod) !== null) ? holders : null;
}

export function gpuKind({ metadata: { labels = {} } }: KubeNode): { product: string | null; memoryMib: number | null } {
  const memory = labels[GFD.memory] ?? '';
  return { product: labels[GFD.product] ?? null, memoryMib: /^\d{1,9}$/.test(memory) ? Number(memory) : null };
}

/** Physical devices, as GPU feature discovery counts them: a shared device stands several times in the capacity. */
export function gpuCount(node: KubeNode, capacity: number): number {
  const label = node.metadata.labels?.[GFD.count] ?? '';
  return Math.min(MAX_GPUS, /^\d{1,6}$/.test(label) ? Number(label) : capacity);
}
