/**
 * The cluster port without a network: controllers of the same process and tests speak to the core as everybody does,
 * through its one door. Objects handed out are copies, those handed in are copied by the core.
 */
import { setImmediate } from 'node:timers/promises';
import {
  ApiError,
  type ClusterPort,
  type KubeObject,
  pathOf,
  type Resource,
  type Selectors,
  type Status,
  type WatchEvent,
  type WatchOptions,
  type WriteOptions,
} from '../../platform/cluster/port.ts';
import { clone } from './json.ts';
import type { Api, ApiResponse } from './types.ts';

interface Call {
  method: string;
  path: string;
  query?: Record<string, string | undefined>;
  contentType?: string;
  body?: unknown;
  signal?: AbortSignal | undefined;
}

/** `userAgent` is, up to the first `/`, the default field manager. */
export function createInProcessCluster(api: Api, userAgent = 'clops-cluster'): ClusterPort {
  async function send({
    method,
    path,
    query = {},
    contentType = 'application/json',
    body,
    signal,
  }: Call): Promise<ApiResponse> {
    const parameters = new URLSearchParams();
    for (const [key, value] of Object.entries(query)) if (value !== undefined) parameters.set(key, value);
    signal?.throwIfAborted();
    const response = await api.handle({
      method,
      path,
      query: parameters,
      headers: { accept: 'application/json', contentType, userAgent },
      body,
      signal: signal ?? new AbortController().signal,
    });
    // The core answers without waiting for anything: a controller that goes round in a circle would otherwise starve
    // every socket and timer of the process, the test's own time limit among them.
    await setImmediate();
    if (response.status >= 400) throw new ApiError(clone(response.body) as Status);
    return response;
  }
  const bodyOf = async <T>(call: Call): Promise<T> => clone((await send(call)).body) as T;
  const selectors = ({ labelSelector, fieldSelector }: Selectors) => ({ labelSelector, fieldSelector });
  const writing = (options?: WriteOptions) => ({
    dryRun: options?.dryRun ? 'All' : undefined,
    fieldManager: options?.fieldManager,
  });

  return {
    get: (resource, name, namespace, options) =>
      bodyOf({ method: 'GET', path: pathOf(resource, namespace, name), signal: options?.signal }),
    async list<T extends KubeObject>(resource: Resource, options: Selectors & { signal?: AbortSignal } = {}) {
      const path = pathOf(resource, options.namespace);
      const body = await bodyOf<{ metadata: { resourceVersion: string }; items: T[] }>({
        method: 'GET',
        path,
        query: selectors(options),
        signal: options.signal,
      });
      return { items: body.items, resourceVersion: body.metadata.resourceVersion };
    },
    watch: <T extends KubeObject>(resource: Resource, options: WatchOptions) => events<T>(resource, options),
    create: (resource, object, options) =>
      bodyOf({
        method: 'POST',
        path: pathOf(resource, object.metadata.namespace),
        query: writing(options),
        body: object,
        signal: options?.signal,
      }),
    replace: (resource, object, options) =>
      bodyOf({
        method: 'PUT',
        path: pathOf(resource, object.metadata.namespace, object.metadata.name, options?.subresource),
        query: writing(options),
        body: object,
        signal: options?.signal,
      }),
    patch: (resource, name, namespace, type, body, options) =>
      bodyOf({
        method: 'PATCH',
        path: pathOf(resource, namespace, name, options?.subresource),
        query: writing(options),
        contentType: type === 'merge' ? 'application/merge-patch+json' : 'application/json-patch+json',
        body,
        signal: options?.signal,
      }),
    apply: (resource, object, options) =>
      bodyOf({
        method: 'PATCH',
        path: pathOf(resource, object.metadata.namespace, object.metadata.name, options.subresource),
        query: { ...writing(options), force: options.force ? 'true' : undefined },
        contentType: 'application/apply-patch+yaml',
        body: object,
        signal: options.signal,
      }),
    async delete(resource, name, namespace, options = {}) {
      const { propagationPolicy, gracePeriodSeconds, uid, signal } = options;
      const body = { propagationPolicy, gracePeriodSeconds, ...(uid && { preconditions: { uid } }) };
      await send({ method: 'DELETE', path: pathOf(resource, namespace, name), body: clone(body), signal });
    },
    log(name, namespace, options = {}) {
      const { container, follow, previous, tailLines, sinceSeconds, timestamps, signal } = options;
      const query = {
        container,
        follow: text(follow),
        previous: text(previous),
        tailLines: text(tailLines),
        sinceSeconds: text(sinceSeconds),
        timestamps: text(timestamps),
      };
      return logBytes(`/api/v1/namespaces/${namespace}/pods/${name}/log`, query, signal);
    },
    version: (options) => bodyOf({ method: 'GET', path: '/version', signal: options?.signal }),
    close: async () => {},
  };

  async function* logBytes(path: string, query: Record<string, string | undefined>, signal?: AbortSignal) {
    const response = await send({ method: 'GET', path, query, signal });
    if (response.stream) yield* response.stream;
  }

  async function* events<T extends KubeObject>(
    resource: Resource,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const own = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, own.signal]) : own.signal;
    try {
      const response = await send({
        method: 'GET',
        path: pathOf(resource, options.namespace),
        query: {
          ...selectors(options),
          watch: 'true',
          allowWatchBookmarks: 'true',
          resourceVersion: options.resourceVersion,
          timeoutSeconds: text(options.timeoutSeconds),
        },
        signal,
      });
      const decoder = new TextDecoder();
      for await (const line of response.stream ?? []) yield eventOf<T>(decoder.decode(line));
    } finally {
      own.abort();
    }
  }
}

const text = (value: unknown): string | undefined => (value === undefined ? undefined : String(value));

/** The core sends exactly one event a chunk. */
function eventOf<T extends KubeObject>(line: string): WatchEvent<T> {
  const event = JSON.parse(line) as
    | { type: 'ERROR'; object: Status }
    | { type: 'BOOKMARK' | 'ADDED' | 'MODIFIED' | 'DELETED'; object: T };
  if (event.type === 'ERROR') throw new ApiError(event.object);
  if (event.type === 'BOOKMARK')
    return { type: 'BOOKMARK', resourceVersion: event.object.metadata.resourceVersion ?? '' };
  return { type: event.type, object: event.object };
}
