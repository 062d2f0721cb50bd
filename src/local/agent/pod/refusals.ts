/**
 * When a pod that this node cannot run becomes Failed: the first of its owner at once, those that take its place after 10 s,
 * 20 s, … 5 min. A ReplicaSet makes another pod as soon as one has Failed, without any wait, and the scheduler may bring it
 * here again: a kubelet and a ReplicaSet have made thousands of pods so.
 */
import type { Clock } from '../../../lib/clock.ts';
import type { AgentPod } from '../types.ts';
import { KUBELET_BACKOFF } from './backoff.ts';

export interface Refusals {
  /** The monotonic time at which this pod, which is refused now, is to become Failed. */
  next(pod: AgentPod): number;
}

/** Of owners that are remembered; the one that was refused longest ago is forgotten first. */
const MOST_OWNERS = 1000;

export function createRefusals(clock: Clock): Refusals {
  const owners = new Map<string, { at: number; waitMs: number }>();
  const { initialMs, maxMs } = KUBELET_BACKOFF;
  return {
    next({ metadata }) {
      const now = clock.monotonic();
      const owner = metadata.ownerReferences?.find(({ controller }) => controller)?.uid;
      if (owner === undefined) return now;
      const last = owners.get(owner);
      const isOver = !last || now - last.at > 2 * maxMs;
      const waitMs = isOver ? 0 : last.waitMs === 0 ? initialMs : Math.min(maxMs, last.waitMs * 2);
      const at = isOver ? now : Math.max(now, last.at) + waitMs;
      owners.delete(owner);
      owners.set(owner, { at, waitMs });
      const [oldest] = owners.keys();
      if (owners.size > MOST_OWNERS && oldest !== undefined) owners.delete(oldest);
      return at;
    },
  };
}
