import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { startAgent } from '../../../src/local/agent/index.ts';
import type { ContainerRecord } from '../../../src/local/agent/records.ts';
import type { AgentPod } from '../../../src/local/agent/types.ts';
import { createApi } from '../../../src/local/apiserver/handler.ts';
import { createInProcessCluster } from '../../../src/local/apiserver/inProcess.ts';
import { PODS } from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';
import { aNode } from './aNode.ts';
import { condition, type Lab, processesUnder, startLab, statusOf } from './lab.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function open(): Promise<Lab> {
  const lab = await startLab();
  cleanups.push(() => lab.close());
  return lab;
}

const sleeper = { command: ['/bin/sh', '-c', 'echo began; exec sleep 300'] };
const isReady = (pod: AgentPod): void => expect(condition(pod, 'Ready')).toBe('True');

const fileOf = (dataDir: string, pod: AgentPod): string =>
  join(dataDir, 'node/gpu-1/pods', pod.metadata.uid as string, 'containers/main/container.json');
const recordOf = async (dataDir: string, pod: AgentPod): Promise<ContainerRecord> =>
  JSON.parse(await readFile(fileOf(dataDir, pod), 'utf8')) as ContainerRecord;

/** As on a full disk: nothing more can be written down about this pod's container. Answers how to make room again. */
async function fill(dataDir: string, pod: AgentPod): Promise<() => Promise<void>> {
  const inTheWay = `${fileOf(dataDir, pod)}.tmp`;
  await mkdir(inTheWay);
  return () => rm(inTheWay, { recursive: true });
}

test('a stop ends the processes and keeps the pods; the next start begins them without counting a restart', async () => {
  const lab = await open();
  await lab.create('vad', sleeper);
  const before = await lab.until('vad', isReady);
  await lab.agent.close();
  expect(processesUnder(lab.core.dataDir)).toEqual([]);
  const stopped = await lab.get('vad');
  expect(condition(stopped, 'Ready')).toBe('False');
  expect(stopped.status?.phase).toBe('Running');
  expect(statusOf(stopped).state.waiting?.reason).toBe('NodeStopped');
  await lab.start();
  const again = await lab.until('vad', isReady);
  expect(statusOf(again).restartCount).toBe(0);
  expect(statusOf(again).lastState).toEqual({});
  expect(again.status?.podIP).toBe(before.status?.podIP);
});

test('a pod deleted while the node is stopped is gone after the next start', async () => {
  const lab = await open();
  const pod = await lab.create('vad', sleeper);
  await lab.until('vad', isReady);
  await lab.agent.close();
  await lab.core.cluster.delete(PODS, 'vad', 'default', { gracePeriodSeconds: 0 });
  await lab.start();
  await eventually(async () => {
    await expect(
      readFile(join(lab.core.dataDir, 'node/gpu-1/pods', pod.metadata.uid as string, 'pod.json')),
    ).rejects.toThrow();
  });
});

test('a pod removed by force is ended though nobody waits for it', async () => {
  const lab = await open();
  await lab.create('vad', sleeper);
  await lab.until('vad', isReady);
  await lab.core.cluster.delete(PODS, 'vad', 'default', { gracePeriodSeconds: 0 });
  await eventually(() => expect(processesUnder(lab.core.dataDir)).toEqual([]));
});

test('processes left running are adopted, neither restarted nor unready for a moment', async () => {
  const lab = await open();
  await lab.create('vad', {
    ...sleeper,
    readinessProbe: { exec: { command: ['/bin/sh', '-c', 'true'] }, periodSeconds: 1 },
  });
  const pod = await lab.until('vad', isReady);
  const before = await recordOf(lab.core.dataDir, pod);
  await lab.agent.close({ stopPods: false });
  const { resourceVersion } = (await lab.get('vad')).metadata;
  await lab.start();
  await eventually(async () => expect(await lab.events('vad')).toHaveLength(1));
  expect((await lab.get('vad')).metadata.resourceVersion).toBe(resourceVersion);
  expect((await recordOf(lab.core.dataDir, pod)).pid).toBe(before.pid);
  process.kill(-(before.pid as number), 'SIGKILL');
  const restarted = await lab.until('vad', (pod) => expect(statusOf(pod).restartCount).toBe(1));
  expect(statusOf(restarted).lastState.terminated).toMatchObject({ exitCode: 137, reason: 'ContainerStatusUnknown' });
});

