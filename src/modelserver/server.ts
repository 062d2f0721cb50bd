/**
 * The Open Inference Protocol v2 over HTTP: which path asks what, and what is answered. Says nothing about tensors: a
 * request for an inference goes through the queue to the model as it came.
 *
 * node:http directly: with a 14.5 kB body and a 5.5 kB answer it costs 68-77 µs of CPU a request against 87-100 for
 * fastify, and there are nine fixed paths to route.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Log } from '../lib/log.ts';
import { ClientGone, createBodyReader } from './body.ts';
import type { Metrics } from './metrics.ts';
import type { PlacedModel } from './placement.ts';
import { type Answer, Refusal, type TensorInfo } from './protocol.ts';
import type { Queue } from './queue.ts';

export interface ServerOptions {
  readonly name: string;
  readonly version: string;
  /** Of the program, for the server's metadata. */
  readonly programVersion: string;
  readonly maxBodyBytes: number;
  readonly metrics: Metrics;
  readonly queue: Queue;
  readonly log: Log;
}

/** What the server is able to do at this moment; set by whoever loads the model and whoever shuts down. */
export interface ServerState {
  model: PlacedModel | undefined;
  draining: boolean;
  /** Why the process should be replaced. */
  lost: string | undefined;
}

/** A client closed its connection before the answer; nginx's number, seen in metrics only. */
const CLIENT_GONE = 499;
/** Longer than the idle time of usual proxies, so that a reused connection is never closed from this side first. */
const KEEP_ALIVE_MS = 75_000;
const READ_REST_MS = 2000;

export function createModelServer(options: ServerOptions, state: ServerState): Server {
  const { name, version, programVersion, maxBodyBytes, metrics, queue, log } = options;
  const bodies = createBodyReader({ maxBytes: maxBodyBytes });
  const server = createServer(
    { requestTimeout: 60_000, headersTimeout: 20_000, keepAliveTimeout: KEEP_ALIVE_MS },
    (request, response) => {
      handle(request, response).catch((error: unknown) => {
        log.error({ error }, 'a request failed unexpectedly');
        sendError(response, 500, 'The server failed to answer; its log says why.');
      });
    },
  );
  const whole = encodeURIComponent(name);
  const inferPaths = new Set([
    `/v2/models/${whole}/infer`,
    `/v2/models/${whole}/versions/${encodeURIComponent(version)}/infer`,
  ]);

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? '/';
    const end = url.indexOf('?');
    const path = end < 0 ? url : url.slice(0, end);
    if (request.method === 'POST' && inferPaths.has(path)) return infer(request, response);
    const route = routeOf(path);
    if (!route) return sendError(response, 404, `There is nothing at ${path.slice(0, 200)}.`);
    if (route.model !== undefined && route.model !== name)
      return sendError(response, 404, `There is no model '${route.model}' here; this server has '${name}'.`);
    if (route.version !== undefined && route.version !== version)
      return sendError(
        response,
        404,
        `There is no version '${route.version}' of '${name}' here; this server has version '${version}'.`,
      );
    if (route.what === 'infer') {
      if (request.method === 'POST') return infer(request, response);
      response.setHeader('allow', 'POST');
      return sendError(response, 405, `${path} takes POST.`);
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return sendError(response, 405, `${path} takes GET.`);
    }
    return look(route.what, route.model !== undefined, response);
  }

  async function look(
    what: Exclude<Route['what'], 'infer'>,
    ofModel: boolean,
    response: ServerResponse,
  ): Promise<void> {
    switch (what) {
      case 'live':
        return state.lost ? sendError(response, 503, state.lost) : send(response, 200, '{"live":true}');
      case 'ready':
        return isReady()
          ? send(response, 200, JSON.stringify({ ...(ofModel && { name }), ready: true }))
          : sendError(response, 503, whyNotReady());
      case 'server':
        return send(
          response,
          200,
          JSON.stringify({ name: 'clops', version: programVersion, extensions: ['binary_tensor_data'] }),
        );
      case 'model':
        return state.model ? send(response, 200, metadataOf(state.model)) : sendError(response, 503, whyNotReady());
      case 'metrics':
        return send(response, 200, await metrics.text(), metrics.contentType);
    }
  }

  const isReady = (): boolean => state.model !== undefined && !state.draining && !state.lost;
  const whyNotReady = (): string =>
    state.lost ??
    (state.draining ? 'The server is shutting down.' : `Version '${version}' of '${name}' is still being loaded.`);

  async function infer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const arrived = performance.now();
    metrics.arrived();
    let status = CLIENT_GONE;
    try {
      status = await answerInference(request, response);
    } catch (error) {
      if (error instanceof ClientGone) return;
      if (!(error instanceof Refusal)) log.error({ error }, 'an inference failed outside the model');
      status = error instanceof Refusal ? error.status : 500;
      refuse(request, response, status, error instanceof Error ? error.message : String(error));
    } finally {
      metrics.answered(status, performance.now() - arrived);
    }
  }

  /** The status that was sent, or a Refusal. */
  async function answerInference(request: IncomingMessage, response: ServerResponse): Promise<number> {
    const jsonLength = jsonLengthOf(request);
    const { model } = state;
    if (!model || state.lost) throw new Refusal(503, whyNotReady());
    const body = await bodies.read(request);
    // A slow upload is no wait for the model: who scales by this would add replicas that help nobody.
    const entered = performance.now();
    try {
      const answer = await inTurn(response, async () => {
        metrics.queued(performance.now() - entered);
        return model.answer({ body: body.bytes, jsonLength });
      });
      if (answer.inferenceMs !== undefined) metrics.inferred(answer.inferenceMs);
      if (response.destroyed) return CLIENT_GONE;
      if (state.draining) response.setHeader('connection', 'close');
      sendAnswer(response, answer);
      return answer.status;
    } finally {
      body.release();
    }
  }

  /** Runs `ask` when it is its turn. A client that leaves while it waits gives its place to the next. */
  function inTurn(response: ServerResponse, ask: () => Promise<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const ticket = queue.enter(() => ask().then(resolve, reject));
      if (!ticket)
        return reject(new Refusal(503, `${queue.depth()} requests are waiting for the model already; try again.`));
      response.once('close', () => {
        // Also after a complete answer, when there is no place left to give up.
        if (!response.writableFinished && ticket.leave()) reject(new ClientGone());
      });
    });
  }

  return server;
}

