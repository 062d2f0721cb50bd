/**
 * The cluster port over HTTPS, for any Kubernetes API. Of client-node only the kubeconfig is used (authentication, TLS,
 * exec plugins, token files that rotate); requests are plain HTTP, because its informer and its watch were measured to
 * die on one 500, to drop malformed lines without a word and to leave zombies after a stop.
 *
 * A call that reads has a time limit of 30 s, and one that writes of 65 s: an API server asks webhooks first, up to 30 s each
 * and several in a row, and gives up itself after 60 s; only what it says then names the webhook that did not answer. Whoever
 * must not wait as long (a lease) brings its own signal. A watch has a limit for its answer's head, and is broken off when
 * nothing arrives for five and a half minutes. On a quiet cluster nothing arrives at all (a bookmark comes only when something was
 * written), but the server ends each watch before that, so longer silence means that the other side is gone.
 */
import { Unavailable } from '../../lib/problem.ts';
import { type CredentialsOptions, loadCredentials } from './credentials.ts';
import { jsonLines } from './lines.ts';
import {
  ApiError,
  apiVersionOf,
  type CallOptions,
  type ClusterPort,
  isExpired,
  type KubeObject,
  type ObjectList,
  type PatchType,
  pathOf,
  type Resource,
  type Status,
  type WatchEvent,
  type WriteOptions,
} from './port.ts';
import { type Call, createTransport, failure, type Query } from './transport.ts';

export interface ClientNodeOptions extends CredentialsOptions {
  userAgent: string;
  /** Limit of one call that reads, in milliseconds. */
  timeoutMs?: number;
  /** Of one that writes; longer than the API server's own. */
  writeTimeoutMs?: number;
  /** How long a watch may be silent before it counts as broken; longer than the watches last. */
  silenceMs?: number;
}

const PAGE = 500;
const PATCH_TYPES: Record<PatchType, string> = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
};

