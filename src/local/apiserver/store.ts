/**
 * Objects by key, one revision counter for everything (it is the resourceVersion), and the last events of each resource
 * for watches. All calls are synchronous: a request reads, decides and writes without anybody in between, which is all
 * the optimistic concurrency needs. It knows keys and revisions and no rule of any kind.
 */
import { join } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { KubeObject } from '../../platform/cluster/port.ts';
import { createJournal } from './journal.ts';
import { freeze } from './json.ts';
import type { Record_ } from './records.ts';
import { internalError } from './status.ts';

/** Events kept per resource. A watcher further behind must list again. */
const RING = 1000;
/** The largest object that is kept, as etcd's limit is. */
const OBJECT_LIMIT = 1.5 * 1024 * 1024;

export interface StoreEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  revision: number;
  /** For DELETED the last state, with the revision of the removal. */
  object: KubeObject;
  old?: KubeObject;
}

export interface Store {
  readonly revision: number;
  get(storage: string, namespace: string | undefined, name: string): KubeObject | undefined;
  /** Ordered by namespace and name. Stored objects are frozen. */
  list(storage: string, namespace?: string): KubeObject[];
  storages(): string[];
  byUid(uid: string): { storage: string; object: KubeObject } | undefined;
  /** Stores the object under a new revision and returns it as stored. */
  put(storage: string, object: KubeObject): KubeObject;
  remove(storage: string, object: KubeObject): KubeObject;
  /** Events after `revision`, or undefined when some of them are gone. `oldest` says from where it would work. */
  since(storage: string, revision: number): StoreEvent[] | undefined;
  oldest(storage: string): number;
  /** Called in order, inside the write; a listener must only take note. */
  onEvent(listener: (storage: string, event: StoreEvent) => void): () => void;
  /** Why writes are kept less well than they should be, in a sentence; undefined when they are. */
  trouble(): string | undefined;
  close(): Promise<void>;
}

interface Shelf {
  objects: Map<string, KubeObject>;
  ring: StoreEvent[];
  /** Every event with a greater revision is in the ring. */
  lostUpTo: number;
}

const keyOf = (namespace: string | undefined, name: string): string => `${namespace ?? ''}/${name}`;
const keyOfObject = (object: KubeObject): string => keyOf(object.metadata.namespace, object.metadata.name);

export function createStore({ dataDir, clock, log }: { dataDir: string; clock: Clock; log: Log }): Store {
  const journal = createJournal({ dir: join(dataDir, 'cluster'), clock, log });
  const shelves = new Map<string, Shelf>();
  const uids = new Map<string, { storage: string; object: KubeObject }>();
  const listeners = new Set<(storage: string, event: StoreEvent) => void>();
  let revision = 0;
  let lostUpTo = 0;

  function shelf(storage: string): Shelf {
    let found = shelves.get(storage);
    if (!found) {
      found = { objects: new Map(), ring: [], lostUpTo };
      shelves.set(storage, found);
    }
    return found;
  }

  function commit(storage: string, event: StoreEvent): void {
    const { objects, ring } = shelf(storage);
    const uid = event.object.metadata.uid;
    if (event.type === 'DELETED') {
      objects.delete(keyOfObject(event.object));
      if (uid) uids.delete(uid);
    } else {
      objects.set(keyOfObject(event.object), event.object);
      if (uid) uids.set(uid, { storage, object: event.object });
    }
    revision = event.revision;
    ring.push(event);
    if (ring.length >= 2 * RING) {
      const gone = ring.splice(0, ring.length - RING);
      shelf(storage).lostUpTo = (gone.at(-1) as StoreEvent).revision;
    }
  }

  function eventOf(storage: string, record: Record_): StoreEvent | undefined {
    const { objects } = shelf(storage);
    if (record.o !== undefined) {
      const object = freeze(record.o as KubeObject);
      const old = objects.get(keyOfObject(object));
      return { type: old ? 'MODIFIED' : 'ADDED', revision: record.r, object, ...(old && { old }) };
    }
    const old = objects.get(record.d as string);
    return old && { type: 'DELETED', revision: record.r, object: withRevision(old, record.r), old };
  }

  function write(storage: string, event: StoreEvent, line: string): void {
    if (line.length > OBJECT_LIMIT)
      throw internalError(`the object has ${line.length} bytes, and ${OBJECT_LIMIT} are allowed`);
    journal.append(event.revision, line);
    commit(storage, event);
    for (const listener of listeners) listener(storage, event);
    if (journal.due()) void journal.compact(revision, snapshotLines());
  }

  /** The objects are immutable, so a copy of the lists is a consistent snapshot however long writing it takes. */
  function snapshotLines(): Iterable<string> {
    const at = revision;
    const frozen = [...shelves].map(([storage, { objects }]) => ({ storage, objects: [...objects.values()] }));
    return (function* () {
      for (const { storage, objects } of frozen)
        for (const object of objects) yield `${JSON.stringify({ r: at, s: storage, o: object })}\n`;
    })();
  }

  const loaded = journal.load(
    (record) => {
      const object = freeze(record.o as KubeObject);
      shelf(record.s).objects.set(keyOfObject(object), object);
      if (object.metadata.uid) uids.set(object.metadata.uid, { storage: record.s, object });
    },
    (record) => {
      const event = eventOf(record.s, record);
      if (event) commit(record.s, event);
    },
  );
  revision = loaded.last;
  lostUpTo = loaded.snapshot;
  for (const [, one] of shelves) one.lostUpTo = Math.max(one.lostUpTo, loaded.snapshot);

  return {
    get revision() {
      return revision;
    },
    get: (storage, namespace, name) => shelves.get(storage)?.objects.get(keyOf(namespace, name)),
    list(storage, namespace) {
      const all = [...(shelves.get(storage)?.objects.entries() ?? [])];
      const wanted = namespace === undefined ? all : all.filter(([key]) => key.startsWith(`${namespace}/`));
      return wanted.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
    },
    storages: () => [...shelves.keys()],
    byUid: (uid) => uids.get(uid),
    put(storage, object) {
      const next = revision + 1;
      const stored = withRevision(object, next);
      const old = shelf(storage).objects.get(keyOfObject(object));
      const line = JSON.stringify({ r: next, s: storage, o: stored });
      freeze(stored);
      write(
        storage,
        { type: old ? 'MODIFIED' : 'ADDED', revision: next, object: stored, ...(old && { old }) },
        `${line}\n`,
      );
      return stored;
    },
    remove(storage, object) {
      const next = revision + 1;
      const gone = freeze(withRevision(object, next));
      const line = JSON.stringify({ r: next, s: storage, d: keyOfObject(object) });
      write(storage, { type: 'DELETED', revision: next, object: gone, old: object }, `${line}\n`);
      return gone;
    },
    since(storage, from) {
      const { ring, lostUpTo: lost } = shelf(storage);
      if (from < lost || from > revision) return undefined;
      let at = ring.length;
      while (at > 0 && (ring[at - 1] as StoreEvent).revision > from) at--;
      return ring.slice(at);
    },
    oldest: (storage) => shelf(storage).lostUpTo,
    onEvent(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    trouble: () => journal.trouble(),
    close: () => journal.close(),
  };
}

const withRevision = (object: KubeObject, revision: number): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion: String(revision) },
});
