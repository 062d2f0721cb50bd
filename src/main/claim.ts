/** The data folder and the ports: ours alone, before anything is started. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endLeftover, findChild, isChild } from '../platform/process/leftover.ts';
import { type Lock, takeLock } from '../platform/process/lock.ts';
import { refusedPorts, type WantedPort } from '../platform/process/ports.ts';
import { Refusal } from '../start/report.ts';
import { type Parts, pidFile } from '../start/run.ts';
import { stampOf } from './children.ts';

/** A child that nobody looks after has 8.5 s to end, and stops Postgres meanwhile with the lock in its hand. */
const CHILD_ENDS_WITHIN_MS = 10_000;

/** In the data folder of a machine that has joined a cluster: the uid of that cluster's namespace kube-system. */
export const JOINED_FILE = 'joined';

/** Makes sure that the data folder and the ports are ours before anything is started. */
export async function claim({ config, lifetime, report }: Parts): Promise<void> {
  const { dataDir, bind, httpPort, metricsPort, gatewayPort, clusterPort } = config;
  if (config.cluster === 'local' && existsSync(join(dataDir, JOINED_FILE))) {
    // Its database would be given to the new local cluster, and what is served in the other would be nobody's.
    throw new Refusal(
      `CLOPS_DATA_DIR=${dataDir} belongs to a cluster that this machine has joined: set CLOPS_CLUSTER, KUBECONFIG, CLOPS_NODE_ADDRESS and CLOPS_POD_CIDR as before, or choose another folder for a local cluster.`,
    );
  }
  report.line(`Starting CLOps in ${dataDir}`);
  const lock = await ownLock({ config, lifetime, report });
  lifetime.atEnd('lock', () => lock.release());
  const stamp = stampOf(config);
  const local = config.cluster === 'local';
  const hasCluster = local && findChild(pidFile(dataDir, 'cluster'), stamp) !== undefined;
  const runsPods = local || config.joined !== undefined;
  const hasNode = (hasCluster || !local) && runsPods && findChild(pidFile(dataDir, 'node'), stamp) !== undefined;
  await Promise.all([
    hasNode || endLeftover(pidFile(dataDir, 'node')),
    hasCluster || endLeftover(pidFile(dataDir, 'cluster')),
  ]);
  const wanted: WantedPort[] = [{ port: httpPort, bind, purpose: 'the API', setting: 'CLOPS_HTTP_PORT' }];
  if (metricsPort !== undefined)
    wanted.push({ port: metricsPort, bind, purpose: 'metrics', setting: 'CLOPS_METRICS_PORT' });
  if (runsPods && !hasNode) {
    wanted.push({ port: gatewayPort, bind, purpose: 'the gateway', setting: 'CLOPS_GATEWAY_PORT' });
  }
  if (local && !hasCluster) {
    wanted.push({ port: clusterPort, bind: '127.0.0.1', purpose: 'the local cluster', setting: 'CLOPS_CLUSTER_PORT' });
  }
  const refusals = await refusedPorts(wanted);
  if (refusals.length > 0) throw new Refusal(refusals.join('\n'));
}

/** @throws Refusal when a platform lives on this folder, or the rest of one does not end */
async function ownLock({ config: { dataDir }, lifetime, report }: Omit<Parts, 'log'>): Promise<Lock> {
  const until = performance.now() + CHILD_ENDS_WITHIN_MS;
  const isOurs = (pid: number): boolean => ['node', 'cluster'].some((name) => isChild(pidFile(dataDir, name), pid));
  for (let told = false; ; told = true) {
    const lock = takeLock(join(dataDir, 'lock'));
    if (!('heldBy' in lock)) return lock;
    const { heldBy } = lock;
    if (!isOurs(heldBy))
      throw new Refusal(
        `CLOps is already running on ${dataDir} (process ${heldBy}): stop that one, or choose another folder with CLOPS_DATA_DIR.`,
      );
    if (performance.now() > until || lifetime.signal.aborted)
      throw new Refusal(
        `Process ${heldBy}, which a start that was killed has left on ${dataDir}, does not end: end it by \`kill -9 ${heldBy}\`, and start again.`,
      );
    if (!told) report.note(`Process ${heldBy} of an earlier start is just ending, with its Postgres: waiting for it.`);
    await sleep(100, undefined, { signal: lifetime.signal }).catch(() => {});
  }
}
