/** The role "cluster": the local cluster's API server, controllers and scheduler. On Kubernetes, Kubernetes itself. */
import type { Parts } from '../start/run.ts';
import { endPostgresWithUs } from './unattended.ts';

export async function cluster(parts: Parts): Promise<unknown> {
  const { config, log, lifetime } = parts;
  endPostgresWithUs(parts);
  const { startCluster } = await import('../local/cluster.ts');
  const { dataDir, clusterPort } = config;
  const local = await startCluster({ dataDir, port: clusterPort, bind: '127.0.0.1', log });
  lifetime.atEnd('cluster', () => local.close());
  return { url: local.url };
}
