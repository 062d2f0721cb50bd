/** A rollout and its steps in a line each. */
import type {
  DeploymentLineFragment,
  DeploymentPictureFragment,
  RolloutStateFragment,
} from '../../client/generated/graphql.ts';
import { type Paint, phase } from './paint.ts';
import { span, word } from './text.ts';

type Spec = RolloutStateFragment['steps'][number]['spec'];

/** `10 %`, `pause 30s`, `pause`. */
function step({ setWeight, pause }: Spec): string {
  if (setWeight !== null) return `${setWeight} %`;
  const seconds = pause?.seconds;
  return seconds === null || seconds === undefined ? 'pause' : `pause ${span(seconds)}`;
}

/** `10 %, pause 30s, 50 %, pause`. */
export const stepList = (steps: RolloutStateFragment['steps']): string =>
  steps.map(({ spec }) => step(spec)).join(', ');

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

/** `‖ Paused, 10 %: Step 2 of 4 pauses it ...`; the place, unless the message says it. */
function standing(paint: Paint, rollout: RolloutStateFragment): string {
  const { steps, stepIndex, weight, message } = rollout;
  const place =
    steps.length === 0 || rollout.outcome || /\bsteps?\b/i.test(message)
      ? ''
      : `, step ${Math.min(stepIndex + 1, steps.length)} of ${steps.length}`;
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

/** As `rolloutLine`; behind the end of a rollout what the deployment says of itself. */
export function deploymentLine(paint: Paint, deployment: DeploymentPictureFragment): string {
  const { team, name, rollout } = deployment;
  if (!rollout) return `${team.name}/${name}: ${deployment.phase}`;
  if (!speaksForItself(deployment)) return rolloutLine(paint, deployment, rollout);
  const label = paint.bold(`${team.name}/${name}`);
  return `${label}: ${passage(rollout)}  ${phase(paint, deployment.phase)}: ${messageOf(deployment)}`;
}

type Speaker = Pick<DeploymentLineFragment, 'phase' | 'conditions' | 'rollout'>;

/** Its rollout has ended well, and something is not as wanted all the same: pods are missing, or a route. */
const speaksForItself = ({ phase: now, rollout }: Speaker): boolean =>
  rollout !== null &&
  rollout.outcome !== null &&
  rollout.outcome !== 'ABORTED' &&
  (now === 'PROGRESSING' || now === 'DEGRADED');

/** Why it stands as it does. */
export function messageOf(deployment: Speaker): string {
  const said = deployment.rollout?.message ?? '';
  if (!speaksForItself(deployment)) return said;
  const of = (type: string) => deployment.conditions.find((condition) => condition.type === type);
  const ready = of('Ready');
  const telling = deployment.phase === 'DEGRADED' && ready?.status !== 'TRUE' ? ready : of('Progressing');
  return telling?.message || said;
}

/** `promoted past its steps`. */
export const outcomeOf = (outcome: string): string =>
  outcome.startsWith('FAST_') ? `${word(outcome.slice(5)).toLowerCase()} past its steps` : word(outcome).toLowerCase();

/** When a rollout goes on only if a person says so: that it does, and what to type. */
export function waitsFor({
  paused,
  rollout,
  team,
  name,
}: Pick<DeploymentPictureFragment, 'paused' | 'rollout' | 'team' | 'name'>):
  | { why: string; next: string[] }
  | undefined {
  if (!rollout || rollout.outcome !== null || rollout.phase !== 'PAUSED') return undefined;
  const label = `${team.name}/${name}`;
  const back = rollout.allowed.includes('ABORT') ? [`clops abort ${label}`] : [];
  if (paused) return { why: 'is held until somebody resumes it', next: [`clops resume ${label}`, ...back] };
  const pause = rollout.steps[rollout.stepIndex]?.spec.pause;
  if (!pause || pause.seconds !== null) return undefined;
  const place = `step ${rollout.stepIndex + 1} of ${rollout.steps.length}`;
  return { why: `waits for somebody to promote it, at ${place}`, next: [`clops promote ${label}`, ...back] };
}
