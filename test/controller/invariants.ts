/** What must hold of every single decision of the engine, whatever has happened before. */
import { expect } from 'vitest';
import { replicasOf, strategyOf } from '../../src/contract/strategy.ts';
import { alive } from '../../src/controller/rollout/plan.ts';
import { podsAt } from '../../src/controller/rollout/steps.ts';
import { NO_SIDE, type Side } from '../../src/controller/rollout/types.ts';
import type { Made } from './world.ts';

export function check(made: Made): void {
  checkLoad(made);
  checkPods(made);
  const { input, decision } = made;
  const { observed, status, spec } = input;
  const { run, weights, answer } = decision;
  const before = observed.route.weights;
  if (weights) {
    expect(weights.stable + weights.canary).toBe(100);
    const hash = decision.services.canary;
    const side = observed.sides.get(hash) ?? NO_SIDE;
    const isMoving = run.canary?.hash === hash && run.stable !== undefined;
    if (isMoving && weights.canary > 0) expect(alive(side)).toBeGreaterThan(0);
    if (isMoving && weights.canary > (before?.canary ?? 0)) {
      expect(side.verified).toBeGreaterThan(0);
      if (spec.strategy?.canary) expect(side.verified).toBeGreaterThanOrEqual(podsAt(replicasOf(spec), weights.canary));
      expect(run.rollout.abort).toBeUndefined();
      expect(spec.paused ?? false).toBe(false);
    }
  }
  // A Service that receives requests does not move to other pods, unless those have all requests already.
  if (observed.selectors.canary && observed.selectors.canary !== decision.services.canary && run.stable) {
    expect(observed.route.state === 'Absent' || before?.canary === 0).toBe(true);
  }
  const was = status.rollout;
  if (was?.number === run.rollout.number && answer?.state !== 'Done') {
    const moved = run.rollout.stepIndex - was.stepIndex;
    const isReset = run.rollout.stepHash !== was.stepHash;
    if (!isReset) expect(moved === 0 || moved === 1).toBe(true);
  }
  if (spec.paused && was?.number === run.rollout.number && answer === undefined && was.outcome === undefined) {
    expect(run.rollout.phase).not.toBe('Degraded');
    if (run.rollout.stepHash === was.stepHash) expect(run.rollout.stepIndex).toBe(was.stepIndex);
  }
  // What receives requests keeps the pods they need.
  for (const role of ['stable', 'canary'] as const) {
    const hash = observed.selectors[role];
    if (!before || !hash || observed.selectors.stable === observed.selectors.canary) continue;
    const kept = decision.deployments.find((one) => one.hash === hash)?.replicas ?? 0;
    const least = Math.max(0, replicasOf(spec) - strategyOf(spec).unavailable);
    const needed = Math.ceil((least * (before[role] - 1)) / 100);
    expect(kept).toBeGreaterThanOrEqual(Math.min(needed, observed.sides.get(hash)?.replicas ?? 0));
  }
  for (const hash of decision.remove) {
    expect([run.stable?.hash, decision.services.stable]).not.toContain(hash);
  }
}

/** Requests go only to pods that can carry them: those that `least` are for, or, with fewer, each its part. */
function checkLoad({ input, decision }: Made): void {
  const { observed, spec } = input;
  const { run, weights, services } = decision;
  const before = observed.route.weights;
  const replicas = replicasOf(spec);
  if (!weights || !before || !run.stable || replicas === 0 || weights.canary === before.canary) return;
  const least = replicas - strategyOf(spec).unavailable;
  const [stable, canary] = [services.stable, services.canary].map((hash) => observed.sides.get(hash) ?? NO_SIDE) as [
    Side,
    Side,
  ];
  const carries = (share: number, side: Side, other: Side): boolean => {
    const all = alive(side) + alive(other);
    return 100 * alive(side) + replicas >= share * least || share * all <= 100 * alive(side) + all;
  };
  const isServed = (role: 'stable' | 'canary'): boolean =>
    observed.endpoints[role].length > 0 && observed.endpoints[role].every((hash) => hash === services[role]);
  if (weights.canary > before.canary) {
    expect(services.canary).toBe(run.canary?.hash);
    expect(carries(weights.canary, canary, stable)).toBe(true);
  } else if (isServed('canary') && alive(canary) > 0) {
    expect(isServed('stable')).toBe(true);
    if (services.stable !== services.canary) expect(carries(weights.stable, stable, canary)).toBe(true);
  }
}

/** A rolling update has never more pods than replicas + surge, unless it found them. */
function checkPods({ input, decision }: Made): void {
  const { spec, observed } = input;
  if (spec.strategy?.canary || !decision.run.stable) return;
  const sum = (all: Iterable<{ replicas: number }>): number => [...all].reduce((so, { replicas }) => so + replicas, 0);
  const most = replicasOf(spec) + strategyOf(spec).surge;
  expect(sum(decision.deployments)).toBeLessThanOrEqual(Math.max(most, sum(observed.sides.values())));
}
