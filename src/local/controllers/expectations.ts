/**
 * Keeps a ReplicaSet from being acted on while the pod cache has not seen its last writes. Without it a cache that
 * lags by a moment makes the controller create the same pods twice. Pods get their names before they are created, so
 * an expectation is a name that must be seen, not a number that may be counted wrongly.
 */
import type { Clock } from '../../lib/clock.ts';
import { type Change, keyOf } from '../../platform/cluster/informer.ts';
import type { Pod } from '../kinds.ts';
import { controllerOf } from './ownership.ts';

export interface Expectations {
  /** Before a write: the owner waits for this pod to appear, or to go. */
  created(owner: string, podKey: string): void;
  deleted(owner: string, podKey: string): void;
  /** The write failed: nothing will be seen. */
  failed(owner: string, podKey: string): void;
  /** Every change of the pod cache. */
  observe(change: Change<Pod>): void;
  /** False while writes of this owner (a uid) are not in the cache yet. */
  satisfied(owner: string): boolean;
  forget(owner: string): void;
}

/** After this long an event that never came is not waited for any longer, as in Kubernetes. */
export const EXPECTATION_TIMEOUT_MS = 5 * 60_000;

export function createExpectations(clock: Clock): Expectations {
  const owners = new Map<string, { since: number; pods: Map<string, 'create' | 'delete'> }>();

  function expect(owner: string, podKey: string, what: 'create' | 'delete'): void {
    const entry = owners.get(owner) ?? { since: 0, pods: new Map() };
    entry.since = clock.monotonic();
    entry.pods.set(podKey, what);
    owners.set(owner, entry);
  }

  function met(owner: string, podKey: string): void {
    const entry = owners.get(owner);
    entry?.pods.delete(podKey);
    if (entry?.pods.size === 0) owners.delete(owner);
  }

  return {
    created: (owner, podKey) => expect(owner, podKey, 'create'),
    deleted: (owner, podKey) => expect(owner, podKey, 'delete'),
    failed: met,
    observe({ type, object }) {
      const owner = controllerOf(object)?.uid;
      if (owner === undefined) return;
      const what = owners.get(owner)?.pods.get(keyOf(object));
      if (what === undefined) return;
      const leaving = type === 'deleted' || object.metadata.deletionTimestamp !== undefined;
      if (what === 'create' || leaving) met(owner, keyOf(object));
    },
    satisfied(owner) {
      const entry = owners.get(owner);
      return entry === undefined || clock.monotonic() - entry.since > EXPECTATION_TIMEOUT_MS;
    },
    forget: (owner) => void owners.delete(owner),
  };
}
