import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { conditionOf, type Node, type Pod } from '../../../src/local/kinds.ts';
import { LEASES, NODES, PODS } from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';
import { aNode, aPod } from './builders.ts';
import {
  createTestClock,
  eventsOf,
  setReady,
  startTestControllers,
  type TestClock,
  type TestControllers,
} from './harness.ts';

describe('a node', () => {
  let controllers: TestControllers;
  let clock: TestClock;
  let beats = 0;

  beforeEach(async () => {
    clock = createTestClock();
    controllers = await startTestControllers(clock);
    const { status, ...node } = aNode('n1');
    await controllers.cluster.create(NODES, node);
    await controllers.cluster.patch(NODES, 'n1', undefined, 'merge', { status }, { subresource: 'status' });
    const metadata = { name: 'n1', namespace: 'kube-node-lease' };
    await controllers.cluster.create(LEASES, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata,
      spec: { holderIdentity: 'n1' },
    });
    await renew();
  });
  afterEach(() => controllers.close());

  const get = () => controllers.cluster.get<Node>(NODES, 'n1');
  const pod = (name: string) => controllers.cluster.get<Pod>(PODS, name, 'default');
  const taints = (node: Node) => (node.spec?.taints ?? []).map(({ key, effect }) => `${key}:${effect}`);

  async function renew(): Promise<void> {
    const renewTime = new Date(Date.UTC(2026, 0, 1, 0, 0, beats++)).toISOString().replace('Z', '000Z');
    await controllers.cluster.patch(LEASES, 'n1', 'kube-node-lease', 'merge', { spec: { renewTime } });
  }
  const aRunningPod = async (name: string, spec: object = {}) => {
    const created = await controllers.cluster.create(
      PODS,
      aPod(name, {
        meta: { uid: undefined },
        spec: { nodeName: 'n1', containers: [{ name: 'main', image: 'a:1' }], ...spec },
      }),
    );
    await setReady(controllers.cluster, created, true, '10.0.0.1');
    return created;
  };
  /** Time passes in steps as short as the controllers' own, so that no look comes late. */
  const pass = async (seconds: number) => {
    for (let done = 0; done < seconds; done++) {
      clock.advance(1000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const loseIt = () =>
    eventually(async () => {
      await pass(41);
      const node = await get();
      expect(conditionOf(node, 'Ready')).toMatchObject({
        status: 'Unknown',
        reason: 'NodeStatusUnknown',
        message: 'Kubelet stopped posting node status.',
      });
      expect(taints(node)).toEqual([
        'node.kubernetes.io/unreachable:NoSchedule',
        'node.kubernetes.io/unreachable:NoExecute',
      ]);
    });

  it('that renews its lease is left in peace', async () => {
    for (let round = 0; round < 10; round++) {
      await renew();
      await pass(20);
    }
    const node = await get();
    expect(conditionOf(node, 'Ready')?.status).toBe('True');
    expect(taints(node)).toEqual([]);
  });

  it('that falls silent is Unknown and tainted, its pods are not ready, and it heals', async () => {
    await aRunningPod('a');
    await loseIt();
    await eventually(async () => expect(conditionOf(await pod('a'), 'Ready')).toMatchObject({ status: 'False' }));
    await renew();
    const { status } = aNode('n1');
    await controllers.cluster.patch(NODES, 'n1', undefined, 'merge', { status }, { subresource: 'status' });
    await eventually(async () => expect(taints(await get())).toEqual([]));
    expect((await pod('a')).metadata.deletionTimestamp).toBeUndefined();
  });

  it('that stays silent loses its pods after their tolerationSeconds', async () => {
    const tolerations = [{ key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' }];
    const impatient = await aRunningPod('impatient', { tolerations: [{ ...tolerations[0], tolerationSeconds: 5 }] });
    await aRunningPod('usual');
    await aRunningPod('faithful', { tolerations });
    await loseIt();
    await eventually(async () => {
      await pass(1);
      expect((await pod('impatient')).metadata.deletionTimestamp).toBeDefined();
    });
    await eventually(async () =>
      expect(await eventsOf(controllers.cluster, impatient)).toEqual([
        'TaintManagerEviction: Marking for deletion Pod default/impatient',
      ]),
    );
    await pass(250);
    expect((await pod('usual')).metadata.deletionTimestamp).toBeUndefined();
    await eventually(async () => {
      await pass(50);
      expect((await pod('usual')).metadata.deletionTimestamp).toBeDefined();
    });
    expect((await pod('faithful')).metadata.deletionTimestamp).toBeUndefined();
  });

  it('is given its time again when this process itself stood still', async () => {
    await pass(1);
    // The whole night in one leap: the timer that was due in 40 s is 8 h late.
    clock.leap(8 * 3600_000);
    await pass(30);
    expect(conditionOf(await get(), 'Ready')?.status).toBe('True');
    await loseIt();
  });

  it('that is cordoned says so in a taint', async () => {
    await controllers.cluster.patch(NODES, 'n1', undefined, 'merge', { spec: { unschedulable: true } });
    await eventually(async () => expect(taints(await get())).toEqual(['node.kubernetes.io/unschedulable:NoSchedule']));
    await controllers.cluster.patch(NODES, 'n1', undefined, 'merge', { spec: { unschedulable: null } });
    await eventually(async () => expect(taints(await get())).toEqual([]));
  });

  it('that is deleted takes its pods with it, after a while', async () => {
    await aRunningPod('a');
    await controllers.cluster.delete(NODES, 'n1');
    await pass(30);
    await pod('a');
    await eventually(async () => {
      await pass(5);
      expect((await controllers.cluster.list(PODS)).items).toEqual([]);
    });
  });
});
