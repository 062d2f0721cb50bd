/**
 * What is, as Kubernetes conditions. Observations and nothing else: nobody decides by them. All are there from the first
 * visit, Unknown if need be, since an absent one reads as Unknown to some and as True to others. Pure.
 */
import type { Condition, ConditionStatus } from '../contract/modeldeployment.ts';
import { CONDITIONS } from '../contract/names.ts';
import { replicasOf, strategyOf } from '../contract/strategy.ts';
import { startOf } from '../lib/text.ts';
import { iso } from './rollout/begin.ts';
import { alive } from './rollout/plan.ts';
import { type Decision, type Failure, NO_SIDE, type RolloutInput, type Side } from './rollout/types.ts';

interface Verdict {
  status: ConditionStatus;
  reason: string;
  message: string;
}

const verdict = (status: ConditionStatus, reason: string, message: string): Verdict => ({ status, reason, message });
const MAX_MESSAGE = 2000;

export interface ConditionsInput {
  input: RolloutInput;
  /** Absent when an obstacle kept anything from being begun. */
  decision?: Decision;
  obstacle?: Failure;
  /** A child that the cluster does not take. */
  refused?: Failure;
  generation: number;
}

/** Ours, and those that others have put there, untouched. lastTransitionTime moves only with the status. */
export function conditionsFor(given: ConditionsInput): Condition[] {
  const before = new Map((given.input.status.conditions ?? []).map((condition) => [condition.type, condition]));
  const available = isAvailable(given);
  const route = routeVerdict(given);
  const traffic = trafficVerdict(given, before.get(CONDITIONS.trafficVerified));
  const ours: [string, Verdict][] = [
    [CONDITIONS.ready, isReady(given, available, route, traffic)],
    [CONDITIONS.progressing, isProgressing(given)],
    [CONDITIONS.available, available],
    [CONDITIONS.artifactVerified, artifactVerdict(given, before.get(CONDITIONS.artifactVerified))],
    [CONDITIONS.routeProgrammed, route],
    [CONDITIONS.trafficVerified, traffic],
    [CONDITIONS.paused, isPaused(given)],
  ];
  const made = ours.map(([type, found]) => stamp(type, found, before.get(type), given));
  const names = new Set(ours.map(([type]) => type));
  return [...made, ...[...before.values()].filter(({ type }) => !names.has(type))];
}

function stamp(
  type: string,
  found: Verdict,
  before: Condition | undefined,
  { generation, input }: ConditionsInput,
): Condition {
  const isSame = before?.status === found.status;
  return {
    type,
    status: found.status,
    reason: found.reason,
    message: startOf(found.message, MAX_MESSAGE),
    observedGeneration: generation,
    lastTransitionTime: isSame ? before.lastTransitionTime : iso(input.now),
  };
}

/**
 * What serves: stable, or, in the first rollout, what is to become it. In a rolling update stable gives its pods away as the
 * others come, so that those that have requests count with it.
 */
function servingSides({ input, decision }: ConditionsInput): Side[] {
  const { observed, spec, status } = input;
  const hash = decision?.run.stable?.hash ?? status.stable?.hash ?? decision?.run.canary?.hash;
  const hashes = new Set(hash === undefined ? [] : [hash]);
  const weights = decision?.weights ?? observed.route.weights;
  if (decision && weights && strategyOf(spec).kind === 'rolling')
    for (const role of ['stable', 'canary'] as const) if (weights[role] > 0) hashes.add(decision.services[role]);
  return [...hashes].map((one) => observed.sides.get(one) ?? NO_SIDE);
}

const aliveIn = (sides: readonly Side[]): number => sides.reduce((sum, side) => sum + alive(side), 0);
const failureIn = (sides: readonly Side[]): Failure | undefined => sides.find(({ failure }) => failure)?.failure;

function isAvailable(given: ConditionsInput): Verdict {
  const { spec } = given.input;
  const replicas = replicasOf(spec);
  if (replicas === 0) return verdict('False', 'Stopped', 'replicas is 0.');
  const sides = servingSides(given);
  const needed = Math.max(1, replicas - strategyOf(spec).unavailable);
  if (aliveIn(sides) >= needed) return verdict('True', 'MinimumReplicasAvailable', `${there(sides, replicas)}.`);
  const words = `${there(sides, replicas)}, ${needed} are needed.${why(sides)}`;
  return verdict('False', 'MinimumReplicasUnavailable', words);
}

const there = (sides: readonly Side[], replicas: number): string =>
  `${aliveIn(sides)} of ${replicas} pods of the serving revision${sides.length > 1 ? 's' : ''} are available`;
function why(sides: readonly Side[]): string {
  const failure = failureIn(sides);
  return failure ? ` ${failure.reason}: ${failure.message}` : '';
}

