/** What a rollout is in one word and one sentence, and when its time is up. Pure. */
import type { RolloutPhase } from '../../contract/modeldeployment.ts';
import type { FilledStrategy } from '../../contract/strategy.ts';
import { isActive } from '../../contract/verbs.ts';
import { alive } from './plan.ts';
import { describeStep } from './steps.ts';
import { NO_SIDE, type Plan, type RolloutInput, type Run, type Side } from './types.ts';

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

export function words(
  input: RolloutInput,
  strategy: FilledStrategy,
  run: Run,
  plan: Plan,
  phase: RolloutPhase,
  traffic: string,
): string {
  const { rollout } = run;
  const { steps } = strategy;
  const step = steps[rollout.stepIndex];
  const place = step
    ? `step ${rollout.stepIndex + 1} of ${steps.length} (${describeStep(step)})`
    : run.stable
      ? 'after the last step'
      : 'the first revision';
  const canary = sideOf(input, run.canary?.hash);
  switch (phase) {
    case 'Healthy':
      return `Revision ${run.stable?.revision} is stable.`;
    case 'Aborted':
    case 'Aborting':
      return `Aborted: ${rollout.abort?.reason ?? ''}`;
    case 'Paused':
      return input.spec.paused ? `Paused by spec.paused, ${place}.` : `Paused at ${place}.`;
    case 'Degraded':
      return `No progress for ${strategy.progressDeadlineSeconds} s, ${place}. ${canary.failure?.message ?? ''}`.trim();
    default:
      break;
  }
  if (rollout.hash === run.stable?.hash) return `Goes back to revision ${run.stable.revision}.`;
  if (canary.failure && !plan.hasCapacity) return `${canary.failure.reason}: ${canary.failure.message}`;
  const counted = alive(canary) > 0 && canary.verified < canary.available ? ', asking them for their model' : '';
  if (!plan.hasCapacity) return `${canary.verified} of ${plan.needed} pods are there${counted}, ${place}.`;
  return `${traffic} ${place.charAt(0).toUpperCase()}${place.slice(1)}.`.trim();
}
