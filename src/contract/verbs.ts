/** Which verbs a rollout takes now. The controller refuses by this and the API offers by this, so that a button is never a lie. */
import type { ModelDeployment, RolloutOutcome, RolloutStatus } from './modeldeployment.ts';
import type { CommandVerb, PromoteTo, RolloutVerb } from './rolloutcommand.ts';
import { strategyOf } from './strategy.ts';

type Known = Pick<ModelDeployment, 'spec' | 'status'>;

/** It runs: it has neither ended nor is it being aborted. */
export const isActive = (rollout: RolloutStatus | undefined): rollout is RolloutStatus =>
  rollout !== undefined && rollout.outcome === undefined && rollout.abort === undefined;

/** Outcomes that left what was rolled out stable. */
export const GOOD: readonly RolloutOutcome[] = ['Promoted', 'FastPromoted', 'RolledBack', 'FastRolledBack'];

/** It stands at a pause step, be it timed or open. */
function isAtPause({ spec, status }: Known): boolean {
  const rollout = status?.rollout;
  return isActive(rollout) && strategyOf(spec).steps[rollout.stepIndex]?.pause !== undefined;
}

export function allowedVerbs(known: Known): RolloutVerb[] {
  const { spec, status } = known;
  const rollout = status?.rollout;
  const active = isActive(rollout);
  const held = spec.paused === true;
  const steps = strategyOf(spec).steps;
  const returning = active && rollout.hash === status?.stable?.hash;
  const aborted = rollout?.outcome === 'Aborted';
  const verbs: [RolloutVerb, boolean][] = [
    ['Promote', isAtPause(known) && !held],
    ['PromoteFull', (active && !returning && !rollout.fast && !held) || aborted],
    ['SkipStep', active && !held && rollout.stepIndex < steps.length],
    ['Pause', active && !held],
    ['Resume', held],
    ['Abort', active && !returning && status?.stable !== undefined],
    ['Retry', aborted],
    [
      'Rollback',
      status?.history?.some(({ hash, outcome }) => GOOD.includes(outcome) && hash !== rollout?.hash) ?? false,
    ],
  ];
  return verbs.filter(([, allowed]) => allowed).map(([verb]) => verb);
}

/** Why a command cannot be done now, or undefined when it can. */
export function refusal(known: Known, verb: CommandVerb, to: PromoteTo = 'NextStep'): string | undefined {
  const { spec, status } = known;
  const rollout = status?.rollout;
  if (!rollout) return 'There is no rollout.';
  if (verb === 'Restart') return undefined;
  const allowed = allowedVerbs(known);
  const asked: RolloutVerb = verb === 'Promote' && to === 'Full' ? 'PromoteFull' : verb;
  if (verb === 'Promote' && to === 'End' ? allowed.includes('SkipStep') : allowed.includes(asked)) return undefined;
  if (rollout.outcome && verb !== 'Retry') return `Rollout ${rollout.number} has ended: ${rollout.outcome}.`;
  if (rollout.abort && !rollout.outcome) return `Rollout ${rollout.number} is being aborted.`;
  switch (verb) {
    case 'Retry':
      return `Only an aborted rollout can be retried, and rollout ${rollout.number} is not.`;
    case 'Abort':
      return status?.stable
        ? 'It is on its way back to the stable revision already.'
        : 'There is no stable revision to go back to.';
    default:
      if (spec.paused) return 'It is held by spec.paused: resume it first.';
      if (rollout.fast) return 'Its steps are skipped already.';
      if (rollout.stepIndex >= strategyOf(spec).steps.length) return 'All its steps are done.';
      return 'It is not waiting for anybody; SkipStep leaves out the step it works on.';
  }
}
