/** A phase never says more than is known: what the controller said last was of what was wanted then. */

/** Those that say that what is wanted is so. */
const SETTLED: readonly string[] = ['HEALTHY', 'STOPPED', 'PAUSED'];

/** The last known phase, after something else was asked for that the controller has not looked at. */
export const phaseUntilSeen = (phase: string): string => (SETTLED.includes(phase) ? 'PROGRESSING' : phase);
