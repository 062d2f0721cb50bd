/**
 * Recent requests, of a gateway that counts since its start: the difference to what it had counted 10 to 20 s ago. It slides,
 * since a gateway that takes new weights a moment late would otherwise have a stray request counted against it for good.
 */
import type { Weights } from './rollout/types.ts';

const LENGTH_MS = 10_000;

interface Mark {
  at: number;
  totals: Weights;
}

export interface RequestWindow {
  requests(now: number, totals: Weights): Weights;
}

export function createRequestWindow(): RequestWindow {
  let from: Mark | undefined;
  let next: Mark | undefined;
  return {
    requests(now, totals) {
      const mark = { at: now, totals };
      // Counters that fell: the gateway was started anew.
      const isNew = !from || totals.stable < from.totals.stable || totals.canary < from.totals.canary;
      if (isNew || !from || !next) [from, next] = [mark, mark];
      else if (now - next.at >= LENGTH_MS) [from, next] = [next, mark];
      return { stable: totals.stable - from.totals.stable, canary: totals.canary - from.totals.canary };
    },
  };
}
