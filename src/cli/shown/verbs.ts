/** What can be done to a rollout, as the command line calls it. */
const VERBS: Readonly<Record<string, string>> = {
  PROMOTE: 'promote',
  PROMOTE_FULL: 'promote --full',
  PAUSE: 'pause',
  RESUME: 'resume',
  ABORT: 'abort',
  RETRY: 'retry',
  ROLLBACK: 'rollback',
};

/** Those that the command line has; a newer server may know more. */
export const verbsOf = (allowed: readonly string[]): string[] => allowed.flatMap((verb) => VERBS[verb] ?? []);
