/** How a command can end. The numbers are a promise to scripts. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  auth: 3,
  notFound: 4,
  conflict: 5,
  timeout: 6,
  /** The rollout was aborted, or what it brought is not well. */
  degraded: 7,
  /** The rollout goes on when a person says so, and not before. */
  waiting: 8,
  /** Ctrl-C, as shells expect it. */
  interrupted: 130,
} as const;

/** For `--help`, the one place that lists them for people. */
export const MEANINGS: Readonly<Record<Exit, string>> = {
  0: 'ok',
  1: 'failure',
  2: 'usage',
  3: 'not signed in',
  4: 'not found',
  5: 'conflict',
  6: 'timeout',
  7: 'degraded, aborted or gone',
  8: 'waits for a person',
  130: 'Ctrl-C',
};

export type Exit = (typeof EXIT)[keyof typeof EXIT];

/** A reason to stop that is said to the person: what and why in the message, what to do next as commands. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exit: Exit;
  readonly next: readonly string[];

  constructor(exit: Exit, message: string, ...next: string[]) {
    super(message);
    this.exit = exit;
    this.next = next;
  }
}
