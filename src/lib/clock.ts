/** Time as a dependency, so that controllers and timers can be tested without waiting. */
export interface Clock {
  /** Milliseconds since the epoch. For what people read. */
  now(): number;
  /** Milliseconds from an arbitrary start that never jump. For durations, leases, deadlines. */
  monotonic(): number;
  /** Calls `fn` once after `ms`; the returned function cancels. Never keeps the process alive. */
  after(ms: number, fn: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
