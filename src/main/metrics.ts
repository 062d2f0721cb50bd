/** Metrics of a role, where a port was set for them. */
import type { ApiMetrics } from '../api/metrics.ts';
import type { Parts } from '../start/run.ts';

export async function serveMetrics({ config, lifetime }: Parts, metrics: ApiMetrics): Promise<void> {
  if (config.metricsPort === undefined) return;
  const { createMetricsServer } = await import('../api/metricsServer.ts');
  const server = createMetricsServer(metrics);
  await server.listen({ port: config.metricsPort, host: config.bind });
  lifetime.atEnd('metrics', () => server.close());
}
