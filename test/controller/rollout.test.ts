/** Whole rollouts over the local API server: what a person would see with kubectl get md -w. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ModelDeployment, ModelDeploymentStatus } from '../../src/contract/modeldeployment.ts';
import type { RolloutCommand } from '../../src/contract/rolloutcommand.ts';
import { allowedVerbs } from '../../src/contract/verbs.ts';
import { MODELDEPLOYMENTS, ROLLOUTCOMMANDS } from '../../src/platform/cluster/resources.ts';
import { type Lab, startLab } from './lab.ts';

let lab: Lab;
beforeEach(async () => {
  lab = await startLab();
});
afterEach(() => lab.close());

const healthy = (version: number) =>
  lab.until((status) => {
    expect(status).toMatchObject({ phase: 'Healthy', stable: { version, weight: 100 }, rollout: { phase: 'Healthy' } });
    expect(status.canary).toBeUndefined();
  });
/** Every share that the route ever gave to the canary. The last follows the end of the rollout by a moment. */
const shares = (expected: number[]) =>
  lab.until(() => expect(lab.weights.map(({ canary }) => canary)).toEqual(expected));
const pausedAt = (stepIndex: number) =>
  lab.until((status) => expect(status.rollout).toMatchObject({ phase: 'Paused', stepIndex }));

