/** What a rollout says of itself, as the person reads it who was woken by it. */
import { expect, it } from 'vitest';
import type { StepSpec } from '../../src/contract/modeldeployment.ts';
import type { CommandVerb, PromoteTo } from '../../src/contract/rolloutcommand.ts';
import { failureOf } from '../../src/controller/failure.ts';
import type { Pod } from '../../src/controller/kinds.ts';
import { judgeTraffic } from '../../src/controller/rollout/share.ts';
import { aCommand, aWorld, look, pass, settle, specOf } from './world.ts';

const STEPS: StepSpec[] = [{ setWeight: 10 }, { pause: { seconds: 5 } }, { setWeight: 50 }, { pause: {} }];

const canary = () => {
  const world = aWorld(specOf(1, STEPS));
  settle(world);
  world.spec = specOf(2, STEPS);
  pass(world);
  return world;
};
const said = (world: ReturnType<typeof canary>): string | undefined => world.status.rollout?.message;

it('waits for pods, of which version, at which step', () => {
  expect(said(canary())).toBe('0 of 1 pods of version 2 serve it; step 1 of 4 (weight 10 %).');
});

it('waits for a person, and says so', () => {
  const world = canary();
  settle(world);
  expect(said(world)).toBe('Step 4 of 4 pauses it until somebody promotes it.');
  expect(world.status.step).toBe('4/4');
  world.spec = { ...world.spec, paused: true };
  pass(world);
  expect(said(world)).toBe('Held on request (spec.paused), step 4 of 4 (pause until promoted): resume lets it go on.');
});

it('an abort says who, why, what serves, and what can be done; its step is the one that it stood at', () => {
  const world = canary();
  settle(world);
  const command = aCommand(world, 'Abort');
  world.commands = [{ ...command, spec: { ...command.spec, reason: 'too slow.', by: 'ada' } }];
  settle(world);
  expect(said(world)).toBe('Aborted by ada: too slow. Version 1 has all traffic. Retry begins again.');
  expect(world.status.step).toBe('4/4');
});

it('one that is held after its end says what that holds', () => {
  const world = aWorld(specOf(1, STEPS));
  settle(world);
  expect(said(world)).toBe('Version 1 is stable and has all traffic.');
  world.spec = { ...world.spec, paused: true };
  pass(world);
  expect(said(world)).toMatch(/^Version 1 is stable .*It is paused \(spec\.paused\): .*resumed\.$/);
});

it('a gateway that holds a rollout up is what is told when its time is up, and what a way back waits for', () => {
  const refused = {
    state: 'Refused',
    reason: 'NotAllowedByListeners',
    message: 'Gateway clops: no listener lets it in.',
  } as const;
  const world = canary();
  while (world.weights?.canary !== 10) settle(world, 1);
  const route = (weights: { stable: number; canary: number }) => ({ route: { ...refused, weights } });
  world.now += 61_000;
  look(world, route({ stable: 90, canary: 10 }));
  expect(world.status.rollout?.phase).toBe('Degraded');
  expect(said(world)).toBe(
    'No progress for 60 s, step 1 of 4 (weight 10 %). Gateway clops: no listener lets it in. It keeps trying; abort gives the traffic back.',
  );
  world.commands = [aCommand(world, 'Abort')];
  pass(world);
  look(world, route({ stable: 90, canary: 10 }));
  expect(said(world)).toBe('Aborted. The traffic goes back to version 1. Gateway clops: no listener lets it in.');
  settle(world);
  expect(said(world)).toBe('Aborted. Version 1 has all traffic. Retry begins again.');
});

