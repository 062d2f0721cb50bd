/** What the conditions say of what is seen, by the engine alone. */
import { expect, it } from 'vitest';
import { aWorld, look, settle, specOf } from './world.ts';

it('is not known to be ready when pods serve and no Service finds them', () => {
  const world = aWorld(specOf(1, [{ setWeight: 50 }]));
  settle(world);
  const { condition } = look(world, { endpoints: { stable: [], canary: [] } });
  expect(condition('Available')?.status).toBe('True');
  expect(condition('Ready')).toMatchObject({ status: 'Unknown', reason: 'NoEndpoints' });
  expect(look(world, {}).condition('Ready')?.status).toBe('True');
});

it('requests that go astray are told once, however they are counted, and looked at once in a second', () => {
  const steps = [{ setWeight: 50 }, { pause: {} }];
  const world = aWorld(specOf(1, steps));
  settle(world);
  world.spec = specOf(2, steps);
  while (world.weights?.canary !== 50) settle(world, 1);
  world.isProgrammed = true;
  const drift = (canary: number) => ({ traffic: { programmedForMs: 5000, requests: { stable: 1000, canary } } });
  const { decision, condition } = look(world, drift(100));
  expect(condition('TrafficVerified')).toMatchObject({ status: 'False', reason: 'WeightDrift' });
  expect(world.status.rollout?.message).toMatch(/^Step 1 of 2 \(weight 50 %\): 9\.1 % of 1100 requests/);
  expect(decision.after).toBeGreaterThanOrEqual(1000);
  const before = world.status;
  for (const canary of [110, 120, 150]) {
    look(world, drift(canary));
    expect(world.status).toEqual(before);
  }
});
