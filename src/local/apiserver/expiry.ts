/** Events are kept for an hour after they were last written, as Kubernetes keeps them. */
import type { KubeObject } from '../../platform/cluster/port.ts';
import type { Core } from './core.ts';
import { readPath } from './json.ts';

const KEPT_MS = 3600_000;
const LOOK_EVERY_MS = 60_000;
const TIMES = ['lastTimestamp', 'series.lastObservedTime', 'eventTime', 'metadata.creationTimestamp'];

const lastWritten = (event: KubeObject): number =>
  Math.max(
    ...TIMES.map((path) => Date.parse(String(readPath(event, path) ?? ''))).filter((ms) => !Number.isNaN(ms)),
    0,
  );

/** Looks once a minute while there are events. The returned function ends it. */
export function expireEvents({ store, clock, log }: Core): () => void {
  let cancel: (() => void) | undefined;
  function look(): void {
    cancel = undefined;
    const oldest = clock.now() - KEPT_MS;
    const events = store.list('events');
    try {
      for (const event of events) if (lastWritten(event) < oldest) store.remove('events', event);
    } catch (error) {
      // Of a full disk; out of a timer it would end the platform.
      log.error({ err: error }, 'old events could not be removed, the next look tries again');
    }
    if (events.length > 0) schedule();
  }
  const schedule = (): void => {
    cancel ??= clock.after(LOOK_EVERY_MS, look);
  };
  if (store.list('events').length > 0) schedule();
  const unsubscribe = store.onEvent((storage) => {
    if (storage === 'events') schedule();
  });
  return () => {
    unsubscribe();
    cancel?.();
  };
}
