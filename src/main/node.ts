/** The role "node": the node agent, whose pods are processes of this machine, and the local gateway. */
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { FAULT, type Parts } from '../start/run.ts';
import { MAIN } from './here.ts';
import { endPostgresWithUs } from './unattended.ts';

export async function node(parts: Parts): Promise<unknown> {
  const { config, log, lifetime } = parts;
  endPostgresWithUs(parts);
  if (config.joined) await checkJoining(parts);
  const [{ authorityOf, startNode }, { readDeclaration }, { createClientNodeCluster }] = await Promise.all([
    import('../local/node.ts'),
    import('../local/declaration.ts'),
    import('../platform/cluster/clientNode.ts'),
  ]);
  const { dataDir, gatewayPort: port, bind, localConfigFile, joined } = config;
  const { nodes, images } = await readDeclaration({ file: localConfigFile, mainJs: MAIN });
  const kubeconfig = kubeconfigOf(config);
  const where = kubeconfig === undefined ? { inCluster: true } : { kubeconfig };
  const cluster = createClientNodeCluster({ ...where, userAgent: 'clops-node' });
  const clientCa = joined || kubeconfig === undefined ? undefined : authorityOf(kubeconfig);
  const given = { nodes, images, dataDir, gateway: { port, bind }, joined, clientCa };
  const local = await startNode({ ...given, cluster, log });
  // After a fault the models go on, as after kill -9: the next start adopts them.
  lifetime.atEnd('node', (_hurry, code) => local.close({ stopPods: code !== FAULT }));
  return { url: local.gateway.url };
}

async function checkJoining(parts: Parts): Promise<void> {
  const [{ checkMachine, checkPlace }, { checkCluster }] = await Promise.all([
    import('./joining.ts'),
    import('./preflight.ts'),
  ]);
  await checkMachine(parts.config);
  if (process.connected) return; // A platform's child: that has asked. Where the cluster is away just now, it comes back.
  await checkCluster(parts, { patient: false });
  await checkPlace(parts.config);
}

/** Of a platform's child: what the platform has written down at its start, whatever the person's own file names since. */
function kubeconfigOf({ cluster, dataDir, kubeconfig }: Config): string | undefined {
  if (cluster === 'local') return join(dataDir, 'cluster', 'node.kubeconfig');
  return kubeconfig !== undefined && process.connected ? join(dataDir, 'kubeconfig') : kubeconfig;
}
