/** Answers of the API as results or as reasons to stop, with the exit code that belongs to each. */

import type { RefusalFragment } from '../client/generated/graphql.ts';
import { CLIENT_CODES, type ClopsFault } from '../client/index.ts';
import { CliError, EXIT, type Exit } from './exit.ts';
import { verbsOf } from './shown/verbs.ts';

type Refusal = RefusalFragment;

const EXIT_OF: Readonly<Record<Refusal['code'], Exit>> = {
  INVALID_INPUT: EXIT.usage,
  NOT_FOUND: EXIT.notFound,
  NAME_TAKEN: EXIT.conflict,
  CONFLICT: EXIT.conflict,
  NOT_ALLOWED_NOW: EXIT.conflict,
  UNSUPPORTED: EXIT.failure,
  DIGEST_MISMATCH: EXIT.failure,
};

/** A payload's result. @throws CliError with everything that was wrong; of `label` it says what can be done instead. */
export function done<T extends { errors: readonly Refusal[] }>(payload: T, label?: string): T {
  const [first] = payload.errors;
  if (!first) return payload;
  const words = payload.errors.map(({ code, message, path }) =>
    code === 'INVALID_INPUT' && path?.length ? `${message} (at ${path.join('.')})` : message,
  );
  const allowed = first.__typename === 'NotAllowedNowError' && label !== undefined ? verbsOf(first.allowed) : [];
  throw new CliError(EXIT_OF[first.code], words.join('\n'), ...allowed.map((verb) => `clops ${verb} ${label}`));
}

/** What a fault means to the person at the terminal. */
export function ofFault(fault: ClopsFault): CliError {
  const id = fault.requestId === undefined ? '' : ` (request ${fault.requestId})`;
  switch (fault.code) {
    case 'UNAUTHENTICATED':
      return new CliError(EXIT.auth, `${fault.message}${id}`, 'clops login', 'clops doctor');
    case 'FORBIDDEN':
      return new CliError(EXIT.auth, `${fault.message}${id}`);
    case CLIENT_CODES.UNREACHABLE:
      return new CliError(EXIT.failure, fault.message, 'npm start', 'clops doctor');
    case CLIENT_CODES.NOT_THE_API:
      return new CliError(EXIT.failure, fault.message, 'clops doctor');
    case 'BAD_USER_INPUT':
      return new CliError(EXIT.usage, `${fault.message}${id}`);
    default:
      return new CliError(EXIT.failure, `${fault.message}${id}${fault.retryable ? ' Try again in a moment.' : ''}`);
  }
}
