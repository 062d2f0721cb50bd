/** The role "node": the node agent, whose pods are processes of this machine, and the local gateway. */
import { join } from 'node:path';
import type { Parts } from '../start/run.ts';
import { MAIN } from './here.ts';
import { endPostgresWithUs } from './unattended.ts';

export async function node(parts: Parts): Promise<unknown> {
  const { config, log, lifetime } = parts;
  endPostgresWithUs(parts);
  const [{ authorityOf, startNode }, { readDeclaration }, { createClientNodeCluster }] = await Promise.all([
    import('../local/node.ts'),
    import('../local/declaration.ts'),
    import('../platform/cluster/clientNode.ts'),
  ]);
  const { dataDir, gatewayPort: port, bind, localConfigFile } = config;
  const kubeconfig = join(dataDir, 'cluster', 'node.kubeconfig');
  const { nodes, images } = await readDeclaration({ file: localConfigFile, mainJs: MAIN });
  const cluster = createClientNodeCluster({ kubeconfig, userAgent: 'clops-node' });
  const clientCa = authorityOf(kubeconfig);
  const local = await startNode({ cluster, nodes, images, dataDir, gateway: { port, bind }, clientCa, log });
  lifetime.atEnd('node', () => local.close());
  return { url: local.gateway.url };
}
