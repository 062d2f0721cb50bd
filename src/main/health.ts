/** `/livez` and `/readyz` of a role that has no API: for the kubelet that looks after its pod. */
import type { HealthCheck } from '../api/health.ts';
import type { Parts } from '../start/run.ts';

export async function serveHealth({ config, lifetime }: Parts, checks: readonly HealthCheck[]): Promise<void> {
  const [{ fastify }, { registerHealth }] = await Promise.all([import('fastify'), import('../api/health.ts')]);
  const app = fastify({ logger: false });
  registerHealth(app, checks, () => lifetime.signal.aborted);
  await app.listen({ port: config.httpPort, host: config.bind });
  lifetime.atEnd('health', () => app.close());
}
