/** One rollout from its beginning to its end, in words: what it was, how it ended, and what happened in it. */
import type { EventLineFragment, RolloutStateFragment } from '../../client/generated/graphql.ts';
import { eventLine, isShown } from './event.ts';
import { type Paint, phase } from './paint.ts';
import { ladder, outcomeOf, passage } from './rollout.ts';
import { facts } from './table.ts';
import { age } from './text.ts';

interface Given {
  paint: Paint;
  /** Of the deployment. */
  label: string;
  rollout: RolloutStateFragment;
  events: readonly EventLineFragment[];
  /** Columns of a terminal. */
  width: number | undefined;
  /** Milliseconds since the epoch, for ages. */
  now: number;
}

export function story({ paint, label, rollout, events, width, now }: Given): string {
  const { number, outcome, message, reason, startedBy, startedAt, finishedAt, steps } = rollout;
  const how = outcome && outcomeOf(outcome);
  const said = how && how !== rollout.phase.toLowerCase() ? `${how}, ` : '';
  const ended = outcome ? ` (${said}${age(finishedAt ?? startedAt, now)} ago)` : '';
  const head = facts([
    ['Name', paint.bold(label)],
    ['Rollout', `${number ?? '–'}  ${passage(rollout)}`],
    ['Status', `${phase(paint, rollout.phase)}${ended}`],
    ['Message', message || undefined],
    ['Begun', `${age(startedAt, now)} ago by ${startedBy.name}${reason ? `: ${reason}` : ''}`],
    ['Steps', steps.length > 0 ? ladder(paint, steps).join('  ') : undefined],
  ]);
  const told = events.filter(isShown).map((event) => eventLine(paint, event, width));
  return told.length > 0 ? `${head}\n\n${told.join('\n')}` : head;
}
