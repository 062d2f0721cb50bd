/** `PUT`, `HEAD`, `GET /artifacts/<digest>`: bytes in and out, verified while they stream, resumable in both directions. */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { DIGEST_PATTERN } from '../contract/names.ts';
import type { ArtifactStore } from '../platform/artifacts/port.ts';
import type { UrlSigner } from '../platform/artifacts/sign.ts';
import type { Authenticate } from './authenticate.ts';
import type { ApiMetrics } from './metrics.ts';

export const ARTIFACT_ROUTE = '/artifacts/:digest';

export interface ArtifactRoutes {
  artifacts: ArtifactStore;
  signer: UrlSigner;
  authenticate: Authenticate;
  maxBytes: number;
  now: () => number;
  metrics?: Pick<ApiMetrics, 'transferred'>;
}

type Request = FastifyRequest<{ Params: { digest: string }; Querystring: { expires?: string; signature?: string } }>;

export function registerArtifacts(app: FastifyInstance, options: ArtifactRoutes): void {
  const { artifacts, signer, authenticate, maxBytes, now } = options;

  void app.register(async (scope) => {
    // The body is a stream of any type; nothing parses it or holds it in memory.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload));

    scope.addHook('onResponse', async (request, reply) =>
      options.metrics?.transferred(request.method, reply.statusCode),
    );
    scope.addHook('preHandler', async (request, reply) => {
      const { digest } = (request as Request).params;
      if (!DIGEST_PATTERN.test(digest)) {
        return reply.code(400).send({ error: 'The digest must be `sha256:` and 64 lower-case hex digits.' });
      }
      const { expires, signature } = (request as Request).query;
      const readsSigned = request.method !== 'PUT' && signer.verify(digest, expires, signature, now());
      if (readsSigned || (await authenticate(request.headers.authorization))) return undefined;
      return reply
        .code(401)
        .header('www-authenticate', 'Bearer')
        .send({ error: 'Send a valid token, or a signed URL that has not expired.' });
    });

    scope.put(ARTIFACT_ROUTE, async (request: Request, reply) => put(request, reply));
    scope.route({
      method: ['GET', 'HEAD'],
      url: ARTIFACT_ROUTE,
      exposeHeadRoute: false,
      handler: async (request, reply) => get(request as Request, reply),
    });
  });

  async function put(request: Request, reply: FastifyReply): Promise<unknown> {
    const { digest } = request.params;
    const part = partOf(request);
    if (!part)
      return reply.code(400).send({ error: 'Content-Range must be `bytes <first>-<last>/<total>` and fit the body.' });
    if ((part.total ?? 0) > maxBytes)
      return reply.code(413).send({ error: `An artifact may have at most ${maxBytes} bytes.` });
    // Where the store fails, nobody reads the rest of the body: the connection ends with the answer, not hours later.
    reply.header('connection', 'close');
    const outcome = await patiently(request, (body) => artifacts.put(digest, body, part));
    reply.removeHeader('connection');
    switch (outcome.state) {
      case 'complete':
        return reply.code(201).send({ digest, sizeBytes: outcome.sizeBytes });
      case 'partial':
        return reply
          .code(202)
          .header('upload-offset', outcome.receivedBytes)
          .send({ digest, receivedBytes: outcome.receivedBytes });
      case 'mismatch':
        return reply.code(422).send({
          error: `The bytes are ${outcome.actual}, not ${digest}. Nothing was kept.`,
          expected: digest,
          actual: outcome.actual,
        });
      case 'too_large':
        return reply.code(413).send({ error: `An artifact may have at most ${outcome.maxBytes} bytes.` });
      case 'no_space': {
        const { receivedBytes, reservedBytes } = outcome;
        const missing = part.total === null ? '' : ` for the ${part.total - receivedBytes} bytes that are missing`;
        const room = `has no room${missing} besides the ${reservedBytes} bytes that stay free for the database`;
        return reply
          .code(507)
          .headers({ 'upload-offset': receivedBytes, connection: 'close' })
          .send({
            error: `The disk of the artifact store ${room}. Make room there, then go on at byte ${receivedBytes}.`,
            receivedBytes,
          });
      }
      case 'wrong_offset':
        return reply
          .code(409)
          .header('upload-offset', outcome.receivedBytes)
          .send({ error: `Go on at byte ${outcome.receivedBytes}.`, receivedBytes: outcome.receivedBytes });
    }
  }

  async function get(request: Request, reply: FastifyReply): Promise<unknown> {
    const { digest } = request.params;
    const info = await artifacts.head(digest);
    if (!info?.complete) {
      if (info) reply.header('upload-offset', info.receivedBytes);
      return reply
        .code(404)
        .send(request.method === 'HEAD' ? '' : { error: 'No complete artifact of this digest is here.' });
    }
    const size = info.receivedBytes;
    const range = rangeOf(request.headers.range, size);
    if (range === 'bad') {
      return reply.code(416).header('content-range', `bytes */${size}`).send({ error: 'The range lies outside.' });
    }
    reply
      .header('accept-ranges', 'bytes')
      .header('etag', `"${digest}"`)
      .header('cache-control', 'private, immutable, max-age=31536000')
      .header('upload-offset', size)
      .type('application/octet-stream');
    if (range) reply.code(206).header('content-range', `bytes ${range.start}-${range.end}/${size}`);
    reply.header('content-length', range ? range.end - range.start + 1 : size);
    if (request.method === 'HEAD') return reply.send();
    const found = await artifacts.get(digest, range);
    return found
      ? reply.send(found.body)
      : reply.code(404).send({ error: 'No complete artifact of this digest is here.' });
  }
}

/**
 * The limit on silence is for a client that does not send. While the store reads again what came before, waits for another
 * upload of the same bytes or flushes them, nobody asks the client for anything: ten gigabytes took longer than a minute.
 * A store that stops early leaves the connection as it is, so that the answer gets through.
 */
async function patiently<T>({ raw }: Request, work: (body: Readable) => Promise<T>): Promise<T> {
  const { socket } = raw;
  const silenceMs = socket.timeout ?? 0;
  let isOver = false;
  async function* read() {
    socket.setTimeout(silenceMs);
    yield* raw.iterator({ destroyOnReturn: false });
    if (!isOver) socket.setTimeout(0);
  }
  const body = Readable.from(read(), { objectMode: false });
  body.on('error', () => {}); // What nobody wants any more may break off.
  socket.setTimeout(0);
  try {
    return await work(body);
  } finally {
    isOver = true;
    socket.setTimeout(silenceMs);
  }
}

/** Where the body belongs. Without Content-Range it is the whole artifact. */
function partOf(request: Request): { offset: number; total: number | null } | null {
  const length = request.headers['content-length'];
  const header = request.headers['content-range'];
  if (header === undefined) return { offset: 0, total: length === undefined ? null : Number(length) };
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(header);
  if (!match) return null;
  const [first, last, total] = match.slice(1).map(Number) as [number, number, number];
  const fits = first <= last && last < total && (length === undefined || Number(length) === last - first + 1);
  return fits ? { offset: first, total } : null;
}

function rangeOf(header: string | undefined, size: number): { start: number; end: number } | undefined | 'bad' {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const start = match[1] === '' ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === '' || match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  return start <= end && start < size ? { start, end } : 'bad';
}
