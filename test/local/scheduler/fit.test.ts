import { describe, expect, it } from 'vitest';
import type { Node, Pod, PodSpec } from '../../../src/local/kinds.ts';
import { assignDevices } from '../../../src/local/scheduler/devices.ts';
import { findNode } from '../../../src/local/scheduler/fit.ts';
import { podRequests } from '../../../src/platform/cluster/requests.ts';
import { aNode, aPod } from '../controllers/builders.ts';

const asking = (requests: Record<string, string | number>, spec: Partial<PodSpec> = {}): Pod =>
  aPod(undefined, { spec: { containers: [{ name: 'main', resources: { requests } }], ...spec } });

function outcome(pod: Pod, nodes: Node[], present: Record<string, Pod[]> = {}): string {
  const result = findNode(pod, nodes, (name) => present[name] ?? []);
  return 'node' in result ? result.node.metadata.name : result.message;
}

const gpuNode = (name: string, count: string, spec?: Node['spec']): Node =>
  aNode(name, { allocatable: { 'nvidia.com/gpu': count }, ...(spec ? { spec } : {}) });
const tainted = { taints: [{ key: 'clops.dev/local', effect: 'NoSchedule' }] };

describe('findNode', () => {
  it("says what is short in Kubernetes' own words", () => {
    const nodes = [gpuNode('a', '1'), gpuNode('b', '8', tainted)];
    expect(outcome(asking({ 'nvidia.com/gpu': '2' }), nodes)).toBe(
      '0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) had untolerated taint(s).',
    );
  });

  const port = (hostPort: number, hostIP?: string) => ({
    containers: [{ name: 'main', ports: [{ containerPort: 80, hostPort, ...(hostIP ? { hostIP } : {}) }] }],
  });
  it.each([
    ['no node at all', asking({}), [], {}, 'no nodes available to schedule pods'],
    [
      'a cordoned node',
      asking({}),
      [aNode('a', { spec: { unschedulable: true } })],
      {},
      '0/1 nodes are available: 1 node(s) were unschedulable.',
    ],
    [
      'a node selector',
      asking({}, { nodeSelector: { gpu: 'h100' } }),
      [aNode('a')],
      {},
      "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
    ],
    [
      'several resources at once',
      asking({ cpu: '5', memory: '9Gi' }),
      [aNode('a')],
      {},
      '0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory.',
    ],
    [
      'a resource nobody has',
      asking({ 'example.com/fpga': 1 }),
      [aNode('a')],
      {},
      '0/1 nodes are available: 1 Insufficient example.com/fpga.',
    ],
    [
      'what others use',
      asking({ cpu: '1500m' }),
      [aNode('a', { allocatable: { cpu: '2' } })],
      { a: [asking({ cpu: '0.6' })] },
      '0/1 nodes are available: 1 Insufficient cpu.',
    ],
    [
      'exactly what is left',
      asking({ cpu: '100m' }),
      [aNode('a', { allocatable: { cpu: '300m' } })],
      { a: [asking({ cpu: '0.1' }), asking({ cpu: '0.1' })] },
      'a',
    ],
    [
      'finished pods',
      asking({ cpu: '2' }),
      [aNode('a', { allocatable: { cpu: '2' } })],
      { a: [{ ...asking({ cpu: '2' }), status: { phase: 'Succeeded' } }] },
      'a',
    ],
    [
      'the number of pods',
      asking({}),
      [aNode('a', { allocatable: { pods: 1 } })],
      { a: [asking({})] },
      '0/1 nodes are available: 1 Too many pods.',
    ],
    [
      'a taken host port',
      aPod('p', { spec: port(8080) }),
      [aNode('a')],
      { a: [aPod('q', { spec: port(8080, '127.0.0.1') })] },
      "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
    ],
    [
      'the same host port on two addresses',
      aPod('p', { spec: port(8080, '127.0.0.2') }),
      [aNode('a')],
      { a: [aPod('q', { spec: port(8080, '127.0.0.1') })] },
      'a',
    ],
    [
      'a tolerated taint',
      asking({}, { tolerations: [{ key: 'clops.dev/local', operator: 'Exists' }] }),
      [aNode('a', { spec: tainted })],
      {},
      'a',
    ],
    ['the emptier node', asking({ cpu: '1' }), [aNode('a'), aNode('b')], { a: [asking({ cpu: '2' })] }, 'b'],
    ['pods that ask for nothing are spread', asking({}), [aNode('a'), aNode('b')], { a: [asking({})] }, 'b'],
    [
      'a node it would rather not take',
      asking({}),
      [aNode('a', { spec: { taints: [{ key: 'x', effect: 'PreferNoSchedule' }] } }), aNode('b')],
      { b: [asking({ cpu: '3' })] },
      'b',
    ],
  ])('%s', (_name, pod, nodes, present, expected) => {
    expect(outcome(pod, nodes, present)).toBe(expected);
  });

  it.each([
    [{ key: 'mem', operator: 'Gt', values: ['40959'] }, 'big'],
    [{ key: 'mem', operator: 'Lt', values: ['40960'] }, 'small'],
    [{ key: 'zone', operator: 'In', values: ['a', 'b'] }, 'big'],
    [{ key: 'zone', operator: 'NotIn', values: ['a'] }, 'small'],
    [{ key: 'zone', operator: 'Exists' }, 'big'],
    [{ key: 'zone', operator: 'DoesNotExist' }, 'small'],
    [{ key: 'mem', operator: 'Gt', values: ['81920'] }, undefined],
    [{ key: 'zone', operator: 'Gt', values: ['1'] }, undefined],
    [{ key: 'mem', operator: 'Resembles', values: ['81920'] }, undefined],
  ])('goes where the required node affinity allows: %j', (expression, expected) => {
    const nodes = [aNode('big', { labels: { mem: '81920', zone: 'a' } }), aNode('small', { labels: { mem: '23034' } })];
    const nothing = { matchExpressions: [] };
    const nodeSelectorTerms = [nothing, { matchExpressions: [expression] }];
    const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } };
    expect(outcome(asking({}, { affinity }), nodes)).toBe(
      expected ?? "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
    );
  });

  it('refuses to place what it cannot weigh', () => {
    const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{}] } };
    expect(outcome(asking({}, { affinity }), [aNode('a')])).toMatch(
      /^spec\.affinity\.podAntiAffinity\..* is not served/,
    );
    expect(
      outcome(asking({}, { topologySpreadConstraints: [{ whenUnsatisfiable: 'ScheduleAnyway' }] }), [aNode('a')]),
    ).toBe('a');
  });
});

