/**
 * The rollout engine: a pure function from what is wanted and what is seen to what is to be done.
 *
 * A rollout leads from the stable revision to another. It stands at a step until that step is done:
 *   setWeight  the canary has the verified pods that the weight needs, the weight is programmed, and it is in force
 *              (counted, or, with too few requests to count, as far as the gateway itself says)
 *   pause      its seconds have passed, or somebody promoted
 * After the last step the canary gets everything; when that is in force it becomes stable: Promoted. The first rollout of
 * all has nobody to compare with and skips the steps, and so does going back to an older revision that was stable a short
 * while ago, and promoting in full. An abort, and asking for the stable revision again, take the share away first and the pods
 * later. spec.paused holds everything but the way back.
 *
 *   state         leaves when                                    to
 *   Progressing   the canary has its pods                        Verifying
 *   Verifying     the weights are in force                       the next step
 *   Paused        time is up, promoted, resumed                  the next step
 *   Promoting     100 % are in force                             Healthy
 *   Aborting      0 % are programmed                             Aborted
 *   Aborted       retried                                        Progressing
 *   any of these  no progress until the deadline                 Degraded, or Aborting with abortOnDeadline
 *
 * At most one step is completed and one command is answered per call, and everything it remembers is in the status: a
 * controller that dies between any two calls changes nothing but the time it takes.
 */

import type { RolloutOutcome } from '../../contract/modeldeployment.ts';
import { CONDITIONS } from '../../contract/names.ts';
import { type FilledStrategy, replicasOf, strategyOf } from '../../contract/strategy.ts';
import { isActive, outcomeWords } from '../../contract/verbs.ts';
import { startOf } from '../../lib/text.ts';
import { currentRun, iso, leadsBack, withEntry } from './begin.ts';
import { deadlineInMs, isOverdue, isPaused, phaseOf, sideOf, time, words } from './phase.ts';
import { planFor } from './plan.ts';
import { droppedBy, placeServices, shareOf, weightsFor } from './routing.ts';
import { deploymentsFor } from './scale.ts';
import { COUNT_AGAIN_MS, judgeTraffic } from './share.ts';
import { describeStep } from './steps.ts';
import { type Decision, type Happening, NO_SIDE, type Plan, type RolloutInput, type Run } from './types.ts';
import { answerCommand } from './verbs.ts';

/** The definition lets a message have 4096 characters, and a gateway may say more: the whole status would be refused. */
const MAX_WORDS = 2000;

export function decide(input: RolloutInput): Decision {
  const events: Happening[] = [];
  const strategy = strategyOf(input.spec);
  const begun = currentRun(input, events);
  const { run: told, answer } = answerCommand(input, begun, events);
  const marked = markProgress(input, told);
  const walked = walk(input, strategy, marked, events);
  const run = withPause(input, strategy, walked, events);

  // Children follow the state that is written already: one that acted first and died before it wrote would be followed by
  // one that takes it back, and a share would go up, down and up again.
  const plan = planOf(input, strategy, marked);
  const services = placeServices(input, marked);
  const weights = heldBack(input, weightsFor(input, marked, plan, services), walked !== marked);
  const traffic = judge(input, weights);
  const { keep, remove, dueInMs } = deploymentsFor(input, strategy, marked, plan, services);
  tellWeight(input, marked, services, weights, events);
  const ahead = run === marked ? plan : planOf(input, strategy, run);
  const phase = phaseOf(input, strategy, run, ahead);
  const message = startOf(words(input, strategy, run, ahead, phase, traffic), MAX_WORDS);
  const due = [dueInMs, ...timers(input, strategy, run, traffic, answer !== undefined || run !== marked)];
  const after = Math.min(...due.filter((ms) => ms !== undefined));
  return {
    run: { ...run, rollout: { ...run.rollout, phase, message } },
    plan: ahead,
    deployments: keep,
    remove,
    services,
    ...(weights && { weights }),
    traffic,
    events,
    ...(answer && { answer }),
    ...(Number.isFinite(after) && { after: Math.max(0, Math.ceil(after)) }),
  };
}

function planOf(input: RolloutInput, strategy: FilledStrategy, run: Run): Plan {
  const { route, sides } = input.observed;
  const dropped = droppedBy(input, run);
  const known = [run.stable?.hash, run.canary?.hash, dropped];
  const routed = route.weights?.canary ?? 0;
  const others = [...sides].filter(([hash]) => !known.includes(hash));
  return planFor({
    spec: input.spec,
    strategy,
    run,
    stable: sideOf(input, run.stable?.hash),
    canary: sideOf(input, run.canary?.hash),
    ...(dropped !== undefined && { dropped: dropped === run.stable?.hash ? NO_SIDE : sideOf(input, dropped) }),
    others: others.reduce((sum, [, { replicas }]) => sum + replicas, 0),
    weight: dropped === undefined ? heldWeight(input, run) : routed,
    routed,
    programmed: route.state === 'Programmed' ? route.weights?.canary : undefined,
  });
}

