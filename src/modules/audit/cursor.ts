/** Places in the log, as clients keep them. Lists and streams share them, so that a list's end is a stream's start. */
import { decodeCursor, encodeCursor } from '../../lib/cursor.ts';
import { Fault } from '../../lib/fault.ts';
import type { Place } from '../../platform/events/place.ts';

/** The ordering that every cursor of the log belongs to. */
export const LOG_ORDER = 'log';

export const keyOf = ({ seq, mark }: Place): (string | number)[] => (mark === null ? [seq] : [seq, mark]);
export const logCursor = (place: Place): string => encodeCursor(LOG_ORDER, keyOf(place));

/** Cursors had no mark once, and those of places without an event have none. */
export const isPlace = ([seq, mark = '']: readonly unknown[]): boolean =>
  Number.isSafeInteger(seq) && Number(seq) >= 0 && typeof mark === 'string';

/** The place behind a cursor of the log. A text that is no cursor of the log is refused as bad input. */
export function placeIn(cursor: string | null | undefined, argument = 'after'): Place | undefined {
  if (cursor === null || cursor === undefined) return undefined;
  const key = decodeCursor(LOG_ORDER, cursor);
  if (key && isPlace(key)) return { seq: Number(key[0]), mark: key[1] === undefined ? null : String(key[1]) };
  throw new Fault(
    'BAD_USER_INPUT',
    `${argument} is not a cursor of the event log. Use one that a message or an event gave.`,
  );
}
