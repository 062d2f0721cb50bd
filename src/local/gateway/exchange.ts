/**
 * One request and its answer, from the client to an endpoint and back, nothing gathered on the way. It ends exactly
 * once, in `#finish`, however it ends: answered, refused, timed out, given up by the client or broken by the backend.
 *
 * Another endpoint is tried only when the connection was refused, that is before the backend can have seen a byte.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { asUndiciBody, RequestBody } from './body.ts';
import { observe, type Series } from './counters.ts';
import { chooseEndpoint, type Endpoint } from './endpoints.ts';
import { requestFields, responseFields } from './headers.ts';
import type { LiveBackend, LiveRule } from './live.ts';
import { startMirrors } from './mirror.ts';
import { sendRefusal } from './refusal.ts';
import { rewritePath } from './rule.ts';

const MAX_TRIES = 3;
const SMALL = 16 * 1024;
/** What the client is counted with when it went away: nginx's number, since HTTP has none. */
const CLIENT_CLOSED = 499;

export interface ExchangeContext {
  clock: Clock;
  log: Log;
  /** True while the gateway closes: answers then end their connection. */
  closing: boolean;
}

export interface Incoming {
  request: IncomingMessage;
  response: ServerResponse;
  host: string;
  path: string;
  /** With its `?`, or empty. */
  search: string;
  hasBody: boolean;
  startedAt: number;
}

export class Exchange implements Dispatcher.DispatchHandler {
  readonly #context: ExchangeContext;
  readonly #incoming: Incoming;
  readonly #live: LiveRule;
  readonly #backend: LiveBackend;
  readonly #series: Series;
  readonly #tried: Endpoint[] = [];
  #endpoint: Endpoint | undefined;
  #options: Dispatcher.DispatchOptions | undefined;
  #body: RequestBody | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #cancelTimeout: (() => void) | undefined;
  #code = 0;
  /** From Content-Length; -1 when the answer has none. */
  #length = -1;
  #finished = false;
  #bodyBegun = false;
  #waitsForDrain = false;

  constructor(context: ExchangeContext, incoming: Incoming, live: LiveRule, backend: LiveBackend) {
    this.#context = context;
    this.#incoming = incoming;
    this.#live = live;
    this.#backend = backend;
    this.#series = backend.series;
    this.#series.inFlight++;
  }

