import { expect, test } from 'vitest';
import { z } from 'zod';
import { checked, jsonRule, parametersRule, tagsRule } from '../../src/lib/check.ts';
import { isProblems } from '../../src/lib/problem.ts';

const rule = z.object({
  name: z.string().optional(),
  parameters: parametersRule.default({}),
  metrics: jsonRule.optional(),
  tags: tagsRule.default({}),
  points: z.array(z.object({ value: z.number().nullable().default(1), at: z.number().optional() })).default([]),
});

test('what is free JSON stays as it was said, with its nulls and whatever its keys are called', () => {
  const parameters = {
    max_depth: null,
    net: { dropout: null, layers: [null, { x: null }] },
    constructor: 1,
    prototype: 2,
  };
  expect(checked(rule, { parameters, metrics: { auc: null }, tags: { a: { b: null } } })).toEqual({
    parameters,
    metrics: { auc: null },
    tags: { a: { b: null } },
    points: [],
  });
});

test('null is not given where a rule has a word of its own for that, and a tag that says null is not there', () => {
  expect(
    checked(rule, { name: null, parameters: null, tags: { a: null, b: '1' }, points: [{ value: null, at: null }] }),
  ).toEqual({ parameters: {}, tags: { b: '1' }, points: [{ value: 1 }] });
  expect(checked(rule, { points: [{ value: null, at: null }] }, { keepNull: ['value'] })).toMatchObject({
    points: [{ value: null }],
  });
});

test('a whole number that was rounded on its way is refused, not kept as another one', () => {
  const seed = JSON.parse('9007199254740993') as number;
  const parameters = { ok: 2 ** 53 - 1, many: 1e30, net: { seeds: [1, seed] } };
  const refused = checked(rule, { parameters, tags: { id: -seed } });
  expect(isProblems(refused) && refused.list.map(({ path }) => path)).toEqual([
    ['parameters', 'net'],
    ['tags', 'id'],
  ]);
  expect(checked(rule, { metrics: { flops: 3e18 } })).toMatchObject({ metrics: { flops: 3e18 } });
});
