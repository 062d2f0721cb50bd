/**
 * How many pods each side should have now and which share the canary may get, for the step that the walk stands at.
 *
 * A share never rises to a side without verified pods, and falls to 0 at once when the canary has none left. Between the
 * two it stays: pods that come and go do not move traffic.
 */

import type { ModelDeploymentSpec } from '../../contract/modeldeployment.ts';
import { type FilledStrategy, replicasOf } from '../../contract/strategy.ts';
import { podsAt, weightAt } from './steps.ts';
import type { Plan, Run, Side } from './types.ts';

export interface PlanInput {
  spec: ModelDeploymentSpec;
  strategy: FilledStrategy;
  run: Run;
  stable: Side;
  canary: Side;
  /** The canary's share as it was last decided. */
  weight: number;
  /** The canary's share as the route says, when it is programmed. */
  programmed: number | undefined;
}

/** Pods that serve, as far as they have been asked. After a restart of the controller nobody has been asked yet. */
export const alive = ({ available, refuted }: Side): number => available - refuted;

export function planFor(input: PlanInput): Plan {
  const { spec, run } = input;
  const { rollout } = run;
  const replicas = replicasOf(spec);
  if (!run.canary) return { stable: replicas, canary: 0, weight: 0, hasCapacity: true, needed: 0 };
  const goesBack = rollout.abort !== undefined || rollout.hash === run.stable?.hash;
  if (goesBack) return planBack(input, replicas);
  if (!run.stable) return planFirst(input, replicas);
  const isRolling = input.strategy.kind === 'rolling' && !rollout.fast;
  return isRolling ? planRolling(input, replicas) : planCanary(input, replicas);
}

function planFirst({ spec, canary }: PlanInput, replicas: number): Plan {
  const pods = spec.paused ? canary.replicas : replicas;
  return { stable: 0, canary: pods, weight: 100, hasCapacity: canary.verified >= replicas, needed: replicas };
}

function planCanary({ spec, strategy, run, canary, weight }: PlanInput, replicas: number): Plan {
  const target = weightAt(strategy.steps, run.rollout.stepIndex);
  const needed = podsAt(replicas, target);
  const hasCapacity = canary.verified >= needed;
  const pods = spec.paused && canary.replicas === 0 ? 0 : needed;
  const mayRise = hasCapacity && !spec.paused;
  const share = alive(canary) === 0 ? 0 : mayRise ? target : Math.min(target, weight);
  return { stable: replicas, canary: pods, weight: share, hasCapacity, needed };
}

/**
 * Kubernetes' rolling update over two Deployments: never more than replicas + surge pods, never fewer than
 * replicas - unavailable that serve, and the share follows the pods. Stable shrinks only after its share has.
 */
function planRolling({ spec, strategy, stable, canary, weight, programmed }: PlanInput, replicas: number): Plan {
  const needed = replicas;
  const hasCapacity = canary.verified >= replicas;
  if (spec.paused) {
    const share = alive(canary) === 0 ? 0 : weight;
    return { stable: stable.replicas, canary: canary.replicas, weight: share, hasCapacity, needed };
  }
  const most = replicas + strategy.surge;
  const least = replicas - strategy.unavailable;
  const pods = Math.max(canary.replicas, Math.min(replicas, most - stable.replicas));
  const mayGo = stable.replicas + canary.replicas - least - (canary.replicas - canary.verified);
  const serving = stable.available + canary.verified - least;
  const broken = stable.replicas - stable.available;
  const gone = Math.max(0, Math.min(mayGo, Math.max(0, serving) + broken, stable.replicas));
  const left = hasCapacity ? stable.replicas : stable.replicas - gone;
  const share = rollingShare(hasCapacity, alive(canary), canary.verified, Math.min(left, stable.available));
  const hasMoved = programmed !== undefined && programmed >= share;
  return {
    stable: hasMoved ? left : stable.replicas,
    canary: pods,
    weight: Math.max(share, alive(canary) ? weight : 0),
    hasCapacity,
    needed,
  };
}

function rollingShare(isComplete: boolean, living: number, verified: number, stableLeft: number): number {
  if (living === 0 || verified === 0) return 0;
  if (isComplete || stableLeft <= 0) return 100;
  return Math.min(99, Math.max(1, Math.floor((100 * verified) / (verified + stableLeft))));
}

/** Back to stable: all of it at once where stable has the pods, else as much as it can take. */
function planBack({ strategy, stable, canary, weight }: PlanInput, replicas: number): Plan {
  const serving = alive(stable);
  const isEnough = serving > 0 && serving >= Math.max(1, replicas - strategy.unavailable);
  let share = weight;
  if (alive(canary) === 0 || isEnough || replicas === 0) share = 0;
  else if (serving > 0) share = Math.min(weight, 100 - Math.floor((100 * serving) / replicas));
  return { stable: replicas, canary: canary.replicas, weight: share, hasCapacity: isEnough, needed: replicas };
}
