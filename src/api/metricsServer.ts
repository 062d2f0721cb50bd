/** `GET /metrics` and nothing else, on a port of its own: it wants no token, and is for those inside the cluster. */
import { type FastifyInstance, fastify } from 'fastify';
import type { ApiMetrics } from './metrics.ts';

export function createMetricsServer(metrics: Pick<ApiMetrics, 'text' | 'contentType'>): FastifyInstance {
  const app = fastify({ logger: false, connectionTimeout: 60_000, requestTimeout: 30_000 });
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  return app;
}
