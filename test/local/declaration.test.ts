import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseQuantity } from '../../src/contract/quantity.ts';
import { capacityOf } from '../../src/local/agent/registration.ts';
import { defaultNodes, OWN_IMAGE, readDeclaration } from '../../src/local/declaration.ts';
import type { Node, Pod } from '../../src/local/kinds.ts';
import { findNode } from '../../src/local/scheduler/fit.ts';

let file: string;
beforeAll(async () => {
  file = join(await mkdtemp(join(tmpdir(), 'clops-declaration-')), 'local.yaml');
});
afterAll(() => rm(join(file, '..'), { recursive: true, force: true }));

const read = async (text: string) => {
  await writeFile(file, text);
  return await readDeclaration({ file, mainJs: '/app/main.js' });
};

test('without a file: two nodes with GPUs, and the own image runs this Node and this program', async () => {
  const { nodes, images } = await readDeclaration({ file: undefined, mainJs: '/app/main.js' });
  expect(nodes.map(({ name, gpus }) => [name, gpus?.product, gpus?.count])).toEqual([
    ['gpu-1', 'NVIDIA-H200', 4],
    ['gpu-2', 'NVIDIA-L4', 2],
  ]);
  expect(images[OWN_IMAGE]?.files).toEqual({ '/opt/app/node': process.execPath, '/opt/app/main.js': '/app/main.js' });
});

test('those two share the memory of the machine', async () => {
  const { nodes } = await readDeclaration({ file: undefined, mainJs: '' });
  const memory = nodes.reduce((total, node) => total + parseQuantity(node.memory), 0);
  expect(memory).toBeLessThanOrEqual(totalmem());
  expect(memory).toBeGreaterThan(0);
  for (const { cpu } of nodes) expect(parseQuantity(cpu)).toBeGreaterThanOrEqual(availableParallelism());
});

test('a small machine takes the demo and its canary, and not a hundred replicas', () => {
  // Sold with 4 GiB.
  const nodes = defaultNodes({ processors: 2, memoryBytes: 3.8 * 2 ** 30 }).map((declared): Node => {
    const capacity = capacityOf(declared);
    const metadata = { name: declared.name, labels: {} };
    return { apiVersion: 'v1', kind: 'Node', metadata, status: { capacity, allocatable: capacity } };
  });
  /** How many find a place, one after the other, and why the next one does not. */
  const place = (count: number, requests: Record<string, string>): [number, string?] => {
    const placed = new Map<string, Pod[]>();
    for (let i = 0; i < count; i++) {
      const metadata = { name: `pod-${i}`, namespace: 'speech' };
      const pod: Pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata,
        spec: { containers: [{ name: 'server', resources: { requests } }] },
      };
      const fit = findNode(pod, nodes, (name) => placed.get(name) ?? []);
      if ('message' in fit) return [i, fit.message];
      const { name } = fit.node.metadata;
      placed.set(name, [...(placed.get(name) ?? []), pod]);
    }
    return [count];
  };
  expect(place(8, { cpu: '100m', memory: '256Mi' })).toEqual([8]);
  expect(place(100, { cpu: '250m', memory: '256Mi' })).toEqual([14, '0/2 nodes are available: 2 Insufficient memory.']);
  expect(place(100, { cpu: '1', memory: '256Mi' })).toEqual([8, '0/2 nodes are available: 2 Insufficient cpu.']);
});

test('declares nodes instead of those, and images beside the own one', async () => {
  const { nodes, images } = await read(`
nodes: [{name: big, cpu: 64, memory: 1Ti, taints: [{key: slow, effect: NoSchedule}]}]
images: {"triton:24": {command: [/opt/tritonserver], files: {/opt/tritonserver: /usr/local/bin/tritonserver}}}`);
  expect(nodes).toEqual([
    { name: 'big', cpu: '64', memory: '1Ti', labels: {}, taints: [{ key: 'slow', effect: 'NoSchedule' }] },
  ]);
  expect(Object.keys(images)).toEqual([OWN_IMAGE, 'triton:24']);
});

test('refuses what is wrong with file, place and rule', async () => {
  await expect(read('nodes: [{name: a, memory: lots}]')).rejects.toThrow(
    `${file}: nodes.0.memory must be a quantity such as 4, 500m or 16Gi (CLOPS_LOCAL_CONFIG names this file)`,
  );
  await expect(read('nodes: [{name: a}, {name: a}]')).rejects.toThrow('two nodes have the same name');
  await expect(read('node: []')).rejects.toThrow(/Unrecognized key.*node/);
  await expect(read('nodes: [')).rejects.toThrow('cannot be read');
  await expect(readDeclaration({ file: '/nowhere.yaml', mainJs: '' })).rejects.toThrow('/nowhere.yaml cannot be read');
});