function jsonLengthOf(request: IncomingMessage): number | undefined {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    throw new Refusal(415, `content-encoding ${encoding} is not supported; send the body as it is.`);
  const length = request.headers['inference-header-content-length'];
  if (length === undefined) {
    // Triton's client sends no content-type with JSON. This one says that tensors follow, but not where.
    if (request.headers['content-type'] === 'application/octet-stream')
      throw new Refusal(
        400,
        'A binary request needs the header Inference-Header-Content-Length: the length of its JSON part.',
      );
    return undefined;
  }
  if (typeof length !== 'string' || !/^\d{1,10}$/.test(length))
    throw new Refusal(400, 'Inference-Header-Content-Length must be a number of bytes.');
  return Number(length);
}

function send(response: ServerResponse, status: number, body: string, contentType = 'application/json'): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function sendError(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) response.destroy();
  else send(response, status, JSON.stringify({ error: message }));
}

function sendAnswer(response: ServerResponse, { status, body, jsonLength }: Answer): void {
  if (jsonLength === undefined) {
    send(response, status, body as string);
    return;
  }
  response.writeHead(status, {
    'content-type': 'application/octet-stream',
    'content-length': body.length,
    'inference-header-content-length': jsonLength,
  });
  response.end(body);
}

/**
 * A refusal may come while the client is still sending. Closing at once would reset the connection, and the client would
 * see that instead of the reason: so the rest is read and thrown away for a moment before the end.
 */
function refuse(request: IncomingMessage, response: ServerResponse, status: number, message: string): void {
  if (status === 503) response.setHeader('retry-after', '1');
  if (request.complete) {
    sendError(response, status, message);
    return;
  }
  const body = JSON.stringify({ error: message });
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  });
  response.write(body);
  const timer = setTimeout(() => response.end(), READ_REST_MS);
  request.once('close', () => clearTimeout(timer));
  request.once('end', () => response.end());
  request.resume();
}

interface Route {
  readonly what: 'live' | 'ready' | 'server' | 'model' | 'metrics' | 'infer';
  readonly model?: string;
  readonly version?: string;
}

const FIXED: Readonly<Record<string, Route>> = {
  '/v2': { what: 'server' },
  '/v2/': { what: 'server' },
  '/v2/health/live': { what: 'live' },
  '/v2/health/ready': { what: 'ready' },
  '/metrics': { what: 'metrics' },
};

function routeOf(path: string): Route | undefined {
  if (Object.hasOwn(FIXED, path)) return FIXED[path];
  const match = /^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?(?:\/(ready|infer))?$/.exec(path);
  if (!match) return undefined;
  try {
    const [, model, version, what] = match;
    return {
      what: what === 'ready' || what === 'infer' ? what : 'model',
      model: decodeURIComponent(model!),
      ...(version !== undefined && { version: decodeURIComponent(version) }),
    };
  } catch {
    return undefined;
  }
}

function metadataOf({ info, warmUp }: PlacedModel): string {
  const tensors = (infos: readonly TensorInfo[]) =>
    infos.map(({ name, datatype, shape }) => ({ name, datatype: datatype.name, shape }));
  return JSON.stringify({
    name: info.name,
    versions: [info.version],
    platform: 'onnx_onnxv1',
    inputs: tensors(info.inputs),
    outputs: tensors(info.outputs),
    parameters: 'failed' in warmUp ? { warmed_up: false, warm_up_error: warmUp.failed } : { warmed_up: true },
  });
}