describe('a rollout', () => {
  it('serves the first version without steps, with all conditions from the first visit on', async () => {
    await lab.deploy(1);
    const status = await healthy(1);
    expect(status).toMatchObject({
      ready: '2/2',
      url: 'http://127.0.0.1:8080/speech/vad',
      rollout: { number: 1, outcome: 'Promoted' },
      history: [{ number: 1, outcome: 'Promoted', to: 1 }],
    });
    const conditions = new Map(status.conditions?.map(({ type, status: value }) => [type, value]));
    expect([...conditions.keys()]).toEqual([
      'Ready',
      'Progressing',
      'Available',
      'ArtifactVerified',
      'RouteProgrammed',
      'TrafficVerified',
      'Paused',
    ]);
    await lab.until(({ conditions: all }) =>
      expect(all?.find(({ type }) => type === 'TrafficVerified')).toMatchObject({
        status: 'True',
        reason: 'ShareWithinInterval',
      }),
    );
    expect(conditions.get('Ready')).toBe('True');
  });

  it('walks the steps of a canary, promoted by hand at its pauses', async () => {
    await lab.deploy(1);
    await healthy(1);
    await lab.deploy(2);
    const first = await pausedAt(1);
    expect(first).toMatchObject({
      phase: 'Paused',
      step: '2/4',
      stable: { version: 1, weight: 90 },
      canary: { version: 2, weight: 10 },
    });
    const command = await lab.command('Promote', { reason: 'looks good', by: 'per_1' });
    expect(await pausedAt(3)).toMatchObject({ stable: { weight: 50 }, canary: { weight: 50 } });
    await lab.command('Promote');
    const done = await healthy(2);
    expect(done.history).toMatchObject([{ number: 2, outcome: 'Promoted', from: 1, to: 2 }, { number: 1 }]);
    await shares([0, 10, 50, 100, 0]);
    await lab.until(async () => expect(await lab.pods(1)).toHaveLength(0));
    const answered = await lab.cluster.get<RolloutCommand>(ROLLOUTCOMMANDS, command, 'speech');
    expect(answered.status).toMatchObject({ state: 'Done', message: 'step 2 of 4 passed' });
    expect(answered.metadata.ownerReferences).toMatchObject([{ kind: 'ModelDeployment', name: 'vad' }]);
  });

  it('goes back to stable when aborted, and begins again when retried', async () => {
    await lab.deploy(1);
    await healthy(1);
    await lab.deploy(2);
    await pausedAt(1);
    await lab.command('Abort', { reason: 'too slow', by: 'per_1' });
    await lab.until((status) =>
      expect(status).toMatchObject({
        phase: 'Degraded',
        stable: { version: 1, weight: 100 },
        canary: { version: 2, weight: 0, replicas: 0 },
        rollout: { phase: 'Aborted', outcome: 'Aborted', abort: { by: 'per_1', reason: 'too slow' } },
      }),
    );
    await lab.command('Retry');
    expect(await pausedAt(1)).toMatchObject({ canary: { version: 2, weight: 10 }, rollout: { number: 2 } });
    await lab.command('Promote', { to: 'Full' });
    const { history } = await healthy(2);
    expect(history).toMatchObject([{ number: 2, outcome: 'FastPromoted' }, { number: 1 }]);
  });

  it('drops what is half-way when a third version comes, and never gives it requests', async () => {
    await lab.deploy(1);
    await healthy(1);
    await lab.deploy(2);
    await pausedAt(1);
    await lab.deploy(3);
    const status = await pausedAt(1).then(() =>
      lab.until(({ canary, rollout }) => {
        expect(canary).toMatchObject({ version: 3, weight: 10 });
        expect(rollout).toMatchObject({ number: 3, phase: 'Paused' });
      }),
    );
    expect(status.history?.[0]).toMatchObject({ number: 2, outcome: 'Superseded' });
    // The share fell to 0 before the Service moved to other pods.
    expect(lab.weights.map(({ canary }) => canary)).toEqual([0, 10, 0, 10]);
    await lab.until(async () => expect(await lab.pods(2)).toHaveLength(0));
  });

  it('returns to the stable version at once, and to an earlier one without steps', async () => {
    await lab.deploy(1);
    await healthy(1);
    await lab.deploy(2);
    await pausedAt(1);
    await lab.deploy(1);
    const back = await healthy(1);
    expect(back.history?.slice(0, 2)).toMatchObject([
      { number: 3, outcome: 'FastRolledBack' },
      { number: 2, outcome: 'Superseded' },
    ]);
    await lab.deploy(2);
    await pausedAt(1);
    await lab.command('Promote', { to: 'End' });
    const forward = await healthy(2);
    await lab.deploy(1);
    const again = await healthy(1);
    expect(again.history?.[0]).toMatchObject({ outcome: 'FastRolledBack' });
    expect(again.stable?.revision).toBeGreaterThan(forward.stable?.revision ?? 0);
    // Forward again, though it was stable a moment ago: somebody wants to see the steps.
    await lab.deploy(2);
    await pausedAt(1);
  });

  it('is held by spec.paused, scales while it waits, and goes on', async () => {
    await lab.deploy(1);
    await healthy(1);
    await lab.deploy(2);
    await pausedAt(1);
    await lab.edit({ paused: true, replicas: 12 });
    await lab.until((status) =>
      expect(status).toMatchObject({ stable: { readyReplicas: 12 }, canary: { readyReplicas: 2, weight: 10 } }),
    );
    const refused = await lab.command('Promote');
    const answer = await lab.until(async () => {
      const { status } = await lab.cluster.get<RolloutCommand>(ROLLOUTCOMMANDS, refused, 'speech');
      expect(status).toMatchObject({
        state: 'Refused',
        message: 'Rollout 2 is paused (spec.paused): resume it first.',
      });
      expect(status?.allowed).toEqual(['Resume', 'Abort', 'Rollback']);
    });
    expect(answer.rollout?.stepIndex).toBe(1);
    await lab.edit({ paused: false });
    await lab.command('Promote');
    await pausedAt(3);
  });

  it('held when nothing is rolled out: it says so, serves on, and is as before when let go', async () => {
    await lab.deploy(1);
    const before = await healthy(1);
    await lab.edit({ paused: true });
    const condition = (status: ModelDeploymentStatus, type: string) =>
      status.conditions?.find((one) => one.type === type)?.status;
    const held = await lab.until((status) => expect(condition(status, 'Paused')).toBe('True'));
    expect(held).toMatchObject({ phase: 'Paused', rollout: { phase: 'Healthy', outcome: 'Promoted' } });
    expect([condition(held, 'Ready'), condition(held, 'Progressing')]).toEqual(['True', 'True']);
    expect(held.rollout?.pausedAt).toBeUndefined();
    await lab.edit({ paused: false });
    const after = await lab.until((status) => expect(condition(status, 'Paused')).toBe('False'));
    expect(after).toMatchObject({ phase: 'Healthy', rollout: before.rollout });
  });

  it('refuses a command for another rollout', async () => {
    await lab.deploy(1);
    await healthy(1);
    await lab.deploy(2);
    await pausedAt(1);
    const old = await lab.command('Promote', { rollout: 1 });
    await lab.until(async () => {
      const { status } = await lab.cluster.get<RolloutCommand>(ROLLOUTCOMMANDS, old, 'speech');
      expect(status).toMatchObject({ state: 'Refused', message: 'It is for rollout 1, and the current one is 2.' });
    });
  });

  it('refuses a command for a deployment that does not exist, also one made while no controller ran', async () => {
    await lab.deploy(1);
    const early = await lab.command('Abort', { deployment: 'nobody', rollout: 1 });
    await lab.restart();
    const late = await lab.command('Abort', { deployment: 'noone', rollout: 1 });
    for (const [name, deployment] of [[early, 'nobody'] as const, [late, 'noone'] as const]) {
      await lab.until(async () => {
        const { status } = await lab.cluster.get<RolloutCommand>(ROLLOUTCOMMANDS, name, 'speech');
        const message = `There is no ModelDeployment "${deployment}" in namespace speech.`;
        expect(status).toMatchObject({ state: 'Refused', message });
      });
    }
  });

  it('ends the same when the controller dies at every step', async () => {
    await lab.deploy(1);
    await lab.restart();
    await healthy(1);
    await lab.restart();
    await lab.deploy(2);
    await lab.restart();
    await pausedAt(1);
    await lab.restart();
    await lab.command('Promote');
    await lab.restart();
    await pausedAt(3);
    await lab.restart();
    await lab.command('Promote');
    await lab.restart();
    await healthy(2);
    await shares([0, 10, 50, 100, 0]);
  });
});

