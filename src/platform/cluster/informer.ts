/**
 * A reflector and its cache: list, then watch for ever, and always know how far behind it is.
 *
 * client-node's own informer is not used: one 500, 429 or reset connection ends it for good. Here an error never ends
 * the loop: it resumes from the last resourceVersion seen, relists on 410, backs off with client-go's constants,
 * honours Retry-After, asks for bookmarks, and treats a silent connection as broken. Handlers only hear of changes
 * (they put keys on a queue); a throwing handler is logged and does not stop the others.
 */
import { createBackoff } from '../../lib/backoff.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import {
  askedToWaitMs,
  type ClusterPort,
  isExpired,
  isNotFound,
  type KubeObject,
  type Resource,
  type Selectors,
} from './port.ts';

export interface Change<T> {
  type: 'added' | 'modified' | 'deleted';
  object: T;
  /** What the cache held before; absent for `added`. */
  old?: T;
}

export interface Informer<T extends KubeObject> {
  readonly resource: Resource;
  start(): void;
  /** Ends the watch and waits for the loop to be gone. The cache keeps its last content. */
  stop(): Promise<void>;
  /** Resolves after the first complete list. */
  synced(): Promise<void>;
  /** Resolves when the server has listed them, or has said that it does not know this kind. */
  answered(): Promise<void>;
  readonly isSynced: boolean;
  /** The server does not know this kind, as it was last asked: the custom resource is not installed. */
  readonly isMissing: boolean;
  /** What the last try failed with; undefined when the server was heard since. */
  readonly failure: unknown;
  /** By `namespace/name`, or `name` for cluster-scoped kinds. Objects are shared and must not be changed. */
  get(key: string): T | undefined;
  list(): T[];
  /** The objects for which the index named `index` yields `value`. */
  by(index: string, value: string): T[];
  /** Called for every change, also for those of a relist. Returns a function that removes the handler. */
  onChange(handler: (change: Change<T>) => void): () => void;
  /**
   * It has come as far as this version, which a write of its kind was answered with; otherwise the write's own change is still
   * to be heard of. Versions are numbers on every Kubernetes there is; where they are not, nothing counts as still to come.
   */
  hasSeen(resourceVersion: string): boolean;
  /**
   * Milliseconds since this cache last heard the server (list, event, bookmark, end of a watch); Infinity before the first
   * list. On a quiet cluster that is minutes: it says how old the proof is, not whether the server answers.
   */
  lagMs(): number;
}

export interface InformerOptions<T extends KubeObject> {
  cluster: ClusterPort;
  resource: Resource;
  selectors?: Selectors;
  indexes?: Record<string, (object: T) => readonly string[]>;
  log: Log;
  clock?: Clock;
  random?: () => number;
}

export const keyOf = (object: KubeObject): string =>
  object.metadata.namespace ? `${object.metadata.namespace}/${object.metadata.name}` : object.metadata.name;

/** Ready-made index: objects by the uid of each owner. */
export const byOwner = (object: KubeObject): string[] =>
  (object.metadata.ownerReferences ?? []).map((owner) => owner.uid);

