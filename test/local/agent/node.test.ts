import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { MANAGER } from '../../../src/local/agent/registration.ts';
import type { AgentPod } from '../../../src/local/agent/types.ts';
import { type LocalCluster, startCluster } from '../../../src/local/cluster.ts';
import type { NodeDeclaration } from '../../../src/local/declaration.ts';
import type { Node } from '../../../src/local/kinds.ts';
import { authorityOf, type LocalNode, startNode } from '../../../src/local/node.ts';
import { createClientNodeCluster } from '../../../src/platform/cluster/clientNode.ts';
import type { ClusterPort, KubeObject, LogOptions } from '../../../src/platform/cluster/port.ts';
import { DEPLOYMENTS, ENDPOINTSLICES, LEASES, NODES, PODS, SERVICES } from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';
import { aNode } from './aNode.ts';
import { condition, processesUnder, SERVER } from './lab.ts';

let dataDir: string;
let control: LocalCluster;
let cluster: ClusterPort;
let node: LocalNode;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'clops-node-'));
  control = await startCluster({ dataDir, port: 0, bind: '127.0.0.1', log: silentLog });
  const kubeconfig = join(dataDir, 'cluster', 'node.kubeconfig');
  cluster = createClientNodeCluster({ kubeconfig, userAgent: 'clops-node/test' });
  await start([aNode(), aNode({ name: 'cpu-1', gpus: undefined, taints: [{ key: 'slow', effect: 'NoSchedule' }] })]);
});

async function start(nodes: NodeDeclaration[]): Promise<void> {
  node = await startNode({
    cluster,
    nodes,
    images: { app: { command: ['/app/node'], files: { '/app/node': process.execPath } } },
    dataDir,
    gateway: { port: 0, bind: '127.0.0.1' },
    clientCa: authorityOf(join(dataDir, 'cluster', 'node.kubeconfig')),
    network: { mode: 'ports' },
    log: silentLog,
  });
  await node.registered;
}

afterAll(async () => {
  await node.close();
  await cluster.close();
  await control.close();
  expect(processesUnder(dataDir)).toEqual([]);
  await rm(dataDir, { recursive: true, force: true });
});

const template = (script: string, args: string[], port?: number) => ({
  metadata: { labels: { app: 'web' } },
  spec: {
    terminationGracePeriodSeconds: 5,
    containers: [
      {
        name: 'main',
        image: 'app',
        args: ['-e', script, ...args],
        env: [{ name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
        ...(port && {
          ports: [{ name: 'http', containerPort: port }],
          readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
        }),
      },
    ],
  },
});

test('registers nodes as GPU feature discovery labels them, with taints, a Lease and what it does not do', async () => {
  const gpu = await cluster.get<Node>(NODES, 'gpu-1');
  expect(gpu.metadata.labels).toMatchObject({
    'nvidia.com/gpu.product': 'NVIDIA-L4',
    'nvidia.com/gpu.count': '2',
    'nvidia.com/gpu.memory': '23034',
    'nvidia.com/gpu.family': 'ada-lovelace',
    'clops.dev/simulated': 'true',
  });
  expect(gpu.status?.allocatable).toMatchObject({ cpu: '8', memory: '16Gi', 'nvidia.com/gpu': '2' });
  const statusOf = (type: string) => gpu.status?.conditions?.find((condition) => condition.type === type)?.status;
  expect([statusOf('Ready'), statusOf('LimitsEnforced')]).toEqual(['True', 'False']);
  const cpu = await cluster.get<Node>(NODES, 'cpu-1');
  expect(cpu.spec?.taints).toEqual([{ key: 'slow', effect: 'NoSchedule' }]);
  const lease = await cluster.get<KubeObject>(LEASES, 'gpu-1', 'kube-node-lease');
  expect(lease.spec).toMatchObject({ holderIdentity: 'gpu-1', leaseDurationSeconds: 40 });
});

test('where pods share an address each gets ports of its own, and everything that names them follows', async () => {
  await cluster.create(DEPLOYMENTS, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'web' } },
      template: template(SERVER, ['$(IP)', '8080', '/dev/null'], 8080),
    },
  });
  await cluster.create(SERVICES, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
  });
  const pods = await eventually(async () => {
    const { items } = await cluster.list<AgentPod>(PODS, { labelSelector: 'app=web' });
    expect(items.map((pod) => condition(pod, 'Ready'))).toEqual(['True', 'True']);
    return items;
  });
  const ports = pods.map(
    ({ metadata }) => (JSON.parse(metadata.annotations?.['clops.dev/ports'] ?? '{}') as { http: number }).http,
  );
  expect(new Set([8080, ...ports]).size).toBe(3);
  for (const port of ports) expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
  await eventually(async () => {
    const { items } = await cluster.list<KubeObject>(ENDPOINTSLICES, {
      labelSelector: 'kubernetes.io/service-name=web',
    });
    const served = items.flatMap((slice) => (slice['ports'] as { port: number }[]).map(({ port }) => port));
    expect(served.sort()).toEqual([...ports].sort());
  });
});

