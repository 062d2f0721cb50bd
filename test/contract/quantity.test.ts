import { describe, expect, it } from 'vitest';
import { formatQuantity, isQuantity, parseQuantity } from '../../src/contract/quantity.ts';

describe('parseQuantity', () => {
  it.each([
    ['0', 0],
    ['2', 2],
    ['500m', 0.5],
    ['100m', 0.1],
    ['1.5', 1.5],
    ['.5', 0.5],
    ['5.', 5],
    ['+3', 3],
    ['-250m', -0.25],
    ['1k', 1000],
    ['1e3', 1000],
    ['1E3', 1000],
    ['12e-1', 1.2],
    ['1E', 1e18],
    ['16Gi', 16 * 2 ** 30],
    ['0.5Gi', 2 ** 29],
    ['128974848', 128974848],
    ['129M', 129e6],
    ['123Mi', 123 * 2 ** 20],
    ['100n', 1e-7],
    ['7u', 7e-6],
    [4, 4],
  ])('reads %s as %s', (text, value) => {
    expect(parseQuantity(text)).toBe(value);
  });

  it.each(['', ' 1', '1 Gi', '1gi', '1Kib', '1K', 'Gi', '--1', '1..2', '0x10', 'NaN', '1e', '1e9999', '1'.repeat(65)])(
    'refuses "%s"',
    (text) => {
      expect(isQuantity(text)).toBe(false);
      expect(() => parseQuantity(text)).toThrow(/is not a quantity/);
    },
  );

  it('refuses numbers that are none', () => {
    expect(() => parseQuantity(Number.NaN)).toThrow(/is not a quantity/);
  });
});

describe('formatQuantity', () => {
  it.each([
    [0, 'decimal', '0'],
    [0.5, 'decimal', '500m'],
    [1.5, 'decimal', '1500m'],
    [0.1 + 0.2, 'decimal', '300m'],
    [0.0001, 'decimal', '1m'],
    [2000, 'decimal', '2k'],
    [1500, 'decimal', '1500'],
    [-2, 'decimal', '-2'],
    [16 * 2 ** 30, 'binary', '16Gi'],
    [1536 * 2 ** 20, 'binary', '1536Mi'],
    [1000, 'binary', '1000'],
    [1e18, 'decimal', '1E'],
  ] as const)('writes %s (%s) as %s', (value, base, text) => {
    expect(formatQuantity(value, base)).toBe(text);
  });

  it('writes what it reads', () => {
    for (const text of ['500m', '2', '3k', '1500m', '7M']) expect(formatQuantity(parseQuantity(text))).toBe(text);
    for (const text of ['16Gi', '512Mi', '3Ti']) expect(formatQuantity(parseQuantity(text), 'binary')).toBe(text);
  });
});