test('a full disk ends neither the node nor a pod, and keeps a stop from nothing', async () => {
  const lab = await open();
  const file = join(lab.core.dataDir, 'isReady');
  const readinessProbe = { exec: { command: ['/bin/sh', '-c', `test -e ${file}`] }, periodSeconds: 1 };
  await lab.create('vad', { ...sleeper, readinessProbe });
  const pod = await lab.until('vad', (pod) => expect(statusOf(pod).state.running).toBeDefined());
  const { pid } = await recordOf(lab.core.dataDir, pod);
  const makeRoom = await fill(lab.core.dataDir, pod);
  await writeFile(file, '');
  await lab.until('vad', isReady);

  process.kill(-(pid as number), 'SIGKILL');
  await lab.until('vad', (pod) => expect(condition(pod, 'Ready')).toBe('False'));
  await makeRoom();
  const restarted = await lab.until('vad', isReady);
  expect(statusOf(restarted)).toMatchObject({ restartCount: 1, lastState: { terminated: { exitCode: 137 } } });

  await fill(lab.core.dataDir, pod);
  await lab.agent.close();
  expect(processesUnder(lab.core.dataDir)).toEqual([]);
});

test('an end that a full disk kept from being written down is made good when there is room', async () => {
  const lab = await open();
  await lab.create('vad', sleeper);
  const pod = await lab.until('vad', isReady);
  await lab.agent.close({ stopPods: false });
  process.kill(-((await recordOf(lab.core.dataDir, pod)).pid as number), 'SIGKILL');
  const makeRoom = await fill(lab.core.dataDir, pod);
  await lab.start();
  await lab.until('vad', (pod) => expect(condition(pod, 'Ready')).toBe('False'));
  await makeRoom();
  const restarted = await lab.until('vad', isReady);
  expect(statusOf(restarted).restartCount).toBe(1);
});

test('starts and closes while no cluster answers', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'clops-alone-'));
  cleanups.push(() => rm(dataDir, { recursive: true, force: true }));
  const api = createApi({ dataDir, clock: systemClock, log: silentLog });
  const cluster = createInProcessCluster(api, 'test/1');
  await api.close();
  const agent = await startAgent({ cluster, node: aNode(), images: {}, dataDir, log: silentLog });
  const refused = expect(agent.registered).rejects.toThrow('was stopped before it was registered');
  await agent.close();
  await refused;
});

test('after kill -9 of the agent: keeps what is wanted, learns what ended, ends what is nobody’s', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'clops-crash-'));
  cleanups.push(() => rm(dataDir, { recursive: true, force: true }));
  cleanups.push(async () => {
    for (const pid of processesUnder(dataDir)) process.kill(pid, 'SIGKILL'); // there are some only when this test failed
  });
  const child = spawn(process.execPath, [join(import.meta.dirname, 'crashing.ts'), dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const alive = processesUnder(dataDir);
  expect(alive.length).toBeGreaterThanOrEqual(3);

  const api = createApi({ dataDir, clock: systemClock, log: silentLog });
  const cluster = createInProcessCluster(api, 'test/1');
  cleanups.push(() => api.close());
  const get = (name: string): Promise<AgentPod> => cluster.get<AgentPod>(PODS, name, 'default');
  const kept = await recordOf(dataDir, await get('kept'));
  const ended = await recordOf(dataDir, await get('ended'));
  for (const pid of processesUnder(join(dataDir, 'node/gpu-1/pods', (await get('ended')).metadata.uid as string)))
    if (pid !== ended.pid) process.kill(pid, 'SIGUSR1');
  await cluster.delete(PODS, 'deleted', 'default', { gracePeriodSeconds: 0 });

  const agent = await startAgent({ cluster, node: aNode(), images: {}, dataDir, log: silentLog });
  cleanups.push(() => agent.close());
  const finished = await eventually(async () => {
    const pod = await get('ended');
    expect(pod.status?.phase).toBe('Failed');
    return pod;
  });
  expect(statusOf(finished).state.terminated).toMatchObject({ exitCode: 7, reason: 'Error' });
  expect(statusOf(finished).state.terminated?.message).toContain('begin');
  await eventually(() => expect(processesUnder(dataDir).length).toBeLessThanOrEqual(3)); // leader, shell, sleep
  expect(processesUnder(dataDir)).toContain(kept.pid);
  expect((await get('kept')).status?.phase).toBe('Running');
  await agent.close();
  expect(processesUnder(dataDir)).toEqual([]);
});
