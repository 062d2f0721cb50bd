/** Nodes and GPUs as the cluster has them, over HTTP: from the informer caches of a real (local) API server, and without one. */
import 'reflect-metadata';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ANNOTATIONS, GATEWAY_METRICS_ANNOTATION } from '../../src/contract/names.ts';
import { install } from '../../src/controller/install.ts';
import type { Ctx } from '../../src/graphql/context.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createApi } from '../../src/local/apiserver/handler.ts';
import { createInProcessCluster } from '../../src/local/apiserver/inProcess.ts';
import { devicesOfPod, nodeByName, podsOnGpu, podsOnNode } from '../../src/modules/compute/index.ts';
import type { ClusterPort, KubeObject } from '../../src/platform/cluster/port.ts';
import { GATEWAYS, NAMESPACES, NODES, PODS } from '../../src/platform/cluster/resources.ts';
import { anApi, type TestApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';

interface NodeParts {
  capacity?: Record<string, string>;
  allocatable?: Record<string, string>;
  labels?: Record<string, string>;
  spec?: object;
  ready?: boolean;
}

const PRODUCT = 'NVIDIA-A100-SXM4-80GB';
const gpuLabels = (count: number) => ({
  'nvidia.com/gpu.product': PRODUCT,
  'nvidia.com/gpu.memory': '81920',
  'nvidia.com/gpu.count': String(count),
});

function aNode(
  name: string,
  { capacity = {}, allocatable = {}, labels = {}, spec = {}, ready = true }: NodeParts,
): KubeObject {
  const all = { cpu: '8', memory: '64Gi', pods: '110', ...capacity };
  const conditions = [
    {
      type: 'Ready',
      status: ready ? 'True' : 'Unknown',
      reason: 'KubeletReady',
      message: 'ok',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    },
  ];
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    spec,
    status: { capacity: all, allocatable: { ...all, ...allocatable }, conditions },
  };
}

const aPod = (
  name: string,
  nodeName: string,
  requests: Record<string, string>,
  devices?: string,
  spec: object = {},
): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', ...(devices && { annotations: { [ANNOTATIONS.devices]: devices } }) },
  spec: {
    nodeName,
    containers: [{ name: 'main', image: 'x', resources: { requests, limits: limitsOf(requests) } }],
    ...spec,
  },
});

/** Devices cannot be overcommitted: Kubernetes wants the same number as limit. */
const limitsOf = (requests: Record<string, string>) =>
  Object.fromEntries(Object.entries(requests).filter(([resource]) => resource.includes('/')));