export function createInformer<T extends KubeObject>(options: InformerOptions<T>): Informer<T> {
  const { cluster, resource, selectors = {}, indexes = {}, log, clock = systemClock, random = Math.random } = options;
  const objects = new Map<string, T>();
  const index = new Map<string, Map<string, Set<string>>>();
  for (const name of Object.keys(indexes)) index.set(name, new Map());
  const handlers = new Set<(change: Change<T>) => void>();
  const backoff = createBackoff({ random });
  const first = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  let isSynced = false;
  let isMissing = false;
  let failure: unknown;
  let lastHeard = Number.NEGATIVE_INFINITY;
  /** Told before the handlers hear of a change, since they may ask for it at once. */
  let seen = 0;
  let run: { abort: AbortController; done: Promise<void> } | undefined;

  function reindex(key: string, old: T | undefined, object: T | undefined): void {
    for (const [name, valuesOf] of Object.entries(indexes)) {
      const entries = index.get(name) as Map<string, Set<string>>;
      for (const value of old ? valuesOf(old) : []) {
        const keys = entries.get(value);
        keys?.delete(key);
        if (keys?.size === 0) entries.delete(value);
      }
      for (const value of object ? valuesOf(object) : []) {
        const keys = entries.get(value);
        if (keys) keys.add(key);
        else entries.set(value, new Set([key]));
      }
    }
  }

  function put(object: T): void {
    const key = keyOf(object);
    const old = objects.get(key);
    if (old?.metadata.resourceVersion === object.metadata.resourceVersion && old) return;
    objects.set(key, object);
    reindex(key, old, object);
    emit(old ? { type: 'modified', object, old } : { type: 'added', object });
  }

  function remove(key: string, last?: T): void {
    const old = objects.get(key);
    if (!old) return;
    objects.delete(key);
    reindex(key, old, undefined);
    emit({ type: 'deleted', object: last ?? old, old });
  }

  function emit(change: Change<T>): void {
    for (const handler of handlers) {
      try {
        handler(change);
      } catch (error) {
        log.error({ err: error, kind: resource.kind }, 'a change handler failed');
      }
    }
  }

  async function relist(signal: AbortSignal): Promise<string> {
    const { items, resourceVersion } = await cluster.list<T>(resource, { ...selectors, signal });
    if (signal.aborted) return resourceVersion;
    seen = Number(resourceVersion);
    const present = new Set(items.map(keyOf));
    for (const key of [...objects.keys()]) if (!present.has(key)) remove(key);
    for (const item of items) put(item);
    lastHeard = clock.monotonic();
    isMissing = false;
    failure = undefined;
    if (!isSynced) {
      isSynced = true;
      first.resolve();
      answer.resolve();
    }
    return resourceVersion;
  }

  /** One watch, from `from` until the server ends it. Returns the last resourceVersion seen. */
  async function watchOnce(from: { resourceVersion: string }, signal: AbortSignal): Promise<void> {
    // Shorter than the silence that counts as broken: a watch of which nothing is to be said ends by itself before that.
    const timeoutSeconds = Math.round(200 + random() * 100);
    const events = cluster.watch<T>(resource, {
      ...selectors,
      resourceVersion: from.resourceVersion,
      timeoutSeconds,
      signal,
    });
    for await (const event of events) {
      if (signal.aborted) return;
      lastHeard = clock.monotonic();
      isMissing = false;
      failure = undefined;
      if (event.type === 'BOOKMARK') {
        from.resourceVersion = event.resourceVersion;
        seen = Number(event.resourceVersion);
        continue;
      }
      seen = Number(event.object.metadata.resourceVersion);
      if (event.type === 'DELETED') remove(keyOf(event.object), event.object);
      else put(event.object);
      from.resourceVersion = event.object.metadata.resourceVersion ?? from.resourceVersion;
    }
    if (!signal.aborted) lastHeard = clock.monotonic(); // it was ended by the server
  }

  async function loop(signal: AbortSignal): Promise<void> {
    let from: { resourceVersion: string } | undefined;
    while (!signal.aborted) {
      const startedAt = clock.monotonic();
      try {
        from ??= { resourceVersion: await relist(signal) };
        await watchOnce(from, signal);
        if (clock.monotonic() - startedAt > 1000) backoff.reset();
        else await wait(backoff.next(), signal); // a server that ends each watch at once must not be hammered
      } catch (error) {
        if (signal.aborted) return;
        isMissing = isNotFound(error);
        failure = error;
        if (isMissing) answer.resolve();
        if (isExpired(error)) {
          log.debug({ kind: resource.kind }, 'watch expired, listing again');
          from = undefined;
          if (clock.monotonic() - startedAt > 1000) continue;
        } else {
          log.warn({ err: error, kind: resource.kind }, 'watch failed, will resume');
        }
        if (clock.monotonic() - startedAt > 120_000) backoff.reset();
        await wait(Math.max(askedToWaitMs(error) ?? 0, backoff.next()), signal);
      }
    }
  }

  function wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) {
        resolve();
        return;
      }
      const cancel = clock.after(ms, done);
      signal.addEventListener('abort', done, { once: true });
      function done(): void {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      }
    });
  }

  return {
    resource,
    start() {
      if (run) return;
      const abort = new AbortController();
      run = { abort, done: loop(abort.signal) };
    },
    async stop() {
      run?.abort.abort();
      await run?.done;
      run = undefined;
    },
    synced: () => first.promise,
    answered: () => answer.promise,
    get isSynced() {
      return isSynced;
    },
    get isMissing() {
      return isMissing;
    },
    get failure() {
      return failure;
    },
    get: (key) => objects.get(key),
    list: () => [...objects.values()],
    by(name, value) {
      const keys = index.get(name)?.get(value);
      return keys ? [...keys].map((key) => objects.get(key) as T) : [];
    },
    onChange(handler) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    hasSeen: (resourceVersion) => !(seen < Number(resourceVersion)),
    lagMs: () => clock.monotonic() - lastHeard,
  };
}
