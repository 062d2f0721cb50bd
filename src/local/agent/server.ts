/**
 * The node's log endpoint, as a kubelet serves it: `GET /containerLogs/{namespace}/{pod}/{container}` over TLS. The API
 * server proxies `kubectl logs` to it. With `clientCa` only who holds a certificate of that authority is answered, with
 * `access` only who may read logs of this node.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { Access, Caller } from './access.ts';
import { type Pair, selfSigned } from './certificate.ts';
import type { Container } from './container/container.ts';
import { readLog } from './container/logs.ts';
import { CLAIM_PORT } from './pod/addresses.ts';

export interface LogServer {
  port: number;
  /** Shows this from now on. */
  show(certificate: Pair): void;
  close(): Promise<void>;
}

export interface LogServerOptions {
  address: string;
  nodeName: string;
  clientCa: string | undefined;
  /** Whoever asks is asked about; then `clientCa` is not looked at. */
  access: Access | undefined;
  log: Log;
  clock: Clock;
  /** Undefined when this node has no such pod. */
  find: (namespace: string, pod: string) => { container: (name: string) => Container | undefined } | undefined;
}

export async function startLogServer(options: LogServerOptions): Promise<LogServer> {
  const { address, access, log } = options;
  let certificate = await selfSigned(options, options.clock.now());
  // None, as long as it is not known who they are: without a list, everybody's public ones would be taken.
  let clientCa: string | readonly string[] | undefined = access ? [] : options.clientCa;
  const tls = (): object => ({ ...certificate, ...(clientCa && { ca: clientCa }) });
  const checked = clientCa ? { requestCert: true, rejectUnauthorized: true } : {};
  const server = createServer({ ...tls(), ...checked }, (request, response) => {
    answer(request, response, options).catch((error: unknown) => {
      log.warn({ err: error, url: request.url }, 'a log could not be sent');
      if (response.headersSent) response.destroy();
      else
        refuse(response, 500, `the node could not answer: ${error instanceof Error ? error.message : String(error)}`);
    });
  });
  const port = await listen(server, address);
  access?.onAuthorities((pem) => {
    clientCa = pem;
    server.setSecureContext(tls());
  });
  return {
    port,
    show(signed) {
      certificate = signed;
      server.setSecureContext(tls());
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A kubelet's port if it is free on this address, else any. */
async function listen(server: Server, host: string): Promise<number> {
  for (const port of host === '127.0.0.1' ? [0] : [CLAIM_PORT, 0]) {
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port, exclusive: true }, () => {
          server.off('error', reject);
          resolve();
        });
      });
      break;
    } catch (error) {
      if (port === 0 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
  const bound = server.address();
  return typeof bound === 'object' && bound ? bound.port : 0;
}

async function answer(request: IncomingMessage, response: ServerResponse, options: LogServerOptions): Promise<void> {
  const url = new URL(request.url ?? '/', 'https://node');
  const why = await options.access?.refusal(callerOf(request.socket as TLSSocket), options.nodeName);
  if (why !== undefined) return refuse(response, 403, why);
  if (request.method !== 'GET') return refuse(response, 405, `${request.method} is not served here, only GET`);
  if (url.pathname === '/healthz') return refuse(response, 200, 'ok');
  const [, root, namespace = '', pod = '', name = '', ...rest] = url.pathname.split('/').map(decodeURIComponent);
  if (root !== 'containerLogs' || !name || rest.length > 0) return refuse(response, 404, '404 page not found');
  const found = options.find(namespace, pod);
  if (!found) return refuse(response, 404, `pod "${pod}" not found`);
  const container = found.container(name);
  if (!container) return refuse(response, 404, `container "${name}" not found in pod "${pod}"`);
  const query = readQuery(url.searchParams, options.clock.now());
  if (typeof query === 'string') return refuse(response, 400, query);
  const file = container.logOf(query.previous);
  if (!file) {
    const state = query.previous
      ? `previous terminated container "${name}" in pod "${pod}" not found`
      : `container "${name}" in pod "${pod}" is waiting to start: ${container.waiting.message ?? container.waiting.reason}`;
    return refuse(response, 400, state);
  }
  const abort = new AbortController();
  response.once('close', () => abort.abort());
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.flushHeaders();
  const isFollowed = query.follow && !query.previous;
  const until = isFollowed ? { until: container.exited } : {};
  for await (const chunk of readLog(file, { ...query, ...until, signal: abort.signal })) {
    if (abort.signal.aborted) return;
    if (!response.write(chunk)) await drained(response, abort.signal);
  }
  response.end();
}

/** As Kubernetes reads a client's certificate. */
function callerOf(socket: TLSSocket): Caller {
  const { CN, O } = (socket.getPeerCertificate()?.subject ?? {}) as { CN?: string; O?: string | string[] };
  return { user: CN ?? '', groups: [...(O === undefined ? [] : [O].flat()), 'system:authenticated'] };
}

interface Query {
  follow: boolean;
  previous: boolean;
  timestamps: boolean;
  tailLines?: number;
  sinceMs?: number;
  limitBytes?: number;
}

/** Or, in words, what is wrong with it. */
function readQuery(params: URLSearchParams, now: number): Query | string {
  const flag = (name: string): boolean => ['true', '1'].includes(params.get(name) ?? '');
  const query: Query = { follow: flag('follow'), previous: flag('previous'), timestamps: flag('timestamps') };
  for (const name of ['tailLines', 'sinceSeconds', 'limitBytes'] as const) {
    const text = params.get(name);
    if (text === null || text === '') continue;
    if (!/^\d{1,15}$/.test(text)) return `${name} must be a whole number that is not negative, not "${text}"`;
    if (name === 'sinceSeconds') query.sinceMs = now - Number(text) * 1000;
    else query[name] = Number(text);
  }
  const sinceTime = params.get('sinceTime');
  if (sinceTime) {
    query.sinceMs = Date.parse(sinceTime);
    if (Number.isNaN(query.sinceMs)) return `sinceTime must be a time such as 2026-01-31T12:00:00Z, not "${sinceTime}"`;
  }
  return query;
}

function refuse(response: ServerResponse, code: number, message: string): void {
  response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8' }).end(`${message}\n`);
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    response.once('drain', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
