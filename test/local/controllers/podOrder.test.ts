import { describe, expect, it } from 'vitest';
import { podsToDelete } from '../../../src/local/controllers/podOrder.ts';
import { aPod, ready } from './builders.ts';

const on = (nodeName: string) => ({ nodeName });
const restarts = (restartCount: number) => ({ ...ready(), containerStatuses: [{ restartCount }] });

describe('podsToDelete', () => {
  it.each([
    ['unassigned before assigned', aPod('first'), aPod('then', { spec: on('n1') })],
    [
      'pending before running',
      aPod('first', { spec: on('n1'), status: { phase: 'Pending' } }),
      aPod('then', { spec: on('n2'), status: { phase: 'Running' } }),
    ],
    [
      'not ready before ready',
      aPod('first', { spec: on('n1'), status: { phase: 'Running' } }),
      aPod('then', { spec: on('n2'), status: ready() }),
    ],
    [
      'cheaper before dearer',
      aPod('first', {
        spec: on('n1'),
        status: ready(),
        meta: { annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-5' } },
      }),
      aPod('then', { spec: on('n2'), status: ready() }),
    ],
    [
      'ready for a shorter time before longer',
      aPod('first', { spec: on('n1'), status: ready('2026-01-02T00:00:00Z') }),
      aPod('then', { spec: on('n2'), status: ready('2026-01-01T00:00:00Z') }),
    ],
    [
      'more restarts before fewer',
      aPod('first', { spec: on('n1'), status: restarts(3) }),
      aPod('then', { spec: on('n2'), status: restarts(1) }),
    ],
    [
      'newer before older',
      aPod('first', { spec: on('n1'), status: ready(), meta: { creationTimestamp: '2026-01-02T00:00:00Z' } }),
      aPod('then', { spec: on('n2'), status: ready(), meta: { creationTimestamp: '2026-01-01T00:00:00Z' } }),
    ],
  ])('%s', (_name, first, then) => {
    expect(podsToDelete([then, first], 1)).toEqual([first]);
    expect(podsToDelete([first, then], 1)).toEqual([first]);
  });

  it('thins out the node that holds most pods of the same owner', () => {
    const crowded = aPod('crowded', { spec: on('n1'), status: ready() });
    const lonely = aPod('lonely', { spec: on('n2'), status: ready() });
    const sibling = aPod('sibling', { spec: on('n1'), status: ready() });
    expect(podsToDelete([lonely, crowded], 1, [lonely, crowded, sibling])).toEqual([crowded]);
  });

  it('never deletes more than it is asked for, nor less than nothing', () => {
    expect(podsToDelete([aPod()], 3)).toHaveLength(1);
    expect(podsToDelete([aPod()], -1)).toEqual([]);
  });
});
