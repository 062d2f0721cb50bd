/** Health of a role that has no API. */
import type { HealthCheck } from '../api/health.ts';
import type { Parts } from '../start/run.ts';

export async function serveHealth({ config, lifetime }: Parts, checks: readonly HealthCheck[]): Promise<void> {
  const { createHealthServer } = await import('../api/healthServer.ts');
  const server = createHealthServer(checks, () => lifetime.signal.aborted);
  await server.listen({ port: config.httpPort, host: config.bind });
  lifetime.atEnd('health', () => server.close());
}
