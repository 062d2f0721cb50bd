/** API server, controllers and scheduler joined, with a node: what a Deployment becomes, what a restart keeps, logs. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { type LocalCluster, startCluster } from '../../src/local/cluster.ts';
import { OWN_IMAGE, readDeclaration } from '../../src/local/declaration.ts';
import { authorityOf, startNode } from '../../src/local/node.ts';
import { createClientNodeCluster } from '../../src/platform/cluster/clientNode.ts';
import type { KubeObject } from '../../src/platform/cluster/port.ts';
import { DEPLOYMENTS, LEASES, NODES, PODS } from '../../src/platform/cluster/resources.ts';
import { eventually } from '../support/eventually.ts';

let dataDir: string;
let cluster: LocalCluster;

const start = (port = 0): Promise<LocalCluster> => startCluster({ dataDir, port, bind: '127.0.0.1', log: silentLog });

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'clops-cluster-'));
  cluster = await start();
});

afterEach(async () => {
  await cluster.close();
  await rm(dataDir, { recursive: true });
});

const web: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', image: 'x', resources: { requests: { cpu: '100m' } } }] },
    },
  },
};

async function addNode(name: string): Promise<void> {
  const { cluster: port } = cluster;
  await port.create(LEASES, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: 'kube-node-lease' },
    spec: { holderIdentity: name, leaseDurationSeconds: 40, renewTime: new Date().toISOString().replace('Z', '000Z') },
  });
  await port.create(NODES, { apiVersion: 'v1', kind: 'Node', metadata: { name } });
  const amounts = { cpu: '4', memory: '8Gi', pods: '110' };
  const conditions = [
    { type: 'Ready', status: 'True', reason: 'KubeletReady', lastHeartbeatTime: new Date().toISOString() },
  ];
  const status = { capacity: amounts, allocatable: amounts, conditions };
  await port.patch(NODES, name, undefined, 'merge', { status }, { subresource: 'status' });
}

type Pod = KubeObject & { spec: { nodeName?: string } };
const pods = async (): Promise<Pod[]> => (await cluster.cluster.list<Pod>(PODS, { namespace: 'default' })).items;

test('a Deployment becomes pods on a node; a restart keeps them and its address’ clients', async () => {
  const client = createClientNodeCluster({ kubeconfig: cluster.kubeconfigPath, userAgent: 'test/1' });
  try {
    await client.create(DEPLOYMENTS, web);
    await eventually(async () => expect(await pods()).toHaveLength(2));
    expect((await pods()).every(({ spec }) => spec.nodeName === undefined)).toBe(true);
    await addNode('local');
    await eventually(async () => expect((await pods()).map(({ spec }) => spec.nodeName)).toEqual(['local', 'local']));

    const before = (await pods()).map(({ metadata }) => metadata.uid);
    const { port } = new URL(cluster.url);
    await cluster.close();
    cluster = await start(Number(port));
    expect((await client.list(PODS, { namespace: 'default' })).items.map(({ metadata }) => metadata.uid)).toEqual(
      before,
    );
    await client.patch(DEPLOYMENTS, 'web', 'default', 'merge', { spec: { replicas: 1 } });
    await eventually(async () => {
      const left = (await pods()).filter(({ metadata }) => !metadata.deletionTimestamp);
      expect(left).toHaveLength(1);
    });
  } finally {
    await client.close();
  }
});

test('a node’s pod runs, and its log comes back through the API server', async () => {
  const kubeconfig = join(dataDir, 'cluster/node.kubeconfig');
  const client = createClientNodeCluster({ kubeconfig, userAgent: 'clops-node' });
  const { nodes, images } = await readDeclaration({ file: undefined, mainJs: 'main.js' });
  const gateway = { port: 0, bind: '127.0.0.1' };
  const clientCa = authorityOf(kubeconfig);
  const node = await startNode({ cluster: client, nodes, images, dataDir, gateway, clientCa, log: silentLog });
  try {
    const command = ['/bin/sh', '-c', 'echo hello; exec sleep 60'];
    const metadata = { name: 'hello', namespace: 'default' };
    const spec = { containers: [{ name: 'hello', image: OWN_IMAGE, command }], terminationGracePeriodSeconds: 1 };
    await client.create(PODS, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
    await eventually(async () => {
      let text = '';
      for await (const chunk of client.log('hello', 'default')) text += Buffer.from(chunk).toString();
      expect(text).toBe('hello\n');
    });
    await expect(client.log('hello', 'default', { previous: true })[Symbol.asyncIterator]().next()).rejects.toThrow(
      'previous terminated container "hello" in pod "hello" not found',
    );
  } finally {
    await node.close();
    await client.close();
  }
});

test('a port that is taken is refused with its number, and nothing stays behind', async () => {
  const { port } = new URL(cluster.url);
  const other = await mkdtemp(join(tmpdir(), 'clops-cluster-'));
  const starting = startCluster({ dataDir: other, port: Number(port), bind: '127.0.0.1', log: silentLog });
  await expect(starting).rejects.toThrow(port);
  await rm(other, { recursive: true });
});
