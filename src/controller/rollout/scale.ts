/**
 * How many pods every revision keeps. What still receives requests is never taken below what those need, whatever the
 * plan says; what receives none goes after the delay that routers need to forget it.
 */
import { type FilledStrategy, replicasOf } from '../../contract/strategy.ts';
import { shareOf } from './routing.ts';
import { podsFor } from './steps.ts';
import type { Decision, Plan, RolloutInput, Run } from './types.ts';

export interface Scale {
  keep: { hash: string; replicas: number }[];
  remove: string[];
  /** When the next one may go. */
  dueInMs?: number;
}

export function deploymentsFor(
  input: RolloutInput,
  strategy: FilledStrategy,
  run: Run,
  plan: Plan,
  services: Decision['services'],
): Scale {
  const { observed, now } = input;
  const { rollout } = run;
  const keep: Scale['keep'] = [];
  const remove: string[] = [];
  const isAborted = rollout.outcome === 'Aborted';
  const releasedAt = Date.parse(rollout.finishedAt ?? rollout.startedAt);
  const dueInMs = releasedAt + strategy.scaleDownDelaySeconds * 1000 - now;
  let isWaiting = false;

  const wanted = new Map<string, number>();
  if (run.canary && !isAborted) wanted.set(run.canary.hash, plan.canary);
  if (run.stable) wanted.set(run.stable.hash, plan.stable);
  if (plan.dropped !== undefined && !wanted.has(services.canary)) wanted.set(services.canary, plan.dropped);
  for (const [hash, replicas] of wanted)
    keep.push({ hash, replicas: Math.max(replicas, floorOf(input, strategy, hash)) });

  for (const [hash, side] of observed.sides) {
    if (wanted.has(hash) || !side.exists) continue;
    const isUsed = receives(input, hash) || services.stable === hash;
    if (!isUsed && dueInMs <= 0) remove.push(hash);
    else {
      keep.push({ hash, replicas: side.replicas });
      isWaiting ||= dueInMs > 0;
    }
  }
  return { keep, remove, ...(isWaiting && { dueInMs }) };
}

function receives({ observed }: RolloutInput, hash: string): boolean {
  const { endpoints, route, selectors } = observed;
  if (shareOf(hash, selectors, route.weights) > 0) return true;
  const weights = route.weights;
  return weights !== undefined && weights.stable > 0 && endpoints.stable.includes(hash);
}

/** Pods that the requests of this revision need now; only as many as it has, since this holds back and does not raise. */
function floorOf(input: RolloutInput, { unavailable }: FilledStrategy, hash: string): number {
  const { observed, spec } = input;
  const share = shareOf(hash, observed.selectors, observed.route.weights);
  return Math.min(podsFor(share, replicasOf(spec) - unavailable), observed.sides.get(hash)?.replicas ?? 0);
}
