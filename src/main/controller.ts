/** The role "controller": custom resources → Deployments, Services, routes. Needs a cluster and nothing else. */
import type { Controller } from '../controller/run.ts';
import type { Parts } from '../start/run.ts';
import { clusterOf } from './clusterOf.ts';
import { serveHealth } from './health.ts';
import { identityHere, isDead } from './here.ts';
import { checkCluster } from './preflight.ts';

/** Alone, in a pod: it starts whether or not the cluster answers just then. */
export async function controllerAlone(parts: Parts): Promise<unknown> {
  await checkCluster(parts, { patient: true });
  let running: Controller | undefined;
  // One that waits for the lease is as ready as the one that leads; one that leads and cannot work is not.
  await serveHealth(parts, [
    {
      name: 'cluster',
      check() {
        const kinds = running?.waitsFor ?? [];
        return kinds.length > 0 ? `it does not list ${kinds.join(', ')}` : undefined;
      },
    },
  ]);
  running = await startHere(parts);
  return {};
}

export async function controller(parts: Parts): Promise<unknown> {
  await startHere(parts);
  return {};
}

async function startHere({ config, log, lifetime }: Parts): Promise<Controller> {
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
  return running;
}
