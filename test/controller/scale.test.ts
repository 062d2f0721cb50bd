/** What a deployment says while it has other pods than are wanted, and no rollout is why. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ModelDeploymentStatus } from '../../src/contract/modeldeployment.ts';
import { hashOf } from '../../src/contract/revision.ts';
import { PODS } from '../../src/platform/cluster/resources.ts';
import { type Lab, startLab } from './lab.ts';
import { aWorld, pass, settle, specOf, type World } from './world.ts';

const condition = ({ conditions = [] }: ModelDeploymentStatus, of: string) =>
  conditions.find(({ type }) => type === of);

describe('by itself', () => {
  let world: World;
  beforeEach(() => {
    world = aWorld(specOf(1, [{ setWeight: 50 }, { pause: {} }]));
    settle(world);
    expect(world.status).toMatchObject({ phase: 'Healthy', ready: '4/4' });
  });
  const want = (replicas: number): void => {
    world.spec = { ...world.spec, replicas };
    pass(world);
  };
  const have = (ready: number): void => {
    world.ready.set(hashOf(world.spec), ready);
    pass(world);
  };
  const says = () => [world.status.phase, world.status.ready];

  it('is on its way while pods of a scale come, and no rollout has begun', () => {
    const { rollout, history } = world.status;
    want(6);
    pass(world);
    expect(says()).toEqual(['Progressing', '4/6']);
    expect(condition(world.status, 'Progressing')).toMatchObject({
      status: 'True',
      reason: 'WaitingForPods',
      message: '4 of 6 pods of the serving revision are available.',
    });
    have(5);
    expect(says()).toEqual(['Progressing', '5/6']);
    expect(condition(world.status, 'Ready')?.status).toBe('True');
    have(6);
    expect(says()).toEqual(['Healthy', '6/6']);
    expect(condition(world.status, 'Progressing')?.reason).toBe('NewRevisionAvailable');
    expect(world.status).toMatchObject({ rollout: rollout ?? {}, history: history ?? [] });
    want(4);
    expect(world.status.phase).toBe('Healthy');
  });

  it('is on its way while lost pods are replaced, and degraded when it has fewer than it needs', () => {
    have(3);
    expect(says()).toEqual(['Progressing', '3/4']);
    have(2);
    expect(says()).toEqual(['Degraded', '2/4']);
    // It does not get better by being asked for more.
    want(6);
    have(4);
    expect(says()).toEqual(['Degraded', '4/6']);
    have(6);
    expect(says()).toEqual(['Healthy', '6/6']);
  });

  it('is degraded when pods that served are lost while others come', () => {
    want(8);
    expect(world.status.phase).toBe('Progressing');
    have(3);
    expect(world.status.phase).toBe('Degraded');
  });

  it('is on its way to nothing and back', () => {
    want(0);
    expect(says()).toEqual(['Progressing', '4/4']);
    pass(world);
    expect(says()).toEqual(['Stopped', '0/0']);
    world.ready.clear();
    want(2);
    pass(world);
    expect(says()).toEqual(['Progressing', '0/2']);
    have(2);
    expect(says()).toEqual(['Healthy', '2/2']);
  });
});

describe('in a cluster', () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await startLab();
    await lab.deploy(1);
    await lab.until((status) => expect(status).toMatchObject({ phase: 'Healthy', ready: '2/2' }));
  });
  afterEach(() => lab.close());

  it('a scale costs the Deployment, its beginning, its end, and counts once in a second', async () => {
    lab.calls.length = 0;
    const startedAt = performance.now();
    await lab.edit({ replicas: 4 });
    await lab.until((status) => expect(status).toMatchObject({ phase: 'Healthy', ready: '4/4' }));
    const seconds = Math.ceil((performance.now() - startedAt) / 1000);
    expect(lab.calls.filter((call) => call === 'apply deployments')).toHaveLength(1);
    const patches = lab.calls.filter((call) => call === 'patch modeldeployments/status');
    expect(patches.length).toBeLessThanOrEqual(2 + seconds);
  });

  it('a pod that was evicted is not counted with those in its place, nor is what it died of told of them', async () => {
    const [pod] = await lab.pods();
    const evicted = { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' };
    const status = { ...evicted, conditions: [{ type: 'Ready', status: 'False' }], containerStatuses: null };
    await lab.cluster.patch(PODS, pod?.metadata.name ?? '', 'speech', 'merge', { status }, { subresource: 'status' });
    await lab.until(async (now) => {
      expect(await lab.pods()).toHaveLength(3);
      expect(now).toMatchObject({ phase: 'Healthy', ready: '2/2', replicas: 2, stable: { replicas: 2 } });
    });
    lab.fates.set(1, 'pending');
    await lab.edit({ replicas: 3 });
    await lab.until((now) =>
      expect(condition(now, 'Progressing')).toMatchObject({
        reason: 'WaitingForPods',
        message: '2 of 3 pods of the serving revision are available.',
      }),
    );
  });

  it('pods that no node takes are said, in words of the scheduler, until they are there', async () => {
    lab.fates.set(1, 'unschedulable');
    await lab.edit({ replicas: 4 });
    const message = expect.stringMatching(/^2 of 4 pods of the serving revision are available.* Unschedulable: 0\/\d/);
    const status = await lab.until((now) => {
      expect(now).toMatchObject({ phase: 'Degraded', ready: '2/4', rollout: { number: 1, outcome: 'Promoted' } });
      expect(condition(now, 'Ready')).toMatchObject({ status: 'False', message });
    });
    expect(condition(status, 'Progressing')).toMatchObject({ reason: 'Unschedulable', message });
    lab.fates.set(1, 'ready');
    await lab.touch();
    await lab.until((now) => expect(now).toMatchObject({ phase: 'Healthy', ready: '4/4' }));
  });
});
