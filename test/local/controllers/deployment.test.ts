import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { conditionOf, type Deployment, isPodActive, type Pod, type ReplicaSet } from '../../../src/local/kinds.ts';
import { DEPLOYMENTS, PODS, REPLICASETS } from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';
import { aDeployment } from './builders.ts';
import {
  createTestClock,
  eventsOf,
  type Kubelet,
  startKubelet,
  startTestControllers,
  type TestControllers,
} from './harness.ts';

const at = { namespace: 'default' };
const working = (pod: Pod) => !pod.spec.containers[0]?.image?.toString().includes('broken');

describe('a Deployment', () => {
  let controllers: TestControllers;
  let kubelet: Kubelet;
  const clock = createTestClock();

  beforeEach(async () => {
    controllers = await startTestControllers(clock);
    kubelet = await startKubelet(controllers.cluster, working);
  });
  afterEach(async () => {
    await kubelet.close();
    await controllers.close();
  });

  const get = (name: string) => controllers.cluster.get<Deployment>(DEPLOYMENTS, name, 'default');
  const sets = async () => (await controllers.cluster.list<ReplicaSet>(REPLICASETS, at)).items;
  const pods = async () => (await controllers.cluster.list<Pod>(PODS, at)).items;
  const change = (name: string, spec: unknown) =>
    controllers.cluster.patch<Deployment>(DEPLOYMENTS, name, 'default', 'merge', { spec });
  const image = (text: string) => ({ template: { spec: { containers: [{ name: 'main', image: text }] } } });

  /** What `kubectl rollout status` waits for. */
  const rolledOut = (name: string) =>
    eventually(async () => {
      const deployment = await get(name);
      const { replicas = 1 } = deployment.spec;
      expect(deployment.status).toMatchObject({ observedGeneration: deployment.metadata.generation });
      if (replicas > 0) {
        expect(deployment.status).toMatchObject({ replicas, updatedReplicas: replicas, availableReplicas: replicas });
      } else expect(deployment.status?.replicas ?? 0).toBe(0);
      expect(conditionOf(deployment, 'Progressing')).toMatchObject({
        status: 'True',
        reason: 'NewReplicaSetAvailable',
      });
      return deployment;
    });

  it('has its pods, says that they are available, and heals', async () => {
    await controllers.cluster.create(DEPLOYMENTS, aDeployment('web'));
    const deployment = await rolledOut('web');
    expect(conditionOf(deployment, 'Available')).toMatchObject({ status: 'True', reason: 'MinimumReplicasAvailable' });
    expect(deployment.metadata.annotations).toMatchObject({ 'deployment.kubernetes.io/revision': '1' });
    const [set] = await sets();
    expect(set?.metadata.name).toBe(`web-${set?.metadata.labels?.['pod-template-hash']}`);
    expect(conditionOf(deployment, 'Progressing')?.message).toBe(
      `ReplicaSet "${set?.metadata.name}" has successfully progressed.`,
    );
    const before = await pods();
    expect(before.map((pod) => pod.metadata.name.startsWith(`${set?.metadata.name}-`))).toEqual([true, true, true]);
    await eventually(async () =>
      expect(await eventsOf(controllers.cluster, deployment)).toEqual([
        `ScalingReplicaSet: Scaled up replica set ${set?.metadata.name} from 0 to 3`,
      ]),
    );

    await controllers.cluster.delete(PODS, before[0]?.metadata.name ?? '', 'default');
    await eventually(async () => {
      const now = await pods();
      expect(now.filter(isPodActive)).toHaveLength(3);
      expect(now.map(({ metadata }) => metadata.uid)).not.toContain(before[0]?.metadata.uid);
    });
  });

  it('rolls to a new template within its fences, back again, and keeps its history short', async () => {
    await controllers.cluster.create(DEPLOYMENTS, aDeployment('web', { replicas: 4, revisionHistoryLimit: 1 }));
    await rolledOut('web');
    for (const version of [2, 3]) {
      await change('web', image(`model:${version}`));
      await rolledOut('web');
    }
    await eventually(async () => {
      const revisions = (await sets()).map(({ metadata, spec }) => [
        metadata.annotations?.['deployment.kubernetes.io/revision'],
        spec.replicas,
      ]);
      expect(revisions.sort()).toEqual([
        ['2', 0],
        ['3', 4],
      ]);
    });
    expect((await pods()).map(({ spec }) => spec.containers[0]?.image)).toEqual(Array(4).fill('model:3'));

    await change('web', image('model:2'));
    const back = await rolledOut('web');
    expect(back.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('4');
    const again = (await sets()).find(({ spec }) => spec.replicas === 4);
    expect(again?.metadata.annotations?.['deployment.kubernetes.io/revision-history']).toBe('2');
  });

  it('keeps what works when the new version does not, and says when its deadline has passed', async () => {
    const spec = { replicas: 4, progressDeadlineSeconds: 60 };
    await controllers.cluster.create(DEPLOYMENTS, aDeployment('web', spec));
    await rolledOut('web');
    await change('web', image('broken:1'));
    await eventually(async () => {
      const images = (await pods()).filter(isPodActive).map((pod) => pod.spec.containers[0]?.image);
      expect(images.sort()).toEqual(['broken:1', 'broken:1', 'model:1', 'model:1', 'model:1']);
      expect(await get('web')).toMatchObject({
        status: { updatedReplicas: 2, availableReplicas: 3, unavailableReplicas: 2 },
      });
    });
    expect(conditionOf(await get('web'), 'Progressing')).toMatchObject({ status: 'True', reason: 'ReplicaSetUpdated' });

    await eventually(async () => {
      clock.advance(62_000);
      expect(conditionOf(await get('web'), 'Progressing')).toMatchObject({
        status: 'False',
        reason: 'ProgressDeadlineExceeded',
      });
    });
    expect(conditionOf(await get('web'), 'Available')?.status).toBe('True');
    const [broken] = (await sets()).filter(
      (set) => set.metadata.annotations?.['deployment.kubernetes.io/revision'] === '2',
    );
    expect(conditionOf(await get('web'), 'Progressing')?.message).toBe(
      `ReplicaSet "${broken?.metadata.name}" has timed out progressing.`,
    );

    await change('web', image('model:2'));
    await rolledOut('web');
  });

  it('changes size in the middle of a rollout, while paused, and to nothing', async () => {
    await controllers.cluster.create(DEPLOYMENTS, aDeployment('web', { replicas: 4 }));
    await rolledOut('web');
    await change('web', image('broken:1'));
    await eventually(async () => expect((await pods()).filter(isPodActive)).toHaveLength(5));
    await change('web', { replicas: 8 });
    // 4 + surge 1 was shared 3 : 2; 8 + surge 2 is shared 6 : 4.
    await eventually(async () => expect((await sets()).map(({ spec }) => spec.replicas).sort()).toEqual([4, 6]));

    await change('web', { paused: true, replicas: 3, ...image('model:2') });
    await eventually(async () => {
      expect(conditionOf(await get('web'), 'Progressing')).toMatchObject({
        status: 'Unknown',
        reason: 'DeploymentPaused',
      });
      expect((await sets()).reduce((sum, { spec }) => sum + (spec.replicas ?? 0), 0)).toBe(4);
    });
    expect(await sets()).toHaveLength(2);
    await change('web', { paused: false });
    await rolledOut('web');
    await change('web', { replicas: 0 });
    await rolledOut('web');
    await eventually(async () => expect(await pods()).toEqual([]));
  });

  it('with Recreate ends all old pods before the first new one', async () => {
    await controllers.cluster.create(DEPLOYMENTS, aDeployment('web', { replicas: 2, strategy: { type: 'Recreate' } }));
    await rolledOut('web');
    await kubelet.close(); // nobody confirms the end of the old pods now
    for (const pod of await pods()) {
      const patch = { metadata: { finalizers: ['test.invalid/held'] } };
      await controllers.cluster.patch(PODS, pod.metadata.name, 'default', 'merge', patch);
    }
    kubelet = await startKubelet(controllers.cluster, working);
    await change('web', image('model:2'));
    await eventually(async () => {
      const now = await pods();
      expect(now.map(({ metadata }) => metadata.deletionTimestamp !== undefined)).toEqual([true, true]);
      expect((await sets()).map(({ spec }) => spec.replicas)).toEqual([0]);
    });
    for (const pod of await pods()) {
      const patch = { metadata: { finalizers: null } };
      await controllers.cluster.patch(PODS, pod.metadata.name, 'default', 'merge', patch);
    }
    await rolledOut('web');
    expect((await pods()).map(({ spec }) => spec.containers[0]?.image)).toEqual(['model:2', 'model:2']);
  });

  it('counts a pod as available only after minReadySeconds', async () => {
    await controllers.cluster.create(
      DEPLOYMENTS,
      aDeployment('web', { replicas: 1, minReadySeconds: 3600, progressDeadlineSeconds: 7200 }),
    );
    await eventually(async () =>
      expect((await get('web')).status).toMatchObject({ readyReplicas: 1, unavailableReplicas: 1 }),
    );
    expect(conditionOf(await get('web'), 'Available')?.status).toBe('False');
    await eventually(async () => {
      clock.advance(3_601_000);
      expect((await get('web')).status).toMatchObject({ availableReplicas: 1 });
    });
  });

  it('takes its sets and pods with it when it goes', async () => {
    await controllers.cluster.create(DEPLOYMENTS, aDeployment('web'));
    await rolledOut('web');
    await controllers.cluster.delete(DEPLOYMENTS, 'web', 'default');
    await eventually(async () => {
      expect(await sets()).toEqual([]);
      expect(await pods()).toEqual([]);
    });
  });

  it('finds another name when its own is taken by a stranger', async () => {
    await controllers.cluster.create(DEPLOYMENTS, aDeployment('web', { replicas: 1 }));
    await rolledOut('web');
    const [set] = await sets();
    await controllers.cluster.delete(DEPLOYMENTS, 'web', 'default');
    await eventually(async () => expect(await sets()).toEqual([]));
    const stranger = { ...aDeployment('other', { replicas: 0 }), apiVersion: 'apps/v1', kind: 'ReplicaSet' };
    const { selector, template } = stranger.spec;
    const name = set?.metadata.name ?? '';
    await controllers.cluster.create(REPLICASETS, {
      ...stranger,
      metadata: { name, namespace: 'default' },
      spec: { replicas: 0, selector, template },
    });
    await controllers.cluster.create(DEPLOYMENTS, aDeployment('web', { replicas: 1 }));
    const deployment = await rolledOut('web');
    expect(deployment.status?.collisionCount).toBe(1);
  });
});
