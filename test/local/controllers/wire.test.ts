import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { startApiServer } from '../../../src/local/apiserver/index.ts';
import { startControllers } from '../../../src/local/controllers/index.ts';
import type { Deployment, EndpointSlice, Pod } from '../../../src/local/kinds.ts';
import { startScheduler } from '../../../src/local/scheduler/index.ts';
import { createClientNodeCluster } from '../../../src/platform/cluster/clientNode.ts';
import { DEPLOYMENTS, ENDPOINTSLICES, NODES, PODS, SERVICES } from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';
import { aDeployment, aNode, aService } from './builders.ts';
import { startKubelet } from './harness.ts';

it('controllers and scheduler do over HTTPS, as strangers to the server, what they do in its process', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'clops-wire-'));
  const server = await startApiServer({ dataDir, port: 0, bind: '127.0.0.1', log: silentLog });
  const cluster = createClientNodeCluster({ kubeconfig: server.kubeconfigPath, userAgent: 'test' });
  const controllers = startControllers({ cluster, log: silentLog });
  const scheduler = startScheduler({ cluster, log: silentLog });
  const kubelet = await startKubelet(cluster, (pod) => pod.spec.nodeName === 'n1');
  try {
    const { status, ...node } = aNode('n1');
    await cluster.create(NODES, node);
    await cluster.patch(NODES, 'n1', undefined, 'merge', { status }, { subresource: 'status' });
    await cluster.create(SERVICES, aService('web', { ports: [{ name: 'http', port: 80, targetPort: 8080 }] }));
    await cluster.create(DEPLOYMENTS, aDeployment('web', { replicas: 3 }));
    await eventually(async () => {
      expect((await cluster.get<Deployment>(DEPLOYMENTS, 'web', 'default')).status).toMatchObject({
        availableReplicas: 3,
      });
      const { items } = await cluster.list<EndpointSlice>(ENDPOINTSLICES, { namespace: 'default' });
      expect(items.flatMap(({ endpoints }) => endpoints ?? [])).toHaveLength(3);
    });
    await cluster.delete(DEPLOYMENTS, 'web', 'default');
    await eventually(async () => expect((await cluster.list<Pod>(PODS)).items).toEqual([]));
  } finally {
    await kubelet.close();
    await Promise.all([controllers.close(), scheduler.close()]);
    await cluster.close();
    await server.close();
    await rm(dataDir, { recursive: true, force: true });
  }
});
