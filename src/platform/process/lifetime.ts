/**
 * The end of a process: what was started is stopped in reverse order, each part within its limit and all of it within
 * ten seconds. A second signal hurries. Nothing here ends the process itself: main does, with the code `done` answers.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../lib/log.ts';

export interface Lifetime {
  /** Registers how to stop a part. */
  atEnd(name: string, stop: Stop): void;
  /** What is being started just now: the end waits for it, so that nothing is started behind its back. */
  starting(work: Promise<unknown>): void;
  /** Begins the end; later calls hurry it. */
  end(code: number, reason: string): void;
  /** Aborts with the first `end`: a start that is under way can give up what it waits for. */
  readonly signal: AbortSignal;
  /** Resolves with the exit code, and how long it took, when everything has been stopped or given up on. */
  readonly done: Promise<{ code: number; tookMs: number }>;
}

/** `hurry` aborts when there is no more time for manners; `code` is what the process will end with. */
type Stop = (hurry: AbortSignal, code: number) => Promise<void> | void;

export interface LifetimeOptions {
  log: Log;
  /** For all parts together, in milliseconds: then `hurry` aborts, and 0.8 s later a part is given up. */
  withinMs?: number;
  /** Told what is being stopped, for people who watch. */
  onStop?: (name: string) => void;
}

const GIVE_UP_AFTER_MS = 800;
/** npm passes Ctrl-C on to a process that the terminal has signalled already: that is one wish, not two. */
const ONE_WISH_MS = 700;

export function createLifetime({ log, withinMs = 8_500, onStop }: LifetimeOptions): Lifetime {
  const parts: { name: string; stop: Stop }[] = [];
  const hurry = new AbortController();
  const over = new AbortController();
  const { promise: done, resolve } = Promise.withResolvers<{ code: number; tookMs: number }>();
  const outOfTime = expiry(hurry.signal);
  outOfTime.catch(() => {}); // Nobody may be waiting when the time is over.
  let endedAt: number | undefined;
  let start: Promise<unknown> = Promise.resolve();

  async function unwind(code: number): Promise<void> {
    await Promise.race([start, outOfTime]).catch(() => {});
    for (let part = parts.pop(); part; part = parts.pop()) {
      onStop?.(part.name);
      try {
        await Promise.race([part.stop(hurry.signal, code), outOfTime]);
      } catch (error) {
        log.error({ err: error, part: part.name }, 'could not be stopped in order');
      }
    }
  }

  return {
    atEnd: (name, stop) => void parts.push({ name, stop }),
    starting(work) {
      start = work;
    },
    signal: over.signal,
    done,
    end(code, reason) {
      if (endedAt !== undefined) {
        if (performance.now() - endedAt > ONE_WISH_MS) hurry.abort();
        return;
      }
      const began = performance.now();
      endedAt = began;
      over.abort();
      log.info({ reason }, 'shutting down');
      const timer = setTimeout(() => hurry.abort(), withinMs);
      void unwind(code).then(() => {
        clearTimeout(timer);
        resolve({ code, tookMs: performance.now() - began });
      });
    },
  };
}

/** Rejects a while after the signal: long enough for a SIGKILL to be seen to work. */
async function expiry(signal: AbortSignal): Promise<never> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  await sleep(GIVE_UP_AFTER_MS);
  throw new Error('it took too long');
}
