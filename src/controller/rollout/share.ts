/**
 * Are the weights in force? A share that was counted must lie where a fair gateway puts it in 999 of 1000 cases. With too
 * few requests to say so, what the gateway itself says has to do, and the verdict is Unknown and not True.
 */
import type { TrafficState, TrafficVerdict, Weights } from './types.ts';

/** Two-sided 99.9 % of the normal distribution. */
const Z = 3.2905;
/** How long requests are waited for before too few of them are enough. */
export const COUNT_WINDOW_MS = 3000;
/** How soon to look again while they are counted. */
export const COUNT_AGAIN_MS = 250;

/** Requests that must have been counted before the interval says anything: five on the smaller side. */
export function requestsNeeded(weight: number): number {
  const smaller = Math.min(weight, 100 - weight) / 100;
  return smaller === 0 ? 20 : Math.ceil(5 / smaller);
}

/** Wilson's score interval around the counted share; it stays inside 0..1 and is right for small shares. */
function shareInterval(canary: number, total: number): { low: number; high: number } {
  const share = canary / total;
  const z2 = Z * Z;
  const centre = (share + z2 / (2 * total)) / (1 + z2 / total);
  const half = (Z / (1 + z2 / total)) * Math.sqrt((share * (1 - share)) / total + z2 / (4 * total * total));
  return { low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/** Weights of 0 and 100 allow no stray request at all; between them the intended share must lie in the interval. */
export function isShareWithin(weight: number, requests: Weights): boolean {
  const total = requests.stable + requests.canary;
  if (weight === 0) return requests.canary === 0;
  if (weight === 100) return requests.stable === 0;
  const { low, high } = shareInterval(requests.canary, total);
  return weight / 100 >= low && weight / 100 <= high;
}

const NOT_TAKEN = 'The gateway has not taken the weights yet.';
/** Said from when the weights are given until they are judged, however the requests trickle in: one state, one sentence. */
const COUNTING = 'The gateway was given the weights; the requests on each side are being counted.';
const NOT_COUNTED = 'The share could not be counted:';

export function judgeTraffic(weights: Weights, isProgrammed: boolean, traffic: TrafficState): TrafficVerdict {
  const unknown = (reason: string, message: string, proceed: boolean): TrafficVerdict => ({
    status: 'Unknown',
    reason,
    message,
    proceed,
  });
  const { requests, table, isUnread, programmedForMs } = traffic;
  if (!isProgrammed) return unknown('NotProgrammed', NOT_TAKEN, false);
  if (table && (table.stable !== weights.stable || table.canary !== weights.canary)) {
    const words = `The gateway still gives ${table.canary} % to the canary and not ${weights.canary} %.`;
    return unknown('GatewayBehind', words, false);
  }
  const waited = programmedForMs >= COUNT_WINDOW_MS;
  const { stable, canary } = requests ?? { stable: 0, canary: 0 };
  const total = stable + canary;
  const needed = requestsNeeded(weights.canary);
  if (total < needed && !waited) return unknown('NotCounted', COUNTING, false);
  // A gateway that tells its table does count: it has no series of requests before the first one.
  if (!requests && !table) {
    const asked = isUnread
      ? `${NOT_COUNTED} the gateway's counts could not be read just now.`
      : 'The share is not counted: this gateway does not say how many requests went where.';
    return unknown('NotCounted', waited ? asked : COUNTING, true);
  }
  if (total === 0)
    return unknown('NoRequests', `${NOT_COUNTED} nobody has sent a request since the weights changed.`, true);
  if (total < needed) {
    const words = `${NOT_COUNTED} ${total} of the ${needed} requests that this takes have come since the weights changed.`;
    return unknown('TooFewRequests', words, true);
  }
  const share = ((100 * canary) / total).toFixed(1);
  const said = `${share} % of ${total} requests went to the canary, ${weights.canary} % are intended.`;
  return isShareWithin(weights.canary, { stable, canary })
    ? { status: 'True', reason: 'ShareWithinInterval', message: said, proceed: true }
    : { status: 'False', reason: 'WeightDrift', message: said, proceed: false };
}
