/** What reads alike and what does not: names of revisions and hashes of inputs hang on it. */
import { expect, test } from 'vitest';
import { hashOf } from '../../src/contract/revision.ts';
import { canonical, sameJson } from '../../src/lib/canonical.ts';

const value = { b: [1, null, {}], a: undefined, d: null, e: {}, f: [], c: { z: 'z', y: new Date(0) } };

test('keys are sorted at every depth, and what is absent is as told', () => {
  const end = '"c":{"y":"1970-01-01T00:00:00.000Z","z":"z"}';
  expect(canonical(value)).toBe(`{"b":[1,null,{}],${end},"d":null,"e":{},"f":[]}`);
  expect(canonical(value, 'null')).toBe(`{"b":[1,null,{}],${end},"e":{},"f":[]}`);
  expect(canonical(value, 'empty')).toBe(`{"b":[1,null,{}],${end}}`);
});

test('two moments differ, and so do nothing and null', () => {
  for (const absent of ['undefined', 'null', 'empty'] as const)
    expect(canonical({ at: new Date(1) }, absent)).not.toBe(canonical({ at: new Date(2) }, absent));
  expect(sameJson(undefined, null)).toBe(false);
  expect(sameJson({ a: 1, b: undefined }, { a: 1 })).toBe(true);
  expect(sameJson([undefined], [null])).toBe(true);
});

test('the hash of a revision stays what it was: children in the cluster are named by it', () => {
  const artifact = { uri: 'http://x', digest: `sha256:${'0'.repeat(64)}`, sizeBytes: 1 };
  const model = { name: 'vad', version: 1, format: 'ONNX', artifact };
  const hash = hashOf({
    model,
    runtime: 'onnx',
    resources: { requests: { cpu: '1' } },
    placement: { nodeSelector: {} },
  });
  expect(hash).toBe('3bbda059e7');
});
