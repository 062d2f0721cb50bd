/**
 * What can go wrong with a request, as one class: the API said so (its code, its request id), or it was not reached.
 * Expected outcomes of a mutation are none of it; they are values in the payload's `errors`.
 */
export class ClopsFault extends Error {
  override readonly name = 'ClopsFault';
  /** A code of the API (`UNAUTHENTICATED`, `CLUSTER_UNAVAILABLE` …), or one of the client's own. */
  readonly code: string;
  /** Under this the server's log has the whole error. Absent when no server answered. */
  readonly requestId: string | undefined;
  /** The same request may succeed later. */
  readonly retryable: boolean;
  /** Where in the answer. */
  readonly path: readonly (string | number)[] | undefined;

  constructor(
    code: string,
    message: string,
    options: { requestId?: string; retryable?: boolean; path?: readonly (string | number)[]; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.requestId = options.requestId;
    this.retryable = options.retryable ?? false;
    this.path = options.path;
  }
}

/** Codes that the client gives itself. */
export const CLIENT_CODES = {
  /** Nobody listens there, or the connection broke. */
  UNREACHABLE: 'UNREACHABLE',
  /** Something answered that is not this API. */
  NOT_THE_API: 'NOT_THE_API',
  /** HTTP answers there, WebSocket does not: a proxy in between lets it not through. */
  NO_WEBSOCKET: 'NO_WEBSOCKET',
  /** An upload met other bytes than those that it began with. */
  FILE_CHANGED: 'FILE_CHANGED',
  /** The reader of a stream was too far behind; go on after the last cursor. */
  SLOW_READER: 'SLOW_READER',
} as const;

/** An entry of an answer's `errors`. */
export interface WireError {
  message: string;
  path?: readonly (string | number)[];
  extensions?: Readonly<Record<string, unknown>>;
}

export function faultOf({ message, path, extensions = {} }: WireError): ClopsFault {
  const { code, requestId, retryable } = extensions;
  return new ClopsFault(typeof code === 'string' ? code : 'UNKNOWN', message, {
    retryable: retryable === true,
    ...(typeof requestId === 'string' && { requestId }),
    ...(path && { path }),
  });
}

export const unreachable = (url: string, cause: unknown): ClopsFault =>
  new ClopsFault(CLIENT_CODES.UNREACHABLE, `${new URL(url).origin} cannot be reached: ${reasonOf(cause)}.`, {
    retryable: true,
    cause,
  });

/** What fetch hides in `cause`: `ECONNREFUSED`. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.cause === undefined ? error.message : reasonOf(error.cause);
}
