/**
 * Which devices a pod on a simulated node holds. A real node's device plugin decides that and tells nobody but the
 * container; a simulated one has no plugin, so the scheduler numbers them: `nvidia.com/gpu=0,1`, resources joined by `;`.
 */
import { ANNOTATIONS, LABELS } from '../../contract/names.ts';
import { isPodFinished, type Node, type Pod } from '../kinds.ts';
import { allocatableOf, podRequests } from './requests.ts';

/** Resources with a domain that is not Kubernetes' own are counted devices. */
const isDevice = (resource: string): boolean => resource.includes('/') && !/(^|\.)kubernetes\.io\//.test(resource);

function parseDevices(text: string | undefined): Map<string, number[]> {
  const devices = new Map<string, number[]>();
  for (const part of (text ?? '').split(';')) {
    const [resource = '', indexes = ''] = part.split('=');
    const numbers = indexes.split(',').filter((index) => /^\d{1,6}$/.test(index));
    if (resource !== '' && numbers.length > 0) devices.set(resource, numbers.map(Number));
  }
  return devices;
}

/** The lowest free indexes, as the annotation's text; undefined when the pod asks for no device or the node is real. */
export function assignDevices(pod: Pod, node: Node, present: readonly Pod[]): string | undefined {
  if (node.metadata.labels?.[LABELS.simulated] !== 'true') return undefined;
  const held = present
    .filter((other) => !isPodFinished(other))
    .map(({ metadata }) => parseDevices(metadata.annotations?.[ANNOTATIONS.devices]));
  const allocatable = allocatableOf(node);
  const assigned = [...podRequests(pod)]
    .filter(([resource, count]) => isDevice(resource) && count > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([resource, count]) => {
      const taken = new Set(held.flatMap((devices) => devices.get(resource) ?? []));
      const free = Array.from({ length: allocatable.get(resource) ?? 0 }, (_, index) => index).filter(
        (index) => !taken.has(index),
      );
      return `${resource}=${free.slice(0, count).join(',')}`;
    });
  return assigned.length > 0 ? assigned.join(';') : undefined;
}
