/** Places in the log, as clients keep them. Lists and streams share them, so that a list's end is a stream's start. */
import { decodeCursor, encodeCursor } from '../../lib/cursor.ts';
import { Fault } from '../../lib/fault.ts';

/** The ordering that every cursor of the log belongs to. */
export const LOG_ORDER = 'log';

export const logCursor = (seq: number): string => encodeCursor(LOG_ORDER, [seq]);

export const isPlace = ([seq]: readonly unknown[]): boolean => Number.isSafeInteger(seq) && Number(seq) >= 0;

/** The number behind a cursor of the log. A text that is no cursor of the log is refused as bad input. */
export function seqOf(cursor: string | null | undefined, argument = 'after'): number | undefined {
  if (cursor === null || cursor === undefined) return undefined;
  const key = decodeCursor(LOG_ORDER, cursor);
  if (key && isPlace(key)) return Number(key[0]);
  throw new Fault(
    'BAD_USER_INPUT',
    `${argument} is not a cursor of the event log. Use one that a message or an event gave.`,
  );
}
