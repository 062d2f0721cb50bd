/** A server of nothing but `/livez` and `/readyz`: for the kubelet that looks after the pod of a role without an API. */
import { type FastifyInstance, fastify } from 'fastify';
import { type HealthCheck, registerHealth } from './health.ts';

export function createHealthServer(checks: readonly HealthCheck[], draining: () => boolean): FastifyInstance {
  const app = fastify({ logger: false, connectionTimeout: 60_000, requestTimeout: 30_000 });
  registerHealth(app, checks, draining);
  return app;
}
