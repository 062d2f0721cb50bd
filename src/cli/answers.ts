/** Answers of the API as results or as reasons to stop, with the exit code that belongs to each. */

import type { RefusalFragment } from '../client/generated/graphql.ts';
import { CLIENT_CODES, type ClopsFault } from '../client/index.ts';
import type { Place } from './connection.ts';
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

/** The API's names of what is allowed: here they are said as commands. */
const ALLOWED = / Possible now: [^.]*\.$/;

/** A payload's result. @throws CliError with everything that was wrong; of `label` it says what can be done instead. */
export function done<T extends { errors: readonly Refusal[] }>(payload: T, label?: string): T {
  const [first] = payload.errors;
  if (!first) return payload;
  const words = payload.errors.map(({ code, message, path }) =>
    code === 'INVALID_INPUT' && path?.length ? `${message} (at ${path.join('.')})` : message.replace(ALLOWED, ''),
  );
  const next = first.__typename === 'NotAllowedNowError' && label !== undefined ? whatNow(first.allowed, label) : [];
  throw new CliError(EXIT_OF[first.code], words.join('\n'), ...next);
}

/** Where nothing can be done, as when somebody else's deploy came in between, there is something to look at. */
function whatNow(allowed: Parameters<typeof verbsOf>[0], label: string): string[] {
  const verbs = verbsOf(allowed);
  return verbs.length > 0 ? verbs.map((verb) => `clops ${verb} ${label}`) : [`clops rollouts get ${label}`];
}

/** What a fault means to the person at the terminal, who asked at `place`. */
export function ofFault(fault: ClopsFault, place?: Place): CliError {
  const id = fault.requestId === undefined ? '' : ` (request ${fault.requestId})`;
  switch (fault.code) {
    case 'UNAUTHENTICATED':
      return place ? refused(place) : new CliError(EXIT.auth, `${fault.message}${id}`, 'clops login');
    case 'FORBIDDEN':
      return new CliError(EXIT.auth, `${fault.message}${id}`);
    case CLIENT_CODES.UNREACHABLE:
      return new CliError(
        EXIT.failure,
        `${fault.message}${addressOf(place)}`,
        ...(place && !place.isLocal ? [] : ['npm start']),
        'clops doctor',
      );
    case CLIENT_CODES.NOT_THE_API:
      return new CliError(EXIT.failure, `${fault.message}${addressOf(place)}`, 'clops doctor');
    case 'NOT_FOUND':
      return new CliError(EXIT.notFound, `${fault.message}${id}`);
    case 'BAD_USER_INPUT':
      return new CliError(EXIT.usage, `${fault.message}${id}`);
    default:
      return new CliError(EXIT.failure, `${fault.message}${id}${fault.retryable ? ' Try again in a moment.' : ''}`);
  }
}

const addressOf = (place: Place | undefined): string => (place ? ` The address is from ${place.from}.` : '');

/** A token that was not accepted, or none. Whose it is and where it came from is what the person can look at. */
export function refused({ url, token, tokenFrom, isLocal }: Place): CliError {
  const login = `clops login ${url}`;
  if (token === undefined)
    return isLocal
      ? new CliError(EXIT.auth, `${url} wants a token, and there is none. ${OWN_TOKEN}`, loginWithOwn(url))
      : new CliError(EXIT.auth, `${url} wants a token, and there is none.`, login);
  if (tokenFrom === 'CLOPS_TOKEN')
    return new CliError(
      EXIT.auth,
      `${url} does not accept the token in CLOPS_TOKEN. Set another one, or unset it.`,
      login,
    );
  const other = isLocal ? ' Another instance may be listening there.' : '';
  return new CliError(EXIT.auth, `${url} does not accept the token from ${tokenFrom}.${other}`, login, 'clops doctor');
}

export const OWN_TOKEN =
  'An instance keeps its own in the file `token` of its data folder: `.clops` where it was started, or what its CLOPS_DATA_DIR names.';

/** From standard input: among the arguments everybody on the machine could read it. */
export const loginWithOwn = (url: string): string => `clops login ${url} < DATA_FOLDER/token`;
