/**
 * The door for clients: HTTP/1.1 in, a rule looked up, an exchange started. Message framing is left to Node's parser on
 * this side and undici on the other; a parser of our own would be faster and is not worth the smuggling.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { observe, type Series } from './counters.ts';
import { MAX_HEADER_BYTES } from './endpoints.ts';
import { Exchange, type ExchangeContext, type Incoming } from './exchange.ts';
import { hostOf } from './hostname.ts';
import type { Live } from './live.ts';
import { type Refusal, sendRefusal, shown } from './refusal.ts';

const MAX_CLIENTS = 10_000;

export interface ServerOptions extends ExchangeContext {
  live: Live;
  /** False until the routes are known for the first time. */
  isReady(): boolean;
}

export function createGatewayServer(options: ServerOptions): Server {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      // Clients reuse connections: the longer an idle one stays, the rarer is a request that meets its end.
      keepAliveTimeout: 75_000,
      headersTimeout: 60_000,
      // An upload may take as long as it takes: audio is streamed for minutes.
      requestTimeout: 0,
      // Java's client offers h2c with its first request and is content with HTTP/1.1; a websocket is nothing without its upgrade.
      shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
    },
    (request, response) => serve(options, request, response),
  );
  server.maxConnections = MAX_CLIENTS;
  server.on('upgrade', (_request: IncomingMessage, socket: Duplex) => {
    observe(options.live.unrouted, 501, 0);
    endRaw(socket, 501, 'Not Implemented', 'this gateway does not serve websockets');
  });
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    endRaw(socket, 501, 'Not Implemented', 'this gateway is no forward proxy: CONNECT is not served');
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
    else if (error.code === 'HPE_HEADER_OVERFLOW')
      endRaw(socket, 431, 'Request Header Fields Too Large', `the header is larger than ${MAX_HEADER_BYTES} bytes`);
    else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT')
      endRaw(socket, 408, 'Request Timeout', 'the header did not come within 60 s');
    else endRaw(socket, 400, 'Bad Request', `this is not HTTP/1.1: ${error.message}`);
  });
  return server;
}

function serve(options: ServerOptions, request: IncomingMessage, response: ServerResponse): void {
  const startedAt = performance.now();
  const { live } = options;
  const refuse = (series: Series, refusal: Refusal): void => {
    observe(series, refusal.status, (performance.now() - startedAt) / 1000);
    sendRefusal(response, refusal, options.closing);
  };
  if (!options.isReady()) {
    refuse(live.unrouted, {
      status: 503,
      error: 'the gateway has not read its routes yet: the Kubernetes API has not answered',
    });
    return;
  }
  const incoming = readTarget(request, response, startedAt);
  if (!incoming) {
    refuse(live.unrouted, { status: 400, error: `${shown(request.url ?? '')} is not a path that begins with "/"` });
    return;
  }
  const { path, search } = incoming;
  const method = request.method ?? 'GET';
  const host = hostOf(incoming.host);
  const found = live.find({ host, method, path, search: search.slice(1), headers: request.headers });
  if (!found) {
    refuse(live.unrouted, { status: 404, error: `no HTTPRoute takes ${method} ${shown(path)} on host ${shown(host)}` });
    return;
  }
  const { rule, match } = found.entry;
  if (rule.problem) {
    refuse(found.live.refused, {
      status: 500,
      error: `route ${rule.namespace}/${rule.route}, rule ${rule.name}: ${rule.problem}`,
    });
    return;
  }
  const backend = live.next(found.live);
  if (!backend) {
    refuse(found.live.refused, {
      status: 500,
      error: `route ${rule.namespace}/${rule.route}, rule ${rule.name}: no backend has a weight above 0`,
    });
    return;
  }
  new Exchange(options, incoming, found.live, backend).start(match.path);
}

/** Undefined for what is neither `/path` nor `http://host/path`. In the second form its host counts, not the field's. */
function readTarget(request: IncomingMessage, response: ServerResponse, startedAt: number): Incoming | undefined {
  let target = request.url ?? '';
  let host = request.headers.host ?? '';
  if (!target.startsWith('/')) {
    if (!/^https?:\/\//i.test(target) || !URL.canParse(target)) return undefined;
    const url = new URL(target);
    host = url.host;
    target = url.pathname + url.search;
  }
  const mark = target.indexOf('?');
  const length = request.headers['content-length'];
  return {
    request,
    response,
    host,
    path: mark === -1 ? target : target.slice(0, mark),
    search: mark === -1 ? '' : target.slice(mark),
    hasBody: request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0'),
    startedAt,
  };
}

function endRaw(socket: Duplex, status: number, text: string, error: string): void {
  const body = `${JSON.stringify({ error })}\n`;
  socket.end(
    `HTTP/1.1 ${status} ${text}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
