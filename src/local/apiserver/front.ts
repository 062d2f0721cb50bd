/**
 * The HTTPS listener: who asks, what the body is, and how an answer goes out. Knows no resources.
 *
 * A client is somebody by one of the certificates that this cluster made for its clients, or by the admin's token. All of
 * them are administrators: there is no RBAC here.
 */
import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { readBody } from './body.ts';
import { CLIENTS, digestOf, type Pki } from './pki.ts';
import { isPublic, type Serving } from './serving.ts';
import { badRequest, internalError, Refusal } from './status.ts';
import type { ApiRequest, ApiResponse } from './types.ts';

export interface FrontOptions {
  serving: Serving;
  pki: Pki;
  bind: string;
  /** 0 takes a free one. */
  port: number;
  log: Log;
  clock: Clock;
}

export interface Front {
  /** `https://127.0.0.1:6443`: an address at which clients of this machine reach it. */
  url: string;
  /** Takes no new connection, ends watches and logs, and gives the rest five seconds. */
  close(): Promise<void>;
}

const WRITES = new Set(['POST', 'PUT', 'PATCH']);
const GRACE_MS = 5000;

export async function openFront({ serving, pki, bind, port, log, clock }: FrontOptions): Promise<Front> {
  const token = digestOf(pki.token);
  /** Requests under way, so that a close can end the endless ones. */
  const open = new Set<{ abort: AbortController; endless: boolean }>();
  let closing = false;

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const current = { abort: new AbortController(), endless: false };
    open.add(current);
    res.once('close', () => current.abort.abort());
    res.once('finish', () => closing && req.socket.destroySoon()); // kept alive, it would hold up the close
    try {
      const request = await read(req, current.abort.signal);
      const response = await serving.handle(request);
      current.endless = response.stream !== undefined;
      if (closing && current.endless) current.abort.abort();
      await send(res, response, current.abort.signal);
    } finally {
      open.delete(current);
    }
  }

  async function read(req: IncomingMessage, signal: AbortSignal): Promise<ApiRequest> {
    const url = parseUrl(req.url ?? '/');
    if (!isPublic(url.pathname) && !isSomebody(req, token))
      throw new Refusal({ code: 401, reason: 'Unauthorized', message: 'Unauthorized' });
    const contentType = req.headers['content-type'] ?? '';
    // The default of a real server; controllers of this process, which do not come this way, are not checked.
    if (WRITES.has(req.method ?? '') && !url.searchParams.has('fieldValidation'))
      url.searchParams.set('fieldValidation', 'Warn');
    return {
      method: req.method ?? 'GET',
      path: url.pathname,
      query: url.searchParams,
      headers: { accept: req.headers.accept ?? '', contentType, userAgent: req.headers['user-agent'] ?? '' },
      body: await readBody(req, contentType),
      signal,
    };
  }

  const server = createServer({
    cert: pki.server.cert,
    key: pki.server.key,
    ca: pki.ca,
    requestCert: true,
    rejectUnauthorized: false, // a client without a certificate may have a token, and is told so by a Status
    minVersion: 'TLSv1.2',
    // Longer than clients keep theirs: a connection closed under a request that is just being sent looks like a broken server.
    keepAliveTimeout: 120_000,
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
  });
  server.on('request', (req, res) => {
    answer(req, res).catch((error: unknown) => refuse(res, error, log));
  });
  server.on('tlsClientError', (error) => log.debug({ err: error }, 'a TLS handshake failed'));
  server.listen(port, bind);
  await once(server, 'listening');

  return {
    url: urlOf(server.address() as AddressInfo),
    async close() {
      closing = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const { abort, endless } of open) if (endless) abort.abort();
      server.closeIdleConnections();
      const cancel = clock.after(GRACE_MS, () => server.closeAllConnections());
      await closed;
      cancel();
    },
  };
}

function urlOf({ address, port }: AddressInfo): string {
  const host = address === '0.0.0.0' || address === '::' ? '127.0.0.1' : address;
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function parseUrl(text: string): URL {
  try {
    return new URL(text, 'https://apiserver');
  } catch {
    throw badRequest(`${JSON.stringify(text.slice(0, 200))} is not a path`);
  }
}

function isSomebody(req: IncomingMessage, token: Buffer): boolean {
  const bearer = /^Bearer (\S+)$/i.exec(req.headers.authorization ?? '')?.[1];
  if (bearer !== undefined) return timingSafeEqual(digestOf(bearer), token);
  const socket = req.socket as TLSSocket;
  if (!socket.authorized) return false;
  const name = socket.getPeerCertificate().subject?.CN;
  return Object.values(CLIENTS).some((client) => client.name === name);
}

async function send(res: ServerResponse, response: ApiResponse, signal: AbortSignal): Promise<void> {
  const { status, headers = {}, body, stream } = response;
  const type = { 'content-type': 'application/json', 'cache-control': 'no-cache, private' };
  if (stream) {
    res.writeHead(status, { ...type, ...headers });
    res.flushHeaders(); // a watch without events has begun all the same
    for await (const chunk of stream) {
      if (signal.aborted) break;
      if (!res.write(chunk)) await once(res, 'drain', { signal }).catch(() => undefined);
    }
    res.end();
    return;
  }
  if (body === undefined) {
    res.writeHead(status, headers).end();
    return;
  }
  const text = Buffer.from(`${JSON.stringify(body)}\n`);
  res.writeHead(status, { ...type, 'content-length': text.length, ...headers }).end(text);
}

/** What failed before or while it was sent. Once a stream has begun, all that can be said is that it broke. */
function refuse(res: ServerResponse, error: unknown, log: Log): void {
  if (res.destroyed || res.writableEnded || res.socket === null || res.socket.destroyed) return; // nobody is there to read it
  const known = error instanceof Refusal;
  if (!known) log.error({ err: error }, 'an answer could not be sent');
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const { status } = known ? error : internalError('the request could not be handled');
  // What is left of a body that was refused unread must not be taken for the next request.
  res.writeHead(status.code, {
    'content-type': 'application/json',
    ...(status.code === 413 && { connection: 'close' }),
  });
  res.end(`${JSON.stringify({ metadata: {}, ...status })}\n`);
}
