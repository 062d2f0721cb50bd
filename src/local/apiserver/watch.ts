/**
 * Watches: what happened since a revision, then what happens, as lines of JSON. Each event is made into bytes once for
 * all its watchers. A watcher that does not read is cut and comes back from where it was; nothing is held for it.
 */
import { createStream } from '../../lib/stream.ts';
import type { KubeObject } from '../../platform/cluster/port.ts';
import { apiVersionOf } from '../../platform/cluster/port.ts';
import type { Core, Target } from './core.ts';
import type { ServedRow } from './registry.ts';
import { predicateOf } from './selectors.ts';
import { badRequest, expired, invalid, type Refusal, unforeseen } from './status.ts';
import type { StoreEvent } from './store.ts';

const BUFFERED_EVENTS = 1000;
const BOOKMARK_EVERY_MS = 60_000;
const DEFAULT_TIMEOUT_S = 1800;

/**
 * All watchers hear of an event in one go, so only the newest lines are kept. With the objects themselves, which the
 * store keeps by the thousand for those that resume, they would be most of this process's memory.
 */
const KEPT_LINES = 32;
const lines = new Map<KubeObject, Map<string, Uint8Array>>();

/** `{"type":"ADDED","object":{…}}` and a line end. */
function lineOf(row: ServedRow, type: string, object: KubeObject): Uint8Array {
  const key = `${type} ${row.group}`;
  let ofObject = lines.get(object);
  if (!ofObject) {
    ofObject = new Map();
    lines.set(object, ofObject);
    for (const oldest of lines.keys()) {
      if (lines.size <= KEPT_LINES) break;
      lines.delete(oldest);
    }
  }
  let line = ofObject.get(key);
  if (!line) {
    line = encode({ type, object: row.view ? row.view.fromStored(object) : object });
    ofObject.set(key, line);
  }
  return line;
}

const encode = (event: unknown): Uint8Array => Buffer.from(`${JSON.stringify(event)}\n`);

export function watch(
  core: Core,
  target: Target,
  query: URLSearchParams,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  const { row, namespace, name } = target;
  const { store, clock } = core;
  if (query.get('sendInitialEvents') !== null)
    throw invalid({ kind: 'ListOptions', group: 'meta.k8s.io' }, '', [
      {
        type: 'Forbidden',
        field: 'sendInitialEvents',
        detail: 'sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled',
      },
    ]);
  const selected = predicateOf(row, query);
  const inScope = (object: KubeObject): boolean =>
    (namespace === undefined || object.metadata.namespace === namespace) &&
    (name === undefined || object.metadata.name === name) &&
    selected(object);

  const asked = query.get('resourceVersion') ?? '';
  const begin = past(core, row, namespace, asked);
  if (!begin) return refusedInStream(expired(asked, store.oldest(row.storage)));
  const initial = begin.flatMap((event) => lineFor(row, event, inScope));
  let sent = Number(asked) || store.revision;
  const stream = createStream<Uint8Array>({ capacity: initial.length + BUFFERED_EVENTS, onEnd: stop });
  for (const line of initial) stream.push(line);

  const unsubscribe = store.onEvent((storage, event) => {
    if (storage !== row.storage) return;
    for (const line of lineFor(row, event, inScope)) {
      sent = event.revision;
      if (!stream.push(line)) stream.end();
    }
  });
  const bookmarks = query.get('allowWatchBookmarks') === 'true';
  let cancelBookmark = clock.after(BOOKMARK_EVERY_MS, bookmark);
  const cancelTimeout = clock.after(timeoutOf(query) * 1000, () => {
    if (bookmarks) sendBookmark();
    stream.end();
  });
  const unregister = core.registry.onChange(() => {
    if (!core.registry.find(row.group, row.version, row.plural)) stream.end();
  });
  const abort = (): void => stream.end();
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) stream.end();

  function sendBookmark(): void {
    if (store.revision <= sent) return;
    sent = store.revision;
    stream.push(
      encode({
        type: 'BOOKMARK',
        object: { kind: row.kind, apiVersion: apiVersionOf(row), metadata: { resourceVersion: String(sent) } },
      }),
    );
  }
  function bookmark(): void {
    if (bookmarks) sendBookmark();
    cancelBookmark = clock.after(BOOKMARK_EVERY_MS, bookmark);
  }
  function stop(): void {
    unsubscribe();
    unregister();
    cancelBookmark();
    cancelTimeout();
    signal.removeEventListener('abort', abort);
  }
  return stream;
}

/** A watch that has begun cannot be answered with a status of HTTP any more: a real server says it in the stream. */
async function* refusedInStream({ status }: Refusal): AsyncGenerator<Uint8Array> {
  yield encode({ type: 'ERROR', object: { metadata: {}, ...status } });
}

/** What a watch begins with: everything there is, or the events after a revision; undefined when some of them are gone. */
function past(core: Core, row: ServedRow, namespace: string | undefined, asked: string): StoreEvent[] | undefined {
  const { store } = core;
  if (asked === '' || asked === '0') {
    const revisionOf = (object: KubeObject): number => Number(object.metadata.resourceVersion);
    return store
      .list(row.storage, namespace)
      .map((object) => ({ type: 'ADDED', revision: revisionOf(object), object }));
  }
  if (!/^\d{1,15}$/.test(asked))
    throw unforeseen(
      `resourceVersion: Invalid value: "${asked}": strconv.ParseUint: parsing "${asked}": invalid syntax`,
    );
  return store.since(row.storage, Number(asked));
}

function timeoutOf(query: URLSearchParams): number {
  const given = query.get('timeoutSeconds');
  if (given === null) return DEFAULT_TIMEOUT_S;
  if (!/^-?\d+$/.test(given)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(given)}: invalid syntax`);
  const seconds = Math.max(0, Number(given));
  return seconds === 0 ? DEFAULT_TIMEOUT_S : Math.min(seconds, 24 * 3600);
}

/** An object that comes into the selection is ADDED, one that leaves it DELETED. */
function lineFor(row: ServedRow, event: StoreEvent, inScope: (object: KubeObject) => boolean): Uint8Array[] {
  const before = event.old !== undefined && inScope(event.old);
  const after = event.type !== 'DELETED' && inScope(event.object);
  if (!before && !after) return [];
  if (!before) return [lineOf(row, 'ADDED', event.object)];
  if (!after) return [lineOf(row, 'DELETED', leaving(event))];
  return [lineOf(row, 'MODIFIED', event.object)];
}

/** Kubernetes sends what leaves a selection as it last matched, with the revision of the leaving. */
const departed = new WeakMap<StoreEvent, KubeObject>();
function leaving(event: StoreEvent): KubeObject {
  if (event.type === 'DELETED' || !event.old) return event.object;
  let object = departed.get(event);
  if (!object) {
    object = { ...event.old, metadata: { ...event.old.metadata, resourceVersion: String(event.revision) } };
    departed.set(event, object);
  }
  return object;
}
