/** What a command does to a rollout. One command a pass: its effect and its name go into one status patch. */

import type { RolloutCommand } from '../../contract/rolloutcommand.ts';
import { strategyOf } from '../../contract/strategy.ts';
import { refusal } from '../../contract/verbs.ts';
import { iso } from './begin.ts';
import { describeStep, leftOut, stepHashOf } from './steps.ts';
import type { Answer, Happening, RolloutInput, Run } from './types.ts';

export interface Answered {
  run: Run;
  answer?: Answer;
}

export function answerCommand(input: RolloutInput, run: Run, events: Happening[]): Answered {
  const [command] = input.commands;
  if (!command) return { run };
  const { name } = command.metadata;
  const { spec } = command;
  if (spec.rollout !== run.rollout.number) {
    const message = `It is for rollout ${spec.rollout}, and the current one is ${run.rollout.number}.`;
    return { run, answer: { name, state: 'Refused', message } };
  }
  const { stepIndex } = run.rollout;
  if (spec.stepIndex !== undefined && spec.stepIndex !== stepIndex) {
    const message = `It is for step ${spec.stepIndex + 1}, and the rollout stands at step ${stepIndex + 1} by now.`;
    return { run, answer: { name, state: 'Refused', message } };
  }
  const known = { spec: input.spec, status: { ...input.status, ...statusOf(run) } };
  const why = refusal(known, spec.verb, spec.to);
  if (why) return { run, answer: { name, state: 'Refused', message: why } };
  const { run: changed, message } = apply(input, run, command, events);
  return { run: changed, answer: { name, state: 'Done', message } };
}

/** Guards look at a status; of the sides only their presence and hash matter to them. */
export function statusOf({ stable, canary, rollout, history }: Run): Record<string, unknown> {
  return { stable, canary, rollout, history: [...history] };
}

function apply(
  input: RolloutInput,
  run: Run,
  { spec }: RolloutCommand,
  events: Happening[],
): { run: Run; message: string } {
  const { now } = input;
  const { rollout } = run;
  const { steps } = strategyOf(input.spec);
  const by = spec.by ? ` by ${spec.by}` : '';
  const because = spec.reason ? `: ${spec.reason}` : '';
  const goTo = (stepIndex: number, more: object = {}): Run => ({
    ...run,
    rollout: { ...rollout, stepIndex, stepStartedAt: iso(now), progressedAt: iso(now), ...more },
  });
  const tell = (reason: string, message: string): void => {
    events.push({ type: 'Normal', reason, message: `${message}${by}${because}.` });
  };
  switch (spec.verb) {
    case 'Promote': {
      if (spec.to === 'Full') {
        tell('PromotedFull', `Rollout ${rollout.number} was promoted in full`);
        const { abort: _abort, outcome: _outcome, finishedAt: _finishedAt, ...open } = rollout;
        const reopened = {
          ...open,
          fast: true,
          ...leftOut(rollout.stepIndex, steps.length, rollout.skippedSteps),
          stepIndex: steps.length,
          stepStartedAt: iso(now),
          progressedAt: iso(now),
        };
        return { run: { ...run, rollout: reopened }, message: 'promoted in full' };
      }
      const isEnd = spec.to === 'End';
      const index = isEnd ? steps.length : rollout.stepIndex + 1;
      // The pause that it stands at is done: that is what promoting means.
      const next = steps[rollout.stepIndex]?.pause ? rollout.stepIndex + 1 : rollout.stepIndex;
      const skipped = isEnd ? leftOut(next, index, rollout.skippedSteps) : {};
      tell('StepPromoted', `Step ${rollout.stepIndex + 1} of ${steps.length} was promoted`);
      return { run: goTo(index, skipped), message: `step ${rollout.stepIndex + 1} of ${steps.length} passed` };
    }
    case 'SkipStep': {
      const step = steps[rollout.stepIndex];
      tell(
        'StepSkipped',
        `Step ${rollout.stepIndex + 1} of ${steps.length} (${step ? describeStep(step) : ''}) was skipped`,
      );
      const next = rollout.stepIndex + 1;
      const skipped = leftOut(rollout.stepIndex, next, rollout.skippedSteps);
      return { run: goTo(next, skipped), message: `step ${next} of ${steps.length} skipped` };
    }
    case 'Abort': {
      const reason = spec.reason ?? 'asked for';
      tell('RolloutAborted', `Rollout ${rollout.number} is aborted`);
      const abort = { at: iso(now), ...(spec.by && { by: spec.by }), reason };
      return {
        run: { ...run, rollout: { ...rollout, abort } },
        message: 'all requests go back to the stable revision',
      };
    }
    case 'Retry': {
      tell('RolloutRetried', `Rollout ${rollout.number} is tried again`);
      const { abort: _abort, outcome: _outcome, finishedAt: _finishedAt, ...ended } = rollout;
      const { fast: _fast, skippedSteps: _skipped, ...open } = ended;
      const again = {
        ...open,
        stepIndex: 0,
        stepHash: stepHashOf(steps),
        stepStartedAt: iso(now),
        progressedAt: iso(now),
      };
      return { run: { ...run, rollout: again }, message: 'begun again at step 1' };
    }
    case 'Restart':
      tell('Restarted', 'The pods are replaced');
      return { run: { ...run, restartedAt: iso(now) }, message: 'the pods are replaced one after the other' };
  }
}
