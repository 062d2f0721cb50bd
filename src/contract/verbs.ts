/** Which verbs a rollout takes now. The controller refuses by this and the API offers by this, so that a button is never a lie. */
import type { ModelDeployment, RolloutOutcome, RolloutStatus } from './modeldeployment.ts';
import { CONDITIONS } from './names.ts';
import type { CommandVerb, PromoteTo, RolloutVerb } from './rolloutcommand.ts';
import { strategyOf } from './strategy.ts';

type Known = Pick<ModelDeployment, 'spec' | 'status'>;

/** It runs: it has neither ended nor is it being aborted. */
export const isActive = (rollout: RolloutStatus | undefined): rollout is RolloutStatus =>
  rollout !== undefined && rollout.outcome === undefined && rollout.abort === undefined;

const OUTCOME_WORDS: Readonly<Record<RolloutOutcome, string>> = {
  Promoted: 'was promoted',
  FastPromoted: 'was promoted past its steps',
  Aborted: 'was aborted',
  Superseded: 'was superseded by a newer one',
  RolledBack: 'was rolled back',
  FastRolledBack: 'was rolled back past its steps',
};

/** `was promoted past its steps`. */
export const outcomeWords = (outcome: RolloutOutcome): string => OUTCOME_WORDS[outcome];

/** Outcomes that left what was rolled out stable. */
export const GOOD: readonly RolloutOutcome[] = ['Promoted', 'FastPromoted', 'RolledBack', 'FastRolledBack'];

/** It stands at a pause step, be it timed or open. */
function isAtPause({ spec, status }: Known): boolean {
  const rollout = status?.rollout;
  return isActive(rollout) && strategyOf(spec).steps[rollout.stepIndex]?.pause !== undefined;
}

/** Reasons of the condition Progressing while the spec cannot be acted on. */
export const OBSTACLES = ['InvalidSpec', 'RuntimeNotFound', 'FormatNotServed'] as const;
/** What is done even then: the way back, and edits of the spec that may be the cure. */
const IN_SPITE: readonly RolloutVerb[] = ['Resume', 'Abort', 'Rollback'];

const isHindered = (status: Known['status']): boolean =>
  status?.conditions?.some(
    ({ type, status: value, reason }) =>
      type === CONDITIONS.progressing && value === 'False' && OBSTACLES.some((one) => one === reason),
  ) ?? false;

/** `hindered` is what the status says unless somebody has looked since. */
export function allowedVerbs(known: Known, hindered = isHindered(known.status)): RolloutVerb[] {
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
  return verbs.filter(([verb, allowed]) => allowed && (!hindered || IN_SPITE.includes(verb))).map(([verb]) => verb);
}

/** Why a command cannot be done now, or undefined when it can. Obstacles are the controller's, who has just looked. */
export function refusal(known: Known, verb: CommandVerb, to: PromoteTo = 'NextStep'): string | undefined {
  const { spec, status } = known;
  const rollout = status?.rollout;
  if (!rollout) return 'There is no rollout yet.';
  if (verb === 'Restart') return undefined;
  const allowed = allowedVerbs(known, false);
  const asked: RolloutVerb = verb === 'Promote' && to === 'Full' ? 'PromoteFull' : verb;
  if (verb === 'Promote' && to === 'End' ? allowed.includes('SkipStep') : allowed.includes(asked)) return undefined;
  if (rollout.outcome && verb !== 'Retry')
    return `Rollout ${rollout.number} ${outcomeWords(rollout.outcome)}: there is nothing to ${verb === 'Abort' ? 'abort' : 'promote'}.`;
  if (rollout.abort && !rollout.outcome)
    return `Rollout ${rollout.number} is being aborted: wait for the end, then retry it.`;
  switch (verb) {
    case 'Retry':
      return `Only an aborted rollout can be retried, and rollout ${rollout.number} is not.`;
    case 'Abort':
      return status?.stable
        ? 'It is on its way back to the stable revision already.'
        : 'There is no stable revision to go back to.';
    default:
      if (spec.paused) return `Rollout ${rollout.number} is paused (spec.paused): resume it first.`;
      if (rollout.fast) return 'It goes past its steps already.';
      if (rollout.stepIndex >= strategyOf(spec).steps.length)
        return 'All its steps are done: it becomes stable by itself.';
      return `It waits for nobody: it works on step ${rollout.stepIndex + 1} of ${strategyOf(spec).steps.length}. Promote it when it pauses, or in full.`;
  }
}