describe('with a cluster', () => {
  let t: TestApi;
  let cluster: ClusterPort;
  let close: () => Promise<void>;

  beforeAll(async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'clops-test-compute-'));
    const server = createApi({ dataDir, clock: systemClock, log: silentLog });
    cluster = createInProcessCluster(server, 'test');
    close = async () => {
      await server.close();
      await rm(dataDir, { recursive: true, force: true });
    };
    await install(cluster, { gateway: false });
    t = await anApi({ cluster });
    const gpus = (count: string) => ({ 'nvidia.com/gpu': count });
    for (const node of [
      aNode('a-full', { capacity: gpus('2'), labels: gpuLabels(2) }),
      aNode('b-half', {
        capacity: { ...gpus('4'), 'example.com/fpga': '1' },
        allocatable: { ...gpus('3'), cpu: '7500m', memory: '60Gi' },
        labels: { ...gpuLabels(4), zone: 'one' },
        spec: { unschedulable: true, taints: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' }] },
      }),
      aNode('c-silent', { capacity: gpus('2') }),
      aNode('d-shared', { capacity: gpus('8'), labels: gpuLabels(2) }),
      aNode('e-away', {
        capacity: gpus('1'),
        ready: false,
        labels: { 'nvidia.com/gpu.count': '1000000000', zone: 'two' },
      }),
      aNode('f-plain', { labels: { zone: 'one' } }),
    ])
      await cluster.create(NODES, node);
    for (const pod of [
      aPod('one', 'a-full', { cpu: '100m', memory: '1Gi', ...gpus('1') }, 'nvidia.com/gpu=1'),
      aPod('two', 'a-full', { cpu: '200m', memory: '1Gi', ...gpus('1') }, 'nvidia.com/gpu=0'),
      aPod('none', 'a-full', { cpu: '1' }),
      aPod('done', 'b-half', gpus('2'), 'nvidia.com/gpu=0,1'),
      aPod('some', 'b-half', { ...gpus('1'), 'example.com/fpga': '1' }, 'example.com/fpga=0;nvidia.com/gpu=3', {
        initContainers: [{ name: 'first', image: 'x', resources: { requests: { cpu: '3' } } }],
      }),
      aPod('silent', 'c-silent', gpus('1')),
      aPod('spoken', 'c-silent', gpus('1'), 'nvidia.com/gpu=1'),
    ])
      await cluster.create(PODS, pod);
    const done = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'done', namespace: 'default' },
      status: { phase: 'Succeeded' },
    };
    await cluster.apply(PODS, done, { fieldManager: 'node', force: true, subresource: 'status' });
    await eventually(() => {
      expect(t.services.cluster.unfilled()).toEqual([]);
      expect(t.services.cluster.nodes.list()).toHaveLength(6);
      expect(t.services.cluster.pods.get('default/spoken')).toBeDefined();
      expect(t.services.cluster.pods.get('default/done')?.status?.phase).toBe('Succeeded');
    });
  });
  afterAll(async () => {
    await t.close();
    await close();
  });

  test('a node shows what it has, what pods may ask for, and what they have asked for', async () => {
    const RESOURCES = '{ cpu memoryBytes pods gpus extended }';
    const { gpuNode } = await t.ask<{ gpuNode: object }>(
      `{ gpuNode(name: "b-half", cluster: "local") { id name cluster { name } ready schedulable labels taints { key value effect } product memoryMib
         capacity ${RESOURCES} allocatable ${RESOURCES} allocated ${RESOURCES} conditions { type status reason lastTransitionAt } } }`,
    );
    const GiB = 2 ** 30;
    expect(gpuNode).toEqual({
      id: 'node_b-half',
      name: 'b-half',
      cluster: { name: 'local' },
      ready: true,
      schedulable: false,
      labels: { ...gpuLabels(4), zone: 'one' },
      taints: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' }],
      product: PRODUCT,
      memoryMib: 81920,
      capacity: {
        cpu: 8,
        memoryBytes: 64 * GiB,
        pods: 110,
        gpus: 4,
        extended: { 'nvidia.com/gpu': 4, 'example.com/fpga': 1 },
      },
      allocatable: {
        cpu: 7.5,
        memoryBytes: 60 * GiB,
        pods: 110,
        gpus: 3,
        extended: { 'nvidia.com/gpu': 3, 'example.com/fpga': 1 },
      },
      // The finished pod holds nothing; the init container asks for more than what runs after it.
      allocated: { cpu: 3, memoryBytes: 0, pods: 1, gpus: 1, extended: { 'nvidia.com/gpu': 1, 'example.com/fpga': 1 } },
      conditions: [
        { type: 'Ready', status: 'TRUE', reason: 'KubeletReady', lastTransitionAt: '2026-01-01T00:00:00.000Z' },
      ],
    });
    const { full, none, elsewhere } = await t.ask<Record<string, { allocated: object }>>(
      `{ full: gpuNode(name: "a-full") { allocated ${RESOURCES} } none: gpuNode(name: "none") { id } elsewhere: gpuNode(name: "a-full", cluster: "other") { id } }`,
    );
    expect(full?.allocated).toEqual({
      cpu: 1.3,
      memoryBytes: 2 * GiB,
      pods: 3,
      gpus: 2,
      extended: { 'nvidia.com/gpu': 2 },
    });
    expect([none, elsewhere]).toEqual([null, null]);
  });

  test('a node has as many GPUs as it has devices, not as often as they are shared, and says what is known of them', async () => {
    const { gpuNodes } = await t.ask<{
      gpuNodes: { nodes: { name: string; gpus: { index: number; healthy: boolean | null }[] }[] };
    }>('{ gpuNodes { nodes { name gpus { index healthy } } } }');
    expect(gpuNodes.nodes.map(({ name, gpus }) => [name, gpus.length, gpus[0]?.healthy])).toEqual([
      ['a-full', 2, true],
      ['b-half', 4, null],
      ['c-silent', 2, true],
      ['d-shared', 2, true],
      // A number that no machine has is not believed, and a node that does not answer says nothing about its devices.
      ['e-away', 1, null],
      ['f-plain', 0, undefined],
    ]);
    expect(
      await t.ask('{ gpuNode(name: "a-full") { gpus { id index uuid product memoryMib node { name } } } }'),
    ).toEqual({
      gpuNode: {
        gpus: [0, 1].map((index) => ({
          id: `gpu_a-full/${index}`,
          index,
          uuid: null,
          product: PRODUCT,
          memoryMib: 81920,
          node: { name: 'a-full' },
        })),
      },
    });
  });

  test('ids lead back to clusters, nodes and devices', async () => {
    const ids = [
      'cl_local',
      'node_a-full',
      'gpu_a-full/1',
      'gpu_a-full/2',
      'gpu_a-full/01',
      'gpu_none/0',
      'node_none',
      'cl_other',
    ];
    expect(await t.ask('query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }', { ids })).toEqual({
      nodes: [
        { __typename: 'Cluster', id: 'cl_local' },
        { __typename: 'GpuNode', id: 'node_a-full' },
        { __typename: 'Gpu', id: 'gpu_a-full/1' },
        ...[null, null, null, null, null],
      ],
    });
  });

  test('a product among more than may be named is refused', async () => {
    const where = { product: { in: Array.from({ length: 101 }, (_, n) => `gpu-${n}`) } };
    const { errors } = await t.send('query ($where: GpuNodeWhere) { gpuNodes(where: $where) { totalCount } }', {
      where,
    });
    expect(errors).toMatchObject([
      { message: expect.stringContaining('at most 100'), extensions: { code: 'BAD_USER_INPUT' } },
    ]);
  });

  test.each([
    ['all', {}, 'abcdef'],
    ['with a free GPU', { hasFreeGpu: true }, 'bde'],
    ['without a free GPU', { hasFreeGpu: false }, 'acf'],
    ['that are ready', { ready: true }, 'abcdf'],
    ['that are not', { ready: false }, 'e'],
    ['of a product', { product: { startsWith: 'NVIDIA', contains: '80GB' } }, 'abd'],
    ['of another', { product: { in: ['NVIDIA-H100'] } }, ''],
    ['with a label', { label: { key: 'zone' } }, 'bef'],
    ['with a label of that value', { label: { key: 'zone', value: 'one' } }, 'bf'],
    ['of all that at once', { label: { key: 'zone', value: 'one' }, hasFreeGpu: true, ready: true }, 'b'],
  ])('nodes are listed: %s, and in pages', async (_, where, letters) => {
    let walked = '';
    let after: string | null = null;
    do {
      const {
        gpuNodes,
      }: {
        gpuNodes: {
          totalCount: number;
          nodes: { name: string }[];
          pageInfo: { hasNextPage: boolean; endCursor: string };
        };
      } = await t.ask(
        'query ($where: GpuNodeWhere, $after: Cursor) { gpuNodes(first: 2, after: $after, where: $where) { totalCount nodes { name } pageInfo { hasNextPage endCursor } } }',
        { where, after },
      );
      expect(gpuNodes.totalCount).toBe(letters.length);
      walked += gpuNodes.nodes.map(({ name }) => name.charAt(0)).join('');
      after = gpuNodes.pageInfo.hasNextPage ? gpuNodes.pageInfo.endCursor : null;
    } while (after);
    expect(walked).toBe(letters);
  });

  test('a device is held by who says so; where one pod is silent, the others’ devices are known and the rest are not', () => {
    const ctx: Ctx = {
      ...t.services,
      principal: { actorId: '', name: '', isPlatformAdmin: true },
      requestId: '',
      loaders: new Map(),
    };
    const holders = (node: string, count: number) =>
      Array.from(
        { length: count },
        (_, index) => podsOnGpu(ctx, node, index)?.map(({ metadata }) => metadata.name) ?? null,
      );
    expect(podsOnNode(ctx, 'a-full').map(({ metadata }) => metadata.name)).toEqual(['none', 'one', 'two']);
    expect(podsOnNode(ctx, 'a-full').map(devicesOfPod)).toEqual([[], [1], [0]]);
    expect(holders('a-full', 2)).toEqual([['two'], ['one']]);
    expect(holders('b-half', 4)).toEqual([[], [], [], ['some']]);
    expect(holders('c-silent', 2)).toEqual([null, ['spoken']]);
    expect(nodeByName(ctx, 'a-full')?.name).toBe('a-full');
  });

  test('the cluster says what it can do, and changes are seen', async () => {
    const QUERY =
      '{ clusters { id name kubernetesVersion reachable lag gateway capabilities nodes(first: 1) { totalCount nodes { name } } } }';
    expect(await t.ask(QUERY)).toEqual({
      clusters: [
        {
          id: 'cl_local',
          name: 'local',
          kubernetesVersion: expect.stringMatching(/^v1\./),
          reachable: true,
          lag: expect.any(Number),
          gateway: null,
          capabilities: ['GPU'],
          nodes: { totalCount: 6, nodes: [{ name: 'a-full' }] },
        },
      ],
    });
    await cluster.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'clops-system' } });
    await cluster.create(GATEWAYS, {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: {
        name: 'clops',
        namespace: 'clops-system',
        annotations: { [GATEWAY_METRICS_ANNOTATION]: 'http://127.0.0.1:1/metrics' },
      },
      spec: { gatewayClassName: 'clops', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
    });
    await cluster.patch(NODES, 'f-plain', undefined, 'merge', {
      metadata: { labels: { 'clops.dev/simulated': 'true' } },
    });
    await eventually(async () => {
      const { clusters } = await t.ask<{ clusters: { gateway: string; capabilities: string[] }[] }>(QUERY);
      expect(clusters[0]).toMatchObject({
        gateway: 'clops',
        capabilities: ['GATEWAY', 'COUNTED_TRAFFIC', 'GPU', 'SIMULATED_NODES'],
      });
    });
  });

  test('takes no statement, and a cursor of another list is refused', async () => {
    const names: string[] = [];
    const stop = t.services.db.onStatement((name) => names.push(name));
    await t.ask(
      '{ gpuNodes { nodes { name cluster { name } allocated { gpus } gpus { node { name } } } } clusters { kubernetesVersion } }',
    );
    stop();
    expect(names.filter((name) => !/^event/.test(name))).toEqual([]);
    const { teams } = await t.ask<{ teams: { pageInfo: { endCursor: string | null } } }>(
      '{ teams { pageInfo { endCursor } } }',
    );
    expect(teams.pageInfo.endCursor).toBeNull();
    const { errors } = await t.send('{ gpuNodes(after: "W10") { nodes { name } } }');
    expect(errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
  });
});

describe('without a cluster', () => {
  let t: TestApi;
  beforeAll(async () => {
    t = await anApi();
  });
  afterAll(() => t.close());

  test('what needs it is null and says so; the rest of the answer stands', async () => {
    const { data, errors } = await t.send(
      `{ teams { totalCount } gpuNodes { nodes { name } } gpuNode(name: "a") { name } node(id: "node_a") { id }
         clusters { name reachable lag gateway capabilities kubernetesVersion nodes { totalCount } } }`,
    );
    expect(data).toEqual({
      teams: { totalCount: 0 },
      gpuNodes: null,
      gpuNode: null,
      node: null,
      clusters: [
        {
          name: 'local',
          reachable: false,
          lag: null,
          gateway: null,
          capabilities: [],
          kubernetesVersion: null,
          nodes: null,
        },
      ],
    });
    expect(errors?.map(({ extensions }) => extensions['code'])).toEqual(
      Array.from({ length: 5 }, () => 'CLUSTER_UNAVAILABLE'),
    );
  });
});