describe('podRequests', () => {
  const container = (cpu: string, restartPolicy?: string) => ({
    name: cpu,
    resources: { requests: { cpu } },
    ...(restartPolicy ? { restartPolicy } : {}),
  });
  it.each([
    ['containers add up', { containers: [container('1'), container('500m')] }, 1500],
    [
      'a larger init container counts alone',
      { containers: [container('1')], initContainers: [container('3'), container('2')] },
      3000,
    ],
    ['a sidecar runs on', { containers: [container('1')], initContainers: [container('1', 'Always')] }, 2000],
    [
      'an init container beside a sidecar',
      { containers: [container('1')], initContainers: [container('1', 'Always'), container('2')] },
      3000,
    ],
    ['overhead comes on top', { containers: [container('1')], overhead: { cpu: '250m' } }, 1250],
    ['a limit is a request', { containers: [{ name: 'a', resources: { limits: { cpu: '2' } } }] }, 2000],
  ])('%s', (_name, spec, cpu) => {
    expect(podRequests(aPod('p', { spec })).get('cpu')).toBe(cpu);
  });
});

describe('assignDevices', () => {
  const node = aNode('a', { labels: { 'clops.dev/simulated': 'true' }, allocatable: { 'nvidia.com/gpu': '4' } });
  const holding = (devices: string) => aPod(undefined, { meta: { annotations: { 'clops.dev/devices': devices } } });
  const pod = asking({ 'nvidia.com/gpu': 2, cpu: 1 });

  it.each([
    ['the first ones', [], 'nvidia.com/gpu=0,1'],
    [
      'those of a pod that has finished',
      [{ ...holding('nvidia.com/gpu=0,1'), status: { phase: 'Failed' } }],
      'nvidia.com/gpu=0,1',
    ],
    ['those that nobody holds', [holding('nvidia.com/gpu=0,2')], 'nvidia.com/gpu=1,3'],
    [
      'whatever is written where it makes no sense',
      [holding('nonsense'), holding('nvidia.com/gpu=x,1')],
      'nvidia.com/gpu=0,2',
    ],
  ])('%s', (_name, present, expected) => {
    expect(assignDevices(pod, node, present)).toBe(expected);
  });

  it('leaves real nodes and pods without devices alone', () => {
    expect(assignDevices(pod, aNode('b', { allocatable: { 'nvidia.com/gpu': '4' } }), [])).toBeUndefined();
    expect(assignDevices(asking({ cpu: 1 }), node, [])).toBeUndefined();
  });
});
