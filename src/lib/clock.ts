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

/** Days that a timer of Node holds. A longer one fires at once: a pause of thirty days once kept a controller busy for all of them. */
export const LONGEST_TIMER_MS = 24 * 86_400_000;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, Math.min(ms, LONGEST_TIMER_MS));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
