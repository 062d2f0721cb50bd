/**
 * A keyed work queue with client-go's semantics: a key is in the queue at most once, is never worked on twice at the
 * same time, and a key added while it is being worked on is worked on once more afterwards. Failures back off per key.
 */
import { type Clock, systemClock } from './clock.ts';

/** What a worker answers: done, or look again after so many milliseconds. */
export type Outcome = { after: number } | undefined;
export const after = (ms: number): Outcome => ({ after: ms });

export interface WorkQueueOptions {
  /** Works on one key. A throw is a failure: the key comes back after its back-off. */
  work: (key: string) => Promise<Outcome>;
  /** Called for every failure; the queue goes on. */
  onError: (error: unknown, key: string, retryInMs: number) => void;
  /** How long whoever failed was asked to wait: the key is not worked on before that, whatever happens to it. */
  askedToWaitMs?: (error: unknown) => number | undefined;
  concurrency?: number;
  clock?: Clock;
  initialBackoffMs?: number;
  maxBackoffMs?: number;
}

export interface WorkQueue {
  add(key: string): void;
  addAfter(key: string, ms: number): void;
  /** Stops taking keys; resolves when what is being worked on has ended. */
  stop(): Promise<void>;
  /** Keys waiting, being worked on, and delayed. */
  depth(): { ready: number; active: number; delayed: number };
}

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const { work, onError, askedToWaitMs, concurrency = 4, clock = systemClock } = options;
  const { initialBackoffMs = 50, maxBackoffMs = 30_000 } = options;
  const ready = new Set<string>();
  const active = new Set<string>();
  const again = new Set<string>();
  const failures = new Map<string, number>();
  const notBefore = new Map<string, number>();
  const delayed = new Map<string, { at: number; cancel: () => void }>();
  let stopped = false;
  let idle: (() => void) | undefined;

  function add(key: string): void {
    if (stopped) return;
    const left = (notBefore.get(key) ?? Number.NEGATIVE_INFINITY) - clock.monotonic();
    if (left > 0) {
      addAfter(key, left);
      return;
    }
    notBefore.delete(key);
    if (active.has(key)) again.add(key);
    else ready.add(key);
    pump();
  }

  function addAfter(key: string, ms: number): void {
    if (stopped) return;
    if (ms <= 0) {
      add(key);
      return;
    }
    const at = clock.monotonic() + ms;
    const present = delayed.get(key);
    if (present && present.at <= at) return;
    present?.cancel();
    const cancel = clock.after(ms, () => {
      delayed.delete(key);
      add(key);
    });
    delayed.set(key, { at, cancel });
  }

  function pump(): void {
    while (!stopped && active.size < concurrency && ready.size > 0) {
      const key = ready.values().next().value as string;
      ready.delete(key);
      active.add(key);
      void run(key);
    }
  }

  async function run(key: string): Promise<void> {
    try {
      const outcome = await work(key);
      failures.delete(key);
      if (outcome) addAfter(key, outcome.after);
    } catch (error) {
      const count = failures.get(key) ?? 0;
      failures.set(key, count + 1);
      const asked = askedToWaitMs?.(error) ?? 0;
      const wait = Math.max(asked, Math.min(maxBackoffMs, initialBackoffMs * 2 ** Math.min(count, 20)));
      if (asked > 0) notBefore.set(key, clock.monotonic() + asked);
      onError(error, key, wait);
      addAfter(key, wait);
    } finally {
      active.delete(key);
      if (again.delete(key)) add(key);
      pump();
      if (active.size === 0) idle?.();
    }
  }

  return {
    add,
    addAfter,
    async stop() {
      stopped = true;
      for (const { cancel } of delayed.values()) cancel();
      delayed.clear();
      ready.clear();
      if (active.size > 0) await new Promise<void>((resolve) => (idle = resolve));
    },
    depth: () => ({ ready: ready.size, active: active.size, delayed: delayed.size }),
  };
}
