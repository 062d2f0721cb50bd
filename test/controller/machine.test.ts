/** The engine alone: what it must never do, whatever happens and whenever it dies. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashOf } from '../../src/contract/revision.ts';
import { decide } from '../../src/controller/rollout/machine.ts';
import { check } from './invariants.ts';
import { move, play, STEPS, specOfSteps } from './moves.ts';
import { aCommand, aWorld, inputOf, pass, settle, specOf, type World } from './world.ts';

/** Nothing yet, a stable revision, or the middle of a canary. */
const start = fc.constantFrom<'nothing' | 'stable' | 'canary'>('nothing', 'stable', 'canary');

const begun = new Map<string, World>();
const worldAt = (at: 'nothing' | 'stable' | 'canary'): World => {
  const known = begun.get(at) ?? makeWorld(at);
  begun.set(at, known);
  return structuredClone(known);
};

function makeWorld(at: 'nothing' | 'stable' | 'canary'): World {
  const world = aWorld(specOf(1, STEPS));
  if (at !== 'nothing') settle(world, 30);
  if (at === 'canary') {
    world.spec = { ...world.spec, model: specOf(2, []).model };
    settle(world, 30);
  }
  return world;
}

describe('whatever happens', () => {
  it('reaches what it is meant to test', () => {
    const { status, weights } = worldAt('canary');
    expect(status.rollout).toMatchObject({ phase: 'Paused', stepIndex: 3 });
    expect(weights).toEqual({ stable: 50, canary: 50 });
  });

  it('every decision keeps the invariants', () => {
    fc.assert(
      fc.property(start, fc.array(move, { maxLength: 60 }), (at, moves) => {
        const world = worldAt(at);
        for (const step of moves) {
          play(world, step, check);
        }
      }),
      { numRuns: 600 },
    );
  });

  it('every rollout but the present one has exactly one outcome, and its number is never given again', () => {
    fc.assert(
      fc.property(start, fc.array(move, { maxLength: 60 }), (at, moves) => {
        const world = worldAt(at);
        let number = world.status.rollout?.number ?? 0;
        for (const step of moves) {
          play(world, step, check);
          const { rollout, history = [] } = world.status;
          if (!rollout) continue;
          expect(rollout.number === number || rollout.number === number + 1 || step.kind === 'well').toBe(true);
          number = rollout.number;
          const told = history.map((entry) => entry.number);
          expect(new Set(told).size).toBe(told.length);
          for (let earlier = Math.max(1, number - 15); earlier < number; earlier++) expect(told).toContain(earlier);
          const own = history.find((entry) => entry.number === number);
          // Its entry stays while it is tried again, until it has ended once more.
          if (rollout.outcome) expect(own?.outcome).toBe(rollout.outcome);
          else if (own) expect(own.outcome).toBe('Aborted');
        }
      }),
      { numRuns: 200 },
    );
  });

  it('what has come to rest is left alone: another look writes nothing and tells nothing', () => {
    fc.assert(
      fc.property(start, fc.array(move, { maxLength: 30 }), (at, moves) => {
        const world = worldAt(at);
        for (const step of moves) play(world, step, check);
        world.commands = [];
        settle(world, 120); // longer than any delay
        const rest = ({ status, deployments, selectors, weights, revisions }: World): unknown =>
          structuredClone({ status, deployments, selectors, weights, revisions });
        const before = rest(world);
        world.now += 1000;
        const { decision } = pass(world);
        expect(rest(world)).toEqual(before);
        expect(decision.events).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it('an abort never gives the canary more, and ends with everything at stable', () => {
    const calm = move.filter(
      ({ kind }) => kind === 'pods' || kind === 'programmed' || kind === 'drift' || kind === 'pass',
    );
    fc.assert(
      fc.property(fc.array(calm, { maxLength: 40 }), (moves) => {
        const world = worldAt('canary');
        world.commands = [aCommand(world, 'Abort')];
        pass(world);
        let share = world.weights?.canary ?? 0;
        for (const step of moves) {
          play(world, step, check);
          expect(world.weights?.canary ?? 0).toBeLessThanOrEqual(share);
          share = world.weights?.canary ?? 0;
        }
        settle(world);
        expect(world.weights).toEqual({ stable: 100, canary: 0 });
        expect(world.status.rollout?.outcome).toBe('Aborted');
      }),
      { numRuns: 150 },
    );
  });

  it('deciding is a function: the same input gives the same decision', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
        const world = aWorld(specOf(1, STEPS));
        for (const step of moves) play(world, step, check);
        const input = inputOf(world);
        expect(decide(structuredClone(input))).toEqual(decide(input));
      }),
      { numRuns: 60 },
    );
  });

  it('when all goes well in the end, what was asked for last is stable, or paused, or was aborted', () => {
    fc.assert(
      fc.property(start, fc.array(move, { maxLength: 40 }), (at, moves) => {
        const world = worldAt(at);
        for (const step of moves) play(world, step, check);
        world.spec = { ...specOfSteps(world, [{ setWeight: 10 }, { setWeight: 50 }]), paused: false, replicas: 4 };
        world.commands = [];
        settle(world);
        const { rollout, stable, canary } = world.status;
        if (rollout?.outcome === 'Aborted') {
          expect(world.weights?.canary ?? 0).toBe(0);
          expect(stable?.weight).toBe(100);
        } else {
          expect(rollout?.phase).toBe('Healthy');
          expect(stable?.hash).toBe(hashOf(world.spec));
          expect(canary).toBeUndefined();
          expect([...world.deployments.keys()]).toEqual([stable?.hash]);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('a controller that dies between any two writes changes no outcome', () => {
    const deaths = fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(deaths, fc.boolean(), (writes, isAborted) => {
        const run = (crashes: readonly number[]): World => {
          const world = aWorld(specOf(1, [{ setWeight: 10 }, { setWeight: 50 }]));
          settle(world);
          world.spec = { ...world.spec, model: specOf(2, []).model };
          const queue = [...crashes];
          for (let i = 0; i < 40; i++) {
            for (const [hash, replicas] of world.deployments) world.ready.set(hash, replicas);
            world.isProgrammed = world.weights !== undefined;
            world.now += 500;
            if (i === 3 && isAborted)
              world.commands.push(
                aCommand({ ...world, status: { rollout: { ...world.status.rollout!, number: 2 } } }, 'Abort'),
              );
            pass(world, queue.shift());
          }
          settle(world);
          return world;
        };
        const [calm, stormy] = [run([]), run(writes)];
        // Slower, so an abort may meet it at another step or after its end; but what it then is, it is wholly.
        if (!isAborted) {
          expect(outcomeOf(stormy)).toEqual(outcomeOf(calm));
          expect(stormy.shares).toEqual([0, 10, 50, 100, 0]);
        } else expect(['Aborted', 'Promoted']).toContain(stormy.status.rollout?.outcome);
        expect(stormy.status.rollout?.number).toBe(2);
      }),
      { numRuns: 60 },
    );
  });
});

const outcomeOf = ({ status, weights, deployments }: World): unknown => ({
  outcome: status.rollout?.outcome,
  number: status.rollout?.number,
  history: status.history?.map(({ number, outcome, from, to }) => ({ number, outcome, from, to })),
  stable: status.stable,
  weights,
  deployments: [...deployments],
});

describe('going back, and forward again', () => {
  const deploy = (world: World, version: number): void => {
    world.spec = { ...world.spec, model: specOf(version, []).model };
    world.shares.length = 0;
    settle(world, 60);
  };
  const last = ({ status, shares }: World): unknown => [status.history?.[0]?.outcome, shares];
  const walked = ['Promoted', [10, 50, 100, 0]];
  const fast = ['FastRolledBack', [100, 0]];
  const begin = (versions: number): World => {
    const world = aWorld(specOf(1, [{ setWeight: 10 }, { setWeight: 50 }]));
    settle(world);
    for (let next = 2; next <= versions; next++) deploy(world, next);
    return world;
  };

  it('only back is without steps, however often, though the numbers of revisions rise each time', () => {
    const world = begin(2);
    for (let round = 0; round < 3; round++) {
      deploy(world, 1);
      expect(last(world)).toEqual(fast);
      deploy(world, 2);
      expect(last(world)).toEqual(walked);
    }
    const [stable, other] = [2, 1].map((version) => world.revisions.get(hashOf(specOf(version, []))) ?? 0);
    expect(stable).toBeGreaterThan(other ?? 0);
  });

  it('one on its way back stays past the steps when they are edited meanwhile', () => {
    const world = begin(2);
    world.spec = { ...world.spec, model: specOf(1, []).model };
    pass(world);
    expect(world.status.rollout).toMatchObject({ fast: true });
    world.spec = specOf(1, [{ setWeight: 10 }, { pause: {} }, { setWeight: 50 }, { pause: {} }]);
    world.shares.length = 0;
    settle(world, 60);
    expect(last(world)).toEqual(fast);
    expect(world.status.rollout).toMatchObject({ phase: 'Healthy', stepIndex: 4 });
  });

  it('from the oldest, the one between is forward; an older one than the window is back, step by step', () => {
    const world = begin(5);
    deploy(world, 3);
    expect(last(world)).toEqual(fast);
    deploy(world, 4);
    expect(last(world)).toEqual(walked);
    deploy(world, 1);
    expect(last(world)).toEqual(['RolledBack', [10, 50, 100, 0]]);
  });

  it('a revision that was forgotten meanwhile is a new one', () => {
    const world = begin(2);
    for (const numbers of [world.revisions, world.firstRevisions]) numbers.delete(hashOf(specOf(1, [])));
    deploy(world, 1);
    expect(last(world)).toEqual(walked);
  });

  it('forward in full, by command, is not called a way back', () => {
    const world = aWorld(specOf(1, [{ setWeight: 10 }, { pause: {} }]));
    settle(world);
    deploy(world, 2);
    world.commands = [aCommand(world, 'Promote', 'Full')];
    settle(world);
    deploy(world, 1);
    expect(world.status.history?.[0]?.outcome).toBe('FastRolledBack');
    deploy(world, 2);
    world.commands = [aCommand(world, 'Promote', 'Full')];
    settle(world);
    expect(world.status.history?.[0]?.outcome).toBe('FastPromoted');
  });
});

describe('verbs', () => {
  it('one command advances once, and two commands twice', () => {
    const world = aWorld(specOf(1, [{ setWeight: 10 }, { pause: {} }, { pause: {} }, { pause: {} }]));
    settle(world);
    world.spec = { ...world.spec, model: specOf(2, []).model };
    settle(world);
    expect(world.status.rollout?.stepIndex).toBe(1);
    world.commands = [aCommand(world, 'Promote'), aCommand(world, 'Promote')];
    pass(world);
    expect(world.status.rollout?.stepIndex).toBe(2);
    settle(world);
    expect(world.status.rollout?.stepIndex).toBe(3);
  });

  it('the first revision, replaced while it serves but before its rollout has ended, counts as stable', () => {
    const world = aWorld(specOf(1, STEPS));
    for (let i = 0; i < 40 && !(world.status.canary && world.status.canary.weight > 0); i++) settle(world, 1);
    expect(world.status.rollout?.outcome).toBeUndefined();
    world.ready.set(hashOf(world.spec), 1);
    pass(world);
    world.spec = { ...world.spec, model: specOf(2, []).model };
    pass(world);
    expect(world.status.stable?.hash).toBe(hashOf(specOf(1, [])));
    expect(world.status.history?.[0]).toMatchObject({ number: 1, outcome: 'Promoted' });
  });

  it('time in a pause does not consume the deadline', () => {
    const world = aWorld(specOf(1, [{ setWeight: 10 }, { pause: {} }, { setWeight: 50 }]));
    settle(world);
    world.spec = { ...world.spec, model: specOf(2, []).model };
    settle(world);
    world.now += 3600_000;
    pass(world);
    expect(world.status.rollout?.phase).toBe('Paused');
    world.commands = [aCommand(world, 'Promote')];
    pass(world);
    pass(world);
    expect(world.status.rollout?.phase).not.toBe('Degraded');
    expect(world.status.rollout?.pausedBeforeSeconds).toBeGreaterThanOrEqual(3600);
    world.now += 61_000;
    world.ready.clear();
    expect(pass(world).decision.run.rollout.phase).toBe('Degraded');
  });
});