  start(prefix: string): void {
    const { request, response, host, path, search, hasBody } = this.#incoming;
    const { problem } = this.#backend;
    const { rule } = this.#live;
    response.once('close', () => this.#onClientClose());
    if (problem) {
      this.#refuse(500, `route ${rule.namespace}/${rule.route}, rule ${rule.name}: ${problem.message}`);
      return;
    }
    const fields = requestFields(request.rawHeaders, request.headers.connection, this.#backend.requestEdits, {
      host: rule.rewrite?.host ?? host,
      remoteAddress: request.socket.remoteAddress ?? '',
      hasBody,
    });
    if (!fields) {
      this.#refuse(400, 'the request has more than one Host field');
      return;
    }
    const method = request.method ?? 'GET';
    const target = rewritePath(rule.rewrite, path, prefix) + search;
    const copies = startMirrors(this.#live.mirrors, { method, path: target, headers: fields, hasBody });
    if (hasBody) this.#body = new RequestBody(request, copies);
    const { timeoutMs } = rule;
    const silence = timeoutMs === undefined ? {} : { headersTimeout: 0, bodyTimeout: 0 };
    this.#options = { method, path: target, headers: fields, body: asUndiciBody(this.#body), ...silence };
    if (timeoutMs) this.#cancelTimeout = this.#context.clock.after(timeoutMs, () => this.#onTimeout(timeoutMs));
    this.#send();
  }

  #send(): void {
    const endpoint = chooseEndpoint(this.#backend, this.#tried);
    if (!endpoint) {
      const { rule } = this.#live;
      const where = `Service ${rule.namespace}/${this.#backend.service}`;
      if (this.#tried.length === 0) this.#refuse(503, `${where} has no ready endpoint`);
      else this.#refuse(502, `${where}: ${this.#tried.map(({ origin }) => origin).join(', ')} refused the connection`);
      return;
    }
    this.#endpoint = endpoint;
    endpoint.inFlight++;
    endpoint.pool.dispatch(this.#options!, this);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#finished) controller.abort(new Error('the client went away'));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
    statusText?: string,
  ): void {
    if (this.#finished || status < 200) return;
    this.#code = status;
    const { response } = this.#incoming;
    const fields = responseFields(headers, this.#backend.responseEdits);
    if (this.#context.closing) fields.push('connection', 'close');
    const length = headers['content-length'];
    if (typeof length === 'string') this.#length = Number(length);
    if (statusText) response.writeHead(status, statusText, fields);
    else response.writeHead(status, fields);
    // A header without a byte of its body goes out alone: an event stream may be silent for long after it.
    process.nextTick(Exchange.#flushHeader, this);
  }

  static #flushHeader(exchange: Exchange): void {
    if (!exchange.#bodyBegun && !exchange.#finished) exchange.#incoming.response.flushHeaders();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#finished) return;
    this.#bodyBegun = true;
    const { response } = this.#incoming;
    if (chunk.length === this.#length && chunk.length <= SMALL) {
      // The answer came whole: as one string it takes one write, where a buffer takes a slower one for header and body.
      response.end(chunk.toString('latin1'), 'latin1');
      return;
    }
    if (response.write(chunk)) return;
    controller.pause();
    if (this.#waitsForDrain) return;
    this.#waitsForDrain = true;
    response.once('drain', () => {
      this.#waitsForDrain = false;
      controller.resume();
    });
  }

  onResponseEnd(): void {
    if (this.#finished) return;
    if (!this.#incoming.response.writableEnded) this.#incoming.response.end();
    this.#finish(this.#code);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#finished) return;
    const { rule } = this.#live;
    const endpoint = this.#endpoint!;
    if (wasRefused(error) && !this.#body?.taken) {
      this.#tried.push(endpoint);
      if (this.#tried.length < MAX_TRIES) {
        this.#release();
        this.#send();
        return;
      }
    }
    this.#context.log.debug({ err: error, endpoint: endpoint.origin, route: rule.key }, 'a backend failed');
    const { status, text } = describe(error);
    this.#refuse(status, `Service ${rule.namespace}/${this.#backend.service} at ${endpoint.origin}: ${text}`);
  }

  #onTimeout(ms: number): void {
    if (this.#finished) return;
    const { rule } = this.#live;
    this.#refuse(504, `Service ${rule.namespace}/${this.#backend.service} took longer than the route's ${ms} ms`);
    this.#controller?.abort(new Error('the time of the route is over'));
  }

  #onClientClose(): void {
    if (this.#finished) return;
    this.#finish(CLIENT_CLOSED);
    this.#controller?.abort(new Error('the client went away'));
  }

  /** An answer that has begun cannot be taken back: its connection is cut, so that the client sees it is not whole. */
  #refuse(status: number, error: string): void {
    const { response } = this.#incoming;
    this.#finish(status);
    if (response.headersSent) response.destroy();
    else sendRefusal(response, { status, error }, this.#context.closing);
  }

  #release(): void {
    if (this.#endpoint) this.#endpoint.inFlight--;
    this.#endpoint = undefined;
  }

  #finish(code: number): void {
    this.#finished = true;
    this.#cancelTimeout?.();
    this.#release();
    this.#series.inFlight--;
    observe(this.#series, code, (performance.now() - this.#incoming.startedAt) / 1000);
    // A header sent before the gateway began to close has promised the client another request on this connection.
    if (this.#context.closing) this.#incoming.response.once('close', () => this.#incoming.request.socket.end());
    // Also one that no backend took: its copies are on their way, and a mirror would wait for the rest for ever.
    if (this.#body && !this.#incoming.request.readableEnded) this.#body.discard();
  }
}

const codeOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : '');

const REFUSED = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT']);

const wasRefused = (error: Error): boolean => REFUSED.has(codeOf(error));

function describe(error: Error): { status: number; text: string } {
  switch (codeOf(error)) {
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
      return { status: 504, text: 'sent nothing for too long' };
    case 'UND_ERR_INVALID_ARG':
    case 'UND_ERR_NOT_SUPPORTED':
      return { status: 400, text: `the request cannot be passed on: ${error.message}` };
    case 'UND_ERR_HEADERS_OVERFLOW':
      return { status: 502, text: 'answered with a header that is too large' };
    case 'UND_ERR_SOCKET':
    case 'ECONNRESET':
    case 'EPIPE':
      return { status: 502, text: 'closed the connection before its answer was complete' };
    default:
      return { status: 502, text: wasRefused(error) ? 'refused the connection' : `failed: ${error.message}` };
  }
}
