/** Rolling updates in the engine alone: how many pods there are on the way, forward and back, and what they carry. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModelDeploymentSpec, RollingSpec } from '../../src/contract/modeldeployment.ts';
import { hashOf } from '../../src/contract/revision.ts';
import { strategyOf } from '../../src/contract/strategy.ts';
import { check } from './invariants.ts';
import { type Move, move, play, STEPS } from './moves.ts';
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

/** All goes well, except that only so many pods of one version ever come. */
function goOn(world: World, version: number, pods: number): void {
  for (let i = 0; i < 30; i++) {
    for (const [of, replicas] of world.deployments)
      world.ready.set(of, of === hash(version) ? Math.min(pods, replicas) : replicas);
    world.isProgrammed = true;
    world.now += 500;
    pass(world);
  }
}

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

describe('one after the other', () => {
  it('the next one waits for the place of the last pods of the one before, for some seconds', () => {
    const world = stableAt(1, 2);
    world.capacity = 3;
    for (let version = 2; version <= 4; version++) {
      world.spec = rollingSpec(version, 2);
      settle(world, 24, check);
      expect(world.status).toMatchObject({ phase: 'Healthy', stable: { hash: hash(version), readyReplicas: 2 } });
    }
  });
});

describe('on its way', () => {
  const condition = ({ status }: World, of: string) => status.conditions?.find(({ type }) => type === of);

  it('is ready and available all the time: what has requests counts, of whichever version', () => {
    for (let replicas = 1; replicas <= 6; replicas++) {
      const world = stableAt(1, replicas);
      world.spec = rollingSpec(2, replicas);
      settle(world, 60, () => {
        for (const type of ['Ready', 'Available']) expect(condition(world, type)).toMatchObject({ status: 'True' });
      });
      expect(world.status).toMatchObject({ phase: 'Healthy', stable: { hash: hash(2) } });
    }
  });

  it('is not when pods of either version are lost, and says how many are there', () => {
    const world = stableAt(1, 4);
    world.spec = rollingSpec(2, 4);
    settle(world, 4);
    expect(world.weights?.canary).toBeGreaterThan(0);
    expect(condition(world, 'Available')).toMatchObject({ status: 'True' });
    world.ready.set(hash(1), 0);
    pass(world);
    const message = expect.stringMatching(/^\d of 4 pods of the serving revisions are available, 3 are needed\.$/);
    expect(condition(world, 'Available')).toMatchObject({ status: 'False', message });
    settle(world, 60);
    expect(condition(world, 'Available')?.status).toBe('True');
  });
});

/** Version 1 has no pods left, and three of version 2's four have all requests: the fourth never comes. */
const nearlyThere = (): World => {
  const world = stableAt(1, 4);
  world.spec = rollingSpec(2, 4);
  goOn(world, 2, 3);
  expect(world.weights).toEqual({ stable: 0, canary: 100 });
  expect(world.deployments.get(hash(1))).toBe(0);
  return world;
};

