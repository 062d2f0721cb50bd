/** Which devices a pod holds, by index: as the scheduler has written on it (`nvidia.com/gpu=0,1`), or the lowest free. Pure. */
import { isDevice } from '../../../contract/devices.ts';
import { parseQuantity } from '../../../contract/quantity.ts';
import type { AgentPod } from '../types.ts';

type Devices = Record<string, number[]>;

/** What the pod asks for: the largest init container or the sum of the others, as Kubernetes counts. */
export function devicesWanted(pod: AgentPod): Record<string, number> {
  const wanted: Record<string, number> = {};
  const add = (amounts: Record<string, string | number> | undefined, join: (a: number, b: number) => number): void => {
    for (const [resource, amount] of Object.entries(amounts ?? {}))
      if (isDevice(resource)) wanted[resource] = join(wanted[resource] ?? 0, parseQuantity(amount));
  };
  for (const container of pod.spec.containers) add(container.resources?.limits, (a, b) => a + b);
  for (const container of pod.spec.initContainers ?? []) add(container.resources?.limits, Math.max);
  return wanted;
}

/** What a scheduler chose stands as long as nobody holds it; in words why there is not enough. */
export function assignDevices(
  wanted: Record<string, number>,
  chosen: Devices,
  capacity: Readonly<Record<string, number>>,
  held: readonly Devices[],
): Devices | string {
  const assigned: Devices = {};
  for (const [resource, count] of Object.entries(wanted)) {
    if (count === 0) continue;
    const taken = new Set(held.flatMap((devices) => devices[resource] ?? []));
    const free = Array.from({ length: capacity[resource] ?? 0 }, (_, i) => i).filter((i) => !taken.has(i));
    if (free.length < count)
      return `Allocate failed due to requested number of devices unavailable for ${resource}. Requested: ${count}, Available: ${free.length}, which is unexpected`;
    const preferred = (chosen[resource] ?? []).filter((index) => free.includes(index));
    assigned[resource] = preferred.length === count ? preferred : free.slice(0, count);
  }
  return assigned;
}

export const formatDevices = (devices: Devices): string | undefined =>
  Object.entries(devices)
    .map(([resource, indexes]) => `${resource}=${indexes.join(',')}`)
    .join(';') || undefined;
