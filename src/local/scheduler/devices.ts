/**
 * Which devices a pod on a simulated node holds. A real node's device plugin decides that and tells nobody but the
 * container; a simulated one has no plugin, so the scheduler numbers them: `nvidia.com/gpu=0,1`, resources joined by `;`.
 */
import { isDevice, parseDevices } from '../../contract/devices.ts';
import { ANNOTATIONS, LABELS } from '../../contract/names.ts';
import { podRequests } from '../../platform/cluster/requests.ts';
import { isPodFinished, type Node, type Pod } from '../kinds.ts';
import { allocatableOf } from './requests.ts';

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
