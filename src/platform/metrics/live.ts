/**
 * Live numbers from the gateway's counters: one sampler per process, running only while somebody looks, whatever their
 * number. Rates and percentiles are differences of two samples; the latest only is kept for each reader, never Postgres.
 */
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { KubeObject } from '../cluster/port.ts';
import type { BackendTraffic, GatewayCounts } from './adapters.ts';
import type { TrafficCounts } from './gateway.ts';

export interface TrafficWindow {
  /** End of the window. */
  at: number;
  /** Its real length; shorter than asked for while the sampler is young. */
  seconds: number;
  /** The gateway did not answer just now. */
  stale: boolean;
  /** What one backend of one route received in the window. */
  of(namespace: string, route: string, backend: string): WindowValues | undefined;
}

export interface WindowValues {
  requests: number;
  errors: number;
  seconds: number;
  /** Upper bounds in seconds with counts that are not cumulative. */
  buckets: { le: number; count: number }[];
}

export interface LiveTraffic {
  /** The newest window. Waits for a second sample when nobody has looked for a while. */
  window(seconds: number): Promise<TrafficWindow | undefined>;
  /** A window at every interval until the signal ends. A slow reader skips to the newest. */
  follow(options: {
    intervalSeconds: number;
    windowSeconds: number;
    signal: AbortSignal;
  }): AsyncIterable<TrafficWindow>;
  close(): void;
}

interface Sample {
  at: number;
  monotonic: number;
  counts: GatewayCounts;
}

const SAMPLE_MS = 1_000;
const KEPT_SAMPLES = 310;
/** After the last look the sampler goes on for this long, so that a page that polls has its numbers at once. */
const IDLE_MS = 60_000;

export interface LiveTrafficOptions {
  traffic: TrafficCounts;
  gateway: () => KubeObject | undefined;
  log: Log;
  clock?: Clock;
}

export function createLiveTraffic({ traffic, gateway, log, clock = systemClock }: LiveTrafficOptions): LiveTraffic {
  const samples: Sample[] = [];
  const waiting = new Set<() => void>();
  let stale = false;
  let lastLook = Number.NEGATIVE_INFINITY;
  let cancel: (() => void) | undefined;
  let closed = false;

  function look(): void {
    lastLook = clock.monotonic();
    if (!cancel && !closed) void tick();
  }

  async function tick(): Promise<void> {
    cancel = () => {};
    try {
      const object = gateway();
      const counts = object && (await traffic.sample(object));
      stale = counts === undefined;
      if (counts) {
        samples.push({ at: clock.now(), monotonic: clock.monotonic(), counts });
        if (samples.length > KEPT_SAMPLES) samples.shift();
      }
    } catch (error) {
      if (!stale) log.warn({ err: error }, 'the gateway could not be asked for its counts');
      stale = true;
    }
    for (const wake of waiting) wake();
    if (closed || clock.monotonic() - lastLook > IDLE_MS) {
      cancel = undefined;
      samples.length = 0;
      return;
    }
    cancel = clock.after(SAMPLE_MS, () => void tick());
  }

  function newest(seconds: number): TrafficWindow | undefined {
    const last = samples.at(-1);
    if (!last) return undefined;
    const first = samples.find((sample) => last.monotonic - sample.monotonic <= seconds * 1000 + SAMPLE_MS / 2) ?? last;
    const length = (last.monotonic - first.monotonic) / 1000;
    return {
      at: last.at,
      seconds: length,
      stale,
      of(namespace, route, backend) {
        const now = last.counts.of(namespace, route, backend);
        return now && difference(first.counts.of(namespace, route, backend), now, length);
      },
    };
  }

  const nextTick = (signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const done = () => {
        waiting.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      if (closed || signal?.aborted) return resolve();
      waiting.add(done);
      signal?.addEventListener('abort', done, { once: true });
    });

  return {
    async window(seconds) {
      look();
      for (let tries = 0; samples.length < 2 && !stale && tries < 3 && !closed; tries++) await nextTick();
      return newest(seconds);
    },
    async *follow({ intervalSeconds, windowSeconds, signal }) {
      let sentAt = Number.NEGATIVE_INFINITY;
      while (!signal.aborted && !closed) {
        look();
        await nextTick(signal);
        if (signal.aborted || clock.monotonic() - sentAt < intervalSeconds * 1000 - SAMPLE_MS / 2) continue;
        const window = newest(windowSeconds);
        if (!window || window.seconds === 0) continue;
        sentAt = clock.monotonic();
        yield window;
      }
    },
    close() {
      closed = true;
      cancel?.();
      for (const wake of [...waiting]) wake();
    },
  };
}

/** A counter that fell was reset by a restart of the gateway: it counts from 0. */
function difference(before: BackendTraffic | undefined, now: BackendTraffic, seconds: number): WindowValues {
  const counted = (code: string): number => grown(before?.byCode[code], now.byCode[code]);
  const codes = Object.keys(now.byCode);
  const sum = (list: string[]) => list.reduce((total, code) => total + counted(code), 0);
  let below = 0;
  const buckets = now.buckets.map(({ le, count }, index) => {
    const cumulative = grown(before?.buckets[index]?.count, count);
    const own = Math.max(0, cumulative - below);
    below = Math.max(below, cumulative);
    return { le, count: own };
  });
  return { requests: sum(codes), errors: sum(codes.filter((code) => code.startsWith('5'))), seconds, buckets };
}

const grown = (before = 0, now = 0): number => (now >= before ? now - before : now);

/** The q-quantile in seconds, by straight line inside its bucket as Prometheus does; null without samples. */
export function quantile(q: number, buckets: readonly { le: number; count: number }[]): number | null {
  const total = buckets.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return null;
  const rank = q * total;
  let below = 0;
  let from = 0;
  for (const { le, count } of buckets) {
    if (count > 0 && below + count >= rank)
      return Number.isFinite(le) ? from + (le - from) * ((rank - below) / count) : from;
    below += count;
    if (Number.isFinite(le)) from = le;
  }
  return from;
}