test('kubectl logs: tail, since, timestamps, previous, follow', async () => {
  const script = `
    console.log('one'); console.error('two'); console.log('three');
    process.on('SIGTERM', () => { console.log('bye'); process.exit(0); });
    setInterval(() => undefined, 1000);`;
  await cluster.create(PODS, {
    apiVersion: 'v1',
    kind: 'Pod',
    ...template(script, []),
    metadata: { name: 'talker', namespace: 'default' },
  });
  const read = async (options: LogOptions = {}): Promise<string> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of cluster.log('talker', 'default', options)) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  };
  await eventually(async () => expect(await read()).toBe('one\ntwo\nthree\n'));
  expect(await read({ tailLines: 1 })).toBe('three\n');
  expect(await read({ sinceSeconds: 3600 })).toBe('one\ntwo\nthree\n');
  const stamped = (await read({ timestamps: true, tailLines: 1 })).trim();
  expect(stamped).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z three$/);
  expect(Math.abs(Date.parse(stamped.slice(0, 30)) - Date.now())).toBeLessThan(20_000);
  await expect(read({ previous: true })).rejects.toThrow(
    'previous terminated container "main" in pod "talker" not found',
  );
  const followed = cluster.log('talker', 'default', { follow: true, tailLines: 1 })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => Buffer.from((await followed.next()).value ?? []).toString();
  expect(await next()).toBe('three\n');
  await cluster.delete(PODS, 'talker', 'default');
  expect(await next()).toBe('bye\n');
  expect((await followed.next()).done).toBe(true);
});

test('kubectl itself reads the log', async ({ skip }) => {
  const kubectl = promisify(execFile);
  await kubectl('kubectl', ['version', '--client']).catch(() => skip('there is no kubectl on this machine'));
  const args = ['--kubeconfig', control.kubeconfigPath, 'logs', 'deployment/web', '--tail=5'];
  const { stdout } = await kubectl('kubectl', args);
  expect(stdout).toBe('listening\n');
});

test('answers nobody without a certificate of the cluster', async () => {
  const { status } = await cluster.get<Node>(NODES, 'gpu-1');
  const asked = new Promise((resolve, reject) => {
    const url = `https://127.0.0.1:${status?.daemonEndpoints?.kubeletEndpoint.Port}/containerLogs/default/x/main`;
    request(url, { rejectUnauthorized: false }, resolve).once('error', reject).end();
  });
  await expect(asked).rejects.toThrow(/certificate required|alert|ECONNRESET/);
});

test('what is declared no longer goes: a node with its pods and processes, the labels of a GPU', async () => {
  await node.close({ stopPods: false }); // as after kill -9
  await start([aNode({ name: 'big' }), aNode({ name: 'cpu-1', taints: [{ key: 'slow', effect: 'NoSchedule' }] })]);
  await eventually(async () => {
    const { items } = await cluster.list<Node>(NODES);
    expect(items.map(({ metadata }) => metadata.name).sort()).toEqual(['big', 'cpu-1']);
    const pods = await cluster.list<AgentPod>(PODS, { labelSelector: 'app=web' });
    expect(pods.items.map((pod) => [pod.spec.nodeName, condition(pod, 'Ready')])).toEqual([
      ['big', 'True'],
      ['big', 'True'],
    ]);
    expect(processesUnder(join(dataDir, 'node', 'gpu-1'))).toEqual([]);
    expect(existsSync(join(dataDir, 'node', 'gpu-1'))).toBe(false);
  });

  const gpuLabels = async (): Promise<string[]> => {
    const { labels = {} } = (await cluster.get<Node>(NODES, 'big')).metadata;
    return Object.keys(labels).filter((name) => name.startsWith('nvidia.com/'));
  };
  expect(await gpuLabels()).toContain('nvidia.com/gpu.count');
  await node.close();
  // As where a Node was created with its labels: another entry than the one that is applied owns this one.
  const created = { metadata: { labels: { 'nvidia.com/gpu.count': '3' } } };
  await cluster.patch(NODES, 'big', undefined, 'merge', created, { fieldManager: MANAGER });
  await start([aNode({ name: 'big', gpus: undefined })]);
  expect(await gpuLabels()).toEqual([]);
});
