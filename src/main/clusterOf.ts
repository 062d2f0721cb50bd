/** Which cluster a role speaks to. */
import { join } from 'node:path';
import type { Config } from '../config.ts';
import type { ClusterPort } from '../platform/cluster/port.ts';

/** The local cluster, or the one that KUBECONFIG or the pod's service account names. */
export async function clusterOf({ cluster, dataDir, kubeconfig }: Config, userAgent: string): Promise<ClusterPort> {
  const { createClientNodeCluster } = await import('../platform/cluster/clientNode.ts');
  if (cluster === 'local') {
    return createClientNodeCluster({ kubeconfig: join(dataDir, 'cluster', 'controller.kubeconfig'), userAgent });
  }
  return createClientNodeCluster({ ...(kubeconfig === undefined ? { inCluster: true } : { kubeconfig }), userAgent });
}