export function createClientNodeCluster(options: ClientNodeOptions): ClusterPort {
  const { userAgent, timeoutMs = 30_000, writeTimeoutMs = 65_000, silenceMs = 330_000 } = options;
  const transport = createTransport(loadCredentials(options), userAgent);

  async function call<T>(spec: Omit<Call, 'limitMs'>): Promise<T> {
    const limitMs = spec.method === 'GET' ? timeoutMs : writeTimeoutMs;
    const limit = AbortSignal.timeout(limitMs);
    const signal = spec.signal ? AbortSignal.any([spec.signal, limit]) : limit;
    const response = await transport.send({ ...spec, signal, limitMs }, limitMs);
    try {
      return (await response.body.json()) as T;
    } catch (error) {
      throw failure(error, spec.signal);
    }
  }

  async function list<T extends KubeObject>(
    resource: Resource,
    { namespace, labelSelector, fieldSelector, signal }: Parameters<ClusterPort['list']>[1] = {},
  ): Promise<ObjectList<T>> {
    const path = pathOf(resource, namespace);
    const items: T[] = [];
    const asked = { labelSelector, fieldSelector };
    let page: Query = { limit: PAGE };
    for (;;) {
      let answer: { items: T[]; metadata: { resourceVersion: string; continue?: string } };
      try {
        answer = await call({ method: 'GET', path, query: { ...asked, ...page }, signal });
      } catch (error) {
        if (!isExpired(error) || page['continue'] === undefined) throw error;
        items.length = 0; // the pages' snapshot was compacted away in between: take everything in one answer
        page = {};
        continue;
      }
      for (const item of answer.items) items.push(withType(item, resource));
      if (!answer.metadata.continue) return { items, resourceVersion: answer.metadata.resourceVersion };
      page = { limit: PAGE, continue: answer.metadata.continue };
    }
  }

  function write<T>(method: 'POST' | 'PUT', path: string, object: KubeObject, given: WriteOptions = {}): Promise<T> {
    return call({
      method,
      path,
      query: writeQuery(given),
      body: object,
      contentType: 'application/json',
      ...abort(given),
    });
  }

  return {
    async get<T extends KubeObject>(resource: Resource, name: string, namespace?: string, given: CallOptions = {}) {
      return call<T>({ method: 'GET', path: pathOf(resource, namespace, name), ...abort(given) });
    },
    list,
    watch<T extends KubeObject>(resource: Resource, given: Parameters<ClusterPort['watch']>[1]) {
      const query = {
        watch: true,
        allowWatchBookmarks: true,
        resourceVersion: given.resourceVersion,
        timeoutSeconds: given.timeoutSeconds ?? 300,
        labelSelector: given.labelSelector,
        fieldSelector: given.fieldSelector,
      };
      const path = pathOf(resource, given.namespace);
      return endable(given.signal, async function* (signal) {
        const response = await transport.send({ method: 'GET', path, query, signal, limitMs: timeoutMs }, silenceMs);
        for await (const line of jsonLines(response.body)) yield watchEvent<T>(line);
      });
    },
    create: (resource, object, given) => write('POST', pathOf(resource, object.metadata.namespace), object, given),
    replace: (resource, object, given = {}) =>
      write('PUT', pathOf(resource, object.metadata.namespace, object.metadata.name, given.subresource), object, given),
    patch: (resource, name, namespace, type, patch, given = {}) =>
      call({
        method: 'PATCH',
        path: pathOf(resource, namespace, name, given.subresource),
        query: writeQuery(given),
        body: patch,
        contentType: PATCH_TYPES[type],
        ...abort(given),
      }),
    apply: (resource, object, given) =>
      call({
        method: 'PATCH',
        path: pathOf(resource, object.metadata.namespace, object.metadata.name, given.subresource),
        query: { ...writeQuery(given), force: given.force ?? false },
        body: object,
        contentType: 'application/apply-patch+yaml',
        ...abort(given),
      }),
    async delete(resource, name, namespace, given = {}) {
      const { propagationPolicy, gracePeriodSeconds, uid } = given;
      const preconditions = uid === undefined ? undefined : { uid };
      const body = { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy, gracePeriodSeconds, preconditions };
      const path = pathOf(resource, namespace, name);
      await call({ method: 'DELETE', path, body, contentType: 'application/json', ...abort(given) });
    },
    log(name, namespace, given = {}) {
      const { signal: outer, ...query } = given;
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/log`;
      return endable(outer, async function* (signal) {
        const spec: Call = { method: 'GET', path, query, signal, limitMs: timeoutMs };
        const response = await transport.send(spec, given.follow ? 0 : timeoutMs);
        for await (const chunk of response.body) yield chunk as Uint8Array;
      });
    },
    version: (given = {}) => call({ method: 'GET', path: '/version', ...abort(given) }),
    close: () => transport.close(),
  };
}

const abort = ({ signal }: CallOptions): { signal?: AbortSignal } => (signal ? { signal } : {});
const writeQuery = ({ dryRun, fieldManager }: WriteOptions): Query => ({
  dryRun: dryRun ? 'All' : undefined,
  fieldManager,
});

/** Items of a list carry no type on a real server; the rest of the platform wants whole objects. */
function withType<T extends KubeObject>(item: T, resource: Resource): T {
  return item.kind ? item : { ...item, apiVersion: apiVersionOf(resource), kind: resource.kind };
}

function watchEvent<T>(line: unknown): WatchEvent<T> {
  const { type, object } = line as { type: string; object: KubeObject & Status };
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type, object: object as T };
    case 'BOOKMARK':
      return { type, resourceVersion: String(object.metadata.resourceVersion) };
    case 'ERROR':
      throw new ApiError({ ...object, code: object.code ?? 500, message: object.message ?? 'the watch failed' });
    default:
      throw new Unavailable('CLUSTER_UNAVAILABLE', `The cluster sent a watch event of an unknown type: ${type}.`);
  }
}

/**
 * An async iterable that `return()` or the outer signal ends at once, also while it connects or waits: a bare generator
 * would only notice at its next event, which is how zombie watches are born. An abort ends it without an error.
 */
function endable<T>(
  outer: AbortSignal | undefined,
  start: (signal: AbortSignal) => AsyncGenerator<T>,
): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const own = new AbortController();
      const signal = outer ? AbortSignal.any([outer, own.signal]) : own.signal;
      const inner = start(signal);
      const end: IteratorResult<T> = { value: undefined, done: true };
      return {
        async next() {
          if (signal.aborted) return end;
          try {
            return await inner.next();
          } catch (error) {
            if (signal.aborted) return end;
            throw failure(error, undefined);
          }
        },
        async return() {
          own.abort();
          await inner.return(undefined).catch(() => undefined);
          return end;
        },
      };
    },
  };
}
