/** The API as one thing that starts and stops: GraphQL over HTTP and WebSocket, artifacts, health, the explorer. */
import type { AddressInfo } from 'node:net';
import type { Ctx, Principal, Services } from '../graphql/context.ts';
import type { UrlSigner } from '../platform/artifacts/sign.ts';
import { registerArtifacts } from './artifacts.ts';
import { type Authenticate, createAuthenticate, type Strategy } from './authenticate.ts';
import { type HealthCheck, registerHealth } from './health.ts';
import type { ApiMetrics } from './metrics.ts';
import { readinessOf } from './readiness.ts';
import { buildApiSchema } from './schema.ts';
import { createHttp } from './server.ts';
import { serveWebSocket } from './websocket.ts';

export interface ApiOptions {
  services: Services;
  signer: UrlSigner;
  strategies: readonly Strategy[];
  port: number;
  bind: string;
  /** Origins of browsers that may call, besides this server's own. `localhost` stands for any port of this machine. */
  corsOrigins: readonly string[];
  metrics?: ApiMetrics;
  /** Further lines of `/readyz`. */
  checks?: readonly HealthCheck[];
  /** Serves the explorer at GET /graphql. */
  explorer?: (app: import('fastify').FastifyInstance) => void | Promise<void>;
}

export interface Api {
  url: string;
  port: number;
  /** Refuses what is new, lets what runs finish for a few seconds, then closes everything. */
  close(): Promise<void>;
}

/** A supervisor waits six seconds for a child, a pod's grace is longer. */
const FINISH_WITHIN_MS = 3_000;

const NOBODY: Principal = { actorId: '', name: 'nobody', isPlatformAdmin: false };

export async function startApi(options: ApiOptions): Promise<Api> {
  const { services, signer, strategies, port, bind, corsOrigins } = options;
  const { log } = services;
  const schema = buildApiSchema();
  const authenticate: Authenticate = createAuthenticate(strategies);
  const context = (principal: Principal | null, requestId: string): Ctx => ({
    ...services,
    principal: principal ?? NOBODY,
    requestId,
    loaders: new Map(),
  });
  let draining = false;
  const originAllowed = (origin: string): boolean => isAllowed(origin, corsOrigins) || ownOrigins.has(origin);

  const observed = options.metrics && { metrics: options.metrics };
  const { app, apollo } = await createHttp({
    schema,
    authenticate,
    context,
    corsAllowed: originAllowed,
    log,
    ...observed,
  });
  registerHealth(app, [...readinessOf(services), ...(options.checks ?? [])], () => draining);
  registerArtifacts(app, {
    artifacts: services.artifacts,
    signer,
    authenticate,
    maxBytes: services.settings.maxArtifactBytes,
    now: () => services.clock.now(),
    ...observed,
  });
  await options.explorer?.(app);
  await app.ready();
  const sockets = serveWebSocket({
    server: app.server,
    schema,
    authenticate,
    context,
    originAllowed,
    log,
    ...observed,
  });
  await app.listen({ port, host: bind });
  const address = app.server.address() as AddressInfo;
  const host = bind === '0.0.0.0' || bind === '::' ? '127.0.0.1' : bind;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
  const ownOrigins = new Set([url, `http://localhost:${address.port}`]);

  return {
    url,
    port: address.port,
    async close() {
      draining = true;
      await sockets.close();
      // An artifact may come for hours: whoever sends it goes on later, or with another process.
      const late = setTimeout(() => app.server.closeAllConnections(), FINISH_WITHIN_MS);
      try {
        await app.close();
      } finally {
        clearTimeout(late);
      }
      await apollo.stop();
    },
  };
}

function isAllowed(origin: string, allowed: readonly string[]): boolean {
  if (allowed.includes(origin)) return true;
  if (!allowed.includes('localhost')) return false;
  try {
    return ['localhost', '127.0.0.1', '[::1]'].includes(new URL(origin).hostname);
  } catch {
    return false;
  }
}
