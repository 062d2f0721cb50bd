/**
 * The API server's core: one handler for every kind. It takes a request apart, asks the part that knows, and answers in
 * Kubernetes' form; a failure below becomes a Status and never an exception.
 */
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { apiVersionOf, type KubeObject } from '../../platform/cluster/port.ts';
import { boot } from './boot.ts';
import { decodeBuiltIn, strictError, typed, undeclared, unknownFields } from './builtin.ts';
import { type Collector, startCollector } from './collector.ts';
import type { Core, Item, Target, WriteMode } from './core.ts';
import { followCrds, refuseTerminating } from './crds.ts';
import { expireEvents } from './expiry.ts';
import { readPath } from './json.ts';
import { checkApply, isTrue, mediaType, modeOf } from './mode.ts';
import { bind, isOutcomeDecoded, patch, patchScale, STRATEGIC, scaleOf, writeScale } from './patch.ts';
import { createRegistry, type ServedRow } from './registry.ts';
import { deleteOptions, remove } from './remove.ts';
import { BUILTIN_ROWS } from './resources.ts';
import { isOwnGroup, route } from './route.ts';
import { predicateOf } from './selectors.ts';
import {
  badRequest,
  internalError,
  methodNotAllowed,
  notFound,
  notServed,
  pageNotFound,
  Refusal,
  tooLarge,
} from './status.ts';
import { createStore } from './store.ts';
import type { Api, ApiRequest, ApiResponse } from './types.ts';
import { warningHeader } from './warnings.ts';
import { watch } from './watch.ts';
import { create, existing, objectOf, update } from './write.ts';

export interface CoreOptions {
  /** State is kept in `<dataDir>/cluster/`. */
  dataDir: string;
  clock: Clock;
  log: Log;
}

export interface CoreApi extends Api {
  /** Writes what is not on disk yet and ends the collector. */
  close(): Promise<void>;
}

const VERSION = {
  major: '1',
  minor: '34',
  gitVersion: 'v1.34.4+clops',
  platform: `${process.platform}/${process.arch}`,
};

/** Opens (or makes) the state in `dataDir`. Throws when a snapshot there is damaged. */
export function createApi({ dataDir, clock, log }: CoreOptions): CoreApi {
  const store = createStore({ dataDir, clock, log });
  const registry = createRegistry(BUILTIN_ROWS);
  const core: Core = { store, registry, clock, log };
  const unfollow = followCrds(core);
  boot(core);
  const collector: Collector = startCollector(core);
  const stopExpiry = expireEvents(core);
  let closed = false;
  return {
    async handle(request) {
      try {
        if (closed)
          throw new Refusal({ code: 503, reason: 'ServiceUnavailable', message: 'the server is shutting down' });
        return answer(core, decoded(core, request));
      } catch (error) {
        if (error instanceof Refusal) return { status: error.status.code, body: { metadata: {}, ...error.status } };
        log.error({ err: error, method: request.method, path: request.path }, 'a request failed');
        const refusal = internalError((error as Error).message);
        return { status: 500, body: refusal.status };
      }
    },
    rows: () => registry.rows(),
    onRowsChanged: (listener) => void registry.onChange(listener),
    trouble: () => store.trouble(),
    async close() {
      closed = true;
      stopExpiry();
      collector.stop();
      unfollow();
      await store.close();
    },
  };
}

/** A request whose body has been decoded, and what was found on the way. */
interface Incoming extends ApiRequest {
  warnings?: string[];
}

function answer(core: Core, request: Incoming): ApiResponse {
  if (request.path === '/version') return { status: 200, body: VERSION };
  const binding = bindingTarget(core, request);
  if (binding) return binding;
  const target = route(request.path, core.registry);
  const { name } = target;
  return name === undefined ? onCollection(core, target, request) : onItem(core, { ...target, name }, request);
}

/** With `fieldValidation`, bodies of built-in kinds are decoded as strictly as was asked for; of a patch, what it makes is. */
function decoded(core: Core, request: ApiRequest): Incoming {
  const validation = request.query.get('fieldValidation');
  const type = mediaType(request);
  const checked = ['POST', 'PUT', 'PATCH'].includes(request.method) && !isOutcomeDecoded(type);
  if (validation === null || !checked || BINDING.test(request.path)) return request;
  const { row, subresource } = route(request.path, core.registry);
  if (row.custom || (subresource !== undefined && subresource !== 'status')) return request;
  const applied = type.startsWith('application/apply-patch');
  const decode = () => decodeBuiltIn(row, request.body, type === STRATEGIC);
  const { body, unknown } = applied ? typed(decode) : decode();
  const [first] = unknown;
  if (first === undefined) return { ...request, body };
  if (applied) throw undeclared(row, request.body, first);
  if (validation === 'Strict') throw strictError(row, unknown);
  return { ...request, body, ...(validation === 'Warn' && { warnings: unknownFields(unknown) }) };
}

