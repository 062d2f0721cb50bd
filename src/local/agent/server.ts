/**
 * The node's log endpoint, as a kubelet serves it: `GET /containerLogs/{namespace}/{pod}/{container}` over TLS. The API
 * server proxies `kubectl logs` to it. With `clientCa` only who holds a certificate of that authority is answered.
 */
import 'reflect-metadata'; // @peculiar/x509 wants it loaded first
import { webcrypto } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import * as x509 from '@peculiar/x509';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { Container } from './container/container.ts';
import { readLog } from './container/logs.ts';
import { CLAIM_PORT } from './pod/addresses.ts';

export interface LogServer {
  port: number;
  close(): Promise<void>;
}

export interface LogServerOptions {
  address: string;
  nodeName: string;
  clientCa: string | undefined;
  log: Log;
  clock: Clock;
  /** Undefined when this node has no such pod. */
  find: (namespace: string, pod: string) => { container: (name: string) => Container | undefined } | undefined;
}

const DAY = 24 * 3600 * 1000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export async function startLogServer(options: LogServerOptions): Promise<LogServer> {
  const { address, clientCa, log } = options;
  const certificate = await servingCertificate(options.nodeName, address, options.clock.now());
  const tls = clientCa ? { ca: clientCa, requestCert: true, rejectUnauthorized: true } : {};
  const server = createServer({ ...certificate, ...tls }, (request, response) => {
    answer(request, response, options).catch((error: unknown) => {
      log.warn({ err: error, url: request.url }, 'a log could not be sent');
      response.destroy();
    });
  });
  const port = await listen(server, address);
  return {
    port,
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

/** Made anew at every start: a kubelet without a signer does the same, and nobody verifies it. */
async function servingCertificate(name: string, address: string, now: number): Promise<{ cert: string; key: string }> {
  x509.cryptoProvider.set(webcrypto);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [`system:node:${name}`] }],
    keys,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(now - DAY),
    notAfter: new Date(now + 365 * DAY),
    extensions: [
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: name },
        { type: 'ip', value: address },
      ]),
    ],
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { cert: cert.toString('pem'), key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY') };
}
