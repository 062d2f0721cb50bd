/** An event of the log in a line, or in a few where the terminal is narrow. */
import type { EventLineFragment } from '../../client/generated/graphql.ts';
import type { Paint } from './paint.ts';

/** A condition is told at each change, and what it leads to is told besides: unasked it hides what matters. */
export const isShown = ({ type }: Pick<EventLineFragment, 'type'>): boolean => type !== 'deployment.condition_changed';

/** The longest of those that are shown unasked. */
const TYPE = 25;
const FRONT = 8 + 1 + TYPE + 1;

/**
 * `12:00:03 rollout.paused            vad: waits for somebody (admin)`; the time is the reader's own. With a width the
 * message is broken at spaces and goes on under itself; a pipe gets one line for each event.
 */
export function eventLine(paint: Paint, { at, type, message, actor }: EventLineFragment, width?: number): string {
  const time = new Date(at);
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map((n) => `${n}`.padStart(2, '0')).join(':');
  const words = `${message} (${actor.name})`;
  const room = width === undefined ? Number.POSITIVE_INFINITY : Math.max(20, width - FRONT);
  const [first = '', ...rest] = broken(words, room);
  return [`${paint.dim(clock)} ${type.padEnd(TYPE)} ${first}`, ...rest.map((line) => ' '.repeat(FRONT) + line)].join(
    '\n',
  );
}

function broken(text: string, width: number): string[] {
  if (text.length <= width) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
