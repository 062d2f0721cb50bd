/**
 * The node agent: registers a node and runs the pods that are bound to it as processes of this machine. It speaks to
 * the cluster only as any client does, so it joins a real API server as well as the local one.
 */
import { mkdirSync } from 'node:fs';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { createWorkQueue } from '../../lib/workqueue.ts';
import { createInformer } from '../../platform/cluster/informer.ts';
import type { ClusterPort } from '../../platform/cluster/port.ts';
import { PODS } from '../../platform/cluster/resources.ts';
import type { NodeDeclaration } from '../declaration.ts';
import { createRecorder } from '../recorder.ts';
import type { Access } from './access.ts';
import { startCertified } from './certified.ts';
import { type NetworkOptions, openNetwork } from './pod/addresses.ts';
import { createAdmission } from './pod/admission.ts';
import { KUBELET_BACKOFF, type RestartBackoff } from './pod/backoff.ts';
import { endLeftovers, stopProcesses } from './pod/leftovers.ts';
import { createRefs } from './pod/refs.ts';
import { createRefusals, type Refusals } from './pod/refusals.ts';
import { PodWorker, type WorkerContext } from './pod/worker.ts';
import { namesIn, nodeDirOf, podDirOf, podsDir } from './records.ts';
import { capacityOf, startRegistration } from './registration.ts';
import { startLogServer } from './server.ts';
import type { AgentPod, Images } from './types.ts';

export interface AgentOptions {
  cluster: ClusterPort;
  node: NodeDeclaration;
  images: Images;
  /** The agent keeps its own under `<dataDir>/node/<node>`. */
  dataDir: string;
  /** PEM of the authority whose clients may read logs. Without it anybody who reaches the endpoint may. */
  clientCa?: string | undefined;
  log: Log;
  clock?: Clock;
  network?: Pick<NetworkOptions, 'mode'>;
  /** For a node of somebody's cluster, whose API server is not ours. */
  joined?: Joined | undefined;
  backoff?: RestartBackoff;
  /** Shared by agents of one cluster: a pod in place of one that was refused here may come to another of them. */
  refusals?: Refusals;
}

export interface Joined {
  /** Of the machine, where the API server finds the log endpoint. */
  nodeAddress: string;
  /** Of the machine as well, for pods: `10.99.0`. */
  block: string;
  /** Who runs this node, for others who would. */
  identity: string;
  access: Access;
}

export interface Agent {
  /** Resolves when the cluster has the Node. Rejects when the agent is closed before. */
  registered: Promise<unknown>;
  /**
   * `stopPods` (the default) ends every process and leaves the Pod objects: the next start begins them again, and no
   * restart is counted. Without it the processes go on and the next start adopts them.
   */
  close(options?: { stopPods: boolean }): Promise<void>;
}

/** What is being done for pods. It may wait for a cluster that does not answer, and the processes are to end before we are killed. */
const LAST_WORK_MS = 500;
/** Ending all processes and telling the cluster, which may be gone already. */
const FAREWELL_MS = 5_000;

