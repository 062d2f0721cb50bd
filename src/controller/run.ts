/**
 * The controller as a running thing: caches, one queue of deployments, one of answered commands, leader election. Two of
 * them may run; one leads. Knows the cluster and nothing else: no database, no API.
 */
import { CONTROLLER_LEASE, GATEWAY_NAME, SYSTEM_NAMESPACE } from '../contract/names.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { after, createWorkQueue, type WorkQueue } from '../lib/workqueue.ts';
import { fencedBy, NotHeld } from '../platform/cluster/fenced.ts';
import { keyOf } from '../platform/cluster/informer.ts';
import { electLeader } from '../platform/cluster/leader.ts';
import { askedToWaitMs, type ClusterPort, isConflict } from '../platform/cluster/port.ts';
import type { TrafficCounts } from '../platform/metrics/gateway.ts';
import { createApplier } from './apply.ts';
import { createCaches, filled, unfilled, watchCaches } from './caches.ts';
import { createCommands } from './commands.ts';
import type { GatewayRef } from './desired/routing.ts';
import { createProber, type Probe } from './prober.ts';
import { createReconciler } from './reconcile.ts';
import { createRecorder } from './recorder.ts';
import { createTrafficWatch } from './traffic.ts';

/** A webhook that is not there takes its 10 s of a pass for each child: the deployments of one team shall not hold up those of all. */
const WORKERS = 10;
const TOLD_AFTER_MS = 15_000;

export interface ControllerOptions {
  cluster: ClusterPort;
  traffic: TrafficCounts;
  log: Log;
  clock?: Clock;
  /** Of the platform: where the lease is. */
  namespace?: string;
  /** Where routes are attached when a deployment does not say it. */
  gateway?: GatewayRef;
  /** Unique per start of a process. */
  identity: string;
  /** True for an identity whose process is known to be dead: its lease is taken at once. */
  isDead?: (identity: string) => boolean;
  /** Asks a pod for its model; the Open Inference Protocol by default. */
  probe?: Probe;
}

export interface Controller {
  /** True while this process leads and its caches are filled. */
  readonly isLeading: boolean;
  /** It has the lease and cannot work yet, since the cluster has not listed these kinds: their definition is missing, or a right. */
  readonly waitsFor: string[];
  /** Ends the work, gives the lease back, closes all watches. */
  close(): Promise<void>;
}

export function startController(options: ControllerOptions): Controller {
  const { traffic, log, clock = systemClock, identity, isDead, probe } = options;
  const { namespace = SYSTEM_NAMESPACE, gateway = { namespace: SYSTEM_NAMESPACE, name: GATEWAY_NAME } } = options;
  const caches = createCaches(options.cluster, log);
  const cluster = fencedBy(() => leader.holds(), options.cluster);
  const commands = createCommands(cluster, clock);
  let work: Work | undefined;
  const enqueue = (key: string): void => work?.deployments.add(key);
  watchCaches(caches, gateway, enqueue);
  caches.commands.onChange(({ type, object }) => {
    if (type !== 'deleted' && object.status) work?.answered.add(keyOf(object));
  });
  for (const cache of Object.values(caches)) cache.start();

  function startWork(): Work {
    const prober = createProber({ enqueue, clock, ...(probe && { probe }) });
    const parts = {
      cluster,
      gateway,
      caches,
      prober,
      commands,
      clock,
      traffic: createTrafficWatch({ caches, traffic, enqueue, log, clock }),
      applier: createApplier(cluster, caches, clock),
      recorder: createRecorder(cluster, clock, log, identity),
    };
    const onError = (error: unknown, key: string, retryInMs: number): void => {
      if (isConflict(error)) log.debug({ key, retryInMs }, 'somebody else was quicker, looking again');
      else if (error instanceof NotHeld) log.debug({ key }, 'no longer leading, nothing was written');
      else log.warn({ err: error, key, retryInMs }, 'reconcile failed');
    };
    const reconcile = createReconciler(parts);
    const deployments = createWorkQueue({ work: reconcile, onError, askedToWaitMs, concurrency: WORKERS, clock });
    const answered = createWorkQueue({
      async work(key) {
        const command = caches.commands.get(key);
        const left = command && (await commands.expire(command));
        return left === undefined ? undefined : after(left);
      },
      onError,
      askedToWaitMs,
      concurrency: 1,
      clock,
    });
    return { deployments, answered, stop: () => prober.close() };
  }

  async function begin(): Promise<void> {
    const cancel = clock.after(TOLD_AFTER_MS, () => {
      if (leader.isLeader)
        log.warn({ kinds: unfilled(caches) }, 'nothing is rolled out until the cluster lists these kinds');
    });
    await filled(caches);
    cancel();
    if (!leader.isLeader || work) return;
    work = startWork();
    for (const md of caches.modelDeployments.list()) work.deployments.add(keyOf(md));
    for (const command of caches.commands.list()) {
      if (command.status) work.answered.add(keyOf(command));
      else work.deployments.add(`${command.metadata.namespace}/${command.spec.deployment}`);
    }
  }

  async function end(): Promise<void> {
    const ending = work;
    work = undefined;
    ending?.stop();
    await Promise.all([ending?.deployments.stop(), ending?.answered.stop()]);
  }

  const leader = electLeader({
    cluster: options.cluster,
    namespace,
    name: CONTROLLER_LEASE,
    identity,
    ...(isDead && { isDead }),
    log,
    clock,
    onStart: () => void begin(),
    onStop: end,
  });

  return {
    get isLeading() {
      return work !== undefined;
    },
    get waitsFor() {
      return leader.isLeader && !work ? unfilled(caches) : [];
    },
    async close() {
      await leader.close();
      await Promise.all(Object.values(caches).map((cache) => cache.stop()));
    },
  };
}

interface Work {
  deployments: WorkQueue;
  answered: WorkQueue;
  stop(): void;
}
