/**
 * One HTTPS request to a Kubernetes API with the identity of a kubeconfig: TLS, credentials, proxy, keep-alive, and what
 * a failure means. Knows nothing of resources.
 */
import { createHash } from 'node:crypto';
import { Agent, type Dispatcher, ProxyAgent, request } from 'undici';
import { Unavailable } from '../../lib/problem.ts';
import type { Credentials } from './credentials.ts';
import { ApiError, type Status } from './port.ts';

export type Query = Record<string, string | number | boolean | undefined>;
export interface Call {
  method: Dispatcher.HttpMethod;
  path: string;
  query?: Query;
  body?: unknown;
  contentType?: string;
  signal?: AbortSignal;
  /** For the credentials, and for the answer's head. */
  limitMs: number;
}

export interface Transport {
  /** A 2xx answer with its body unread; everything else throws. `bodyTimeoutMs` limits silence inside the body. */
  send(spec: Call, bodyTimeoutMs: number): Promise<Dispatcher.ResponseData>;
  close(): Promise<void>;
}

/** Who we are, and to whom. */
interface Identity {
  server: string;
  headers: Record<string, string>;
}

interface Asking {
  waiting: Set<(identity: Promise<Identity>) => void>;
  since: number;
}

export function createTransport(credentials: () => Promise<Credentials>, userAgent: string): Transport {
  let dispatcher: Dispatcher | undefined;
  let madeOf: string | undefined;
  /** Their watches have not ended yet. */
  const retired = new Set<Dispatcher>();
  let known: { identity: Identity; until: number } | undefined;
  let asking: Asking | undefined;
  let plugin: string | undefined;

  /** Tokens and certificates of exec plugins and token files change while we run: asked again every 30 s and after a 401. */
  async function ask(): Promise<Identity> {
    const found = await credentials();
    const { server, proxyUrl, current } = found;
    plugin = found.plugin;
    const https = await current();
    const { ca, cert, key, rejectUnauthorized, servername, auth } = https;
    useTls(proxyUrl, { ca, cert, key, rejectUnauthorized, servername });
    const headers: Record<string, string> = { accept: 'application/json', 'user-agent': userAgent };
    for (const [name, header] of Object.entries(https.headers ?? {})) headers[name.toLowerCase()] = String(header);
    if (auth) headers['authorization'] = `Basic ${Buffer.from(auth).toString('base64')}`;
    const identity = { server: server.replace(/\/$/, ''), headers };
    known = { identity, until: performance.now() + 30_000 };
    return identity;
  }

  function begin(): Asking {
    const waiting: Asking['waiting'] = new Set();
    const identity = ask();
    const end = (): void => {
      asking = undefined;
      for (const tell of waiting) tell(identity);
    };
    identity.then(end, end);
    return { waiting, since: performance.now() };
  }

  /**
   * Asked once for all calls that wait, each within its own limit: a plugin that waits for somebody to log in has no end of
   * its own, and every call would begin another one.
   */
  async function authenticate(outer: AbortSignal | undefined, limitMs: number): Promise<Identity> {
    if (known && known.until > performance.now()) return known.identity;
    const limit = AbortSignal.timeout(limitMs);
    const signal = outer ? AbortSignal.any([outer, limit]) : limit;
    signal.throwIfAborted();
    asking ??= begin();
    const { waiting, since } = asking;
    const answer = Promise.withResolvers<Identity>();
    const stop = (): void => answer.reject(isTimeout(signal.reason) ? silent(plugin, since) : signal.reason);
    waiting.add(answer.resolve);
    signal.addEventListener('abort', stop);
    try {
      return await answer.promise;
    } finally {
      waiting.delete(answer.resolve);
      signal.removeEventListener('abort', stop);
    }
  }

  /** A certificate counts when a connection is made: those of the old one end with what runs on them. */
  function useTls(proxyUrl: string | undefined, tls: Record<string, unknown>): void {
    const material = fingerprint(proxyUrl, tls);
    if (dispatcher && madeOf === material) return;
    const old = dispatcher;
    dispatcher = createDispatcher(proxyUrl, tls);
    madeOf = material;
    if (!old) return;
    retired.add(old);
    void old
      .close()
      .catch(() => {})
      .finally(() => retired.delete(old)); // that it is gone is all that was wanted
  }

  return {
    async send({ method, path, query = {}, body, contentType, signal, limitMs }, bodyTimeoutMs) {
      let response: Dispatcher.ResponseData;
      try {
        const { server, headers } = await authenticate(signal, limitMs);
        response = await request(`${server}${path}${search(query)}`, {
          method,
          headers: contentType ? { ...headers, 'content-type': contentType } : headers,
          body: body === undefined ? null : JSON.stringify(body),
          ...(dispatcher && { dispatcher }),
          ...(signal && { signal }),
          headersTimeout: limitMs,
          bodyTimeout: bodyTimeoutMs,
        });
      } catch (error) {
        throw failure(error, signal);
      }
      if (response.statusCode < 300) return response;
      if (response.statusCode === 401) known = undefined;
      throw await refusal(response);
    },
    async close() {
      await Promise.all([dispatcher, ...retired].map((one) => one?.destroy()));
    },
  };
}

function createDispatcher(proxyUrl: string | undefined, tls: Record<string, unknown>): Dispatcher {
  const given = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
  if (proxyUrl) return new ProxyAgent({ uri: proxyUrl, requestTls: given });
  return new Agent({ connect: { ...given, keepAlive: true, keepAliveInitialDelay: 30_000, timeout: 10_000 } });
}

function fingerprint(proxyUrl: string | undefined, tls: Record<string, unknown>): string {
  const hash = createHash('sha256');
  for (const [name, value] of Object.entries({ ...tls, proxyUrl })) {
    const bytes = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value) ?? '');
    hash.update(`${name} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest('hex');
}

function search(query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return given.length === 0
    ? ''
    : `?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]))}`;
}

async function refusal(response: Dispatcher.ResponseData): Promise<ApiError> {
  const text = await response.body.text().catch(() => '');
  const retryAfter = Number(response.headers['retry-after']);
  let status: Status = { code: response.statusCode, message: text.slice(0, 1000) || `HTTP ${response.statusCode}` };
  try {
    const parsed = JSON.parse(text) as Status;
    if (parsed.kind === 'Status') status = { ...parsed, code: parsed.code ?? response.statusCode };
  } catch {
    // Not an answer of Kubernetes itself (a proxy's page): the text is all there is.
  }
  return new ApiError(status, Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter * 1000 : undefined);
}

const isTimeout = (reason: unknown): boolean => reason instanceof DOMException && reason.name === 'TimeoutError';

function silent(plugin: string | undefined, since: number): Unavailable {
  const whose =
    plugin === undefined ? 'its credentials have' : `the plugin "${plugin}", which gives its credentials, has`;
  const seconds = Math.round((performance.now() - since) / 1000);
  const advice = plugin === undefined ? '' : ' If it waits for a login, log in, or end it: it is started again.';
  const message = `The cluster could not be asked: ${whose} not answered for ${seconds} s.${advice}`;
  return new Unavailable('CLUSTER_UNAVAILABLE', message);
}

/** The caller's own abort is handed back as it is; everything else is a cluster that could not be asked. */
export function failure(error: unknown, signal: AbortSignal | undefined): unknown {
  if (error instanceof ApiError || error instanceof Unavailable) return error;
  if (signal?.aborted && !isTimeout(signal.reason)) return signal.reason;
  const cause = error instanceof Error ? error.message : String(error);
  return new Unavailable('CLUSTER_UNAVAILABLE', `The cluster could not be asked: ${cause}.`, { cause: error });
}
