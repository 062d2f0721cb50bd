/**
 * The workload controllers of the local cluster. They speak the cluster port alone, so they run as well against any
 * Kubernetes API server. Namespaces' ends and garbage collection are the API server's own here.
 */
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { ClusterPort } from '../../platform/cluster/port.ts';
import { type Context, createCaches } from './context.ts';
import { startDeploymentController } from './deployment.ts';
import { startEndpointSliceController } from './endpointslice.ts';
import { startEvictionController } from './eviction.ts';
import { startNodeHealthController } from './nodeHealth.ts';
import { startReplicaSetController } from './replicaset.ts';
import { startServiceAccountController } from './serviceAccount.ts';

export interface ControllersOptions {
  cluster: ClusterPort;
  log: Log;
  clock?: Clock;
}

export interface Controllers {
  /** Ends all watches and waits for the work in hand. What it brought about stays. */
  close(): Promise<void>;
  /** Resolves when every cache holds its first list: from then on the controllers act. */
  synced(): Promise<void>;
}

const CONTROLLERS = [
  startServiceAccountController,
  startDeploymentController,
  startReplicaSetController,
  startEndpointSliceController,
  startNodeHealthController,
  startEvictionController,
];

/** Runs one instance: two at once over one cluster would undo each other's counting, so the caller sees to it. */
export function startControllers({ cluster, log, clock = systemClock }: ControllersOptions): Controllers {
  const caches = createCaches(cluster, log, clock);
  const informers = Object.values(caches);
  const abort = new AbortController();
  const synced = Promise.all(informers.map((informer) => informer.synced())).then(() => undefined);
  const context: Context = { cluster, caches, log, clock, synced, signal: abort.signal };
  const controllers = CONTROLLERS.map((start) => start(context));
  for (const informer of informers) informer.start();
  return {
    synced: () => synced,
    async close() {
      abort.abort();
      await Promise.all(informers.map((informer) => informer.stop()));
      await Promise.all(controllers.map((controller) => controller.close()));
    },
  };
}
