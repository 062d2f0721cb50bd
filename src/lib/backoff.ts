/** Exponential back-off with jitter, with client-go's reflector constants as the default. */
export interface Backoff {
  /** Milliseconds to wait before the next try. */
  next(): number;
  /** Call when things have been well: the next wait is short again. */
  reset(): void;
}

export interface BackoffOptions {
  initialMs?: number;
  maxMs?: number;
  factor?: number;
  /** 1 means: up to twice the computed wait. Spreads a crowd that failed at the same moment. */
  jitter?: number;
  random?: () => number;
}

export function createBackoff(options: BackoffOptions = {}): Backoff {
  const { initialMs = 800, maxMs = 30_000, factor = 2, jitter = 1, random = Math.random } = options;
  let wait = initialMs;
  return {
    next() {
      const ms = Math.min(maxMs, wait * (1 + random() * jitter));
      wait = Math.min(maxMs, wait * factor);
      return ms;
    },
    reset() {
      wait = initialMs;
    },
  };
}
