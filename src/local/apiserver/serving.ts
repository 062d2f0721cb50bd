/**
 * Everything that is answered at this server, whoever carries the request (HTTPS or a call in the same process): health,
 * version, discovery, OpenAPI, logs; the rest is the core's, in the form that was asked for.
 */
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { discovery } from './discovery.ts';
import { isObject, type Plain } from './json.ts';
import { createPodLogs } from './logs.ts';
import { contentTypeOf, type Form, formFor, notAcceptable } from './negotiate.ts';
import { createOpenApi } from './openapi.ts';
import type { Pair } from './pki.ts';
import { isOwnGroup } from './route.ts';
import { badRequest, internalError, methodNotAllowed, notServed, PAGE_NOT_FOUND, Refusal } from './status.ts';
import { type IncludeObject, type Shape, shaped, shapedEvents } from './table.ts';
import type { Api, ApiRequest, ApiResponse } from './types.ts';

export interface Serving {
  /** Never throws: every failure is a Status body. */
  handle(request: ApiRequest): Promise<ApiResponse>;
  close(): void;
}

export interface ServingOptions {
  api: Api;
  /** What this server is to the nodes' log endpoints. */
  client: Pair;
  clock: Clock;
  log: Log;
}

const HEALTH = new Set(['/healthz', '/livez', '/readyz']);
/** What may be asked without being anybody. */
export const isPublic = (path: string): boolean => HEALTH.has(path) || path === '/version';

const LOG_PATH = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/log$/;

export function createServing({ api, client, clock, log }: ServingOptions): Serving {
  const openApi = createOpenApi(() => api.rows());
  const podLogs = createPodLogs({ client, get });

  async function get(path: string, request: ApiRequest): Promise<Plain> {
    const { status, body } = await api.handle({ ...request, method: 'GET', path, query: new URLSearchParams() });
    if (!isObject(body)) throw internalError(`${path} answered ${status} without an object`);
    if (status >= 300) throw refusalOf(status, body);
    return body;
  }

  /** Documents of the server itself; undefined for what is the core's. */
  function ownDocument({ path }: ApiRequest): object | undefined {
    if (path === '/openapi/v3' || path.startsWith('/openapi/v3/')) return openApi.document(path);
    return discovery(path, api.rows());
  }

  async function route(request: ApiRequest): Promise<ApiResponse> {
    const { method, path } = request;
    const trouble = path === '/readyz' ? api.trouble() : undefined;
    if (trouble !== undefined) return text(`not ready: ${trouble}`, 500);
    if (HEALTH.has(path)) return text('ok');
    const logOf = LOG_PATH.exec(path);
    if (logOf) {
      if (method !== 'GET') throw methodNotAllowed();
      return podLogs.read(request, logOf[1] as string, logOf[2] as string);
    }
    const own = ownDocument(request);
    if (own) {
      if (method !== 'GET') throw methodNotAllowed();
      return { status: 200, body: own };
    }
    if (path.startsWith('/openapi/')) throw notServed(); // /openapi/v2 is protobuf; kubectl asks for it when v3 lacks a kind
    const form = formFor(request.headers.accept);
    if (!form) throw notAcceptable();
    return inForm(form, request, await api.handle(request));
  }

  function inForm(form: Form, request: ApiRequest, response: ApiResponse): ApiResponse {
    if (isPageNotFound(response.body)) return text(PAGE_NOT_FOUND, 404);
    if (response.status >= 300) return response;
    if (form === 'plain') return isObject(response.body) ? { ...response, body: untyped(response.body) } : response;
    const includeObject = includeOf(request.query);
    const shape = (): Shape => ({ form, includeObject, rows: api.rows(), now: clock.now() });
    const headers = { ...response.headers, 'content-type': contentTypeOf(form) };
    if (response.stream) return { ...response, headers, stream: shapedEvents(response.stream, shape) };
    return { ...response, headers, body: shaped(response.body, shape()) };
  }

  return {
    async handle(request) {
      try {
        return await route(request);
      } catch (error) {
        if (!(error instanceof Refusal)) log.error({ err: error, path: request.path }, 'a request failed');
        const refusal = error instanceof Refusal ? error : internalError('the request could not be handled');
        return { status: refusal.status.code, body: { metadata: {}, ...refusal.status } };
      }
    },
    close: () => podLogs.close(),
  };
}

const isPageNotFound = (body: unknown): boolean => isObject(body) && body.message === PAGE_NOT_FOUND;

/** Items of the server's own kinds carry no type in a list: clients that rely on one would fail on a real server. */
function untyped(body: Plain): Plain {
  const { items, apiVersion } = body;
  if (!Array.isArray(items) || !isOwnGroup(String(apiVersion).split('/').at(-2) ?? '')) return body;
  return { ...body, items: items.map(({ kind: _kind, apiVersion: _version, ...item }: Plain) => item) };
}

/** The core's refusal, handed on. */
function refusalOf(code: number, { message, reason, details }: Plain): Refusal {
  return new Refusal({
    code,
    message: String(message),
    ...(typeof reason === 'string' && { reason }),
    ...(isObject(details) && { details }),
  });
}

function includeOf(query: URLSearchParams): IncludeObject {
  const given = query.get('includeObject') ?? '';
  if (given === '') return 'Metadata';
  if (given === 'None' || given === 'Metadata' || given === 'Object') return given;
  throw badRequest(`Invalid value: ${JSON.stringify(given)}: must be 'None', 'Metadata', 'Object', or empty`);
}

const text = (content: string, status = 200): ApiResponse => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  stream: (async function* () {
    yield new TextEncoder().encode(content);
  })(),
});
