/**
 * The local cluster and its node as children of this process: started, or taken over from a start that was killed. Where
 * this machine joins somebody's cluster, the node alone.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config } from '../config.ts';
import type { ServingRuntime } from '../contract/servingruntime.ts';
import type { ClusterPort } from '../platform/cluster/port.ts';
import { type Supervised, supervise } from '../platform/process/supervise.ts';
import { type Parts, pidFile } from '../start/run.ts';
import { clusterOf } from './clusterOf.ts';
import { MAIN } from './here.ts';

/** The local cluster with what CLOps needs in it, and its node. Answers the gateway's address. */
export async function localCluster(parts: Parts): Promise<string | undefined> {
  const [{ install }] = await Promise.all([import('../controller/install.ts'), child(parts, 'cluster')]);
  const { signal } = parts.lifetime;
  return signal.aborted ? undefined : await installed(parts, install, await clusterOf(parts.config, 'clops-install'));
}

/** What CLOps needs, put into somebody's cluster, and this machine's nodes in it. Answers the gateway's address. */
export async function joinedNode(parts: Parts): Promise<string | undefined> {
  const { dataDir, kubeconfig } = parts.config;
  const [{ install }, { LOCAL_PLACEMENT }, { pinKubeconfig }, { rememberPlace }] = await Promise.all([
    import('../controller/install.ts'),
    import('../local/joined.ts'),
    import('../platform/cluster/credentials.ts'),
    import('./joining.ts'),
  ]);
  if (kubeconfig !== undefined) pinKubeconfig(kubeconfig, join(dataDir, 'kubeconfig'));
  const cluster = await clusterOf(parts.config, 'clops-install');
  await rememberPlace(parts.config, cluster);
  return await installed(parts, install, cluster, { placement: LOCAL_PLACEMENT });
}

async function installed(
  parts: Parts,
  install: typeof import('../controller/install.ts').install,
  cluster: ClusterPort,
  options: { placement?: ServingRuntime['spec']['placement'] } = {},
): Promise<string | undefined> {
  const { signal } = parts.lifetime;
  const { gatewayPort } = parts.config;
  const given = { ...options, gateway: true, gatewayPort, signal };
  await parts.report.step('custom resources installed', install(cluster, given));
  return signal.aborted ? undefined : await child(parts, 'node');
}

/** Another role as a supervised child process, perhaps one that a killed start has left. Answers its address. */
async function child({ config, log, lifetime, report }: Parts, name: 'cluster' | 'node'): Promise<string | undefined> {
  const options = {
    name,
    command: process.execPath,
    args: [MAIN, name],
    logFile: join(config.dataDir, 'logs', `${name}.log`),
    pidFile: pidFile(config.dataDir, name),
    stamp: stampOf(config),
    log,
    say: report.note,
  };
  const said = ({ adopted }: Supervised): string => `${name} ${adopted ? 'found running' : 'ready'}`;
  const running = await report.step(said, supervise(options));
  lifetime.atEnd(name, (hurry) => running.stop(6_000, hurry));
  const { info } = running;
  return typeof info === 'object' && info !== null && 'url' in info ? String(info.url) : undefined;
}

/** Program and settings of the children. The build's own record changes whenever anything was compiled anew. */
export function stampOf(config: Config): string {
  const { dataDir, bind, clusterPort, gatewayPort, logLevel, localConfigFile: file } = config;
  const build = statSync(join(dirname(MAIN), '.tsbuildinfo'), { throwIfNoEntry: false }) ?? statSync(MAIN);
  const declared = file === undefined ? undefined : statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  const { cluster, kubeconfig, joined } = config;
  // Its content: the same file may name another cluster by now.
  const named = cluster === 'local' || kubeconfig === undefined ? undefined : readFileSync(kubeconfig, 'utf8');
  const settings = [dataDir, bind, clusterPort, gatewayPort, logLevel, file, declared, cluster, named, joined];
  const text = JSON.stringify([process.execPath, MAIN, build.mtimeMs, ...settings]);
  return createHash('sha256').update(text).digest('hex');
}
