/**
 * How a container that runs is ended, as a kubelet does it: its preStop hook, SIGTERM, SIGKILL when its time is over. The
 * hook and the program share that time; however short it is, the program is told and has a moment before it is killed.
 */
import type { Clock } from '../../../lib/clock.ts';
import type { RunningProcess } from './process.ts';

/** Between SIGTERM and SIGKILL, whatever the grace period says and the hook has left of it. */
export const LEAST_GRACE_MS = 2_000;

export interface Ending {
  /** Only less time than is left changes something. */
  hasten(graceMs: number): void;
  /** It has ended, or is left alone. */
  cancel(): void;
}

/** `hook` never rejects, and keeps to the time it is given. */
export function startEnding(
  running: RunningProcess,
  { graceMs, hook, clock }: { graceMs: number; hook: ((withinMs: number) => Promise<void>) | undefined; clock: Clock },
): Ending {
  let deadline = clock.monotonic() + graceMs;
  let isTold = false;
  let cancel = clock.after(graceMs, onDeadline);

  function onDeadline(): void {
    if (isTold) running.signal('SIGKILL');
    else tell();
  }

  /** The hook is over, or its time is. */
  function tell(): void {
    if (isTold) return;
    isTold = true;
    running.signal('SIGTERM');
    if (deadline - clock.monotonic() >= LEAST_GRACE_MS) return;
    cancel();
    cancel = clock.after(LEAST_GRACE_MS, onDeadline);
  }

  if (hook && graceMs > 0) void hook(graceMs).then(tell);
  else tell();
  return {
    hasten(graceMs) {
      const within = isTold ? Math.max(graceMs, LEAST_GRACE_MS) : graceMs;
      const earlier = clock.monotonic() + within;
      if (deadline <= earlier) return;
      deadline = earlier;
      cancel();
      cancel = clock.after(within, onDeadline);
    },
    cancel() {
      isTold = true;
      cancel();
    },
  };
}
