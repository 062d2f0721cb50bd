/** What a pod asks of a node, as Kubernetes counts it, and what a node has: amounts that can be added and compared. Pure. */
import { parseQuantity } from '../../contract/quantity.ts';

export type ResourceAmounts = Readonly<Record<string, string | number>>;

export interface RequestingContainer {
  resources?: { requests?: ResourceAmounts; limits?: ResourceAmounts };
  restartPolicy?: string;
}

/** Any pod, as far as it asks for something. */
export interface RequestingPod {
  spec: {
    containers: readonly RequestingContainer[];
    initContainers?: readonly RequestingContainer[];
    overhead?: ResourceAmounts;
  };
}

/** Whole numbers: CPU in thousandths of a core, everything else in pieces or bytes. */
export type Amounts = ReadonlyMap<string, number>;

/** Rounded up like Kubernetes does; an amount that is no quantity was let in by nobody and counts as nothing. */
function amount(resource: string, quantity: string | number): number {
  try {
    const value = parseQuantity(quantity) * (resource === 'cpu' ? 1000 : 1);
    return Math.ceil(Number(value.toFixed(6)));
  } catch {
    return 0;
  }
}

export const amountsOf = (given: ResourceAmounts = {}): Map<string, number> =>
  new Map(Object.entries(given).map(([resource, quantity]) => [resource, amount(resource, quantity)]));

/** A limit without a request is a request, as the API server writes it into the pod. */
export const requestsOf = ({ resources }: RequestingContainer): Map<string, number> =>
  amountsOf({ ...resources?.limits, ...resources?.requests });

function add(to: Map<string, number>, more: Amounts): void {
  for (const [resource, value] of more) to.set(resource, (to.get(resource) ?? 0) + value);
}

function raise(to: Map<string, number>, least: Amounts): void {
  for (const [resource, value] of least) to.set(resource, Math.max(to.get(resource) ?? 0, value));
}

/** Containers together, or the largest moment of the init containers, plus overhead. */
export function totalOf(pod: RequestingPod, of: (container: RequestingContainer) => Map<string, number>): Amounts {
  const running = new Map<string, number>();
  for (const container of pod.spec.containers) add(running, of(container));
  const sidecars = new Map<string, number>();
  const starting = new Map<string, number>();
  for (const container of pod.spec.initContainers ?? []) {
    if (container.restartPolicy === 'Always') {
      add(sidecars, of(container));
      raise(starting, sidecars);
    } else {
      const alone = new Map(sidecars);
      add(alone, of(container));
      raise(starting, alone);
    }
  }
  add(running, sidecars);
  raise(running, starting);
  add(running, amountsOf(pod.spec.overhead));
  return running;
}

const requests = new WeakMap<RequestingPod, Amounts>();

/** What a pod asks for in all. Remembered for an object, which must not be changed. */
export function podRequests(pod: RequestingPod): Amounts {
  const known = requests.get(pod) ?? totalOf(pod, requestsOf);
  requests.set(pod, known);
  return known;
}

export function sumOf<T>(pods: readonly T[], of: (pod: T) => Amounts): Amounts {
  const sum = new Map<string, number>();
  for (const pod of pods) add(sum, of(pod));
  return sum;
}
