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
  /**
   * What the canary Service selects when that is not the canary: what was half-way when a newer revision came, and still
   * receives requests. NO_SIDE where stable itself was promoted a moment ago and receives them by this Service yet.
   */
  dropped?: Side;
  /** Pods of all other revisions, which go soon. */
  others: number;
  /** The share of the canary, or of what was dropped, as it was last decided. */
  weight: number;
  /** The same as the route says now. */
  routed: number;
  /** And when it is programmed. */
  programmed: number | undefined;
}

/** Pods that serve, as far as they have been asked. After a restart of the controller nobody has been asked yet. */
export const alive = ({ available, refuted }: Side): number => available - refuted;

export function planFor(input: PlanInput): Plan {
  const { spec, run, strategy } = input;
  const { rollout } = run;
  const replicas = replicasOf(spec);
  if (!run.canary) return { stable: stableIn(input, replicas, 0), canary: 0, weight: 0, hasCapacity: true, needed: 0 };
  if (input.dropped) return planDropped(input, replicas, input.dropped);
  const goesBack = rollout.abort !== undefined || rollout.hash === run.stable?.hash;
  if (goesBack) return planBack(input, replicas);
  if (!run.stable) return planFirst(input, replicas);
  const plan = strategy.kind === 'rolling' ? planRolling(input, replicas) : planCanary(input, replicas);
  return withoutHaste(input, replicas, plan);
}

/** A share that is to fall, as with a strategy that was changed on the way, falls no faster than stable gets its pods. */
function withoutHaste(input: PlanInput, replicas: number, plan: Plan): Plan {
  const { canary, routed } = input;
  if (plan.weight >= routed || alive(canary) === 0) return plan;
  const { from, weight } = goBack({ ...input, weight: routed }, replicas, canary);
  if (weight <= plan.weight) return plan;
  return { ...plan, canary: Math.max(plan.canary, from), weight, hasCapacity: false };
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
 * First stable takes back what an earlier rollout gave away, and the canary gets pods when it has: stable may have none by
 * then. A rolling update to a third version once took an endpoint away like that, with three good pods of the second beside.
 */
function planDropped(input: PlanInput, replicas: number, dropped: Side): Plan {
  const { stable, from, weight, isEnough } = goBack(input, replicas, dropped);
  const canary = isEnough ? input.canary.replicas : 0;
  return { stable, canary, dropped: from, weight, hasCapacity: false, needed: replicas };
}

/**
 * Kubernetes' rolling update over two Deployments: never more than replicas + surge pods, never fewer than
 * replicas - unavailable that serve, and the share follows the pods. Stable shrinks only after its share has.
 */
function planRolling(input: PlanInput, replicas: number): Plan {
  const { spec, strategy, stable, canary, others, weight, programmed } = input;
  const needed = replicas;
  const hasCapacity = canary.verified >= replicas;
  if (spec.paused) {
    const share = alive(canary) === 0 ? 0 : weight;
    return { stable: stable.replicas, canary: canary.replicas, weight: share, hasCapacity, needed };
  }
  const room = replicas + strategy.surge - stable.replicas - others;
  const pods = Math.max(canary.replicas, Math.min(replicas, room));
  const left = hasCapacity ? stable.replicas : leftOf(stable, canary.verified, replicas - strategy.unavailable);
  const share = shareBy(canary.verified, hasCapacity ? 0 : Math.min(left, stable.available));
  const hasMoved = programmed !== undefined && programmed >= share;
  return {
    stable: hasMoved ? left : stable.replicas,
    canary: pods,
    weight: Math.max(share, alive(canary) ? weight : 0),
    hasCapacity,
    needed,
  };
}

/** Pods that the side which goes still keeps, so that with `serving` ones of the other side `least` of them serve. */
const leftOf = ({ replicas }: Side, serving: number, least: number): number =>
  Math.min(replicas, Math.max(0, least - serving));

/** Percent for the side that comes. Whole percents: neither side is without any while it has pods. */
function shareBy(serving: number, left: number): number {
  if (serving <= 0) return 0;
  if (left <= 0) return 100;
  return Math.min(99, Math.max(1, Math.floor((100 * serving) / (serving + left))));
}

function planBack(input: PlanInput, replicas: number): Plan {
  const { stable, from, weight, isEnough } = goBack(input, replicas, input.canary);
  return { stable, canary: from, weight, hasCapacity: isEnough, needed: replicas };
}

/**
 * Back to stable: all of it at once where stable has the pods, else as much as it can take. The same rolling update, from the
 * other end: what gave its share away gives its pods away, too, since on a full cluster stable's wait for their place. The
 * last ones stay until no request can be on its way to them.
 */
function goBack(
  input: PlanInput,
  replicas: number,
  from: Side,
): { stable: number; from: number; weight: number; isEnough: boolean } {
  const { strategy, stable, weight, programmed } = input;
  const least = replicas - strategy.unavailable;
  const serving = alive(stable);
  const isEnough = serving >= Math.max(1, least);
  const pods = stableIn(input, replicas, from.replicas);
  if (alive(from) === 0 || isEnough || replicas === 0)
    return { stable: pods, from: from.replicas, weight: 0, isEnough };
  const left = leftOf(from, serving, least);
  const share = Math.min(weight, 100 - shareBy(serving, Math.min(left, alive(from))));
  const hasMoved = programmed !== undefined && programmed <= share;
  return { stable: pods, from: hasMoved ? left : from.replicas, weight: share, isEnough };
}

/** All pods of stable; in a rolling update as far as those of others, which go, leave room for them. */
function stableIn({ strategy, stable, others }: PlanInput, replicas: number, leaving: number): number {
  if (strategy.kind !== 'rolling') return replicas;
  return Math.min(replicas, Math.max(stable.replicas, replicas + strategy.surge - leaving - others));
}
