import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fencesOf,
  proportionalStep,
  rollingStep,
  type SetSize,
  scaledValue,
} from '../../../src/local/controllers/sizes.ts';
import { aDeployment } from './builders.ts';

const set = (name: string, replicas: number, available: number, createdAtMs = 0, maxReplicas?: number): SetSize => ({
  name,
  replicas,
  available,
  createdAtMs,
  ...(maxReplicas === undefined ? {} : { maxReplicas }),
});

describe('scaledValue', () => {
  it.each([
    ['25%', 10, 'up', 3],
    ['25%', 10, 'down', 2],
    ['25%', 4, 'up', 1],
    ['25%', 4, 'down', 1],
    ['25%', 1, 'up', 1],
    ['25%', 1, 'down', 0],
    ['100%', 7, 'up', 7],
    ['0%', 7, 'up', 0],
    [3, 10, 'up', 3],
    ['x', 10, 'up', 0],
  ] as const)('%s of %i rounded %s is %i', (value, total, round, expected) => {
    expect(scaledValue(value, total, round)).toBe(expected);
  });
});

describe('fencesOf', () => {
  const rolling = (maxSurge: number | string, maxUnavailable: number | string) => ({
    type: 'RollingUpdate',
    rollingUpdate: { maxSurge, maxUnavailable },
  });
  it.each([
    ['the default', 10, undefined, { surge: 3, unavailable: 2 }],
    ['one replica', 1, undefined, { surge: 1, unavailable: 0 }],
    ['both nothing: one may be missing', 10, rolling(0, 0), { surge: 0, unavailable: 1 }],
    ['both nothing by rounding', 3, rolling('0%', '10%'), { surge: 0, unavailable: 1 }],
    ['more unavailable than replicas', 2, rolling(0, 5), { surge: 0, unavailable: 2 }],
    ['no replicas', 0, rolling(1, 1), { surge: 1, unavailable: 0 }],
    ['Recreate', 5, { type: 'Recreate' }, { surge: 0, unavailable: 0 }],
  ])('%s', (_name, replicas, strategy, expected) => {
    expect(fencesOf(aDeployment('d', { replicas, strategy }))).toEqual({ replicas, ...expected });
  });
});

