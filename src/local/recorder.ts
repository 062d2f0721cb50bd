/**
 * Writes core Events as `kubectl describe` shows them: the same thing said again raises `count` on one Event instead of
 * making another. Best effort, as in Kubernetes: an Event that cannot be written is logged and forgotten, no controller
 * waits for one, and while a write is on its way further repeats are only counted.
 */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import {
  apiVersionOf,
  type ClusterPort,
  isNotFound,
  type KubeObject,
  type Resource,
} from '../platform/cluster/port.ts';
import { EVENTS } from '../platform/cluster/resources.ts';
import { type Event, timeText } from './kinds.ts';

export interface Recorder {
  normal(resource: Resource, object: KubeObject, reason: string, message: string): void;
  warning(resource: Resource, object: KubeObject, reason: string, message: string): void;
  /** Waits for the writes on their way. Later events are dropped. */
  close(): Promise<void>;
}

export interface RecorderOptions {
  cluster: ClusterPort;
  /** Who speaks: `deployment-controller`, `default-scheduler`. */
  component: string;
  log: Log;
  clock: Clock;
}

/** Kubernetes refuses longer ones. */
const MAX_MESSAGE = 1024;
/** Different events remembered for counting. */
const MAX_REMEMBERED = 2000;
/** Events being written at once; beyond that new ones are dropped rather than queued without end. */
const MAX_IN_FLIGHT = 1000;

interface Entry {
  name: string;
  namespace: string;
  first: string;
  count: number;
  written: number;
}

export function createRecorder({ cluster, component, log, clock }: RecorderOptions): Recorder {
  const entries = new Map<string, Entry>();
  const writing = new Map<string, Promise<void>>();
  let closed = false;
  let serial = 0;

  function record(type: Event['type'], resource: Resource, object: KubeObject, reason: string, text: string): void {
    if (closed) return;
    const message = text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE - 1)}…` : text;
    const key = JSON.stringify([object.metadata.uid, object.metadata.name, type, reason, message]);
    let entry = entries.get(key);
    entries.delete(key); // and put back below: the map's order is that of last use
    entry ??= {
      name: `${object.metadata.name}.${clock.now().toString(16)}${(serial++ % 4096).toString(16).padStart(3, '0')}`,
      namespace: object.metadata.namespace ?? 'default',
      first: timeText(clock.now()),
      count: 0,
      written: 0,
    };
    entry.count += 1;
    entries.set(key, entry);
    if (entries.size > MAX_REMEMBERED) entries.delete(entries.keys().next().value as string);
    if (writing.has(key) || writing.size >= MAX_IN_FLIGHT) return;
    const done = write(entry, () => eventOf(entry, type, resource, object, reason, message)).finally(() => {
      writing.delete(key);
    });
    writing.set(key, done);
  }

  function eventOf(
    entry: Entry,
    type: Event['type'],
    resource: Resource,
    object: KubeObject,
    reason: string,
    message: string,
  ): Event {
    const { name, namespace, uid, resourceVersion } = object.metadata;
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: entry.name, namespace: entry.namespace },
      involvedObject: {
        apiVersion: apiVersionOf(resource),
        kind: resource.kind,
        name,
        namespace,
        uid,
        resourceVersion,
      },
      type,
      reason,
      message,
      source: { component },
      reportingComponent: component,
      reportingInstance: '',
      firstTimestamp: entry.first,
      lastTimestamp: timeText(clock.now()),
      count: entry.count,
    };
  }

  async function write(entry: Entry, build: () => Event): Promise<void> {
    try {
      while (entry.written < entry.count) {
        const event = build();
        const fresh = entry.written === 0 || !(await raiseCount(entry, event));
        if (fresh) await cluster.create(EVENTS, event, { fieldManager: component });
        entry.written = event.count;
      }
    } catch (error) {
      entry.written = entry.count;
      log.debug({ err: error, event: entry.name }, 'an event could not be written');
    }
  }

  /** False when the Event is gone in the meantime (they are kept for a time only). */
  async function raiseCount(entry: Entry, { count, lastTimestamp }: Event): Promise<boolean> {
    try {
      const patch = { count, lastTimestamp };
      await cluster.patch(EVENTS, entry.name, entry.namespace, 'merge', patch, { fieldManager: component });
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  return {
    normal: (resource, object, reason, message) => record('Normal', resource, object, reason, message),
    warning: (resource, object, reason, message) => record('Warning', resource, object, reason, message),
    async close() {
      closed = true;
      await Promise.all(writing.values());
    },
  };
}
