/** A rollout and its steps in a line each. */
import type { DeploymentLineFragment, RolloutStateFragment } from '../../client/generated/graphql.ts';
import { type Paint, phase } from './paint.ts';
import { span } from './text.ts';

type Spec = RolloutStateFragment['steps'][number]['spec'];

/** `10 %`, `pause 30s`, `pause`. */
function step({ setWeight, pause }: Spec): string {
  if (setWeight !== null) return `${setWeight} %`;
  const seconds = pause?.seconds;
  return seconds === null || seconds === undefined ? 'pause' : `pause ${span(seconds)}`;
}

const MARKS = { DONE: '✔', ACTIVE: '▸', WAITING: '·', SKIPPED: '»', FAILED: '✖' } as const;
const TONES = { DONE: 'green', ACTIVE: 'bold', WAITING: 'dim', SKIPPED: 'dim', FAILED: 'red' } as const;

/** `✔ 10 %  ▸ pause 30s  · 50 %  · pause`: the sign says how far each is. */
export function ladder(paint: Paint, steps: RolloutStateFragment['steps']): string[] {
  return steps.map(({ state, spec }) => paint[TONES[state]](`${MARKS[state]} ${step(spec)}`));
}

/** `vad@1 → vad@2`. */
export function passage({ from, to }: Pick<RolloutStateFragment, 'from' | 'to'>): string {
  const name = (revision: RolloutStateFragment['to']): string =>
    `${revision.version.model.name}@${revision.version.number}`;
  return from ? `${name(from)} → ${name(to)}` : name(to);
}

/** `‖ Paused, step 2 of 4, 10 %: waits for somebody`. */
function standing(paint: Paint, rollout: RolloutStateFragment): string {
  const { steps, stepIndex, weight, message } = rollout;
  const place =
    steps.length === 0 || rollout.outcome ? '' : `, step ${Math.min(stepIndex + 1, steps.length)} of ${steps.length}`;
  const share = rollout.outcome || steps.length === 0 ? '' : `, ${weight} %`;
  return `${phase(paint, rollout.phase)}${place}${share}${message ? `: ${message}` : ''}`;
}

/** `speech/vad: vad@1 → vad@2 ◌ Pending`. */
export function rolloutLine(
  paint: Paint,
  { team, name }: Pick<DeploymentLineFragment, 'team' | 'name'>,
  rollout: RolloutStateFragment,
): string {
  return `${paint.bold(`${team.name}/${name}`)}: ${passage(rollout)}  ${standing(paint, rollout)}`;
}
