/** What becomes of a node's processes and pods while its cluster is slow or never answers. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Agent } from '../../../src/local/agent/index.ts';
import type { AgentPod } from '../../../src/local/agent/types.ts';
import type { ClusterPort } from '../../../src/platform/cluster/port.ts';
import { PODS } from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';
import type { FaultProxy } from '../../support/faultProxy.ts';
import { NODE } from './aNode.ts';
import { condition, processesUnder, statusOf } from './lab.ts';
import { type Proxied, startProxied } from './proxied.ts';

let lab: Proxied;
let dataDir: string;
let cluster: ClusterPort;
let proxy: FaultProxy;

beforeAll(async () => {
  lab = await startProxied();
  ({ dataDir, cluster, proxy } = lab);
});
afterAll(() => lab.close());

const start = (): Promise<Agent> => lab.start();
const stop = (agent: Agent, options?: { stopPods: boolean }): Promise<void> => lab.stop(agent, options);
const get = (name: string): Promise<AgentPod> => lab.get(name);

const create = (name: string, restartPolicy = 'Never'): Promise<unknown> => {
  const container = { name: 'main', image: 'test', command: ['/bin/sleep', '300'] };
  const resources = { limits: { 'nvidia.com/gpu': 1 } };
  return cluster.create(PODS, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { nodeName: NODE, restartPolicy, containers: [{ ...container, resources }] },
  });
};

/** Once it runs as another process than `before`. */
const untilReady = (name: string, before?: AgentPod): Promise<AgentPod> =>
  eventually(async () => {
    const pod = await get(name);
    expect(condition(pod, 'Ready')).toBe('True');
    if (before) expect(statusOf(pod).containerID).not.toBe(statusOf(before).containerID);
    return pod;
  });

/** An agent whose mark on these pods is not answered: they wait, as a ninth pod waits for its turn behind eight others. */
async function startWaiting(pods: readonly string[]): Promise<Agent> {
  const marks = ({ method, url }: { method: string; url: string }): boolean =>
    method === 'PATCH' && pods.some((name) => url.includes(`/pods/${name}?`));
  const silent = { match: marks, times: pods.length, silent: true };
  proxy.rules.push(silent);
  const agent = await start();
  await eventually(() => expect(silent.times).toBe(0));
  return agent;
}

/** A pod that runs and that no agent looks after; the next one marks it with its devices before all else. */
async function leave(name: string): Promise<AgentPod> {
  const agent = await start();
  await create(name);
  const pod = await untilReady(name);
  await stop(agent, { stopPods: false });
  await cluster.patch(PODS, name, 'default', 'merge', { metadata: { annotations: { 'clops.dev/devices': null } } });
  return pod;
}

test('a cluster that never answers keeps no process from ending with its node', async () => {
  const agent = await start();
  await create('sleeper', 'Always');
  await untilReady('sleeper');
  const silent = { match: ({ url }: { url: string }) => url.includes('/pods/sleeper/status'), times: 9, silent: true };
  proxy.rules.push(silent);
  for (const pid of processesUnder(dataDir)) process.kill(pid, 'SIGKILL'); // it is started again, and that is told
  await eventually(() => expect([silent.times, processesUnder(dataDir).length > 0]).toEqual([8, true]));
  const closed = stop(agent);
  await eventually(() => expect(processesUnder(dataDir)).toEqual([]));
  proxy.rules.splice(0);
  proxy.cut();
  await closed;
  await cluster.delete(PODS, 'sleeper', 'default', { gracePeriodSeconds: 0 });
});

test('a pod whose turn has not come when its node stops is neither left running nor over', async () => {
  const before = await leave('known');
  await create('fresh');
  const agent = await startWaiting(['known', 'fresh']);
  await stop(agent);
  proxy.cut();
  expect(processesUnder(dataDir)).toEqual([]);
  expect([(await get('known')).status?.phase, (await get('fresh')).status?.phase]).toEqual(['Running', 'Pending']);

  const next = await start();
  expect(statusOf(await untilReady('known', before))).toMatchObject({ restartCount: 0, lastState: {} });
  expect(statusOf(await untilReady('fresh')).restartCount).toBe(0);
  for (const name of ['known', 'fresh']) await cluster.delete(PODS, name, 'default', { gracePeriodSeconds: 0 });
  await eventually(() => expect(processesUnder(dataDir)).toEqual([]));
  await stop(next);
});

test('a pod that is gone before its turn has come is ended', async () => {
  await leave('lost');
  const agent = await startWaiting(['lost']);
  await cluster.delete(PODS, 'lost', 'default', { gracePeriodSeconds: 0 });
  proxy.cut();
  await eventually(() => expect(processesUnder(dataDir)).toEqual([]));
  await stop(agent);
});
