/** What may happen to a deployment, in any order, as fast-check makes it up. */
import fc from 'fast-check';
import type { StepSpec } from '../../src/contract/modeldeployment.ts';
import { hashOf } from '../../src/contract/revision.ts';
import { aCommand, type Made, pass, settle, specOf, type World } from './world.ts';

export const STEPS: StepSpec[] = [{ setWeight: 10 }, { pause: { seconds: 5 } }, { setWeight: 50 }, { pause: {} }];

export type Move =
  | { kind: 'pods'; version: number; ready: number; said: 'Verified' | 'Refuted' | 'Pending' }
  | { kind: 'well'; passes: number }
  | { kind: 'programmed' }
  | { kind: 'drift'; on: boolean }
  | { kind: 'time'; seconds: number }
  | { kind: 'deploy'; version: number }
  | { kind: 'scale'; replicas: number }
  | { kind: 'pause'; on: boolean }
  | { kind: 'steps'; weight: number }
  | { kind: 'rolling'; surge: number }
  | { kind: 'command'; verb: 'Promote' | 'SkipStep' | 'Abort' | 'Retry' | 'Restart'; to?: 'NextStep' | 'End' | 'Full' }
  | { kind: 'pass'; writes?: number };

const version = fc.integer({ min: 1, max: 3 });
export const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('pods' as const),
      version,
      ready: fc.integer({ min: 0, max: 6 }),
      said: fc.constantFrom('Verified' as const, 'Verified' as const, 'Refuted' as const, 'Pending' as const),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ kind: 'programmed' as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('well' as const), passes: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drift' as const), on: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const), seconds: fc.integer({ min: 1, max: 90 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('deploy' as const), version }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('scale' as const), replicas: fc.integer({ min: 0, max: 6 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pause' as const), on: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('rolling' as const), surge: fc.integer({ min: 0, max: 2 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('steps' as const), weight: fc.integer({ min: 1, max: 50 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('command' as const),
      verb: fc.constantFrom('Promote', 'SkipStep', 'Abort', 'Retry', 'Restart'),
      to: fc.constantFrom('NextStep', 'End', 'Full'),
    }),
  },
  { weight: 8, arbitrary: fc.constant({ kind: 'pass' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pass' as const), writes: fc.integer({ min: 0, max: 8 }) }) },
);

/** `look` sees every pass that this makes. */
export function play(world: World, step: Move, look: (made: Made) => void): void {
  switch (step.kind) {
    case 'pods':
      world.ready.set(hashOf(specOf(step.version, [])), step.ready);
      world.said.set(hashOf(specOf(step.version, [])), step.said);
      return;
    case 'well':
      settle(world, step.passes, look);
      return;
    case 'programmed':
      world.isProgrammed = world.weights !== undefined;
      return;
    case 'drift':
      world.isDrifting = step.on;
      return;
    case 'time':
      world.now += step.seconds * 1000;
      return;
    case 'deploy':
      world.spec = { ...world.spec, model: specOf(step.version, []).model };
      return;
    case 'scale':
      world.spec = { ...world.spec, replicas: step.replicas };
      return;
    case 'pause':
      world.spec = { ...world.spec, paused: step.on };
      return;
    case 'steps':
      world.spec = specOfSteps(world, [{ setWeight: step.weight }, ...STEPS.slice(1)]);
      return;
    case 'rolling':
      world.spec = { ...world.spec, strategy: { rolling: { maxSurge: step.surge, maxUnavailable: 1 } } };
      return;
    case 'command':
      if (world.status.rollout)
        world.commands.push(aCommand(world, step.verb, step.verb === 'Promote' ? step.to : undefined));
      return;
    case 'pass':
      look(pass(world, step.writes));
  }
}

export const specOfSteps = (world: World, steps: StepSpec[]): World['spec'] => {
  const canary = world.spec.strategy?.canary;
  return { ...world.spec, strategy: { canary: { scaleDownDelaySeconds: 1, ...canary, steps } } };
};
