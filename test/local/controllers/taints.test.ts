import { describe, expect, it } from 'vitest';
import { desiredTaints, staySeconds, tolerates } from '../../../src/local/taints.ts';
import { aNode } from './builders.ts';

const taint = (key: string, effect: string, value?: string) => ({
  key,
  effect,
  ...(value === undefined ? {} : { value }),
});
const unreachable = taint('node.kubernetes.io/unreachable', 'NoExecute');

describe('tolerates', () => {
  it.each([
    ['nothing', [], taint('gpu', 'NoSchedule'), false],
    ['the same key and value', [{ key: 'gpu', value: 'a' }], taint('gpu', 'NoSchedule', 'a'), true],
    ['another value', [{ key: 'gpu', value: 'b' }], taint('gpu', 'NoSchedule', 'a'), false],
    ['Exists', [{ key: 'gpu', operator: 'Exists' }], taint('gpu', 'NoSchedule', 'a'), true],
    ['another effect', [{ key: 'gpu', operator: 'Exists', effect: 'NoExecute' }], taint('gpu', 'NoSchedule'), false],
    ['everything', [{ operator: 'Exists' }], taint('gpu', 'NoSchedule'), true],
    ['an empty key that does not say Exists', [{ value: '' }], taint('gpu', 'NoSchedule'), false],
  ])('%s', (_name, tolerations, given, expected) => {
    expect(tolerates(tolerations, given)).toBe(expected);
  });
});

describe('staySeconds', () => {
  it.each([
    ['five minutes on a lost node by default', [], unreachable, 300],
    ['no time with another NoExecute taint', [], taint('gpu', 'NoExecute'), 0],
    ['as long as it says', [{ key: unreachable.key, operator: 'Exists', tolerationSeconds: 10 }], unreachable, 10],
    ['for ever without a limit', [{ operator: 'Exists' }], unreachable, undefined],
    [
      'the least of several',
      [
        { operator: 'Exists', tolerationSeconds: 60 },
        { key: unreachable.key, operator: 'Exists', tolerationSeconds: 5 },
      ],
      unreachable,
      5,
    ],
  ])('%s', (_name, tolerations, given, expected) => {
    expect(staySeconds(tolerations, given)).toBe(expected);
  });
});

describe('desiredTaints', () => {
  const withReady = (status: 'True' | 'False' | 'Unknown', spec = {}) => ({
    ...aNode('n1', { spec }),
    status: { conditions: [{ type: 'Ready', status }] },
  });
  const keys = (taints: { key: string; effect: string }[]) => taints.map(({ key, effect }) => `${key}:${effect}`);

  it.each([
    ['ready', withReady('True'), []],
    [
      'not ready',
      withReady('False'),
      ['node.kubernetes.io/not-ready:NoSchedule', 'node.kubernetes.io/not-ready:NoExecute'],
    ],
    [
      'unknown',
      withReady('Unknown'),
      ['node.kubernetes.io/unreachable:NoSchedule', 'node.kubernetes.io/unreachable:NoExecute'],
    ],
    ['cordoned', withReady('True', { unschedulable: true }), ['node.kubernetes.io/unschedulable:NoSchedule']],
    ['healed', withReady('True', { taints: [unreachable, taint('gpu', 'NoSchedule')] }), ['gpu:NoSchedule']],
  ])('%s', (_name, node, expected) => {
    expect(keys(desiredTaints(node, '2026-01-01T00:00:00Z'))).toEqual(expected);
  });

  it('keeps the time of a taint that is there already', () => {
    const before = withReady('Unknown', { taints: [{ ...unreachable, timeAdded: 'then' }] });
    expect(desiredTaints(before, 'now')).toContainEqual({ ...unreachable, timeAdded: 'then' });
  });
});
