/** Deployments through the API and down to the pods: canaries step by step, every verb, every operation to its end. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { aServingLab, type ServingLab } from '../support/serving.ts';

let lab: ServingLab;
beforeAll(async () => {
  lab = await aServingLab();
  await lab.register('vad', 4);
});
afterAll(() => lab.close());

const version = (number: number) => ({ version: { number } });

test('a deployment is made, serves, and its operation ends', async () => {
  const answer = await lab.deploy({ name: 'first', ...version(1) });
  expect(answer).toMatchObject({ errors: [], operation: { state: 'ACCEPTED' }, deployment: { generation: 1 } });
  const { operation, deployment, rollout } = answer;
  const healthy = await lab.untilPhase('first', 'HEALTHY');
  expect(healthy).toMatchObject({
    ready: true,
    stable: { weight: 100, version: { number: 1 }, replicas: 2 },
    canary: null,
  });
  expect(healthy.rollout).toMatchObject({ id: rollout?.id, outcome: 'PROMOTED', allowed: [] });
  await lab.untilOperation(operation?.id ?? '', 'SUCCEEDED');
  const told = await lab.told(deployment?.id ?? '');
  expect(told.slice(0, 3)).toEqual(['deployment.created', 'rollout.requested', 'rollout.started']);
  expect(told.filter((type) => type === 'rollout.promoted')).toHaveLength(1);
});

test('a canary goes its steps when it is promoted, and tells each of them once and in order', async () => {
  const before = await lab.deployment('first');
  const { rollout, operation } = await lab.deploy({ name: 'first', ...version(2) });
  const id = rollout?.id ?? '';
  await lab.untilOperation(operation?.id ?? '', 'SUCCEEDED');
  const paused = await lab.untilRollout('first', 'PAUSED', 1);
  expect(paused).toMatchObject({
    phase: 'PAUSED',
    stable: { weight: 90 },
    canary: { weight: 10, version: { number: 2 } },
  });
  expect(paused.rollout.allowed).toEqual(['PROMOTE', 'PROMOTE_FULL', 'SKIP_STEP', 'PAUSE', 'ABORT', 'ROLLBACK']);
  const late = await lab.drive('promoteRollout', id, { step: 0 });
  expect(late).toMatchObject({
    operation: null,
    errors: [{ code: 'NOT_ALLOWED_NOW', path: ['step'], allowed: expect.arrayContaining(['PROMOTE']) }],
  });
  expect(late.errors[0]?.message).toContain('has left step 1 that was seen, and stands at step 2 (`step: 1`)');
  const promoted = await lab.drive('promoteRollout', id, { step: 1 });
  expect(promoted.errors).toEqual([]);
  await lab.untilOperation(promoted.operation?.id ?? '', 'SUCCEEDED');
  await lab.untilRollout('first', 'PAUSED', 3);
  await lab.drive('promoteRollout', id, { to: 'END', step: 3 });
  const done = await lab.untilPhase('first', 'HEALTHY');
  expect(done).toMatchObject({
    stable: { version: { number: 2 } },
    rollout: { outcome: 'PROMOTED' },
    generation: before.generation + 1,
  });
  // Answers come by another resource than steps: either may be seen first, and the last one after the end.
  const told = await eventually(async () => {
    const all = (await lab.told(id)).filter((type) => !/weight|requested|resumed/.test(type));
    expect(all.filter((type) => type === 'rollout.command_done')).toHaveLength(2);
    return all;
  });
  expect(told.filter((type) => type !== 'rollout.command_done')).toEqual([
    'rollout.started',
    'rollout.step_completed',
    'rollout.paused',
    'rollout.step_completed',
    'rollout.step_completed',
    'rollout.paused',
    'rollout.step_completed',
    'rollout.promoted',
  ]);
  const { node } = await lab.ask<{ node: object }>(
    `{ node(id: "${id}") { ... on Rollout { from { version { number } } to { version { number } wasStable } steps { state startedAt finishedAt } } } }`,
  );
  expect(node).toMatchObject({ from: { version: { number: 1 } }, to: { version: { number: 2 }, wasStable: true } });
});

test('steps that are jumped over are told and shown as left out, those that were walked as done, seen or not', async () => {
  const STEPS = '{ node(id: "ID") { ... on Rollout { steps { state } } } }';
  const states = async (id: string): Promise<string[]> =>
    (await lab.ask<{ node: { steps: { state: string }[] } }>(STEPS.replace('ID', id))).node.steps.map(
      ({ state }) => state,
    );
  const toldSteps = (id: string): Promise<string[]> =>
    lab.told(id).then((types) => types.filter((type) => type.startsWith('rollout.step_')));
  await lab.deploy({ name: 'jumps', ...version(1) });
  await lab.untilPhase('jumps', 'HEALTHY');
  const id = (await lab.deploy({ name: 'jumps', ...version(2) })).rollout?.id ?? '';
  await lab.untilRollout('jumps', 'PAUSED', 1);
  await lab.drive('promoteRollout', id, { to: 'END' });
  await lab.untilPhase('jumps', 'HEALTHY');
  expect(await states(id)).toEqual(['DONE', 'DONE', 'SKIPPED', 'SKIPPED']);
  const [completed, skipped] = ['rollout.step_completed', 'rollout.step_skipped'];
  expect(await toldSteps(id)).toEqual([completed, completed, skipped, skipped]);

  const unseen = (await lab.deploy({ name: 'jumps', ...version(3) })).rollout?.id ?? '';
  await eventually(async () => expect((await lab.resource('jumps')).spec.model.version).toBe(3));
  await lab.stopRelay();
  await eventually(async () => expect((await lab.resource('jumps')).status?.rollout).toMatchObject({ stepIndex: 1 }));
  await lab.startRelay();
  await lab.untilRollout('jumps', 'PAUSED', 1);
  expect(await states(unseen)).toEqual(['DONE', 'ACTIVE', 'WAITING', 'WAITING']);
});

test('of two quick promotes the second is refused by the controller, in words', async () => {
  await lab.deploy({ name: 'quick', ...version(1) });
  await lab.untilPhase('quick', 'HEALTHY');
  const { rollout } = await lab.deploy({ name: 'quick', ...version(2) });
  await lab.untilRollout('quick', 'PAUSED', 1);
  const id = rollout?.id ?? '';
  const [first, second] = await Promise.all([
    lab.drive('promoteRollout', id, { idempotencyKey: 'one' }),
    lab.drive('promoteRollout', id, { idempotencyKey: 'two' }),
  ]);
  expect([first.errors, second.errors]).toEqual([[], []]);
  const states = await Promise.all([first, second].map(({ operation }) => lab.untilEnded(operation?.id ?? '')));
  expect(states.map(({ state }) => state).sort()).toEqual(['FAILED', 'SUCCEEDED']);
  expect(states.find(({ state }) => state === 'FAILED')?.error).toMatch(/\w/);
  await lab.untilRollout('quick', 'PAUSED', 3);
  expect((await lab.told(id)).filter((type) => type === 'rollout.command_refused')).toHaveLength(1);
});

test('pause and resume are a state, abort takes the share away, retry begins again, full promotion ends it', async () => {
  const { deployment } = await lab.deploy({ name: 'driven', ...version(1) });
  await lab.untilPhase('driven', 'HEALTHY');
  const { rollout } = await lab.deploy({ name: 'driven', ...version(2) });
  const id = rollout?.id ?? '';
  await lab.untilRollout('driven', 'PAUSED', 1);
  const done = async (verb: string, more: object = {}): Promise<void> => {
    const { errors, operation } = await lab.drive(verb, id, more);
    expect(errors).toEqual([]);
    await lab.untilOperation(operation?.id ?? '', 'SUCCEEDED');
  };
  await done('pauseRollout');
  expect((await lab.deployment('driven')).rollout.allowed).toEqual(['RESUME', 'ABORT', 'ROLLBACK']);
  const refused = await lab.drive('promoteRollout', id);
  expect(refused).toMatchObject({
    operation: null,
    errors: [{ __typename: 'NotAllowedNowError', path: ['rollout'], allowed: ['RESUME', 'ABORT', 'ROLLBACK'] }],
  });
  await done('resumeRollout');
  await done('abortRollout', { reason: 'too slow' });
  const aborted = await lab.untilRollout('driven', 'ABORTED');
  expect(aborted).toMatchObject({ phase: 'DEGRADED', stable: { weight: 100, version: { number: 1 } } });
  expect(aborted.rollout.message).toContain('too slow');
  await done('retryRollout');
  await lab.untilRollout('driven', 'PAUSED', 1);
  await done('promoteRollout', { to: 'FULL' });
  expect(await lab.untilPhase('driven', 'HEALTHY')).toMatchObject({
    stable: { version: { number: 2 } },
    rollout: { outcome: 'FAST_PROMOTED', allowed: ['ROLLBACK'] },
  });
  const told = (await lab.told(id)).filter((type) => /abort|retried|promoted|skipped/.test(type));
  expect(told).toEqual([
    'rollout.abort_requested',
    'rollout.aborting',
    'rollout.aborted',
    'rollout.retried',
    'rollout.step_skipped',
    'rollout.step_skipped',
    'rollout.step_skipped',
    'rollout.promoted',
  ]);

  const back = await lab.drive('rollbackDeployment', deployment?.id ?? '', { reason: 'wrong answers' });
  expect(back.errors).toEqual([]);
  expect(back.rollout?.id).not.toBe(id);
  await lab.untilOperation(back.operation?.id ?? '', 'SUCCEEDED');
  expect(await lab.untilRollout('driven', 'HEALTHY')).toMatchObject({
    stable: { version: { number: 1 } },
    rollout: { id: back.rollout?.id, outcome: 'FAST_ROLLED_BACK' },
  });
  const twice = await lab.drive('rollbackDeployment', deployment?.id ?? '');
  expect(twice.errors).toMatchObject([
    { code: 'NOT_ALLOWED_NOW', message: expect.stringContaining('has gone back to version 1 already'), allowed: [] },
  ]);
  const still = (await lab.deployment('driven')).rollout;
  expect([still?.id, still?.allowed.includes('ROLLBACK')]).toEqual([back.rollout?.id, false]);
  const old = await lab.drive('abortRollout', id);
  expect(old.errors).toMatchObject([
    { code: 'NOT_ALLOWED_NOW', message: expect.stringContaining('newer rollout'), allowed: [] },
  ]);
});

test('a rollback goes only to a revision that was stable, and lets go what was held', async () => {
  const { deployment } = await lab.deploy({ name: 'taken-back', ...version(1) });
  const of = deployment?.id ?? '';
  await lab.untilPhase('taken-back', 'HEALTHY');
  const bad = await lab.deploy({ name: 'taken-back', ...version(2) });
  await lab.untilRollout('taken-back', 'PAUSED', 1);
  await lab.drive('abortRollout', bad.rollout?.id ?? '');
  await lab.untilRollout('taken-back', 'ABORTED');
  const third = await lab.deploy({ name: 'taken-back', ...version(3) });
  await lab.untilRollout('taken-back', 'PAUSED', 1);
  const refused = await lab.drive('rollbackDeployment', of, { toRevision: 2 });
  expect(refused).toMatchObject({
    operation: null,
    errors: [{ code: 'NOT_ALLOWED_NOW', path: ['toRevision'], message: expect.stringContaining('was never stable') }],
  });
  await lab.drive('pauseRollout', third.rollout?.id ?? '');
  expect((await lab.drive('rollbackDeployment', of, { toRevision: 1 })).errors).toEqual([]);
  expect(await lab.untilPhase('taken-back', 'HEALTHY')).toMatchObject({ stable: { version: { number: 1 } } });
  expect((await lab.resource('taken-back')).spec.paused).toBe(false);
});

test('of resources, too, what is not given stays as it is', async () => {
  const gpus = { gpus: 1, gpuProduct: 'NVIDIA-H200' };
  await lab.deploy({ name: 'sized', ...version(1), resources: { memory: '1Gi', ...gpus } });
  const resources = (wanted: object) =>
    eventually(async () => expect((await lab.resource('sized')).spec.resources).toEqual(wanted));
  await resources({ requests: { memory: '1Gi' }, gpus: { count: 1, product: 'NVIDIA-H200' } });
  const { deployment } = await lab.deploy({ name: 'sized', ...version(2), resources: { cpu: '1' } });
  await resources({ requests: { cpu: '1', memory: '1Gi' }, gpus: { count: 1, product: 'NVIDIA-H200' } });
  await lab.drive('updateDeployment', deployment?.id ?? '', { resources: { gpus: 2, cpu: null } });
  await resources({ requests: { cpu: '1', memory: '1Gi' }, gpus: { count: 2, product: 'NVIDIA-H200' } });
  await lab.drive('updateDeployment', deployment?.id ?? '', { resources: { gpus: 0 } });
  await resources({ requests: { cpu: '1', memory: '1Gi' } });
});

describe('the same again', () => {
  test('does nothing; with its key it is the same answer; after an abort it starts again', async () => {
    const input = { name: 'again', ...version(1) };
    const first = await lab.deploy({ ...input, idempotencyKey: 'k1' });
    await lab.untilPhase('again', 'HEALTHY');
    const before = await lab.told(first.deployment?.id ?? '');
    expect(await lab.deploy({ ...input, idempotencyKey: 'k1' })).toMatchObject({
      operation: { id: first.operation?.id },
    });
    const other = await lab.deploy({ ...input, replicas: 3, idempotencyKey: 'k1' });
    expect(other.errors).toMatchObject([{ code: 'CONFLICT', path: ['idempotencyKey'] }]);
    const repeated = await lab.deploy(input);
    expect(repeated).toMatchObject({ errors: [], operation: { state: 'SUCCEEDED' }, deployment: { generation: 1 } });
    expect(await lab.told(first.deployment?.id ?? '')).toEqual(before);

    const { rollout } = await lab.deploy({ name: 'again', ...version(2) });
    await lab.untilRollout('again', 'PAUSED', 1);
    await lab.drive('abortRollout', rollout?.id ?? '');
    await lab.untilRollout('again', 'ABORTED');
    const restarted = await lab.deploy({ name: 'again', ...version(2) });
    expect(restarted).toMatchObject({ errors: [], rollout: { id: rollout?.id }, deployment: { generation: 2 } });
    await lab.untilOperation(restarted.operation?.id ?? '', 'SUCCEEDED');
    await lab.untilRollout('again', 'PAUSED', 1);
  });

  test('many at once are one deployment', async () => {
    const input = { name: 'crowd', ...version(1) };
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) => lab.deploy({ ...input, idempotencyKey: `c${i % 2}` })),
    );
    expect(new Set(answers.map(({ deployment }) => deployment?.id)).size).toBe(1);
    expect(answers.flatMap(({ errors }) => errors)).toEqual([]);
    expect((await lab.untilPhase('crowd', 'HEALTHY')).generation).toBe(1);
  });

  test('a generation that is not the present one is a conflict', async () => {
    expect((await lab.deploy({ name: 'none', ...version(1), expectedGeneration: 3 })).errors).toMatchObject([
      { code: 'CONFLICT', path: ['expectedGeneration'] },
    ]);
    expect((await lab.deploy({ name: 'crowd', ...version(2), expectedGeneration: 7 })).errors).toMatchObject([
      { code: 'CONFLICT', path: ['expectedGeneration'] },
    ]);
  });
});

test('another version and back before the controller looked leaves everything where it was', async () => {
  await lab.deploy({ name: 'wavering', ...version(1) });
  const before = await lab.untilPhase('wavering', 'HEALTHY');
  await lab.stopRelay();
  const there = await lab.deploy({ name: 'wavering', ...version(2) });
  const back = await lab.deploy({ name: 'wavering', ...version(1) });
  await lab.startRelay();
  await lab.untilOperation(there.operation?.id ?? '', 'SUCCEEDED');
  await lab.untilOperation(back.operation?.id ?? '', 'SUCCEEDED');
  const after = await lab.untilPhase('wavering', 'HEALTHY');
  expect(after).toMatchObject({ generation: 3, rollout: { id: before.rollout.id, outcome: 'PROMOTED' } });
  const { rollouts } = await lab.ask<{ rollouts: { nodes: object[] } }>(
    `{ rollouts(where: { deployment: "${before.id}", active: true }) { nodes { id } } }`,
  );
  expect(rollouts.nodes).toEqual([]);
});

test('scaling starts no rollout', async () => {
  const { deployment, operation } = await lab.drive('updateDeployment', (await lab.deployment('first')).id, {
    replicas: 1,
  });
  await lab.untilOperation(operation?.id ?? '', 'SUCCEEDED');
  expect(await lab.untilPhase('first', 'HEALTHY')).toMatchObject({ replicas: 1, generation: deployment?.generation });
});

test('scaling after an abort leaves the canary where it is', async () => {
  const { deployment } = await lab.deploy({ name: 'scaled', ...version(1) });
  await lab.untilPhase('scaled', 'HEALTHY');
  const { rollout } = await lab.deploy({ name: 'scaled', ...version(2) });
  await lab.untilRollout('scaled', 'PAUSED', 1);
  await lab.drive('abortRollout', rollout?.id ?? '');
  await lab.untilRollout('scaled', 'ABORTED');
  const { operation, errors } = await lab.drive('updateDeployment', deployment?.id ?? '', { replicas: 3 });
  expect(errors).toEqual([]);
  await lab.untilOperation(operation?.id ?? '', 'SUCCEEDED');
  const scaled = await eventually(async () => {
    const found = await lab.deployment('scaled');
    expect(found.stable).toMatchObject({ weight: 100, version: { number: 1 }, replicas: 3 });
    return found;
  });
  expect(scaled.rollout).toMatchObject({ id: rollout?.id, phase: 'ABORTED', outcome: 'ABORTED' });
  expect(await lab.told(rollout?.id ?? '')).not.toContain('rollout.retry_requested');
});
