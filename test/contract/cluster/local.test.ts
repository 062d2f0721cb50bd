/** The suite over the local cluster: the whole of it, over HTTPS, without nodes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../../src/lib/log.ts';
import { startCluster } from '../../../src/local/cluster.ts';
import { createClientNodeCluster } from '../../../src/platform/cluster/clientNode.ts';
import { MODELDEPLOYMENTS } from '../../../src/platform/cluster/resources.ts';
import { describeCluster } from './index.ts';
import type { Started } from './lab.ts';
import { aModel } from './requests/own.ts';

async function start(): Promise<Started> {
  const dataDir = await mkdtemp(join(tmpdir(), 'clops-contract-'));
  const cluster = await startCluster({ dataDir, port: 0, bind: '127.0.0.1', log: silentLog });
  const kubeconfig = cluster.kubeconfigPath;
  const port = createClientNodeCluster({ kubeconfig, userAgent: 'clops-test/1' });
  return {
    port,
    kubeconfig,
    async tooOld() {
      const { resourceVersion } = await cluster.cluster.list(MODELDEPLOYMENTS);
      const model = aModel('many', {}, 'default');
      await port.apply(MODELDEPLOYMENTS, model, { fieldManager: 'contract' });
      for (let round = 0; round < 2100; round++)
        await cluster.cluster.patch(MODELDEPLOYMENTS, 'many', 'default', 'merge', { spec: { replicas: round % 2 } });
      return resourceVersion;
    },
    async stop() {
      await port.close();
      await cluster.close();
      await rm(dataDir, { recursive: true });
    },
  };
}

describeCluster('the local cluster', start, { real: false });