describe('a controller that is killed', () => {
  it('between any two of its writes leaves a rollout that the next one ends', async () => {
    const steps = [{ setWeight: 10 }, { setWeight: 50 }];
    const strategy = { canary: { steps, scaleDownDelaySeconds: 0 } };
    await lab.deploy(1, { strategy });
    await healthy(1);
    for (const [index, writes] of [1, 2, 3, 4, 5, 6, 8, 10, 13].entries()) {
      lab.weights.length = 0;
      await lab.kill({ afterWrites: writes });
      await lab.deploy(index + 2, { strategy });
      await lab.killed();
      await lab.restart();
      const { history, rollout } = await healthy(index + 2);
      expect(rollout?.number).toBe(index + 2);
      expect(history?.[0]).toMatchObject({ number: index + 2, outcome: 'Promoted', from: index + 1, to: index + 2 });
      await shares([10, 50, 100, 0]);
    }
  });
});

describe('what is wrong shows in its own words, and stable goes on', () => {
  const progressing = (reason: string, words: RegExp) =>
    lab.until(({ conditions, stable, canary }) => {
      const condition = conditions?.find(({ type }) => type === 'Progressing');
      expect(condition?.reason).toBe(reason);
      expect(condition?.message).toMatch(words);
      expect(stable).toMatchObject({ version: 1, weight: 100, readyReplicas: 2 });
      expect(canary?.weight ?? 0).toBe(0);
    });
  beforeEach(async () => {
    await lab.deploy(1);
    await healthy(1);
  });

  it.each([
    ['crashing', 'CrashLoopBackOff', /bad magic/],
    ['unschedulable', 'Unschedulable', /Insufficient nvidia.com\/gpu/],
    ['lying', 'ModelNotServed', /does not serve the version/],
    ['badArtifact', 'CrashLoopBackOff', /the digest is sha256:aa/],
  ] as const)('%s pods', async (fate, reason, words) => {
    lab.fates.set(2, fate);
    await lab.deploy(2);
    await progressing(reason, words);
    lab.fates.set(2, 'ready');
    await lab.touch();
    await pausedAt(1);
    expect(lab.weights.map(({ canary }) => canary)).toEqual([0, 10]);
  });

  it('takes the share away when the canary dies', async () => {
    await lab.deploy(2);
    await pausedAt(1);
    lab.fates.set(2, 'crashing');
    await lab.touch();
    await lab.until((status) => expect(status).toMatchObject({ stable: { weight: 100 }, canary: { weight: 0 } }));
  });

  it('does not step on while the gateway divides otherwise', async () => {
    lab.requests.value = { stable: 500, canary: 500 };
    await lab.deploy(2);
    await lab.until(({ conditions, rollout }) => {
      expect(conditions?.find(({ type }) => type === 'TrafficVerified')).toMatchObject({
        status: 'False',
        reason: 'WeightDrift',
      });
      expect(rollout).toMatchObject({ phase: 'Verifying', stepIndex: 0 });
    });
    lab.requests.value = 'fair';
    await pausedAt(1);
  });

  it('goes on with no requests, and says so', async () => {
    lab.requests.value = 'none';
    await lab.deploy(2);
    const { conditions } = await pausedAt(1);
    expect(conditions?.find(({ type }) => type === 'TrafficVerified')).toMatchObject({
      status: 'Unknown',
      reason: 'NoRequests',
    });
  });

  it('goes on while the counts cannot be read, says that and not that there are none, and counts when they can', async () => {
    lab.requests.value = 'unread';
    await lab.deploy(2);
    const verified = ({ conditions }: ModelDeploymentStatus) =>
      conditions?.find(({ type }) => type === 'TrafficVerified');
    const status = await pausedAt(1);
    expect(verified(status)?.message).toMatch(/counts could not be read just now/);
    lab.requests.value = 'fair';
    await lab.until((later) => expect(verified(later)).toMatchObject({ status: 'True' }), 20_000);
  });

  it('a runtime that does not exist', async () => {
    const verified = (status: ModelDeploymentStatus) =>
      status.conditions?.find(({ type }) => type === 'TrafficVerified');
    await lab.deploy(2, { runtime: 'nothing' });
    await lab.until((status) => {
      const { conditions, phase } = status;
      expect(phase).toBe('Degraded');
      expect(verified(status)).toMatchObject({ status: 'True', reason: 'ShareWithinInterval' }); // counted all the same
      expect(conditions?.find(({ type }) => type === 'Progressing')).toMatchObject({
        status: 'False',
        reason: 'RuntimeNotFound',
      });
    });
  });

  it('a runtime that does not exist, named in the middle of a canary: only the way back is open', async () => {
    await lab.deploy(2);
    await pausedAt(1);
    await lab.command('Promote');
    await pausedAt(3);
    await lab.deploy(3, { runtime: 'nothing' });
    await lab.until(({ phase }) => expect(phase).toBe('Degraded'));
    const message = expect.stringMatching(/^There is no ServingRuntime nothing/);
    const answered = async (name: string) =>
      (await lab.cluster.get<RolloutCommand>(ROLLOUTCOMMANDS, name, 'speech')).status;
    const promote = await lab.command('Promote');
    const allowed = ['Abort', 'Rollback'];
    await lab.until(async () => expect(await answered(promote)).toMatchObject({ state: 'Refused', message, allowed }));
    // What an API offers by the status is what the controller would do.
    const { spec, status: known } = await lab.cluster.get<ModelDeployment>(MODELDEPLOYMENTS, 'vad', 'speech');
    expect(allowedVerbs({ spec, ...(known && { status: known }) })).toEqual(allowed);
    expect((await lab.status()).canary).toMatchObject({ version: 2, weight: 50 });

    const abort = await lab.command('Abort', { reason: 'enough' });
    const status = await lab.until(async (now) => {
      expect(now.rollout).toMatchObject({ number: 2, outcome: 'Aborted' });
      expect(now).toMatchObject({ phase: 'Degraded', stable: { version: 1, weight: 100 }, canary: { weight: 0 } });
      expect(await answered(abort)).toMatchObject({ state: 'Done' });
    });
    expect(status.conditions?.find(({ type }) => type === 'Progressing')?.reason).toBe('RuntimeNotFound');
    expect(status.handledCommands).toBeUndefined();
    await lab.until(async () => expect(await lab.pods(2)).toEqual([]));
    const again = await lab.command('Abort');
    await lab.until(async () => expect(await answered(again)).toMatchObject({ state: 'Refused', message }));

    await lab.deploy(3);
    await lab.until(({ rollout }) => expect(rollout).toMatchObject({ number: 3, phase: 'Paused' }));
  });

  it('no progress until the deadline aborts where that is wanted', async () => {
    lab.fates.set(2, 'pending');
    await lab.deploy(2, {
      strategy: { canary: { steps: [{ setWeight: 50 }], progressDeadlineSeconds: 1, abortOnDeadline: true } },
    });
    await lab.until(({ rollout }) =>
      expect(rollout).toMatchObject({ phase: 'Aborted', abort: { reason: 'No progress for 1 s.' } }),
    );
  });
});

describe('rolling', () => {
  it('replaces pods a few at a time, and the share follows them', async () => {
    const rolling = { strategy: { rolling: { maxSurge: 1, maxUnavailable: 0 } }, replicas: 4 };
    await lab.deploy(1, rolling);
    await healthy(1);
    await lab.deploy(2, rolling);
    const said = new Set<string>();
    await lab.until((status) => {
      for (const { type, status: value } of status.conditions ?? []) said.add(`${type} ${value}`);
      expect(status).toMatchObject({ phase: 'Healthy', stable: { version: 2, weight: 100 } });
    });
    expect(said).toContain('Available True');
    for (const never of ['Available False', 'Available Unknown', 'Ready False']) expect(said).not.toContain(never);
    const shares = lab.weights.map(({ canary }) => canary);
    expect(shares.at(0)).toBe(0);
    expect(shares.slice(0, -1)).toEqual([...shares.slice(0, -1)].sort((a, b) => a - b));
    expect(shares.length).toBeGreaterThan(4);
  });
});