it('no requests are not a gateway that does not count', () => {
  const weights = { stable: 90, canary: 10 };
  const judged = (traffic: object): string =>
    judgeTraffic(weights, true, { programmedForMs: 5000, ...traffic }).message;
  expect(judged({ programmedForMs: 0 })).toMatch(/being counted/);
  expect(judged({ programmedForMs: 0, requests: { stable: 6, canary: 1 } })).toMatch(/being counted/);
  expect(judged({})).toMatch(/this gateway does not say/);
  expect(judged({ isUnread: true })).toBe(
    "The share could not be counted: the gateway's counts could not be read just now.",
  );
  expect(judgeTraffic(weights, false, { programmedForMs: 0 }).message).toBe(
    'The gateway has not taken the weights yet.',
  );
  expect(judged({ table: weights })).toMatch(/nobody has sent a request since the weights changed/);
  expect(judged({ table: weights, requests: { stable: 0, canary: 0 } })).toMatch(/nobody has sent a request/);
  expect(judged({ table: weights, requests: { stable: 6, canary: 1 } })).toMatch(/7 of the 50 requests/);
});

it('a promote of a step that has been passed is refused: two people who promote at once promote one step', () => {
  const steps: StepSpec[] = [{ pause: {} }, { setWeight: 50 }, { pause: {} }];
  const world = aWorld(specOf(1, steps));
  settle(world);
  world.spec = specOf(2, steps);
  settle(world);
  const command = aCommand(world, 'Promote', 'NextStep');
  const first = { ...command, spec: { ...command.spec, stepIndex: 0 } };
  const second = { ...first, metadata: { ...first.metadata, name: 'second' } };
  world.commands = [first];
  settle(world);
  expect(world.status.rollout).toMatchObject({ phase: 'Paused', stepIndex: 2 });
  world.commands = [second];
  const { decision } = pass(world);
  const message = 'It is for step 1, and the rollout stands at step 3 by now.';
  expect(decision.answer).toEqual({ name: 'second', state: 'Refused', message });
  settle(world);
  expect(world.status.rollout).toMatchObject({ phase: 'Paused', stepIndex: 2 });
});

it('last words that are cut begin with a whole character', () => {
  const terminated = { exitCode: 1, reason: 'Error', message: `${'\u{1f525}'.repeat(600)}!` };
  const status = { containerStatuses: [{ name: 'server', ready: false, state: { terminated } }] };
  const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod' }, spec: { containers: [] }, status };
  const failure = failureOf(pod);
  expect(failure?.message).toBe(`${'\u{1f525}'.repeat(499)}!`);
});

it('which steps were left out, until the walk begins again', () => {
  const world = aWorld(specOf(1, STEPS));
  const skipped = () => world.status.rollout?.skippedSteps;
  const told = (verb: CommandVerb, to?: PromoteTo): void => {
    world.commands = [aCommand(world, verb, to)];
    pass(world);
  };
  settle(world);
  expect(skipped()).toEqual([0, 1, 2, 3]); // the first of all has nobody to compare with
  world.spec = specOf(2, STEPS);
  pass(world);
  expect(skipped()).toBeUndefined();
  told('SkipStep');
  expect(skipped()).toEqual([0]);
  // The pause that it stands at is done by promoting it.
  told('Promote', 'End');
  expect([skipped(), world.status.rollout?.stepIndex]).toEqual([[0, 2, 3], 4]);
  told('Abort');
  settle(world);
  told('Retry');
  expect(skipped()).toBeUndefined();
  told('Promote', 'Full');
  expect(skipped()).toEqual([0, 1, 2, 3]);
  world.spec = specOf(2, STEPS.slice(2));
  pass(world);
  expect(skipped()).toEqual([0, 1]); // it stays past them
});

it('is as long as the definition lets it be, whatever a gateway says: the whole status would be refused', () => {
  const world = canary();
  while (world.weights?.canary !== 10) settle(world, 1);
  world.now += 61_000;
  const weights = { stable: 90, canary: 10 };
  look(world, { route: { state: 'Refused', reason: 'Refused', message: 'no '.repeat(5000), weights } });
  expect(said(world)).toContain('no no');
  expect(said(world)?.length).toBeLessThanOrEqual(4096);
});
