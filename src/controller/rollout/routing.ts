/**
 * Whose pods each Service selects, and how the route divides. A Service moves to another revision only while no request
 * goes through it: the share falls first, then the selector moves, then the share rises again.
 */
import { replicasOf } from '../../contract/strategy.ts';
import { alive } from './plan.ts';
import { type Decision, NO_SIDE, type Plan, type RolloutInput, type Run, type Weights } from './types.ts';

type Services = Decision['services'];

export function placeServices({ observed }: RolloutInput, run: Run): Services {
  const { selectors, route } = observed;
  const stable = run.stable?.hash ?? run.canary?.hash ?? observed.desired.hash;
  const canary = run.canary?.hash ?? stable;
  const isIdle = route.state === 'Absent' || (route.state === 'Programmed' && route.weights?.canary === 0);
  const mayMove = selectors.canary === undefined || isIdle || run.stable === undefined;
  return { stable, canary: mayMove ? canary : (selectors.canary ?? canary) };
}

/** What the canary Service still selects though the canary is another one by now: it has requests until the share is 0. */
export function droppedBy(input: RolloutInput, run: Run): string | undefined {
  if (!run.stable || !run.canary) return undefined;
  const { canary } = placeServices(input, run);
  return canary === run.canary.hash ? undefined : canary;
}

/** Undefined leaves the route as it is; without a route none is made. */
export function weightsFor(input: RolloutInput, run: Run, plan: Plan, services: Services): Weights | undefined {
  const { observed } = input;
  const { endpoints, route } = observed;
  if (!run.stable) return firstWeights(input, services);
  const canReceive = serves(endpoints.canary, services.canary) && replicasOf(input.spec) > 0;
  const weight = canReceive ? plan.weight : 0;
  // Nothing is taken from pods that serve for a Service that has none yet: just promoted, stable has them by the other one.
  const isGood = canReceive && alive(observed.sides.get(services.canary) ?? NO_SIDE) > 0;
  const isThere = serves(endpoints.stable, run.stable.hash);
  if (route.weights && weight < route.weights.canary && isGood && !isThere) return route.weights;
  return { stable: 100 - weight, canary: weight };
}

/** The first pod that says it is the model opens the route; nothing closes it again. */
function firstWeights({ observed }: RolloutInput, services: Services): Weights | undefined {
  const side = observed.sides.get(services.stable) ?? NO_SIDE;
  const isOpen = observed.route.state !== 'Absent';
  return isOpen || (side.verified > 0 && serves(observed.endpoints.stable, services.stable))
    ? { stable: 100, canary: 0 }
    : undefined;
}

/** Every ready endpoint of the Service is a pod of this revision, and there is one. */
const serves = (endpoints: readonly string[], hash: string): boolean =>
  endpoints.length > 0 && endpoints.every((one) => one === hash);

/** Percent of the requests that a revision gets by a route's weights. */
export function shareOf(
  hash: string,
  services: { stable?: string; canary?: string },
  weights: Weights | undefined,
): number {
  if (!weights) return 0;
  return (services.stable === hash ? weights.stable : 0) + (services.canary === hash ? weights.canary : 0);
}
