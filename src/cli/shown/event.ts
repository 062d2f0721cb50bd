/** An event of the log in a line. */
import type { EventLineFragment } from '../../client/generated/graphql.ts';
import type { Paint } from './paint.ts';

/** `12:00:03 rollout.paused          vad: waits for somebody (admin)`; the time is the reader's own. */
export function eventLine(paint: Paint, { at, type, message, actor }: EventLineFragment): string {
  const time = new Date(at);
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map((n) => `${n}`.padStart(2, '0')).join(':');
  return `${paint.dim(clock)} ${type.padEnd(28)} ${message} ${paint.dim(`(${actor.name})`)}`;
}
