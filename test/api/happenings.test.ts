/** What a change of a deployment's status is told as. */
import { expect, test } from 'vitest';
import type { ModelDeploymentStatus, RolloutStatus } from '../../src/contract/modeldeployment.ts';
import { happeningsBetween } from '../../src/modules/serving/relay/happenings.ts';

test('a rollout is told by its version: a revision has a number of its own', () => {
  const rollout: RolloutStatus = {
    number: 3,
    hash: 'b',
    phase: 'Progressing',
    stepIndex: 0,
    stepHash: 's',
    stepStartedAt: '2026-01-01T00:00:00.000Z',
    startedAt: '2026-01-01T00:00:00.000Z',
    progressedAt: '2026-01-01T00:00:00.000Z',
    pausedBeforeSeconds: 0,
    from: 4,
    to: 5,
  };
  const target = { replicas: 1, readyReplicas: 1, weight: 0 };
  const stable = { ...target, hash: 'a', revision: 4, version: 1 };
  const began = (status: ModelDeploymentStatus) => happeningsBetween('vad', {}, { rollout, ...status })[0];
  expect(began({ stable, canary: { ...target, hash: 'b', revision: 5, version: 2 } })).toMatchObject({
    type: 'rollout.started',
    message: 'vad: rollout 3 to version 2 has begun',
    data: { to: 5, from: 4 },
  });
  // Back to what is stable while the canary goes.
  expect(began({ stable: { ...stable, revision: 5 }, canary: { ...stable, revision: 4, version: 2 } })?.message).toBe(
    'vad: rollout 3 to version 1 has begun',
  );
});
