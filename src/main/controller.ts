/** The role "controller": custom resources → Deployments, Services, routes. Needs a cluster and nothing else. */
import type { Parts } from '../start/run.ts';
import { clusterOf } from './clusterOf.ts';
import { serveHealth } from './health.ts';
import { identityHere, isDead } from './here.ts';
import { checkCluster } from './preflight.ts';

/** Alone, in a pod: it starts whether or not the cluster answers just then. */
export async function controllerAlone(parts: Parts): Promise<unknown> {
  await checkCluster(parts, { patient: true });
  await serveHealth(parts, []); // One that waits for the lease is as ready as the one that leads.
  return controller(parts);
}

export async function controller({ config, log, lifetime }: Parts): Promise<unknown> {
  const [{ startController }, { createTrafficCounts }] = await Promise.all([
    import('../controller/run.ts'),
    import('../platform/metrics/gateway.ts'),
  ]);
  const cluster = await clusterOf(config, 'clops-controller');
  const running = startController({
    cluster,
    namespace: config.namespace,
    gateway: config.gateway,
    traffic: createTrafficCounts(),
    log,
    identity: identityHere(process.pid),
    isDead,
  });
  lifetime.atEnd('controller', () => running.close());
  return {};
}
