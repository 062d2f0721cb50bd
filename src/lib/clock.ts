/** Time as a dependency, so that controllers and timers can be tested without waiting. */
export interface Clock {
  /** Milliseconds since the epoch. For what people read. */
  now(): number;
  /** Milliseconds from an arbitrary start that never jump. For durations, leases, deadlines. */
  monotonic(): number;
  /**
   * Calls `fn` once after `ms`, or after 24 days where that is sooner: whoever waits longer looks again anyway. The returned
   * function cancels. Never keeps the process alive.
   */
  after(ms: number, fn: () => void): () => void;
}

/** Above it a timer of Node fires after a millisecond: a pause of thirty days once kept a controller busy for all of them. */
const LONGEST_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, Math.min(ms, LONGEST_MS));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