function onCollection(core: Core, target: Target, request: Incoming): ApiResponse {
  const { query } = request;
  switch (request.method) {
    case 'GET':
      if (isTrue(query.get('watch'))) return stream(core, target, request);
      return { status: 200, body: list(core, target, query) };
    case 'POST': {
      if (target.row.namespaced && target.namespace === undefined)
        throw isOwnGroup(target.row.group) ? methodNotAllowed() : pageNotFound();
      refuseTerminating(core, target.row);
      const mode = modeOf(request, request.warnings);
      return written(target.row, 201, create(core, target, objectOf(target, request.body), mode), mode);
    }
    case 'DELETE': {
      const body = list(core, target, query);
      const options = deleteOptions(request.body, query, modeOf(request, request.warnings));
      for (const { metadata } of body.items) {
        const place = metadata.namespace === undefined ? {} : { namespace: metadata.namespace };
        remove(core, { row: target.row, name: metadata.name, ...place }, options);
      }
      return { status: 200, body };
    }
    default:
      throw methodNotAllowed();
  }
}

function onItem(core: Core, item: Item, request: Incoming): ApiResponse {
  const { row, subresource } = item;
  if (subresource !== undefined && subresource !== 'status') return onSubresource(core, item, request);
  if (subresource === 'status' && !row.subresources.status) throw noSubresource(item);
  const mode = modeOf(request, request.warnings);
  switch (request.method) {
    case 'GET':
      return { status: 200, body: shown(row, existing(core, item)) };
    case 'PUT': {
      existing(core, item);
      return written(row, 200, update(core, item, objectOf(item, request.body), mode), mode);
    }
    case 'PATCH': {
      checkApply(request);
      const { object, created } = patch(core, item, mediaType(request), request.body, mode);
      return written(row, created ? 201 : 200, object, mode);
    }
    case 'DELETE': {
      if (subresource) throw methodNotAllowed();
      const { object, gone } = remove(core, item, deleteOptions(request.body, request.query, mode));
      if (!gone || row.storage === 'pods') return { status: 200, body: shown(row, object) };
      const { uid } = object.metadata;
      const details = { name: item.name, ...(row.group && { group: row.group }), kind: row.plural, uid };
      return { status: 200, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details } };
    }
    default:
      throw methodNotAllowed();
  }
}

function onSubresource(core: Core, item: Item, request: Incoming): ApiResponse {
  const { row, subresource } = item;
  if (subresource === 'finalize' && row.storage === 'namespaces' && request.method === 'PUT') {
    const mode = modeOf(request, request.warnings);
    return written(row, 200, update(core, { ...item }, objectOf(item, request.body), mode), mode);
  }
  if (subresource !== 'scale' || !row.subresources.scale) throw noSubresource(item);
  const mode = modeOf(request, request.warnings);
  switch (request.method) {
    case 'GET':
      return { status: 200, body: scaleOf(row, existing(core, item)) };
    case 'PUT':
      return { status: 200, body: writeScale(core, item, request.body, mode) };
    case 'PATCH':
      return { status: 200, body: patchScale(core, item, mediaType(request), request.body, mode) };
    default:
      throw methodNotAllowed();
  }
}

/** A custom resource without it is said not to be there at all. */
const noSubresource = ({ row, name, subresource }: Item): Refusal =>
  row.custom && (subresource === 'status' || subresource === 'scale') ? notFound(row, name) : notServed();

const BINDING = /^\/api\/v1\/namespaces\/([^/]+)\/(?:bindings|pods\/([^/]+)\/binding)$/;

/** `POST …/bindings` and `POST …/pods/{name}/binding`: how a scheduler places a pod. */
function bindingTarget(core: Core, request: Incoming): ApiResponse | undefined {
  const match = BINDING.exec(request.path);
  if (!match) return undefined;
  if (request.method !== 'POST') throw methodNotAllowed();
  const row = core.registry.find('', 'v1', 'pods') as ServedRow;
  const name = match[2] ?? readPath(request.body, 'metadata.name');
  if (typeof name !== 'string') throw badRequest('a Binding names its pod in metadata.name');
  bind(core, { row, namespace: match[1] as string, name }, request.body, modeOf(request, request.warnings));
  return { status: 201, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 } };
}

function list(core: Core, target: Target, query: URLSearchParams) {
  const { row, namespace } = target;
  const selected = predicateOf(row, query);
  checkVersion(core, query.get('resourceVersion') ?? '');
  if (query.get('continue')) throw badRequest('continue key is not valid: lists here are one page');
  const items = core.store.list(row.storage, namespace).filter(selected);
  return {
    kind: row.listKind,
    apiVersion: apiVersionOf(row),
    metadata: { ...(row.custom && { continue: '' }), resourceVersion: String(core.store.revision) },
    items: items.map((object) => shown(row, object)),
  };
}

/** A version that is not reached yet is of another cluster, or of this one before its folder was lost. */
function checkVersion({ store }: Core, asked: string): void {
  if (asked !== '' && !/^\d+$/.test(asked))
    throw badRequest(
      `invalid resource version: resourceVersion: Invalid value: "${asked}": strconv.ParseUint: parsing "${asked}": invalid syntax`,
    );
  if (Number(asked) > store.revision) throw tooLarge(asked, store.revision);
}

function stream(core: Core, target: Target, request: ApiRequest): ApiResponse {
  return { status: 200, stream: watch(core, target, request.query, request.signal) };
}

const shown = (row: ServedRow, object: KubeObject): KubeObject =>
  row.view ? (row.view.fromStored(object) as KubeObject) : object;

function written(row: ServedRow, status: number, object: KubeObject, mode: WriteMode): ApiResponse {
  const warning = warningHeader(mode.warnings);
  return { status, body: shown(row, object), ...(warning !== undefined && { headers: { Warning: warning } }) };
}
