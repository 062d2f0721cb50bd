/**
 * GraphiQL for browsers that open /graphql, from files of our own (graphiql/static, built there), so that it works
 * without a network and nobody's CDN sees who asks. The page itself is open to all: it knows nothing without a token.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** The same place seen from src/api and from dist/api. */
const FOLDER = fileURLToPath(new URL('../../graphiql/static', import.meta.url));

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.ttf': 'font/ttf',
  '.md': 'text/plain; charset=utf-8',
};

/** A prepared tab: shown once per browser, named after its operation. */
export interface GraphiqlTab {
  query: string;
  /** JSON. */
  variables?: string;
}

/** The page holds a token, so scripts and connections of others are refused. The editor sets styles as it goes. */
const POLICY = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "font-src 'self' data:",
  "img-src 'self' data:",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

export function registerGraphiql(app: FastifyInstance, options: { tabs: readonly GraphiqlTab[] }): void {
  const files = new Map(readdirSync(FOLDER).map((file) => [file.replace(/\.gz$/, ''), join(FOLDER, file)]));

  app.addHook('onRequest', async (request, reply) => {
    if (wantsPage(request)) return send(request, reply.header('cache-control', 'no-cache'), 'index.html');
  });

  app.get('/', async ({ headers }, reply) =>
    (headers.accept ?? '').includes('text/html') ? reply.redirect('/graphql') : reply.callNotFound(),
  );

  app.get('/graphiql/tabs.json', async (_request, reply) =>
    reply.header('cache-control', 'no-cache').send(options.tabs),
  );

  app.get<{ Params: { file: string } }>('/graphiql/:file', async (request, reply) => {
    const { file } = request.params;
    if (!files.has(file)) return reply.callNotFound();
    // Every name but the page's carries a digest of its content.
    return send(request, reply.header('cache-control', 'public, max-age=31536000, immutable'), file);
  });

  function send(request: FastifyRequest, reply: FastifyReply, file: string): FastifyReply {
    const packed = readFileSync(files.get(file) ?? join(FOLDER, `${file}.gz`));
    reply
      .header('content-security-policy', POLICY)
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer')
      .header('vary', 'accept, accept-encoding')
      .type(TYPES[extname(file)] ?? 'application/octet-stream');
    if (!/\bgzip\b/.test(String(request.headers['accept-encoding']))) return reply.send(gunzipSync(packed));
    return reply.header('content-encoding', 'gzip').send(packed);
  }
}

/** A browser that was pointed at the API, and not a GET request of a GraphQL client. */
function wantsPage({ method, url, headers }: FastifyRequest): boolean {
  const [path, search = ''] = url.split('?');
  return (
    method === 'GET' &&
    path === '/graphql' &&
    (headers.accept ?? '').includes('text/html') &&
    !new URLSearchParams(search).has('query')
  );
}
