/** Rolling updates in the engine alone: how many pods there are on the way, forward and back, and what they carry. */
import { describe, expect, it } from 'vitest';
import type { ModelDeploymentSpec, RollingSpec } from '../../src/contract/modeldeployment.ts';
import { hashOf } from '../../src/contract/revision.ts';
import { aCommand, aWorld, pass, settle, specOf, type World } from './world.ts';

const rollingSpec = (version: number, replicas: number, rolling: RollingSpec = {}): ModelDeploymentSpec => ({
  ...specOf(version, [], replicas),
  strategy: { rolling },
});
const hash = (version: number): string => hashOf(specOf(version, []));
const stableAt = (version: number, replicas: number, rolling: RollingSpec = {}): World => {
  const world = aWorld(rollingSpec(version, replicas, rolling));
  settle(world);
  return world;
};

describe('forward', () => {
  it('ends, whatever the numbers: shares are whole percents, and two of three pods are 67 of them', () => {
    for (const rolling of [{}, { maxSurge: 1, maxUnavailable: 0 }, { maxSurge: 0, maxUnavailable: 1 }]) {
      for (let replicas = 1; replicas <= 40; replicas++) {
        const world = stableAt(1, replicas, rolling);
        world.spec = rollingSpec(2, replicas, rolling);
        settle(world, 6 * replicas + 10);
        expect(world.status, `${replicas} replicas, ${JSON.stringify(rolling)}`).toMatchObject({
          phase: 'Healthy',
          stable: { hash: hash(2), replicas, weight: 100 },
        });
      }
    }
  });
});

describe('on a full cluster', () => {
  const room: [string, number, RollingSpec][] = [
    ['room for the surge', 5, {}],
    ['no room but for the pods', 4, {}],
    ['room for the surge, none may be missing', 5, { maxSurge: 1, maxUnavailable: 0 }],
  ];
  /** Version 2 has two verified pods, and its others never come. */
  const halfWay = (capacity: number, rolling: RollingSpec): World => {
    const world = stableAt(1, 4, rolling);
    world.capacity = capacity;
    world.spec = rollingSpec(2, 4, rolling);
    for (let i = 0; i < 30; i++) {
      for (const [of, replicas] of world.deployments)
        world.ready.set(of, of === hash(2) ? Math.min(2, replicas) : replicas);
      world.isProgrammed = true;
      world.now += 500;
      pass(world);
    }
    expect(world.deployments.get(hash(1))).toBeLessThanOrEqual(2);
    expect(world.weights?.canary).toBeGreaterThanOrEqual(50);
    return world;
  };
  const isBack = (world: World): void => {
    settle(world, 120);
    expect(world.weights).toEqual({ stable: 100, canary: 0 });
    expect(world.status.stable).toMatchObject({ hash: hash(1), replicas: 4, readyReplicas: 4 });
  };

  it.each(room)('an abort gets stable its pods: %s', (_, capacity, rolling) => {
    const world = halfWay(capacity, rolling);
    world.commands = [aCommand(world, 'Abort')];
    isBack(world);
    expect(world.status.rollout?.outcome).toBe('Aborted');
  });

  it.each(room)('so does asking for the stable version again: %s', (_, capacity, rolling) => {
    const world = halfWay(capacity, rolling);
    world.spec = rollingSpec(1, 4, rolling);
    isBack(world);
    expect(world.status.rollout?.outcome).toBe('FastRolledBack');
  });

  it.each(room)('a fast way back and a promotion in full are rolling, too: %s', (_, capacity, rolling) => {
    const world = stableAt(1, 4, rolling);
    world.capacity = capacity;
    world.spec = rollingSpec(2, 4, rolling);
    settle(world, 5);
    world.commands = [aCommand(world, 'Promote', 'Full')];
    settle(world, 60);
    expect(world.status).toMatchObject({ phase: 'Healthy', rollout: { outcome: 'FastPromoted', hash: hash(2) } });
    world.spec = rollingSpec(1, 4, rolling);
    settle(world, 120);
    expect(world.status).toMatchObject({ phase: 'Healthy', rollout: { outcome: 'FastRolledBack', hash: hash(1) } });
  });

  it('an abort that waits says for what', () => {
    const world = halfWay(5, { maxSurge: 1, maxUnavailable: 0 });
    world.commands = [aCommand(world, 'Abort')];
    for (let i = 0; i < 3; i++) pass(world);
    expect(world.status.rollout?.message).toBe(
      'Aborted. The traffic goes back to version 1. 2 of 4 pods of version 1 serve it.',
    );
  });
});
