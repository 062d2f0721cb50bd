/** A work queue that begins once its caches are complete: acting on half a cache would delete what it does not see. */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { createWorkQueue, type Outcome, type WorkQueue } from '../lib/workqueue.ts';
import { isConflict } from '../platform/cluster/port.ts';

export interface QueueContext {
  log: Log;
  clock: Clock;
  /** Resolves when all caches hold their first list. */
  synced: Promise<void>;
  /** Aborted when the owner is closed; keys are dropped from then on. */
  signal: AbortSignal;
}

export function createQueue(
  context: QueueContext,
  name: string,
  work: (key: string) => Promise<Outcome | undefined>,
  concurrency = 4,
): WorkQueue {
  const { synced, signal, log, clock } = context;
  const closed = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  const ready = Promise.race([synced, closed]);
  return createWorkQueue({
    async work(key) {
      await ready;
      return signal.aborted ? undefined : work(key);
    },
    onError(error, key, retryInMs) {
      if (signal.aborted) return;
      // A conflict says that the cache was behind; the change that won is already on its way.
      if (isConflict(error)) log.debug({ key, queue: name }, 'the object changed meanwhile, looking again');
      else log.warn({ err: error, key, queue: name, retryInMs }, 'work failed, will be tried again');
    },
    concurrency,
    clock,
  });
}
