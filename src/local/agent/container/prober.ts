/**
 * Watches one running container by its probes and tells when something changes: it has started, it is ready or not
 * any more, it must be restarted. Thresholds and defaults are a kubelet's. Never touches the container itself.
 */
import type { Clock } from '../../../lib/clock.ts';
import type { Container, Probe } from '../types.ts';
import { type ActionTarget, perform } from './action.ts';

type ProbeType = 'Startup' | 'Readiness' | 'Liveness';

interface ProberEvents {
  started(): void;
  ready(isReady: boolean): void;
  /** A liveness or startup probe has failed for good. */
  failed(type: 'Startup' | 'Liveness', probe: Probe): void;
  /** Every single failure, in words that follow "Liveness probe", for the Event `Unhealthy`. */
  unhealthy(type: ProbeType, message: string): void;
}

export interface ProberOptions {
  container: Container;
  target: ActionTarget;
  /** An earlier agent has found out so about this same process. */
  hasStarted: boolean;
  /** When the container was started, in milliseconds since the epoch. */
  startedAt: number;
  clock: Clock;
  events: ProberEvents;
}

export interface Prober {
  /** The container is being ended: nothing restarts it any more, and it is ready for as long as it says so. */
  stopRestarts(): void;
  /** Ends all probing; nothing is told after it. */
  close(): void;
}

/** `ok` is undefined when it could not be asked at all. */
interface Attempt {
  ok: boolean | undefined;
  message: string;
}

/**
 * Until its first success a program is asked more often than its period says, and these failures do not count: a kubelet
 * would find a server that is up after 0.4 s when its second whole period is over.
 */
const EARLY_MS = 100;

export function startProber({ container, target, hasStarted, startedAt, clock, events }: ProberOptions): Prober {
  const { startupProbe, readinessProbe, livenessProbe } = container;
  const cancels = new Set<() => void>();
  let isClosed = false;
  let isEnding = false;

  /** `onResult` hears each outcome that reached its threshold; false ends the series. */
  function series(type: ProbeType, probe: Probe, onResult: (ok: boolean) => boolean): void {
    const period = (probe.periodSeconds || 10) * 1000;
    const needed = { ok: probe.successThreshold || 1, failed: probe.failureThreshold || 3 };
    let run = { ok: true, length: 0 };
    let early: { waitMs: number; countedAt: number } | undefined = { waitMs: EARLY_MS, countedAt: clock.monotonic() };

    async function once(): Promise<void> {
      const begun = clock.monotonic();
      const result = await attempt(probe);
      if (isClosed || (isEnding && type !== 'Readiness')) return;
      if (result.ok) early = undefined;
      const left = early ? early.countedAt + period - clock.monotonic() : 0;
      if (early && left > 0) {
        later(Math.min(early.waitMs, left));
        early.waitMs *= 1.5;
        return;
      }
      if (early) early.countedAt += period;
      if (result.ok === undefined) {
        events.unhealthy(type, `errored, which does not count: ${result.message}`);
        later(period);
        return;
      }
      if (!result.ok) events.unhealthy(type, `failed: ${result.message}`);
      run = run.ok === result.ok ? { ok: run.ok, length: run.length + 1 } : { ok: result.ok, length: 1 };
      const reached = run.length >= (run.ok ? needed.ok : needed.failed);
      if (reached && !onResult(run.ok)) return;
      later(Math.max(0, period - (clock.monotonic() - begun)));
    }

    function later(ms: number): void {
      const cancel = clock.after(ms, () => {
        cancels.delete(cancel);
        void once();
      });
      cancels.add(cancel);
    }

    later(Math.max(0, startedAt + (probe.initialDelaySeconds ?? 0) * 1000 - clock.now()));
  }

  /** A kubelet, too, throws away what is no answer of the program. */
  async function attempt(probe: Probe): Promise<Attempt> {
    try {
      return await perform(probe, target, (probe.timeoutSeconds || 1) * 1000);
    } catch (error) {
      return { ok: undefined, message: error instanceof Error ? error.message : String(error) };
    }
  }

  function afterStart(): void {
    events.started();
    if (readinessProbe) {
      series('Readiness', readinessProbe, (ok) => {
        events.ready(ok);
        return true;
      });
    } else events.ready(true);
    if (livenessProbe) {
      series('Liveness', livenessProbe, (ok) => {
        if (!ok) events.failed('Liveness', livenessProbe);
        return ok;
      });
    }
  }

  if (!startupProbe || hasStarted) afterStart();
  else {
    series('Startup', startupProbe, (ok) => {
      if (ok) afterStart();
      else events.failed('Startup', startupProbe);
      return false;
    });
  }
  return {
    stopRestarts() {
      isEnding = true;
    },
    close() {
      isClosed = true;
      for (const cancel of cancels) cancel();
    },
  };
}