/** A pass that moves the state raises no share: an abort may be what it moved to. */
function heldBack({ observed }: RolloutInput, wanted: Decision['weights'], hasMoved: boolean): Decision['weights'] {
  const { weights } = observed.route;
  return hasMoved && wanted && weights && wanted.canary > weights.canary ? weights : wanted;
}

/**
 * The share that may be kept without new proof: the last decided and the programmed one, whichever is less. A controller
 * that died after it took a share away and before it said so must not give it back.
 */
function heldWeight({ status, observed }: RolloutInput, { canary }: Run): number {
  const routed = canary && observed.selectors.canary === canary.hash ? (observed.route.weights?.canary ?? 0) : 0;
  // Another was the canary meanwhile, and this one is it again before it has lost its share.
  return canary && status.canary?.hash === canary.hash ? Math.min(status.canary.weight, routed) : routed;
}

/** A pod more that is ready is progress, of stable while the canary waits for its pods. */
function markProgress(input: RolloutInput, run: Run): Run {
  const role = droppedBy(input, run) === undefined ? 'canary' : 'stable';
  const before = input.status[role];
  if (!isActive(run.rollout) || before?.hash !== run[role]?.hash) return run;
  if (sideOf(input, run[role]?.hash).ready <= (before?.readyReplicas ?? 0)) return run;
  return { ...run, rollout: { ...run.rollout, progressedAt: iso(input.now) } };
}

/** One step forward at most. */
function walk(input: RolloutInput, strategy: FilledStrategy, run: Run, events: Happening[]): Run {
  const { rollout } = run;
  if (rollout.outcome) return run;
  const plan = planOf(input, strategy, run);
  if (rollout.abort) return isDrained(input) ? finish(input, run, 'Aborted', events) : run;
  if (rollout.hash === run.stable?.hash) {
    const { canary: _canary, ...rest } = run;
    return isDrained(input) ? finish(input, rest, 'FastRolledBack', events) : run;
  }
  if (input.spec.paused) return run;
  if (isOverdue(input, strategy, run) && strategy.abortOnDeadline && run.stable) {
    const reason = `No progress for ${strategy.progressDeadlineSeconds} s.`;
    events.push({
      type: 'Warning',
      reason: 'RolloutAborted',
      message: `Rollout ${rollout.number} is aborted. ${reason}`,
    });
    return { ...run, rollout: { ...rollout, abort: { at: iso(input.now), reason } } };
  }
  if (rollout.stepIndex < strategy.steps.length)
    return isStepDone(input, strategy, run, plan) ? nextStep(input, strategy, run, events) : run;
  return isMoved(input, run, plan) ? promote(input, run, events) : run;
}

function isStepDone(input: RolloutInput, { steps }: FilledStrategy, { rollout }: Run, plan: Plan): boolean {
  const step = steps[rollout.stepIndex];
  if (step?.pause) {
    const { seconds } = step.pause;
    return seconds !== undefined && input.now - time(rollout.stepStartedAt) >= seconds * 1000;
  }
  if (replicasOf(input.spec) === 0) return true; // nobody serves, so there is no share to move
  return plan.hasCapacity && isInForce(input, plan.weight);
}

/** The canary has everything, for certain. */
function isMoved(input: RolloutInput, run: Run, plan: Plan): boolean {
  if (replicasOf(input.spec) === 0) return true;
  if (!plan.hasCapacity) return false;
  return run.stable ? plan.weight === 100 && isInForce(input, 100) : input.observed.route.state === 'Programmed';
}

function isInForce(input: RolloutInput, weight: number): boolean {
  const { route } = input.observed;
  if (route.state !== 'Programmed' || route.weights?.canary !== weight) return false;
  return judgeTraffic(route.weights, true, input.observed.traffic).proceed;
}

/** No request goes to the canary any more: the route says so, and a gateway that tells its own table agrees. */
function isDrained(input: RolloutInput): boolean {
  const { route, traffic } = input.observed;
  if (route.state === 'Absent') return true;
  return route.state === 'Programmed' && route.weights?.canary === 0 && (traffic.table?.canary ?? 0) === 0;
}

function nextStep(input: RolloutInput, { steps }: FilledStrategy, run: Run, events: Happening[]): Run {
  const { rollout } = run;
  const step = steps[rollout.stepIndex];
  const message = `Step ${rollout.stepIndex + 1} of ${steps.length} (${step ? describeStep(step) : ''}) is completed.`;
  events.push({ type: 'Normal', reason: 'StepCompleted', message });
  const at = iso(input.now);
  return { ...run, rollout: { ...rollout, stepIndex: rollout.stepIndex + 1, stepStartedAt: at, progressedAt: at } };
}