export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { cluster, node, joined, clock = systemClock } = options;
  const log = options.log.child({ node: node.name });
  const nodeDir = nodeDirOf(options.dataDir, node.name);
  mkdirSync(podsDir(nodeDir), { recursive: true, mode: 0o700 });
  const network = await openNetwork({ nodeDir, joined, ...options.network });
  const workers = new Map<string, PodWorker>();
  const workerOf = (namespace: string, name: string): PodWorker | undefined =>
    [...workers.values()].find(({ pod }) => pod?.metadata.name === name && pod.metadata.namespace === namespace);
  const logServer = await startLogServer({
    address: network.nodeAddress,
    nodeName: node.name,
    clientCa: options.clientCa,
    access: joined?.access,
    log,
    clock,
    find: workerOf,
  });
  const certified = joined && startCertified({ cluster, node, joined, logServer, log, clock });
  const recorder = createRecorder({ cluster, component: 'kubelet', log, clock });
  const queue = createWorkQueue({
    work: async (uid) => await workers.get(uid)?.sync(),
    onError: (error, uid, retryInMs) => log.warn({ err: error, uid, retryInMs }, 'a pod could not be looked after'),
    concurrency: 8,
    clock,
  });
  const wake = (uid: string): void => queue.add(uid);
  const refs = createRefs({ cluster, log, clock, onChange: wake });
  const admission = createAdmission({ cluster, node, nodeDir, network, clock });
  const context: WorkerContext = {
    cluster,
    images: options.images,
    isStrict: joined !== undefined,
    refusals: options.refusals ?? createRefusals(clock),
    refs,
    recorder,
    log,
    clock,
    nodeAddress: network.nodeAddress,
    allocatable: capacityOf(node),
    backoff: options.backoff ?? KUBELET_BACKOFF,
    podDir: (uid) => podDirOf(nodeDir, uid),
    admission,
    wake,
    forget: (uid) => {
      workers.delete(uid);
      admission.release(uid);
    },
  };

  const pods = createInformer<AgentPod>({
    cluster,
    resource: PODS,
    selectors: { fieldSelector: `spec.nodeName=${node.name}` },
    log,
    clock,
  });
  pods.onChange(({ type, object, old }) => {
    const uid = object.metadata.uid ?? '';
    if (old?.metadata.uid !== undefined && old.metadata.uid !== uid) gone(old.metadata.uid);
    if (type === 'deleted') {
      gone(uid);
      return;
    }
    const worker = workers.get(uid);
    if (worker) worker.update(object);
    else workers.set(uid, new PodWorker(object, context));
    wake(uid);
  });

  function gone(uid: string): void {
    const worker = workers.get(uid);
    if (worker) worker.pod = undefined;
    wake(uid);
  }

  pods.start();
  // Only when it is known which pods exist can it be said whose processes are nobody's.
  const cleaned = pods.synced().then(async () => {
    const left = namesIn(podsDir(nodeDir)).filter((uid) => !workers.has(uid));
    const ends = left.map(async (uid) => {
      await endLeftovers(podDirOf(nodeDir, uid), { clock, log });
      admission.release(uid);
    });
    await Promise.all(ends);
  });
  cleaned.catch((error: unknown) => log.error({ err: error }, 'leftovers of earlier pods could not be ended'));
  const podCidr = network.mode === 'addresses' ? `${network.block}.0/24` : undefined;
  const registration = startRegistration({
    cluster,
    node,
    nodeAddress: network.nodeAddress,
    podCidr,
    logPort: logServer.port,
    joinedBy: joined?.identity,
    log,
    clock,
  });

  return {
    registered: registration.registered,
    async close({ stopPods } = { stopPods: true }) {
      certified?.();
      await Promise.all([pods.stop(), within(LAST_WORK_MS, clock, [queue.stop()]), registration.close()]);
      if (stopPods) {
        // Those, too, that the cluster has not told us about yet, or whose turn has not come.
        const unknown = namesIn(podsDir(nodeDir)).filter((uid) => !workers.get(uid)?.record);
        await within(FAREWELL_MS, clock, [
          ...[...workers.values()].map((worker) => worker.stopByAgent()),
          ...unknown.map((uid) => stopProcesses(podDirOf(nodeDir, uid), clock)),
        ]);
      }
      for (const worker of workers.values()) worker.release();
      await Promise.all([refs.close(), within(1_000, clock, [recorder.close()]), logServer.close()]);
    },
  };
}

async function within(ms: number, clock: Clock, work: readonly Promise<unknown>[]): Promise<void> {
  const timeout = Promise.withResolvers<void>();
  const cancel = clock.after(ms, timeout.resolve);
  await Promise.race([Promise.allSettled(work), timeout.promise]);
  cancel();
}
