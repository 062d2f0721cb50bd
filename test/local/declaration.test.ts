import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OWN_IMAGE, readDeclaration } from '../../src/local/declaration.ts';

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