function isReady(given: ConditionsInput, available: Verdict, route: Verdict, traffic: Verdict): Verdict {
  if (available.status !== 'True') return available;
  if (route.status !== 'True') return route;
  // Not False: endpoints come a moment after their pods.
  const { route: routed, endpoints } = given.input.observed;
  if ((routed.weights?.stable ?? 0) > 0 && endpoints.stable.length === 0)
    return verdict('Unknown', 'NoEndpoints', 'Pods are available, and the Service of stable has none of them.');
  if (servingSides(given).every(({ verified }) => verified === 0))
    return verdict('Unknown', 'NotAskedYet', 'The pods have not said yet which version they serve.');
  if (traffic.status === 'False') return traffic;
  const isStable = (given.decision?.run.stable ?? given.input.status.stable) !== undefined;
  return isStable
    ? verdict('True', 'StableServing', 'The stable revision serves.')
    : verdict('True', 'FirstServing', 'The first revision serves; its rollout has not ended.');
}

function isProgressing(given: ConditionsInput): Verdict {
  const { decision, obstacle, refused, input } = given;
  if (obstacle) return verdict('False', obstacle.reason, obstacle.message);
  if (refused) return verdict('False', refused.reason, refused.message);
  const rollout = decision?.run.rollout;
  if (!rollout) return verdict('Unknown', 'NotObserved', 'Not looked at yet.');
  const message = rollout.message ?? '';
  const canary = decision?.run.canary && input.observed.sides.get(decision.run.canary.hash);
  switch (rollout.phase) {
    case 'Healthy': {
      const [sides, replicas] = [servingSides(given), replicasOf(input.spec)];
      if (aliveIn(sides) >= replicas) return verdict('True', 'NewRevisionAvailable', message);
      return verdict('True', failureIn(sides)?.reason ?? 'WaitingForPods', `${there(sides, replicas)}.${why(sides)}`);
    }
    case 'Paused':
      return verdict('Unknown', 'RolloutPaused', message);
    case 'Aborting':
    case 'Aborted':
      return verdict('False', 'RolloutAborted', message);
    case 'Degraded':
      return verdict('False', 'ProgressDeadlineExceeded', message);
    case 'Verifying':
      return verdict('True', 'VerifyingTraffic', message);
    case 'Promoting':
      return verdict('True', (!decision.plan.hasCapacity && canary?.failure?.reason) || 'Promoting', message);
    default:
      return verdict('True', canary?.failure?.reason ?? 'WaitingForPods', message);
  }
}

function artifactVerdict({ input, decision, obstacle }: ConditionsInput, before: Condition | undefined): Verdict {
  const hash = decision?.run.rollout.hash ?? input.observed.desired.hash;
  const side = input.observed.sides.get(hash) ?? NO_SIDE;
  if (side.artifact === 'Verified' || side.verified > 0)
    return verdict('True', 'DigestMatches', 'The digest of the artifact was verified.');
  if (side.artifact === 'Refused') {
    const words = side.failure?.message ?? 'The artifact could not be fetched.';
    return verdict('False', /digest/i.test(words) ? 'DigestMismatch' : 'FetchFailed', words);
  }
  // Without pods there is nothing to see; what was verified for this revision stays so.
  const isSame = input.status.rollout?.hash === hash && before?.status === 'True';
  if (isSame && !obstacle) return verdict('True', 'DigestMatches', before.message);
  return verdict('Unknown', 'NotFetchedYet', 'No pod has fetched the artifact yet.');
}

function routeVerdict({ input }: ConditionsInput): Verdict {
  const { state, reason, message } = input.observed.route;
  const status = state === 'Programmed' ? 'True' : state === 'Refused' ? 'False' : 'Unknown';
  return verdict(status, reason, message);
}

/**
 * A judgement stays while nobody has counted anew: after a restart, between two weights that are the same, or when both sides
 * are the same pods. And it stays as it was made: requests that go on as they should are no news.
 */
function trafficVerdict({ input, decision }: ConditionsInput, before: Condition | undefined): Verdict {
  if (!decision && before) return before; // an obstacle: nobody counts, and what is routed stays routed
  const found = decision?.traffic ?? {
    status: 'Unknown',
    reason: 'NotRouted',
    message: 'Nothing is routed yet.',
    proceed: false,
  };
  const isUnchanged =
    decision?.weights !== undefined &&
    (decision.services.stable === decision.services.canary ||
      (input.observed.route.weights?.canary === decision.weights.canary &&
        (input.status.canary?.weight ?? 0) === decision.weights.canary));
  const isUncounted = found.reason === 'NotCounted' && before?.status === 'True';
  const isOpen = found.status === 'Unknown' && found.reason !== 'NotRouted' && (!found.proceed || isUncounted);
  if (before?.status === 'True' && found.status === 'True' && isUnchanged) return before;
  if (before && isUnchanged && isOpen && before.status !== 'False' && before.reason !== 'NotRouted') return before;
  return verdict(found.status, found.reason, found.message);
}

function isPaused({ input, decision, obstacle }: ConditionsInput): Verdict {
  const isHeld = decision?.run.rollout.phase === 'Paused';
  if (obstacle && isHeld) return verdict('True', obstacle.reason, obstacle.message);
  if (input.spec.paused) return verdict('True', 'PausedBySpec', 'spec.paused is true: nothing advances.');
  if (isHeld) return verdict('True', 'PauseStep', decision.run.rollout.message ?? '');
  return verdict('False', 'NotPaused', 'Nothing holds it.');
}
