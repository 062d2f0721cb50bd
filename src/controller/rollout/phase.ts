/** What a rollout is in one word and one sentence, and when its time is up. Pure. */
import type { RolloutPhase } from '../../contract/modeldeployment.ts';
import type { FilledStrategy } from '../../contract/strategy.ts';
import { isActive } from '../../contract/verbs.ts';
import { alive } from './plan.ts';
import { describeStep } from './steps.ts';
import { NO_SIDE, type Plan, type RolloutInput, type Run, type Side, type TrafficVerdict } from './types.ts';

export const sideOf = (input: RolloutInput, hash: string | undefined): Side =>
  (hash === undefined ? undefined : input.observed.sides.get(hash)) ?? NO_SIDE;

export const time = (at: string | undefined): number => (at ? Date.parse(at) : 0);

export const isPaused = (input: RolloutInput, { steps }: FilledStrategy, { rollout }: Run): boolean =>
  isActive(rollout) && (input.spec.paused === true || steps[rollout.stepIndex]?.pause !== undefined);

export function deadlineInMs(input: RolloutInput, strategy: FilledStrategy, run: Run): number | undefined {
  const { rollout } = run;
  if (!isActive(rollout) || isPaused(input, strategy, run) || rollout.pausedAt) return undefined;
  const since = time(rollout.progressedAt ?? rollout.startedAt);
  return since + strategy.progressDeadlineSeconds * 1000 - input.now;
}

export const isOverdue = (input: RolloutInput, strategy: FilledStrategy, run: Run): boolean =>
  (deadlineInMs(input, strategy, run) ?? 1) <= 0;

export function phaseOf(input: RolloutInput, strategy: FilledStrategy, run: Run, plan: Plan): RolloutPhase {
  const { rollout } = run;
  if (rollout.outcome === 'Aborted') return 'Aborted';
  if (rollout.outcome) return 'Healthy';
  if (rollout.abort) return 'Aborting';
  if (isPaused(input, strategy, run)) return 'Paused';
  if (isOverdue(input, strategy, run)) return 'Degraded';
  const isLast = rollout.stepIndex >= strategy.steps.length;
  if (isLast && (plan.hasCapacity || (run.stable && strategy.steps.length > 0))) return 'Promoting';
  return plan.hasCapacity ? 'Verifying' : 'Progressing';
}

const HELD_NEXT = ' It is paused (spec.paused): the next rollout will be held until it is resumed.';

export function words(
  input: RolloutInput,
  strategy: FilledStrategy,
  run: Run,
  plan: Plan,
  phase: RolloutPhase,
  traffic: TrafficVerdict,
): string {
  const { rollout } = run;
  const place = placeOf(strategy, run);
  const canary = sideOf(input, run.canary?.hash);
  const version = `version ${run.canary?.version ?? run.stable?.version}`;
  if (plan.dropped !== undefined && phase === 'Progressing')
    return `Version ${run.stable?.version} takes back first what an earlier rollout gave away.${waitWords(input, run, plan, traffic)}`;
  const pods = `${canary.verified} of ${plan.needed} pods of ${version} serve it`;
  switch (phase) {
    case 'Healthy':
      return `Version ${run.stable?.version} is stable and has all traffic.${input.spec.paused && !input.obstacle ? HELD_NEXT : ''}`;
    case 'Aborted':
      return `${abortWords(run)} ${run.stable ? `Version ${run.stable.version} has all traffic. ` : ''}Retry begins again.`;
    case 'Aborting':
      return `${abortWords(run)} The traffic goes back to version ${run.stable?.version}.${waitWords(input, run, plan, traffic)}`;
    case 'Paused':
      return pauseWords(input, strategy, run);
    case 'Degraded': {
      if (plan.dropped !== undefined || rollout.hash === run.stable?.hash)
        return `No progress for ${strategy.progressDeadlineSeconds} s.${waitWords(input, run, plan, traffic)} It keeps trying.`;
      // With its pods it waits for the gateway: "2 of 2 pods serve it" said nothing of a route that was refused.
      const unready = canary.failure ? `${canary.failure.reason}: ${canary.failure.message}` : `${pods}.`;
      const why = plan.hasCapacity ? sentence(traffic.message) : unready;
      const advice = run.stable ? ' It keeps trying; abort gives the traffic back.' : ' It keeps trying.';
      return `No progress for ${strategy.progressDeadlineSeconds} s, ${place}. ${why}${advice}`;
    }
    default:
      break;
  }
  if (rollout.hash === run.stable?.hash) {
    const ends = run.canary ? `Ends the rollout to version ${run.canary.version}: goes` : 'Goes';
    return `${ends} back to version ${run.stable.version}.${waitWords(input, run, plan, traffic)}`;
  }
  if (canary.failure && !plan.hasCapacity) return `${canary.failure.reason}: ${canary.failure.message}`;
  const asking = alive(canary) > 0 && canary.verified < canary.available ? ', the others are being asked' : '';
  if (!plan.hasCapacity) return `${pods}${asking}; ${place}.`;
  const { message } = traffic;
  return `${capital(place)}: ${message.charAt(0).toLowerCase()}${message.slice(1)}`;
}

/** What a way back waits for: stable's pods, and with them the gateway. */
function waitWords(
  input: RolloutInput,
  { stable }: Run,
  { hasCapacity, needed }: Plan,
  { proceed, message }: TrafficVerdict,
): string {
  const side = sideOf(input, stable?.hash);
  if (hasCapacity || alive(side) >= needed) return proceed ? '' : ` ${sentence(message)}`;
  const why = side.failure ? ` ${side.failure.reason}: ${side.failure.message}` : '';
  return ` ${alive(side)} of ${needed} pods of version ${stable?.version} serve it.${why}`;
}

/** A gateway's own words may end anyhow. */
const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);
const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

/** Steps are counted one way everywhere: by the one that the walk stands at, from 1. */
function placeOf({ steps }: FilledStrategy, { rollout, stable }: Run): string {
  const step = steps[rollout.stepIndex];
  if (step) return `step ${rollout.stepIndex + 1} of ${steps.length} (${describeStep(step)})`;
  if (!stable) return 'first rollout';
  return rollout.fast ? 'past the steps' : steps.length > 0 ? `all ${steps.length} steps done` : 'rolling';
}

function abortWords({ rollout: { abort } }: Run): string {
  const by = abort?.by ? ` by ${abort.by}` : '';
  const reason = (abort?.reason ?? '').replace(/[.!?]+$/, '');
  return reason === '' || reason === 'asked for' ? `Aborted${by}.` : `Aborted${by}: ${reason}.`;
}

function pauseWords(input: RolloutInput, strategy: FilledStrategy, run: Run): string {
  if (input.obstacle) return input.obstacle.message;
  const place = placeOf(strategy, run);
  if (input.spec.paused) return `Held on request (spec.paused), ${place}: resume lets it go on.`;
  const { stepIndex } = run.rollout;
  const step = `Step ${stepIndex + 1} of ${strategy.steps.length}`;
  const seconds = strategy.steps[stepIndex]?.pause?.seconds;
  if (seconds !== undefined) return `${step} pauses it for ${seconds} s; then it goes on by itself.`;
  return `${step} pauses it until somebody promotes it.`;
}
