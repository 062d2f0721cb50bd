/**
 * How a container that runs is ended, as a kubelet does it: its preStop hook, SIGTERM, SIGKILL when its time is over. The
 * hook and the program share that time, and who has a hook that takes all of it is still told before it is killed.
 */
import type { Clock } from '../../../lib/clock.ts';
import type { RunningProcess } from './process.ts';

/** Between SIGTERM and SIGKILL where there was a hook. */
export const LEAST_AFTER_HOOK_MS = 2_000;

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
    if (deadline - clock.monotonic() >= LEAST_AFTER_HOOK_MS) return;
    cancel();
    cancel = clock.after(LEAST_AFTER_HOOK_MS, onDeadline);
  }

  if (hook && graceMs > 0) void hook(graceMs).then(tell);
  else {
    isTold = true;
    running.signal(graceMs > 0 ? 'SIGTERM' : 'SIGKILL');
  }
  return {
    hasten(graceMs) {
      const earlier = clock.monotonic() + graceMs;
      if (deadline <= earlier) return;
      deadline = earlier;
      cancel();
      cancel = clock.after(graceMs, onDeadline);
    },
    cancel() {
      isTold = true;
      cancel();
    },
  };
}