describe('when what is wanted changes on the way', () => {
  it('a third version takes nothing from the second before stable has its pods again, and says what it waits for', () => {
    const world = nearlyThere();
    world.spec = rollingSpec(3, 4);
    world.ready.set(hash(1), 0);
    for (let i = 0; i < 5; i++) check(pass(world));
    expect(world.weights).toEqual({ stable: 0, canary: 100 });
    expect(world.status.rollout?.message).toBe(
      'Version 1 takes back first what an earlier rollout gave away. 0 of 4 pods of version 1 serve it.',
    );
    settle(world, 200, check);
    expect(world.status).toMatchObject({ phase: 'Healthy', stable: { hash: hash(3), readyReplicas: 4, weight: 100 } });
    expect([...world.deployments.keys()]).toEqual([hash(3)]);
    expect(world.status.history?.slice(0, 2)).toMatchObject([{ outcome: 'Promoted' }, { outcome: 'Superseded' }]);
  });

  it('where stable cannot come back, what was half-way can be asked for again', () => {
    const world = nearlyThere();
    world.spec = rollingSpec(3, 4);
    world.ready.set(hash(1), 0);
    for (let i = 0; i < 5; i++) check(pass(world));
    world.spec = rollingSpec(2, 4);
    for (let i = 0; i < 40; i++) {
      world.ready.set(hash(2), 4);
      world.isProgrammed = true;
      world.now += 500;
      check(pass(world));
      if (world.status.stable?.hash !== hash(2)) expect(world.weights?.canary).toBe(100);
    }
    expect(world.status).toMatchObject({ phase: 'Healthy', stable: { hash: hash(2), readyReplicas: 4, weight: 100 } });
  });

  it('neither does a canary with steps made of it', () => {
    const world = nearlyThere();
    world.spec = { ...world.spec, strategy: { canary: { steps: STEPS } } };
    world.ready.set(hash(1), 0);
    for (let i = 0; i < 5; i++) check(pass(world));
    expect(world.weights).toEqual({ stable: 0, canary: 100 });
    expect(world.status.rollout?.stepIndex).toBe(0);
    settle(world, 60, check);
    expect(world.weights).toEqual({ stable: 50, canary: 50 });
    expect(world.status.rollout).toMatchObject({ phase: 'Paused', stepIndex: 3 });
  });

  it('nor a fast way back to one before the stable one', () => {
    const world = stableAt(1, 4);
    for (const version of [2, 3]) {
      world.spec = rollingSpec(version, 4);
      if (version === 2) settle(world, 100);
    }
    goOn(world, 3, 3);
    expect(world.weights).toEqual({ stable: 0, canary: 100 });
    world.spec = rollingSpec(1, 4);
    world.ready.set(hash(2), 0);
    for (let i = 0; i < 5; i++) check(pass(world));
    expect(world.weights).toEqual({ stable: 0, canary: 100 });
    settle(world, 200, check);
    expect(world.status).toMatchObject({ phase: 'Healthy', rollout: { outcome: 'FastRolledBack', hash: hash(1) } });
  });

  it('a deploy in the moment after a promotion waits for the Service of stable', () => {
    const world = aWorld(specOf(1, [{ setWeight: 50 }]));
    settle(world);
    world.spec = { ...world.spec, model: specOf(2, []).model };
    while (world.status.stable?.hash !== hash(2)) settle(world, 1);
    expect([world.selectors.stable, world.weights?.canary]).toEqual([hash(1), 100]);
    world.spec = { ...world.spec, model: specOf(3, []).model };
    check(pass(world));
    expect([world.selectors.stable, world.weights?.canary]).toEqual([hash(2), 100]);
    settle(world, 1, check);
    expect(world.weights?.canary).toBe(0);
    settle(world, 60, check);
    expect(world.status.stable?.hash).toBe(hash(3));
  });
});

const numbers = fc.record({
  replicas: fc.integer({ min: 1, max: 7 }),
  maxSurge: fc.integer({ min: 0, max: 3 }),
  maxUnavailable: fc.integer({ min: 0, max: 3 }),
  isTight: fc.boolean(),
});
const lasting: readonly Move['kind'][] = ['scale', 'steps', 'rolling'];
const passingMove = move.filter(({ kind }) => !lasting.includes(kind));

describe('whatever happens to a rolling update on a cluster without room', () => {
  it('every decision keeps the invariants, and the way back ends with all pods of stable', () => {
    fc.assert(
      fc.property(
        numbers,
        fc.array(passingMove, { maxLength: 60 }),
        fc.boolean(),
        ({ replicas, isTight, ...rolling }, moves, isAborted) => {
          const { surge, unavailable } = strategyOf(rollingSpec(1, replicas, rolling));
          const world = stableAt(1, replicas, rolling);
          world.capacity = replicas + (isTight && unavailable > 0 ? 0 : surge);
          world.spec = rollingSpec(2, replicas, rolling);
          for (const step of moves) play(world, step, check);
          world.commands = [];
          check(pass(world)); // a controller that died may not have said yet which rollout this is
          const { stable } = world.status;
          world.commands = isAborted ? [aCommand(world, 'Abort')] : [];
          if (!isAborted) world.spec = { ...world.spec, model: specOf(stable?.version ?? 1, []).model };
          settle(world, 250, check);
          expect(world.status.stable?.readyReplicas).toBe(replicas);
          expect(world.weights).toEqual({ stable: 100, canary: 0 });
          if (isAborted) return;
          expect(world.status.stable?.hash).toBe(stable?.hash);
          expect(world.status.phase).toBe(world.spec.paused ? 'Paused' : 'Healthy');
        },
      ),
      { numRuns: 60 },
    );
  });

  it('the way forward ends, too', () => {
    fc.assert(
      fc.property(numbers, fc.array(passingMove, { maxLength: 40 }), ({ replicas, isTight, ...rolling }, moves) => {
        const { surge, unavailable } = strategyOf(rollingSpec(1, replicas, rolling));
        const world = stableAt(1, replicas, rolling);
        world.capacity = replicas + (isTight && unavailable > 0 ? 0 : surge);
        world.spec = rollingSpec(2, replicas, rolling);
        for (const step of moves) play(world, step, check);
        world.spec = { ...world.spec, paused: false };
        world.commands = [];
        settle(world, 300, check);
        if (world.status.rollout?.outcome === 'Aborted') return;
        expect(world.status).toMatchObject({ phase: 'Healthy', stable: { hash: hashOf(world.spec) } });
      }),
      { numRuns: 60 },
    );
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
    goOn(world, 2, 2);
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
