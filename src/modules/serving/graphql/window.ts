/** The window of live numbers that is asked for. */
import { Fault } from '../../../lib/fault.ts';

export function windowOf(given: number | null | undefined, fallback: number): number {
  const seconds = given ?? fallback;
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 300)
    throw new Fault('BAD_USER_INPUT', 'windowSeconds must be a whole number from 1 to 300.');
  return seconds;
}
