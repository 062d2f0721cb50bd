/**
 * Does the server answer? Watches cannot tell: on a quiet cluster they say nothing for minutes, for Kubernetes sends a
 * bookmark only when something was written. So when nothing was heard for a while, the smallest question there is is asked.
 */
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { ClusterPort } from './port.ts';

export interface PulseTiming {
  clock: Clock;
  /** Between two questions, and the silence after which one is asked. */
  everyMs: number;
}

export interface Pulse {
  /** Milliseconds since the server was last heard by anybody; Infinity when it never was. */
  silentMs(): number;
  start(): void;
  stop(): void;
}

const ANSWER_WITHIN_MS = 10_000;

/** `otherwiseHeardMs`: how long ago somebody else heard it. */
export function createPulse(
  cluster: ClusterPort,
  otherwiseHeardMs: () => number,
  { clock = systemClock, everyMs = 30_000 }: Partial<PulseTiming> = {},
): Pulse {
  let answeredAt = Number.NEGATIVE_INFINITY;
  let abort: AbortController | undefined;
  let cancel: (() => void) | undefined;

  const silentMs = (): number => Math.min(otherwiseHeardMs(), clock.monotonic() - answeredAt);

  async function look(): Promise<void> {
    if (silentMs() >= everyMs) await ask();
    if (abort && !abort.signal.aborted) cancel = clock.after(everyMs, () => void look());
  }

  async function ask(): Promise<void> {
    const limit = AbortSignal.timeout(ANSWER_WITHIN_MS);
    try {
      await cluster.version({ signal: abort ? AbortSignal.any([abort.signal, limit]) : limit });
      answeredAt = clock.monotonic();
    } catch {
      // No answer is what silence is; the informers say why.
    }
  }

  return {
    silentMs,
    start() {
      if (abort) return;
      abort = new AbortController();
      cancel = clock.after(everyMs, () => void look());
    },
    stop() {
      abort?.abort();
      abort = undefined;
      cancel?.();
    },
  };
}