describe('rollingStep', () => {
  it.each([
    [
      'the new set grows into the surge',
      { replicas: 10, surge: 3, unavailable: 2 },
      set('new', 0, 0),
      [set('old', 10, 10)],
      [{ name: 'new', replicas: 3 }],
    ],
    [
      'old pods go as far as availability allows',
      { replicas: 10, surge: 3, unavailable: 2 },
      set('new', 3, 0),
      [set('old', 10, 10)],
      [{ name: 'old', replicas: 8 }],
    ],
    [
      'nothing moves while the new pods are not available',
      { replicas: 10, surge: 3, unavailable: 2 },
      set('new', 5, 0),
      [set('old', 8, 8)],
      [],
    ],
    [
      'each new available pod frees an old one',
      { replicas: 10, surge: 3, unavailable: 2 },
      set('new', 5, 2),
      [set('old', 8, 8)],
      [{ name: 'old', replicas: 6 }],
    ],
    [
      'without surge an old one goes first',
      { replicas: 3, surge: 0, unavailable: 1 },
      set('new', 0, 0),
      [set('old', 3, 3)],
      [{ name: 'old', replicas: 2 }],
    ],
    [
      'without unavailable a new one comes first',
      { replicas: 1, surge: 1, unavailable: 0 },
      set('new', 1, 0),
      [set('old', 1, 1)],
      [],
    ],
    [
      'broken old pods go before working ones',
      { replicas: 4, surge: 1, unavailable: 1 },
      set('new', 1, 0),
      [set('a', 2, 2, 2), set('b', 2, 1, 1)],
      [{ name: 'b', replicas: 1 }],
    ],
    [
      'the oldest set goes first',
      { replicas: 4, surge: 0, unavailable: 2 },
      set('new', 0, 0),
      [set('b', 2, 2, 5), set('a', 2, 2, 1)],
      [{ name: 'a', replicas: 0 }],
    ],
    ['the end', { replicas: 3, surge: 1, unavailable: 1 }, set('new', 3, 3), [set('old', 0, 0)], []],
    [
      'a new set that is too large shrinks',
      { replicas: 3, surge: 1, unavailable: 1 },
      set('new', 5, 5),
      [],
      [{ name: 'new', replicas: 3 }],
    ],
  ])('%s', (_name, fences, newSet, oldSets, expected) => {
    expect(rollingStep(fences, newSet, oldSets)).toEqual(expected);
  });

  it('keeps within surge and unavailable whatever becomes available when, and ends', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 0, max: 5 }),
        fc.integer({ min: 0, max: 5 }),
        fc.array(fc.nat(3), { maxLength: 200 }),
        (replicas, maxSurge, maxUnavailable, speeds) => {
          const rollingUpdate = { maxSurge, maxUnavailable };
          const fences = fencesOf(aDeployment('d', { replicas, strategy: { type: 'RollingUpdate', rollingUpdate } }));
          const sets = new Map([
            ['new', set('new', 0, 0)],
            ['old', set('old', replicas, replicas)],
          ]);
          const all = () => [...sets.values()];
          for (let turn = 0; turn < 500; turn++) {
            const steps = rollingStep(fences, sets.get('new') as SetSize, [sets.get('old') as SetSize]);
            for (const { name, replicas: size } of steps) {
              const before = sets.get(name) as SetSize;
              sets.set(name, { ...before, replicas: size, available: Math.min(before.available, size) });
            }
            const total = all().reduce((sum, one) => sum + one.replicas, 0);
            const available = all().reduce((sum, one) => sum + one.available, 0);
            expect(total).toBeLessThanOrEqual(replicas + fences.surge);
            expect(available).toBeGreaterThanOrEqual(replicas - fences.unavailable);
            const fresh = sets.get('new') as SetSize;
            const come = Math.min(fresh.replicas - fresh.available, speeds[turn] ?? 1);
            sets.set('new', { ...fresh, available: fresh.available + come });
          }
          expect(sets.get('new')).toMatchObject({ replicas, available: replicas });
          expect(sets.get('old')).toMatchObject({ replicas: 0 });
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('proportionalStep', () => {
  const scaled = (replicas: number) => aDeployment('d', { replicas });
  it.each([
    ['the only set takes it all', scaled(5), set('new', 3, 3), [], [{ name: 'new', replicas: 5 }]],
    [
      'a paused rollout gives it to the set that has pods',
      scaled(5),
      undefined,
      [set('old', 3, 3)],
      [{ name: 'old', replicas: 5 }],
    ],
    [
      'a finished new set ends the old ones',
      scaled(3),
      set('new', 3, 3, 2),
      [set('old', 1, 1, 1)],
      [{ name: 'old', replicas: 0 }],
    ],
    // Kubernetes' own example: 10 replicas, surge 3, in the middle of a rollout 8 old + 5 new; scaled to 15.
    [
      'two sets share by size, the rest to the largest',
      aDeployment('d', {
        replicas: 15,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } },
      }),
      set('new', 5, 0, 2, 13),
      [set('old', 8, 8, 1, 13)],
      [
        { name: 'old', replicas: 11 },
        { name: 'new', replicas: 7 },
      ],
    ],
    [
      'to nothing',
      scaled(0),
      set('new', 2, 0, 2, 5),
      [set('old', 3, 3, 1, 5)],
      [
        { name: 'old', replicas: 0 },
        { name: 'new', replicas: 0 },
      ],
    ],
  ])('%s', (_name, deployment, newSet, oldSets, expected) => {
    expect(proportionalStep(deployment, newSet, oldSets)).toEqual(expected);
  });
});
