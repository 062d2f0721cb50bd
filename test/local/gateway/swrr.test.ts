import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSwrr } from '../../../src/local/gateway/swrr.ts';

const keys = (weights: readonly number[]) => weights.map((_, i) => `backend-${i}`);

function counts(swrr: ReturnType<typeof createSwrr>, size: number, picks: number): number[] {
  const counted = new Array<number>(size).fill(0);
  for (let i = 0; i < picks; i++) counted[swrr.pick()]!++;
  return counted;
}

describe('smooth weighted round robin', () => {
  it('spreads 5:1:1 as nginx does', () => {
    const swrr = createSwrr();
    swrr.setWeights(['a', 'b', 'c'], [5, 1, 1]);
    expect(Array.from({ length: 7 }, () => 'abc'[swrr.pick()]).join('')).toBe('aabacaa');
  });

  it('is exact over one cycle, whatever the weights', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 8 }), (weights) => {
        const swrr = createSwrr();
        swrr.setWeights(keys(weights), weights);
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        if (total === 0) expect(swrr.pick()).toBe(-1);
        else expect(counts(swrr, weights.length, total)).toEqual(weights);
      }),
    );
  });

  it('gives two backends what they are due within one request, also across changes of the weight', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 1, max: 40 })), {
      minLength: 1,
    });
    fc.assert(
      fc.property(steps, (changes) => {
        const swrr = createSwrr();
        let due = 0;
        let got = 0;
        for (const [canary, picks] of changes) {
          swrr.setWeights(['stable', 'canary'], [100 - canary, canary]);
          due += (picks * canary) / 100;
          got += counts(swrr, 2, picks)[1]!;
          expect(Math.abs(got - due)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('says whether anything changed, and forgets a backend that left', () => {
    const swrr = createSwrr();
    expect(swrr.setWeights(['a', 'b'], [1, 1])).toBe(true);
    expect(swrr.setWeights(['a', 'b'], [1, 1])).toBe(false);
    swrr.pick();
    expect(swrr.setWeights(['b'], [1])).toBe(true);
    expect(counts(swrr, 1, 3)).toEqual([3]);
    expect(swrr.setWeights(['a', 'b'], [1, 1])).toBe(true);
    expect(counts(swrr, 2, 10)).toEqual([5, 5]);
  });
});
