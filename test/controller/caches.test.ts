/** Which deployments a change is said to concern: those that it concerns, and no others. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LABELS } from '../../src/contract/names.ts';
import { type Caches, createCaches, filled, watchCaches } from '../../src/controller/caches.ts';
import { install } from '../../src/controller/install.ts';
import { startController } from '../../src/controller/run.ts';
import { silentLog } from '../../src/lib/log.ts';
import { ApiError, type ClusterPort } from '../../src/platform/cluster/port.ts';
import { GATEWAYS, MODELDEPLOYMENTS, NAMESPACES, SERVICES } from '../../src/platform/cluster/resources.ts';
import { createTrafficCounts } from '../../src/platform/metrics/gateway.ts';
import { startCore, type TestCore } from '../local/apiserver/harness.ts';
import { eventually } from '../support/eventually.ts';
import { aModelDeployment } from './lab.ts';

let core: TestCore;
let caches: Caches;
const queued: string[] = [];
beforeEach(async () => {
  core = await startCore();
  await install(core.cluster, { gateway: true });
  await core.cluster.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'speech' } });
  caches = createCaches(core.cluster, silentLog);
  watchCaches(caches, { namespace: 'clops-system', name: 'clops' }, (key) => queued.push(key));
  for (const cache of Object.values(caches)) cache.start();
  await filled(caches);
});
afterEach(async () => {
  await Promise.all(Object.values(caches).map((cache) => cache.stop()));
  await core.close();
});

async function deploy(name: string, endpoint: object): Promise<void> {
  const md = aModelDeployment(1, endpoint);
  await core.cluster.create(MODELDEPLOYMENTS, { ...md, metadata: { ...md.metadata, name } });
  await eventually(() => expect(caches.modelDeployments.get(`speech/${name}`)).toBeDefined());
  queued.length = 0;
}

/** What is queued by a change that its cache has seen. */
async function queuedBy(
  cache: Caches['gateways' | 'services'],
  key: string,
  change: Promise<unknown>,
): Promise<string[]> {
  const before = cache.get(key)?.metadata.resourceVersion;
  await change;
  await eventually(() => expect(cache.get(key)?.metadata.resourceVersion).not.toBe(before));
  return queued.splice(0).sort();
}

it('a Gateway concerns those that are attached to it, and only when more of it has changed than how many routes it has', async () => {
  const other = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'other', namespace: 'speech' },
  };
  const listeners = [{ name: 'http', port: 80, protocol: 'HTTP' }];
  await core.cluster.create(GATEWAYS, { ...other, spec: { gatewayClassName: 'clops', listeners } });
  await eventually(() => expect(caches.gateways.get('speech/other')).toBeDefined());
  await deploy('here', {});
  await deploy('there', { endpoint: { parentRefs: [{ name: 'other' }] } });

  const change = (patch: object, subresource?: 'status') =>
    queuedBy(
      caches.gateways,
      'clops-system/clops',
      core.cluster.patch(GATEWAYS, 'clops', 'clops-system', 'merge', patch, subresource ? { subresource } : {}),
    );
  const counted = { listeners: [{ name: 'http', attachedRoutes: 7, supportedKinds: [], conditions: [] }] };
  expect(await change({ status: counted }, 'status')).toEqual([]);
  expect(await change({ status: { addresses: [{ type: 'IPAddress', value: '10.0.0.1' }] } }, 'status')).toEqual([
    'speech/here',
  ]);
  expect(await change({ metadata: { annotations: { note: 'x' } } })).toEqual(['speech/here']);
  expect(await change({ spec: { gatewayClassName: 'next' } })).toEqual(['speech/here']);
  await core.cluster.delete(GATEWAYS, 'other', 'speech');
  await eventually(() => expect(queued).toEqual(['speech/there']));
});

it('a child whose label is given to another concerns the one that it is missing to', async () => {
  await deploy('vad', {});
  const metadata = { name: 'vad-stable', namespace: 'speech', labels: { [LABELS.deployment]: 'vad' } };
  await core.cluster.create(SERVICES, { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port: 80 }] } });
  await eventually(() => expect(queued).toEqual(['speech/vad']));
  queued.length = 0;
  const labels = { [LABELS.deployment]: 'other' };
  const change = core.cluster.patch(SERVICES, 'vad-stable', 'speech', 'merge', { metadata: { labels } });
  expect(await queuedBy(caches.services, 'speech/vad-stable', change)).toEqual(['speech/other', 'speech/vad']);
});

it('a leader that may not list a kind names it, and begins when it may', async () => {
  let mayList = false;
  const cluster: ClusterPort = {
    ...core.cluster,
    async list(resource, ...more) {
      if (resource.plural === 'rolloutcommands' && !mayList)
        throw new ApiError({ code: 403, reason: 'Forbidden', message: 'rolloutcommands is forbidden' });
      return core.cluster.list(resource, ...more);
    },
  };
  const controller = startController({ cluster, traffic: createTrafficCounts(), log: silentLog, identity: 'one' });
  try {
    await eventually(() => expect(controller.waitsFor).toEqual(['RolloutCommand (serving.clops.dev)']));
    expect(controller.isLeading).toBe(false);
    mayList = true;
    await eventually(() => expect(controller.isLeading).toBe(true), { withinMs: 20_000 });
    expect(controller.waitsFor).toEqual([]);
  } finally {
    await controller.close();
  }
});
