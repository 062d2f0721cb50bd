/**
 * Expected outcomes as values. A command returns `Result<T>`; a Problem is an answer for its caller (it becomes a
 * typed entry of a payload's `errors`), an exception is a fault. Domain code never throws for an expected outcome.
 */
export type ProblemCode =
  | 'INVALID_INPUT'
  | 'NOT_FOUND'
  | 'NAME_TAKEN'
  | 'CONFLICT'
  | 'NOT_ALLOWED_NOW'
  | 'UNSUPPORTED'
  | 'DIGEST_MISMATCH';

export interface Problem {
  readonly problem: ProblemCode;
  /** What is wrong and what to do, one or two sentences for a person. */
  readonly message: string;
  /** Where in the input: `['steps', '0', 'setWeight']`. */
  readonly path?: readonly string[];
  /** What else the typed error carries: `constraint`, `existing`, `current`, `allowed`, `expected`, `actual` … */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** One or more problems: an input is refused with everything that is wrong with it, not with the first thing. */
export class Problems {
  readonly list: readonly Problem[];
  constructor(list: readonly Problem[]) {
    this.list = list;
  }
}

export type Result<T> = T | Problems;

export const isProblems = (value: unknown): value is Problems => value instanceof Problems;

export function problem(
  code: ProblemCode,
  message: string,
  path?: readonly string[],
  details?: Record<string, unknown>,
): Problems {
  return new Problems([{ problem: code, message, ...(path && { path }), ...(details && { details }) }]);
}

/** `constraint` is the machine-readable rule that was broken: `min`, `max`, `pattern`, `required`, `rising` … */
export function invalid(path: readonly string[], constraint: string, message: string): Problem {
  return { problem: 'INVALID_INPUT', message, path, details: { constraint } };
}

/**
 * A failure of something outside (database, cluster, metrics, object store), which the caller may mostly repeat. Its code is
 * part of the API; its message is for people and names no host.
 */
export class Unavailable extends Error {
  readonly code: 'DATABASE_UNAVAILABLE' | 'CLUSTER_UNAVAILABLE' | 'METRICS_UNAVAILABLE' | 'STORE_UNAVAILABLE';
  /** Waiting does not mend it, a person does. */
  readonly isLasting: boolean;
  constructor(code: Unavailable['code'], message: string, options?: ErrorOptions & { isLasting?: boolean }) {
    super(message, options);
    this.name = 'Unavailable';
    this.code = code;
    this.isLasting = options?.isLasting ?? false;
  }
}
