/**
 * Faults as coded errors, the same over HTTP and WebSocket. What is not one of ours is masked: a message of a library
 * may name hosts, tables or files. The log keeps the whole error under the request id that the client sees.
 */
import type { GraphQLError, GraphQLFormattedError } from 'graphql';
import { Fault } from '../lib/fault.ts';
import type { Log } from '../lib/log.ts';
import { Unavailable } from '../lib/problem.ts';

/** Codes that a client may meet in `extensions.code`, with what they mean. The reference page is generated from this. */
export const ERROR_CODES = {
  GRAPHQL_PARSE_FAILED: 'The document is not GraphQL.',
  GRAPHQL_VALIDATION_FAILED: 'The document does not fit the schema.',
  BAD_USER_INPUT: 'A variable or argument has a value that its type does not allow.',
  BAD_REQUEST: 'The HTTP request is not a GraphQL request.',
  OPERATION_RESOLUTION_FAILURE: 'The document has several operations and none was named.',
  PERSISTED_QUERY_NOT_FOUND: 'Send the whole document once.',
  PERSISTED_QUERY_NOT_SUPPORTED: 'Send whole documents.',
  UNAUTHENTICATED: 'No token, or one that is not valid. Send `Authorization: Bearer <token>`.',
  FORBIDDEN: 'The token is valid but may not do this.',
  NOT_FOUND: 'A list or stream is narrowed to a team that does not exist, or may not be seen.',
  LIMIT_EXCEEDED: 'The operation is larger than the limits in `serverInfo.limits` allow.',
  OPERATION_NOT_SUPPORTED: 'This transport does not take such operations.',
  DATABASE_UNAVAILABLE:
    'The database does not answer. Repeat later, with the same idempotencyKey: a write that was lost on its way may have been done.',
  CLUSTER_UNAVAILABLE: 'The cluster does not answer; fields that need it are null.',
  METRICS_UNAVAILABLE: 'The source of the numbers does not answer.',
  STORE_UNAVAILABLE: 'The artifact store does not answer.',
  INTERNAL_SERVER_ERROR: 'A fault of ours. Report the requestId.',
} as const;

const RETRYABLE = new Set(['DATABASE_UNAVAILABLE', 'CLUSTER_UNAVAILABLE', 'METRICS_UNAVAILABLE', 'STORE_UNAVAILABLE']);
const MAX_ERRORS = 5;

/** `known` is the code that the GraphQL server found, if it found one. */
export function formatError(error: GraphQLError, known: unknown, requestId: string, log: Log): GraphQLFormattedError {
  const original = error.originalError ?? undefined;
  const found =
    original instanceof Unavailable || original instanceof Fault ? original.code : (error.extensions['code'] ?? known);
  const code = typeof found === 'string' ? found : undefined;
  const place = { ...(error.locations && { locations: error.locations }), ...(error.path && { path: error.path }) };
  const ours = code !== undefined && code in ERROR_CODES && code !== 'INTERNAL_SERVER_ERROR';
  if (ours) {
    const message =
      original instanceof Unavailable || original instanceof Fault
        ? original.message
        : withoutSuggestions(error.message);
    const retryable = RETRYABLE.has(code) && !(original instanceof Unavailable && original.isLasting);
    return { message, ...place, extensions: { code, requestId, ...(retryable && { retryable }) } };
  }
  // An error of graphql itself (a bad variable, a rule of validation) has no original and no code.
  if (!original && !error.path) {
    return {
      message: withoutSuggestions(error.message),
      ...place,
      extensions: { code: code ?? 'GRAPHQL_VALIDATION_FAILED', requestId },
    };
  }
  log.error({ err: original ?? error, requestId, path: error.path }, 'a resolver failed');
  return {
    message: `Internal error ${requestId}.`,
    ...place,
    extensions: { code: 'INTERNAL_SERVER_ERROR', requestId },
  };
}

/** At most a few: a thousand bad fields would answer with a hundred kilobytes. */
export const fewErrors = <T>(errors: readonly T[]): T[] => errors.slice(0, MAX_ERRORS);

const withoutSuggestions = (message: string): string => message.replace(/ Did you mean .*\?$/s, '').slice(0, 500);
