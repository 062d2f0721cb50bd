/** What happened between two statuses of a deployment, as events. Pure, so that a replay of statuses tells the same story. */
import { toUpperSnake } from '../../../contract/enums.ts';
import type { Condition, ModelDeploymentStatus, RolloutOutcome } from '../../../contract/modeldeployment.ts';
import { outcomeWords } from '../../../contract/verbs.ts';

export interface Happening {
  /** Of the rollout, or of the deployment itself. */
  of: 'rollout' | 'deployment';
  type: string;
  message: string;
  data: Record<string, unknown>;
}

const OUTCOME_EVENTS: Record<RolloutOutcome, string> = {
  Promoted: 'rollout.promoted',
  FastPromoted: 'rollout.promoted',
  Aborted: 'rollout.aborted',
  Superseded: 'rollout.superseded',
  RolledBack: 'rollout.rolled_back',
  FastRolledBack: 'rollout.rolled_back',
};

export function happeningsBetween(
  name: string,
  before: ModelDeploymentStatus,
  after: ModelDeploymentStatus,
): Happening[] {
  return [...ofRollout(name, before, after), ...ofDeployment(name, before, after)];
}

function ofRollout(name: string, before: ModelDeploymentStatus, after: ModelDeploymentStatus): Happening[] {
  const now = after.rollout;
  if (!now) return [];
  const was = before.rollout?.number === now.number ? before.rollout : undefined;
  const list: Happening[] = [];
  const add = (type: string, message: string, data: Record<string, unknown> = {}) =>
    list.push({ of: 'rollout', type, message: `${name}: ${message}`, data: { number: now.number, ...data } });

  if (!was)
    add('rollout.started', `rollout ${now.number} to ${goal(after, now.to)} has begun`, {
      to: now.to,
      from: now.from ?? null,
    });
  if (was?.outcome && !now.outcome) add('rollout.retried', `rollout ${now.number} starts again`);
  const { skippedSteps: skipped = [] } = now;
  // One that began behind its steps, the first of all or a fast one, has none to tell of.
  const begins = skipped.length === now.stepIndex ? now.stepIndex : 0;
  for (let step = was?.stepIndex ?? begins; step < now.stepIndex; step++)
    if (skipped.includes(step)) add('rollout.step_skipped', `step ${step + 1} is left out`, { step });
    else add('rollout.step_completed', `step ${step + 1} is done`, { step });
  const weight = after.canary?.weight ?? 0;
  if ((before.canary?.weight ?? 0) !== weight && after.canary)
    add('rollout.weight_changed', `the canary has ${weight} % of the traffic`, {
      weight,
      from: before.canary?.weight ?? 0,
    });
  // Held at a pause that it stood at already, or no longer held: it is told anew why it waits.
  if (now.phase === 'Paused' && (was?.phase !== 'Paused' || was.message !== now.message))
    add('rollout.paused', now.message ?? 'paused', { step: now.stepIndex });
  if (was?.phase === 'Paused' && now.phase !== 'Paused' && !now.outcome)
    add('rollout.resumed', 'goes on', { step: now.stepIndex });
  if (now.abort && !was?.abort)
    add(
      'rollout.aborting',
      now.abort.reason === 'asked for' ? 'is being aborted' : `is being aborted: ${now.abort.reason}`,
      { ...now.abort },
    );
  if (now.phase === 'Degraded' && was?.phase !== 'Degraded')
    add('rollout.degraded', now.message ?? 'makes no progress');
  if (now.outcome && now.outcome !== was?.outcome)
    list.push({ of: 'rollout', ...endedEvent(name, now.number, now.outcome) });
  return list;
}

/** Versions are what people know; a revision has a number of its own, which counts changes of resources too. */
function goal({ stable, canary }: ModelDeploymentStatus, revision: number): string {
  const target = [canary, stable].find((one) => one?.revision === revision);
  return target ? `version ${target.version}` : `revision ${revision}`;
}

export function endedEvent(name: string, number: number | null, outcome: RolloutOutcome): Omit<Happening, 'of'> {
  return {
    type: OUTCOME_EVENTS[outcome],
    message: `${name}: rollout${number === null ? '' : ` ${number}`} ${outcomeWords(outcome)}`,
    data: { number, outcome: toUpperSnake(outcome) },
  };
}

function ofDeployment(name: string, before: ModelDeploymentStatus, after: ModelDeploymentStatus): Happening[] {
  const list: Happening[] = [];
  if (after.phase && after.phase !== before.phase) {
    const phase = toUpperSnake(after.phase);
    list.push({
      of: 'deployment',
      type: 'deployment.phase_changed',
      message: `${name} is ${phase.toLowerCase()}`,
      data: { phase, from: before.phase ? toUpperSnake(before.phase) : null },
    });
  }
  const was = new Map((before.conditions ?? []).map((condition) => [condition.type, condition]));
  for (const condition of after.conditions ?? []) {
    const old: Condition | undefined = was.get(condition.type);
    if (old?.status === condition.status && old.reason === condition.reason) continue;
    const { type, status, reason, message } = condition;
    list.push({
      of: 'deployment',
      type: 'deployment.condition_changed',
      message: `${name}: ${type} is ${status}, ${reason}. ${message}`.slice(0, 1000),
      data: { condition: type, status, reason },
    });
  }
  return list;
}
