/**
 * Which backend is next? Smooth weighted round robin (nginx's): exact over one cycle of the sum of the weights, and never
 * more than one request off for two backends in any window. That is what makes a canary of 1 % countable after 100 requests.
 *
 * When weights change, the credits of the backends that stay are carried over, scaled to the new sum. Starting afresh
 * would always serve the largest weight first: a rollout that changes weights often would starve its canary.
 */
export interface Swrr {
  /** Index of the next backend, or -1 when no weight is above zero. */
  pick(): number;
  /** `keys` name the backends across changes. Returns whether keys or weights differ from before. */
  setWeights(keys: readonly string[], weights: readonly number[]): boolean;
}

export function createSwrr(): Swrr {
  let keys: readonly string[] = [];
  let weights: readonly number[] = [];
  let credits: number[] = [];
  let total = 0;

  return {
    pick() {
      let best = -1;
      for (let i = 0; i < weights.length; i++) {
        const weight = weights[i]!;
        if (weight === 0) continue;
        credits[i]! += weight;
        if (best === -1 || credits[i]! > credits[best]!) best = i;
      }
      if (best !== -1) credits[best]! -= total;
      return best;
    },
    setWeights(newKeys, newWeights) {
      if (same(keys, newKeys) && same(weights, newWeights)) return false;
      const newTotal = newWeights.reduce((sum, weight) => sum + weight, 0);
      const old = new Map(keys.map((key, i) => [key, credits[i]!]));
      const scaled = newKeys.map((key, i) =>
        newWeights[i] === 0 || total === 0 ? 0 : Math.round(((old.get(key) ?? 0) * newTotal) / total),
      );
      keys = [...newKeys];
      weights = [...newWeights];
      credits = balanced(scaled, weights);
      total = newTotal;
      return true;
    },
  };
}

/** Credits sum to zero; what rounding and leaving backends took away goes to the largest weight, where it matters least. */
function balanced(credits: number[], weights: readonly number[]): number[] {
  const drift = credits.reduce((sum, credit) => sum + credit, 0);
  const largest = weights.indexOf(Math.max(...weights));
  if (largest !== -1) credits[largest]! -= drift;
  return credits;
}

const same = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i]);
