import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ContainerRecord, containerFile } from '../../../src/local/agent/records.ts';
import { type Condition, conditionOf, type Node } from '../../../src/local/kinds.ts';
import { NODES, PODS } from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';
import { NODE } from './aNode.ts';
import { condition, type Lab, processesUnder, startLab, statusOf } from './lab.ts';

let lab: Lab;

beforeAll(async () => {
  lab = await startLab();
});

afterAll(() => lab.close());

const sleeper = { command: ['/bin/sh', '-c', 'exec sleep 60'] };

test('a node that was given up on says at once that it is back, and so do its pods', async () => {
  await lab.create('vad', sleeper);
  await lab.until('vad', (pod) => expect(condition(pod, 'Ready')).toBe('True'));

  // What the node controller writes when it has not heard of a node for 40 s.
  const silent = {
    status: 'Unknown',
    reason: 'NodeStatusUnknown',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  } as const;
  await setReady('nodes', silent);
  await setReady('pods', { status: 'False', lastTransitionTime: '2026-01-01T00:00:00Z' });

  const node = await eventually(async () => {
    const node = await lab.core.cluster.get<Node>(NODES, NODE);
    expect(conditionOf(node, 'Ready')).toMatchObject({ status: 'True', reason: 'KubeletReady' });
    return node;
  });
  expect(conditionOf(node, 'Ready')?.lastTransitionTime).not.toBe(silent.lastTransitionTime);
  const pod = await lab.until('vad', (pod) => expect(condition(pod, 'Ready')).toBe('True'));
  expect(statusOf(pod).restartCount).toBe(0);
});

test('a step before the main container is ready only when it has ended well', async () => {
  const file = join(lab.core.dataDir, 'go');
  const wait = {
    name: 'fetch',
    image: 'test',
    command: ['/bin/sh', '-c', `until [ -e ${file} ]; do sleep 0.05; done`],
  };
  await lab.create('stepped', sleeper, { initContainers: [wait] });
  const pod = await lab.until('stepped', (pod) => expect(statusOf(pod, 'fetch').state.running).toBeDefined());
  expect(statusOf(pod, 'fetch')).toMatchObject({ ready: false, started: false });
  expect(statusOf(pod).state.waiting?.reason).toBe('PodInitializing');
  expect([condition(pod, 'Initialized'), pod.status?.phase]).toEqual(['False', 'Pending']);

  expect(existsSync(file)).toBe(false);
  writeFileSync(file, '');
  const running = await lab.until('stepped', (pod) => expect(statusOf(pod).state.running).toBeDefined());
  expect(statusOf(running, 'fetch')).toMatchObject({ ready: true, started: false });
  expect(condition(running, 'Initialized')).toBe('True');
});

test.runIf(process.platform === 'linux')(
  'of two containers that end together, both are known to have ended before they start again',
  async () => {
    const file = join(lab.core.dataDir, 'seen');
    const probe = { exec: { command: ['/bin/sh', '-c', `test -e ${file}`] }, periodSeconds: 1 };
    const talker = { image: 'test', command: ['/bin/sh', '-c', 'echo began; exec sleep 60'] };
    const witness = { name: 'witness', image: 'test', ...sleeper, readinessProbe: probe };
    const pod = await lab.create(
      'pair',
      {},
      { containers: [{ name: 'main', ...talker }, { name: 'second', ...talker }, witness] },
    );
    await lab.until('pair', (pod) =>
      expect([statusOf(pod).ready, statusOf(pod, 'second').ready]).toEqual([true, true]),
    );
    const home = join(lab.core.dataDir, 'node', NODE, 'pods', pod.metadata.uid as string);
    const recordOf = (name: string): ContainerRecord =>
      JSON.parse(readFileSync(containerFile(home, name), 'utf8')) as ContainerRecord;
    const kill = async (name: string): Promise<void> => {
      const { pid = 0 } = recordOf(name);
      process.kill(-pid, 'SIGKILL');
      await eventually(() => expect(processesUnder(home)).not.toContain(pid));
    };

    // Last words are read in the thread pool: while it is busy, nobody knows how a container has ended.
    const busy = ['a', 'b', 'c', 'd'].map((name) => join(lab.core.dataDir, name));
    execFileSync('mkfifo', busy);
    const reading = busy.map((path) => open(path));
    await kill('main');
    writeFileSync(file, '');
    await eventually(() => expect(recordOf('witness').ready).toBe(true)); // the pod is looked at, and waits for `main`
    await kill('second');
    for (const path of busy) closeSync(openSync(path, 'w'));
    for (const handle of await Promise.all(reading)) await handle.close();
    const again = await lab.until('pair', (pod) =>
      expect([statusOf(pod).restartCount, statusOf(pod, 'second').restartCount]).toEqual([1, 1]),
    );
    expect(statusOf(again).lastState.terminated?.exitCode).toBe(137);
    expect(statusOf(again, 'second').lastState.terminated?.exitCode).toBe(137);
  },
);

async function setReady(kind: 'nodes' | 'pods', ready: Omit<Condition, 'type'>): Promise<void> {
  const { cluster } = lab.core;
  const found = kind === 'nodes' ? await cluster.get<Node>(NODES, NODE) : await lab.get('vad');
  const others = (found.status?.conditions ?? []).filter(({ type }) => type !== 'Ready');
  const patch = { status: { conditions: [...others, { type: 'Ready', ...ready }] } };
  const { name, namespace } = found.metadata;
  const options = { subresource: 'status', fieldManager: 'node-controller' } as const;
  await cluster.patch(kind === 'nodes' ? NODES : PODS, name, namespace, 'merge', patch, options);
}
