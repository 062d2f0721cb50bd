/** When an ended container may start again: a kubelet's rule. The first restart is immediate, then 10 s · 2ⁿ. Pure. */
import type { ContainerRecord } from '../records.ts';
import type { AgentPod } from '../types.ts';

export interface RestartBackoff {
  initialMs: number;
  maxMs: number;
}

export const KUBELET_BACKOFF: RestartBackoff = { initialMs: 10_000, maxMs: 300_000 };

/** `waitMs` 0 means now, and then `backoffMs` is what the next restart will wait for. */
export function restartAfter(
  { backoff, endedAt = 0 }: Pick<ContainerRecord, 'backoff' | 'endedAt'>,
  { initialMs, maxMs }: RestartBackoff,
  now: number,
): { waitMs: number; backoffMs: number } {
  const isOver = backoff.ms === 0 || now - backoff.at > 2 * maxMs; // it went well for long: begin anew
  if (isOver) return { waitMs: 0, backoffMs: initialMs };
  return { waitMs: Math.max(0, endedAt + backoff.ms - now), backoffMs: Math.min(maxMs, backoff.ms * 2) };
}

export function backoffMessage(ms: number, container: string, { metadata }: AgentPod): string {
  return `back-off ${duration(ms)} restarting failed container=${container} pod=${metadata.name}_${metadata.namespace}(${metadata.uid})`;
}

/** As Go writes durations: 10s, 1m20s, 5m0s. */
function duration(ms: number): string {
  const seconds = ms / 1000;
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
