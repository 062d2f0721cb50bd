/** What a cluster refuses of one object holds up nothing else of a node, and its pods say so. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../../src/lib/clock.ts';
import type { AgentPod } from '../../../src/local/agent/types.ts';
import { conditionOf, type Node } from '../../../src/local/kinds.ts';
import { isNotFound } from '../../../src/platform/cluster/port.ts';
import { EVENTS, NODES, PODS, SECRETS } from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';
import { NODE } from './aNode.ts';
import { condition, statusOf } from './lab.ts';
import { type Proxied, startProxied } from './proxied.ts';

let lab: Proxied;
beforeAll(async () => {
  lab = await startProxied();
});
afterAll(() => lab.close());
beforeEach(() => {
  lab.proxy.rules.splice(0);
});

const FORBIDDEN = 'secrets "key" is forbidden: User "desk" cannot list resource "secrets" in API group ""';

function refuse(method: string, path: RegExp, message = 'denied by a policy'): void {
  const body = { kind: 'Status', code: 403, reason: 'Forbidden', message };
  lab.proxy.rules.push({
    match: (asked) => asked.method === method && path.test(asked.url),
    times: 1_000,
    answer: { status: 403, body },
  });
}

const create = (name: string, container: object = {}, spec: object = {}): Promise<AgentPod> => {
  const main = { name: 'main', image: 'test', command: ['/bin/sleep', '300'], ...container };
  return lab.cluster.create(PODS, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { nodeName: NODE, restartPolicy: 'Never', containers: [main], ...spec },
  }) as Promise<AgentPod>;
};

const isGone = (name: string): Promise<void> =>
  eventually(async () => expect(await lab.get(name).then(() => false, isNotFound)).toBe(true));

/** Twenty times as fast. */
const hasty: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic() * 20,
  after: (ms, fn) => systemClock.after(ms / 20, fn),
};

test('a pod whose Secret its node may not read says so, and starts when it may', async () => {
  refuse('GET', /\/secrets\?/, FORBIDDEN);
  const agent = await lab.start({ clock: hasty });
  await create('mounting', {}, { volumes: [{ name: 'key', secret: { secretName: 'key' } }] });
  await create('reading', { envFrom: [{ secretRef: { name: 'key' } }] });
  const said = async (name: string): Promise<string[]> => {
    const { items } = await lab.cluster.list(EVENTS, { fieldSelector: `involvedObject.name=${name}` });
    return items.map(({ type, reason, message }) => `${type} ${reason} ${message}`);
  };
  const why = `failed to sync secret cache: ${FORBIDDEN}`;
  await eventually(async () => {
    expect(await said('mounting')).toEqual([`Warning FailedMount MountVolume.SetUp failed for volume "key" : ${why}`]);
    expect(await said('reading')).toEqual([`Warning Failed Error: ${why}`]);
    const { state } = statusOf(await lab.get('reading'));
    expect(state).toEqual({ waiting: { reason: 'CreateContainerConfigError', message: why } });
  });

  const metadata = { name: 'key', namespace: 'default' };
  await lab.cluster.create(SECRETS, { apiVersion: 'v1', kind: 'Secret', metadata, data: { key: 'eA==' } });
  lab.proxy.rules.splice(0);
  for (const name of ['mounting', 'reading']) {
    await eventually(async () => expect(condition(await lab.get(name), 'Ready')).toBe('True'));
    await lab.cluster.delete(PODS, name, 'default', { gracePeriodSeconds: 0 });
  }
  await lab.stop(agent);
});

test('a pod that is deleted goes, also when it could not be admitted', async () => {
  refuse('PATCH', /\/pods\/marked\?/);
  const full = await create('full');
  // As on a full disk: what it is given cannot be written down.
  const pods = join(lab.dataDir, 'node', NODE, 'pods');
  mkdirSync(pods, { recursive: true });
  writeFileSync(join(pods, full.metadata.uid as string), '');
  const agent = await lab.start();
  await create('marked', { resources: { limits: { 'nvidia.com/gpu': 1 } } });
  await eventually(() =>
    expect(lab.proxy.seen.filter(({ url }) => url.includes('/pods/marked?')).length).toBeGreaterThan(0),
  );
  for (const name of ['full', 'marked']) {
    await lab.cluster.delete(PODS, name, 'default');
    await isGone(name);
  }
  await lab.stop(agent);
});

test('a node whose status is refused renews its lease', async () => {
  const agent = await lab.start();
  const { status } = await lab.cluster.get<Node>(NODES, NODE);
  refuse('PATCH', /\/nodes\/gpu-1\/status/);
  const silent = { type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown' };
  const conditions = [...(status?.conditions ?? []).filter(({ type }) => type !== 'Ready'), silent];
  const options = { subresource: 'status', fieldManager: 'node-controller' } as const;
  const before = lab.proxy.seen.length;
  await lab.cluster.patch(NODES, NODE, undefined, 'merge', { status: { conditions } }, options);
  await eventually(() => {
    const asked = lab.proxy.seen.slice(before).map(({ method, url }) => `${method} ${url.split('?')[0]}`);
    const refused = asked.findIndex((line) => line.endsWith('/nodes/gpu-1/status'));
    expect(refused).toBeGreaterThanOrEqual(0);
    expect(asked.slice(refused)).toContain(
      'PATCH /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/gpu-1',
    );
  });
  lab.proxy.rules.splice(0);
  await eventually(async () => {
    expect(conditionOf(await lab.cluster.get<Node>(NODES, NODE), 'Ready')?.status).toBe('True');
  });
  await lab.stop(agent);
});
