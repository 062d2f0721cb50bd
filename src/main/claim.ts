/** The data folder and the ports: ours alone, before anything is started. */
import { join } from 'node:path';
import { endLeftover, findChild } from '../platform/process/leftover.ts';
import { takeLock } from '../platform/process/lock.ts';
import { refusedPorts, type WantedPort } from '../platform/process/ports.ts';
import { Refusal } from '../start/report.ts';
import { type Parts, pidFile } from '../start/run.ts';
import { stampOf } from './children.ts';

/** Makes sure that the data folder and the ports are ours before anything is started. */
export async function claim({ config, lifetime, report }: Parts): Promise<void> {
  const { dataDir, bind, httpPort, gatewayPort, clusterPort } = config;
  report.line(`Starting CLOps in ${dataDir}`);
  const lock = takeLock(join(dataDir, 'lock'));
  if ('heldBy' in lock) {
    throw new Refusal(
      `CLOps is already running on ${dataDir} (process ${lock.heldBy}): stop that one, or choose another folder with CLOPS_DATA_DIR.`,
    );
  }
  lifetime.atEnd('lock', () => lock.release());
  const stamp = stampOf(config);
  const local = config.cluster === 'local';
  const hasCluster = local && findChild(pidFile(dataDir, 'cluster'), stamp) !== undefined;
  const hasNode = hasCluster && findChild(pidFile(dataDir, 'node'), stamp) !== undefined;
  await Promise.all([
    hasNode || endLeftover(pidFile(dataDir, 'node')),
    hasCluster || endLeftover(pidFile(dataDir, 'cluster')),
  ]);
  const wanted: WantedPort[] = [{ port: httpPort, bind, purpose: 'the API', setting: 'CLOPS_HTTP_PORT' }];
  if (local && !hasNode) {
    wanted.push({ port: gatewayPort, bind, purpose: 'the gateway', setting: 'CLOPS_GATEWAY_PORT' });
  }
  if (local && !hasCluster) {
    wanted.push({ port: clusterPort, bind: '127.0.0.1', purpose: 'the local cluster', setting: 'CLOPS_CLUSTER_PORT' });
  }
  const refusals = await refusedPorts(wanted);
  if (refusals.length > 0) throw new Refusal(refusals.join('\n'));
}
