import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { createExpectations } from '../../../src/local/controllers/expectations.ts';
import { startControllers } from '../../../src/local/controllers/index.ts';
import { isPodActive, type Pod, type ReplicaSet } from '../../../src/local/kinds.ts';
import type { ClusterPort, KubeObject, Resource, WatchOptions } from '../../../src/platform/cluster/port.ts';
import { PODS, REPLICASETS } from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';
import { startCore } from '../apiserver/harness.ts';
import { aPod, aReplicaSet } from './builders.ts';
import {
  createTestClock,
  eventsOf,
  type Kubelet,
  setReady,
  startKubelet,
  startTestControllers,
  type TestControllers,
} from './harness.ts';

const at = { namespace: 'default' };

describe('a ReplicaSet', () => {
  let controllers: TestControllers;
  let kubelet: Kubelet;

  beforeEach(async () => {
    controllers = await startTestControllers();
    kubelet = await startKubelet(controllers.cluster);
  });
  afterEach(async () => {
    await kubelet.close();
    await controllers.close();
  });

  const get = (name: string) => controllers.cluster.get<ReplicaSet>(REPLICASETS, name, 'default');
  const active = async () => (await controllers.cluster.list<Pod>(PODS, at)).items.filter(isPodActive);
  const scale = (name: string, replicas: number) =>
    controllers.cluster.patch(REPLICASETS, name, 'default', 'merge', { spec: { replicas } });

  it('has its pods and counts them', async () => {
    const created = await controllers.cluster.create(REPLICASETS, aReplicaSet('web', 3));
    await eventually(async () =>
      expect((await get('web')).status).toEqual({
        replicas: 3,
        fullyLabeledReplicas: 3,
        readyReplicas: 3,
        availableReplicas: 3,
        observedGeneration: 1,
      }),
    );
    const [pod] = await active();
    expect(pod?.metadata).toMatchObject({
      generateName: 'web-',
      labels: { app: 'web' },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: 'web',
          uid: created.metadata.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    });
    await eventually(async () => expect(await eventsOf(controllers.cluster, created)).toHaveLength(3));
    await scale('web', 0);
    await eventually(async () => expect((await get('web')).status).toEqual({ replicas: 0, observedGeneration: 2 }));
  });

  it('gives up the pod that does not work', async () => {
    await controllers.cluster.create(REPLICASETS, aReplicaSet('web', 3));
    await eventually(async () => expect((await get('web')).status?.readyReplicas).toBe(3));
    const [sick] = await active();
    if (!sick) throw new Error('no pod');
    await setReady(controllers.cluster, sick, false);
    await eventually(async () => expect((await get('web')).status?.readyReplicas).toBe(2));
    await scale('web', 2);
    await eventually(async () => {
      const names = (await active()).map(({ metadata }) => metadata.name);
      expect(names).toHaveLength(2);
      expect(names).not.toContain(sick.metadata.name);
    });
  });

  it('replaces a pod that has ended', async () => {
    await controllers.cluster.create(REPLICASETS, aReplicaSet('web', 1));
    const [first] = await eventually(async () => {
      const pods = await active();
      expect(pods).toHaveLength(1);
      return pods;
    });
    const name = first?.metadata.name ?? '';
    await controllers.cluster.patch(
      PODS,
      name,
      'default',
      'merge',
      { status: { phase: 'Failed' } },
      { subresource: 'status' },
    );
    await eventually(async () => {
      const pods = await active();
      expect(pods.map(({ metadata }) => metadata.name)).not.toContain(name);
      expect(pods).toHaveLength(1);
    });
  });

  it('adopts pods that match and lets go of those that match no more', async () => {
    await controllers.cluster.create(PODS, aPod('orphan', { meta: { uid: undefined, labels: { app: 'web' } } }));
    const set = await controllers.cluster.create(REPLICASETS, aReplicaSet('web', 2));
    const owners = async () =>
      (await controllers.cluster.get<Pod>(PODS, 'orphan', 'default')).metadata.ownerReferences?.map(({ uid }) => uid) ??
      [];
    await eventually(async () => {
      expect(await owners()).toEqual([set.metadata.uid]);
      expect(await active()).toHaveLength(2);
    });
    const labels = { app: 'quarantined' };
    await controllers.cluster.patch(PODS, 'orphan', 'default', 'merge', { metadata: { labels } });
    await eventually(async () => {
      expect(await owners()).toEqual([]);
      expect(await active()).toHaveLength(3);
    });
  });

  it('says why no pod can be made', async () => {
    const set = aReplicaSet('web', 2);
    const labels = { app: 'web', bad: 'x' };
    const created = await controllers.cluster.create(REPLICASETS, {
      ...set,
      spec: {
        ...set.spec,
        template: {
          metadata: { labels, annotations: { 'not a name': 'x' } },
          spec: { containers: [{ name: 'main', image: 'a:1' }] },
        },
      },
    });
    await eventually(async () => {
      expect((await get('web')).status?.conditions).toMatchObject([
        { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate' },
      ]);
      expect(await eventsOf(controllers.cluster, created)).toMatchObject([
        expect.stringContaining('FailedCreate: Error creating: '),
      ]);
    });
  });
});

/** A port whose pod watch is late by `ms`: what every informer meets when a server is busy. */
const lagging = (cluster: ClusterPort, ms: number): ClusterPort => ({
  ...cluster,
  async *watch<T extends KubeObject>(resource: Resource, options: WatchOptions) {
    for await (const event of cluster.watch<T>(resource, options)) {
      if (resource.plural === 'pods') await delay(ms, undefined, { signal: options.signal });
      yield event;
    }
  },
});

it('never makes a pod twice, nor deletes one too many, while its cache lags', async () => {
  const core = await startCore();
  const controllers = startControllers({ cluster: lagging(core.cluster, 40), log: silentLog });
  const seen = new Set<string>();
  const gone = new Set<string>();
  const abort = new AbortController();
  try {
    await controllers.synced();
    const { resourceVersion } = await core.cluster.list(PODS);
    const watching = (async () => {
      for await (const event of core.cluster.watch(PODS, { resourceVersion, signal: abort.signal })) {
        if (event.type === 'ADDED') seen.add(event.object.metadata.name);
        if (event.type === 'DELETED') gone.add(event.object.metadata.name);
      }
    })().catch(() => undefined);
    await core.cluster.create(REPLICASETS, aReplicaSet('web', 5));
    // Touching the set again and again makes the controller look at it while the pods are still unseen.
    for (let round = 0; round < 20; round++) {
      await core.cluster.patch(REPLICASETS, 'web', 'default', 'merge', {
        metadata: { annotations: { round: `${round}` } },
      });
      await new Promise((resolve) => setImmediate(resolve));
    }
    const set = () => core.cluster.get<ReplicaSet>(REPLICASETS, 'web', 'default');
    await eventually(async () => expect((await set()).status?.replicas).toBe(5));
    await core.cluster.patch(REPLICASETS, 'web', 'default', 'merge', { spec: { replicas: 2 } });
    for (let round = 0; round < 20; round++) {
      await core.cluster.patch(REPLICASETS, 'web', 'default', 'merge', {
        metadata: { annotations: { again: `${round}` } },
      });
      await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually(async () => expect((await set()).status).toMatchObject({ replicas: 2, observedGeneration: 2 }));
    abort.abort();
    await watching;
    expect([seen.size, gone.size]).toEqual([5, 3]);
  } finally {
    abort.abort();
    await controllers.close();
    await core.close();
  }
});

describe('expectations', () => {
  const owned = (name: string, meta: object = {}) =>
    aPod(name, {
      meta: {
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'set', controller: true }],
        ...meta,
      },
    });

  it('are met by the very pod that was made, and by a deletion that has begun', () => {
    const expectations = createExpectations(systemClock);
    expectations.created('set', 'default/a');
    expectations.observe({ type: 'added', object: owned('b') });
    expect(expectations.satisfied('set')).toBe(false);
    expectations.observe({ type: 'added', object: owned('a') });
    expect(expectations.satisfied('set')).toBe(true);
    expectations.deleted('set', 'default/a');
    expectations.observe({ type: 'modified', object: owned('a') });
    expect(expectations.satisfied('set')).toBe(false);
    expectations.observe({ type: 'modified', object: owned('a', { deletionTimestamp: '2026-01-01T00:00:00Z' }) });
    expect(expectations.satisfied('set')).toBe(true);
  });

  it('do not bind for ever', () => {
    const clock = createTestClock();
    const expectations = createExpectations(clock);
    expectations.created('set', 'default/a');
    clock.advance(299_000);
    expect(expectations.satisfied('set')).toBe(false);
    clock.advance(2_000);
    expect(expectations.satisfied('set')).toBe(true);
  });
});
