/** What a pod asks of a node and what a node has: amounts that can be added and compared. Pure. */
import { parseQuantity } from '../../contract/quantity.ts';
import type { Container, Node, Pod, ResourceAmounts } from '../kinds.ts';

/** Whole numbers: CPU in thousandths of a core, everything else in pieces or bytes. */
export type Amounts = ReadonlyMap<string, number>;

/** What a container without requests counts as when nodes are compared, never when it is asked whether it fits. */
const NOMINAL: Readonly<Record<string, number>> = { cpu: 100, memory: 200 * 2 ** 20 };

/** Rounded up like Kubernetes does; an amount that is no quantity was let in by nobody and counts as nothing. */
function amount(resource: string, quantity: string | number): number {
  try {
    const value = parseQuantity(quantity) * (resource === 'cpu' ? 1000 : 1);
    return Math.ceil(Number(value.toFixed(6)));
  } catch {
    return 0;
  }
}

const amounts = (given: ResourceAmounts = {}): Map<string, number> =>
  new Map(Object.entries(given).map(([resource, quantity]) => [resource, amount(resource, quantity)]));

/** A limit without a request is a request, as the API server writes it into the pod. */
const requestsOf = ({ resources }: Container): Map<string, number> =>
  amounts({ ...resources?.limits, ...resources?.requests });

function add(to: Map<string, number>, more: Amounts): void {
  for (const [resource, value] of more) to.set(resource, (to.get(resource) ?? 0) + value);
}

function raise(to: Map<string, number>, least: Amounts): void {
  for (const [resource, value] of least) to.set(resource, Math.max(to.get(resource) ?? 0, value));
}

function total(pod: Pod, of: (container: Container) => Map<string, number>): Map<string, number> {
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
  add(running, amounts(pod.spec.overhead));
  return running;
}

const requestCache = new WeakMap<Pod, Amounts>();
const nominalCache = new WeakMap<Pod, Amounts>();

function remembered(cache: WeakMap<Pod, Amounts>, pod: Pod, compute: () => Amounts): Amounts {
  const known = cache.get(pod);
  if (known) return known;
  const computed = compute();
  cache.set(pod, computed);
  return computed;
}

/** Containers together, or the largest moment of the init containers, plus overhead. */
export const podRequests = (pod: Pod): Amounts => remembered(requestCache, pod, () => total(pod, requestsOf));

/** The same, with a nominal amount for each container that asks for no CPU or no memory. */
export const nominalRequests = (pod: Pod): Amounts =>
  remembered(nominalCache, pod, () =>
    total(pod, (container) => {
      const asked = requestsOf(container);
      for (const [resource, value] of Object.entries(NOMINAL)) if (!asked.get(resource)) asked.set(resource, value);
      return asked;
    }),
  );

export function sumOf(pods: readonly Pod[], of: (pod: Pod) => Amounts): Amounts {
  const sum = new Map<string, number>();
  for (const pod of pods) add(sum, of(pod));
  return sum;
}

export const allocatableOf = (node: Node): Amounts => amounts(node.status?.allocatable);
