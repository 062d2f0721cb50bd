import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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
import { startNode } from '../../../src/local/node.ts';
import { createClientNodeCluster } from '../../../src/platform/cluster/clientNode.ts';
import { PODS, SECRETS } from '../../../src/platform/cluster/resources.ts';
import { freePort } from '../../../src/platform/process/ports.ts';
import { eventually } from '../../support/eventually.ts';
import { aNode, NODE } from './aNode.ts';
import { condition, type Lab, processesUnder, startLab, statusOf } from './lab.ts';

const MAIN = join(import.meta.dirname, '../../../src/main.ts');
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

const recordOf = async (dataDir: string, pod: AgentPod): Promise<ContainerRecord> => {
  const path = join(dataDir, 'node/gpu-1/pods', pod.metadata.uid as string, 'containers/main/container.json');
  return JSON.parse(await readFile(path, 'utf8')) as ContainerRecord;
};

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

test('a Secret that is deleted fails no probe of who was started with it, also after an adoption', async () => {
  const lab = await open();
  const { cluster, dataDir } = lab.core;
  const metadata = { name: 'key', namespace: 'default' };
  await cluster.create(SECRETS, { apiVersion: 'v1', kind: 'Secret', metadata, data: { key: 'eA==' } });
  const file = join(dataDir, 'isReady');
  await writeFile(file, '');
  const exec = (script: string) => ({
    exec: { command: ['/bin/sh', '-c', script] },
    periodSeconds: 1,
    failureThreshold: 1,
  });
  await lab.create('vad', {
    ...sleeper,
    env: [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'key', key: 'key' } } }],
    livenessProbe: exec('test "$KEY" = x'),
    readinessProbe: exec(`test -e ${file}`),
  });
  await lab.until('vad', isReady);
  await cluster.delete(SECRETS, 'key', 'default');
  for (const ready of ['False', 'True']) {
    await (ready === 'True' ? writeFile(file, '') : rm(file));
    const pod = await lab.until('vad', (pod) => expect(condition(pod, 'Ready')).toBe(ready));
    expect(statusOf(pod).restartCount).toBe(0);
  }

  await lab.agent.close({ stopPods: false });
  await lab.start();
  await eventually(async () =>
    expect(await lab.events('vad')).toContain(
      'Warning Unhealthy Liveness probe errored, which does not count: secret "key" not found',
    ),
  );
  expect(statusOf(await lab.get('vad'))).toMatchObject({ restartCount: 0, ready: true });
});

test('a start that fails leaves alone what an earlier one has left running', async () => {
  const lab = await open();
  const { cluster, dataDir } = lab.core;
  await lab.create('vad', sleeper);
  const { pid } = await recordOf(dataDir, await lab.until('vad', isReady));
  await lab.agent.close({ stopPods: false });
  await writeFile(join(dataDir, 'node', 'broken'), ''); // where its folder should be
  const nodes = [aNode(), aNode({ name: 'broken' })];
  const gateway = { port: 0, bind: '127.0.0.1' };
  await expect(startNode({ cluster, nodes, images: {}, dataDir, gateway, log: silentLog })).rejects.toThrow('ENOTDIR');
  expect(processesUnder(dataDir)).toContain(pid);
  await (await lab.start()).close();
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

test('a stop before the cluster has said which pods there are ends their processes and counts no restart', async () => {
  const lab = await open();
  const { dataDir } = lab.core;
  await lab.create('vad', sleeper);
  await lab.create('once', sleeper, { restartPolicy: 'Never' });
  const before = [await lab.until('vad', isReady), await lab.until('once', isReady)];
  await lab.agent.close({ stopPods: false });
  const silent = createInProcessCluster(lab.core.api, 'test/1');
  await silent.close();
  const agent = await startAgent({ cluster: silent, node: aNode(), images: {}, dataDir, log: silentLog });
  await agent.close();
  expect(processesUnder(dataDir)).toEqual([]);
  await lab.start();
  for (const pod of before) {
    const again = await lab.until(pod.metadata.name, (now) => {
      expect(statusOf(now).containerID).not.toBe(statusOf(pod).containerID); // what was said before is still there
      isReady(now);
    });
    expect(statusOf(again)).toMatchObject({ restartCount: 0, lastState: {} });
  }
});

test('a fault that ends the node’s process ends no pod: the next one adopts them', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'clops-fault-'));
  cleanups.push(() => rm(dataDir, { recursive: true, force: true }));
  const [cluster, gateway] = await Promise.all([freePort(), freePort()]);
  const env = { ...process.env, CLOPS_DATA_DIR: dataDir, CLOPS_LOCAL_CONFIG: join(dataDir, 'nodes.yaml') };
  Object.assign(env, { CLOPS_CLUSTER_PORT: `${cluster}`, CLOPS_GATEWAY_PORT: `${gateway}` });
  await writeFile(env.CLOPS_LOCAL_CONFIG, `nodes: [{name: ${NODE}}]`);
  const fault = 'data:text/javascript,process.on("SIGUSR2",()=>{throw new Error("a fault")})';
  const startRole = async (name: string): Promise<{ end(signal: NodeJS.Signals): Promise<unknown> }> => {
    const child = spawn(process.execPath, ['--import', fault, MAIN, name], {
      env,
      stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
    });
    const ended = once(child, 'exit');
    const end = (signal: NodeJS.Signals): Promise<unknown> => {
      child.kill(signal);
      return ended;
    };
    cleanups.push(() => end('SIGTERM'));
    await once(child, 'message'); // that it is ready
    return { end };
  };
  await startRole('cluster');
  const client = createClientNodeCluster({
    kubeconfig: join(dataDir, 'cluster', 'node.kubeconfig'),
    userAgent: 'test',
  });
  cleanups.push(() => client.close());
  const node = await startRole('node');
  const file = join(dataDir, 'isReady');
  await writeFile(file, '');
  const readinessProbe = {
    exec: { command: ['/bin/sh', '-c', `test -e ${file}`] },
    periodSeconds: 1,
    failureThreshold: 1,
  };
  await client.create(PODS, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'vad', namespace: 'default' },
    spec: { nodeName: NODE, containers: [{ name: 'main', image: 'test', ...sleeper, readinessProbe }] },
  });
  const until = (ready: string): Promise<AgentPod> =>
    eventually(async () => {
      const pod = await client.get<AgentPod>(PODS, 'vad', 'default');
      expect(condition(pod, 'Ready')).toBe(ready);
      return pod;
    });
  const { pid } = await recordOf(dataDir, await until('True'));
  expect(await node.end('SIGUSR2')).toEqual([1, null]);
  expect(processesUnder(dataDir)).toContain(pid);
  await rm(file);
  const next = await startRole('node');
  const pod = await until('False'); // somebody probes it again
  expect([statusOf(pod).restartCount, (await recordOf(dataDir, pod)).pid]).toEqual([0, pid]);
  expect(await next.end('SIGTERM')).toEqual([0, null]);
  expect(processesUnder(dataDir)).toEqual([]);
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
