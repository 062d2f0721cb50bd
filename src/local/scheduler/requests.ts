/** What the scheduler counts beyond Kubernetes' requests: the nominal amounts that nodes are compared by. Pure. */
import { type Amounts, amountsOf, requestsOf, totalOf } from '../../platform/cluster/requests.ts';
import type { Node, Pod } from '../kinds.ts';

/** What a container without requests counts as when nodes are compared, never when it is asked whether it fits. */
const NOMINAL: Readonly<Record<string, number>> = { cpu: 100, memory: 200 * 2 ** 20 };

const nominal = new WeakMap<Pod, Amounts>();

/** What a pod asks for, with a nominal amount for each container that asks for no CPU or no memory. */
export function nominalRequests(pod: Pod): Amounts {
  const known =
    nominal.get(pod) ??
    totalOf(pod, (container) => {
      const asked = requestsOf(container);
      for (const [resource, value] of Object.entries(NOMINAL)) if (!asked.get(resource)) asked.set(resource, value);
      return asked;
    });
  nominal.set(pod, known);
  return known;
}

export const allocatableOf = (node: Node): Amounts => amountsOf(node.status?.allocatable);
