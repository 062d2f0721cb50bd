/** The role "controller": custom resources → Deployments, Services, routes. Needs a cluster and nothing else. */
import type { Parts } from '../start/run.ts';
import { clusterOf } from './clusterOf.ts';
import { identityHere, isDead } from './here.ts';
import { checkCluster } from './preflight.ts';

/** Alone, in a pod: it starts whether or not the cluster answers just then. */
export async function controllerAlone(parts: Parts): Promise<unknown> {
  await checkCluster(parts, { patient: true });
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
    traffic: createTrafficCounts(),
    log,
    identity: identityHere(process.pid),
    isDead,
  });
  lifetime.atEnd('controller', () => running.close());
  return {};
}
