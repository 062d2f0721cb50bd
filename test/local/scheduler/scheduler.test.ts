import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { conditionOf, type Event, type Node, type Pod, type PodSpec } from '../../../src/local/kinds.ts';
import { type Scheduler, startScheduler } from '../../../src/local/scheduler/index.ts';
import { EVENTS, NODES, PODS } from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';
import { startCore, type TestCore } from '../apiserver/harness.ts';
import { aNode, aPod } from '../controllers/builders.ts';
import { eventsOf } from '../controllers/harness.ts';

const MESSAGE = '0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) had untolerated taint(s).';

describe('the scheduler', () => {
  let core: TestCore;
  let scheduler: Scheduler;

  beforeEach(async () => {
    core = await startCore();
    scheduler = startScheduler({ cluster: core.cluster, log: silentLog });
    await scheduler.synced();
  });
  afterEach(async () => {
    await scheduler.close();
    await core.close();
  });

  async function addNode(node: Node): Promise<void> {
    const { status, ...rest } = node;
    await core.cluster.create(NODES, rest);
    await core.cluster.patch(NODES, node.metadata.name, undefined, 'merge', { status }, { subresource: 'status' });
  }
  const gpuPod = (name: string, gpus: number, spec: Partial<PodSpec> = {}) => {
    const resources = { limits: { 'nvidia.com/gpu': String(gpus) } };
    return core.cluster.create(
      PODS,
      aPod(name, {
        meta: { uid: undefined },
        spec: { containers: [{ name: 'main', image: 'a:1', resources }], ...spec },
      }),
    );
  };
  const get = (name: string) => core.cluster.get<Pod>(PODS, name, 'default');
  const placed = (name: string, node: string) =>
    eventually(async () => {
      const pod = await get(name);
      expect(pod.spec.nodeName).toBe(node);
      return pod;
    });
  const unschedulable = (name: string, message: string) =>
    eventually(async () =>
      expect(conditionOf(await get(name), 'PodScheduled')).toMatchObject({
        status: 'False',
        reason: 'Unschedulable',
        message,
      }),
    );

  it('places a pod and says so', async () => {
    await addNode(aNode('a', { allocatable: { 'nvidia.com/gpu': '1' } }));
    const pod = await gpuPod('one', 1);
    expect(conditionOf(await placed('one', 'a'), 'PodScheduled')?.status).toBe('True');
    await eventually(async () =>
      expect(await eventsOf(core.cluster, pod)).toEqual(['Scheduled: Successfully assigned default/one to a']),
    );
  });

  it('says why it cannot, once and with a count, and places the pod when there is room', async () => {
    await addNode(aNode('a', { allocatable: { 'nvidia.com/gpu': '1' } }));
    await addNode(aNode('b', { spec: { taints: [{ key: 'x', effect: 'NoSchedule' }] } }));
    await gpuPod('one', 1);
    await placed('one', 'a');
    const two = await gpuPod('two', 1);
    await unschedulable('two', MESSAGE);
    await core.cluster.patch(NODES, 'b', undefined, 'merge', { metadata: { labels: { changed: 'yes' } } });
    await eventually(async () => {
      const { items } = await core.cluster.list<Event>(EVENTS, {
        fieldSelector: `involvedObject.uid=${two.metadata.uid}`,
      });
      expect(items).toMatchObject([
        {
          type: 'Warning',
          reason: 'FailedScheduling',
          message: MESSAGE,
          source: { component: 'default-scheduler' },
          involvedObject: { kind: 'Pod', name: 'two' },
        },
      ]);
      expect(items[0]?.count).toBeGreaterThan(1);
    });
    await core.cluster.delete(PODS, 'one', 'default', { gracePeriodSeconds: 0 });
    await placed('two', 'a');
  });

  it('looks again when a node comes, is uncordoned or gets more', async () => {
    await gpuPod('one', 2);
    await unschedulable('one', 'no nodes available to schedule pods');
    await addNode(aNode('a', { spec: { unschedulable: true }, allocatable: { 'nvidia.com/gpu': '1' } }));
    await unschedulable('one', '0/1 nodes are available: 1 node(s) were unschedulable.');
    await core.cluster.patch(NODES, 'a', undefined, 'merge', { spec: { unschedulable: null } });
    await unschedulable('one', '0/1 nodes are available: 1 Insufficient nvidia.com/gpu.');
    const status = { allocatable: { 'nvidia.com/gpu': '2' } };
    await core.cluster.patch(NODES, 'a', undefined, 'merge', { status }, { subresource: 'status' });
    await placed('one', 'a');
  });

  it('never promises one device twice, and names those of simulated nodes', async () => {
    const labels = { 'clops.dev/simulated': 'true' };
    await addNode(aNode('sim', { labels, allocatable: { 'nvidia.com/gpu': '4', pods: '20' } }));
    await Promise.all(Array.from({ length: 8 }, (_, index) => gpuPod(`p${index}`, 1)));
    const held = await eventually(async () => {
      const { items } = await core.cluster.list<Pod>(PODS);
      const bound = items.filter(({ spec }) => spec.nodeName === 'sim');
      expect(bound).toHaveLength(4);
      expect(items.filter((pod) => conditionOf(pod, 'PodScheduled')?.reason === 'Unschedulable')).toHaveLength(4);
      return bound;
    });
    const devices = (pod: Pod) => pod.metadata.annotations?.['clops.dev/devices'];
    expect(held.map(devices).sort()).toEqual([0, 1, 2, 3].map((index) => `nvidia.com/gpu=${index}`));

    const [first] = held;
    await core.cluster.delete(PODS, first?.metadata.name ?? '', 'default', { gracePeriodSeconds: 0 });
    await eventually(async () => {
      const { items } = await core.cluster.list<Pod>(PODS);
      const now = items.filter(({ spec }) => spec.nodeName === 'sim').map(devices);
      expect(now.sort()).toEqual([0, 1, 2, 3].map((index) => `nvidia.com/gpu=${index}`));
    });
  });

  it('leaves alone what is not its own', async () => {
    await addNode(aNode('a', { allocatable: { 'nvidia.com/gpu': '8' } }));
    await gpuPod('foreign', 1, { schedulerName: 'other' });
    await gpuPod('gated', 1, { schedulingGates: [{ name: 'clops.dev/wait' }] });
    await gpuPod('ours', 1);
    await placed('ours', 'a');
    for (const name of ['foreign', 'gated']) {
      const pod = await get(name);
      expect(pod.spec.nodeName).toBeUndefined();
      expect(conditionOf(pod, 'PodScheduled')).toBeUndefined();
    }
  });

  it('goes on after a restart where it stopped', async () => {
    await scheduler.close();
    await gpuPod('one', 1);
    await addNode(aNode('a', { allocatable: { 'nvidia.com/gpu': '1' } }));
    scheduler = startScheduler({ cluster: core.cluster, log: silentLog });
    await placed('one', 'a');
  });
});