function promote(input: RolloutInput, run: Run, events: Happening[]): Run {
  const { rollout, canary, stable: _stable, ...rest } = run;
  const isBack = leadsBack(input, run);
  const outcome: RolloutOutcome = isBack
    ? rollout.fast
      ? 'FastRolledBack'
      : 'RolledBack'
    : rollout.fast
      ? 'FastPromoted'
      : 'Promoted';
  return finish(input, { ...rest, rollout, ...(canary && { stable: canary }) }, outcome, events);
}

function finish(input: RolloutInput, run: Run, outcome: RolloutOutcome, events: Happening[]): Run {
  const { number } = run.rollout;
  const isAborted = outcome === 'Aborted';
  const message = `Rollout ${number} ${outcomeWords(outcome)}.`;
  events.push({
    type: isAborted ? 'Warning' : 'Normal',
    reason: isAborted ? 'RolloutAborted' : 'RolloutCompleted',
    message,
  });
  return {
    ...run,
    rollout: { ...run.rollout, outcome, finishedAt: iso(input.now) },
    history: withEntry(run.history, run.rollout, outcome, input.now),
  };
}

/** Keeps the time spent in pauses: a deadline does not count it. */
function withPause(input: RolloutInput, strategy: FilledStrategy, run: Run, events: Happening[]): Run {
  const { rollout } = run;
  const paused = isPaused(input, strategy, run);
  if (paused === (rollout.pausedAt !== undefined)) return run;
  const at = iso(input.now);
  if (paused) {
    const why = input.obstacle
      ? `as its spec cannot be acted on (${input.obstacle.reason})`
      : input.spec.paused
        ? 'on request (spec.paused)'
        : `at step ${rollout.stepIndex + 1} of ${strategy.steps.length}`;
    events.push({ type: 'Normal', reason: 'RolloutPaused', message: `Rollout ${rollout.number} is paused ${why}.` });
    return { ...run, rollout: { ...rollout, pausedAt: at } };
  }
  const { pausedAt, ...rest } = rollout;
  const seconds = Math.max(0, input.now - time(pausedAt)) / 1000;
  if (isActive(rollout))
    events.push({ type: 'Normal', reason: 'RolloutResumed', message: `Rollout ${rollout.number} goes on.` });
  const pausedBeforeSeconds = Math.round((rollout.pausedBeforeSeconds ?? 0) + seconds);
  return { ...run, rollout: { ...rest, pausedBeforeSeconds, progressedAt: at } };
}

function tellWeight(
  { status }: RolloutInput,
  run: Run,
  services: Decision['services'],
  weights: Decision['weights'],
  events: Happening[],
): void {
  const { canary, stable } = run;
  if (!canary || !stable || !weights) return;
  const before = status.canary?.hash === canary.hash ? status.canary.weight : 0;
  const now = shareOf(canary.hash, services, weights);
  if (before === now) return;
  const message = `The share of version ${canary.version} goes from ${before} % to ${now} %.`;
  events.push({ type: 'Normal', reason: 'WeightUpdated', message });
}

/** Requests that go astray are counted on, and told once: in new words for every count the status was written each second. */
function judge({ observed, status }: RolloutInput, wanted: Decision['weights']): Decision['traffic'] {
  const { route, traffic } = observed;
  if (!route.weights || !wanted) {
    return {
      status: 'Unknown',
      reason: 'NotRouted',
      message: 'Nothing is routed yet: no Service has a pod that serves.',
      proceed: false,
    };
  }
  if (route.state !== 'Programmed')
    return { status: 'Unknown', reason: 'NotProgrammed', message: route.message, proceed: false };
  const isWanted = route.weights.canary === wanted.canary && route.weights.stable === wanted.stable;
  const found = judgeTraffic(wanted, isWanted, traffic);
  const told = status.conditions?.find(({ type }) => type === CONDITIONS.trafficVerified);
  const isTold = found.status === 'False' && told?.status === 'False' && told.reason === found.reason;
  return isTold && (status.canary?.weight ?? 0) === wanted.canary ? { ...found, message: told.message } : found;
}

/** When to look again without anything having changed: a pause that ends, a deadline, requests to be counted. */
function timers(
  input: RolloutInput,
  strategy: FilledStrategy,
  run: Run,
  traffic: Decision['traffic'],
  hasMoved: boolean,
): (number | undefined)[] {
  const { rollout } = run;
  const step = strategy.steps[rollout.stepIndex];
  const seconds = isActive(rollout) && !input.spec.paused ? step?.pause?.seconds : undefined;
  const pauseEnds = seconds === undefined ? undefined : time(rollout.stepStartedAt) + seconds * 1000 - input.now;
  const deadline = deadlineInMs(input, strategy, run);
  const isOpen = !traffic.proceed && traffic.status === 'Unknown'; // what goes astray is looked at less often
  const counting = rollout.outcome === undefined && isOpen && input.observed.route.state === 'Programmed';
  return [
    pauseEnds,
    deadline !== undefined && deadline > 0 ? deadline : undefined,
    counting ? COUNT_AGAIN_MS : undefined,
    hasMoved || input.commands.length > 1 ? 0 : undefined,
  ];
}
