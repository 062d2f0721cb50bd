/**
 * What is still done while the spec has an obstacle. A rollout that is aborted, or is to be, goes on towards its stable
 * revision as if the spec still asked for what is being rolled out. Any other is held as with spec.paused: nothing goes
 * forward, and what serves is watched, since half of all requests once failed when a canary died behind a wrong runtime. Pure.
 */
import { isActive, refusal } from '../contract/verbs.ts';
import type { Context } from './observe.ts';
import type { Failure, Ref, RolloutInput } from './rollout/types.ts';

export interface Look {
  context: Context;
  input: RolloutInput;
}

/** Undefined when nothing was ever begun: there is nothing to watch. */
export function inSpite(context: Context, input: RolloutInput, obstacle: Failure): Look | undefined {
  const desired = rolledOut(input);
  if (!desired) return undefined;
  const abort = abortOf(input);
  const observed = { ...input.observed, desired };
  const given = { ...input, observed, commands: abort && isActive(input.status.rollout) ? [abort] : [] };
  const isGoingBack = input.status.rollout?.abort !== undefined || abort !== undefined;
  const spec = { ...input.spec, paused: true };
  return {
    context: { ...context, observed: { ...context.observed, desired } },
    input: isGoingBack ? given : { ...given, spec, obstacle },
  };
}

/** What the present rollout is of, whatever the spec asks for by now. */
function rolledOut({ status, observed }: RolloutInput): Ref | undefined {
  const { rollout, canary, stable } = status;
  const found = [canary, stable].find((one) => one !== undefined && one.hash === rollout?.hash);
  if (!found) return undefined;
  const { hash, revision, version } = found;
  return { hash, revision: observed.revisions.get(hash) ?? revision, version };
}

function abortOf({ spec, status, commands }: RolloutInput): RolloutInput['commands'][number] | undefined {
  const known = { spec, status };
  return commands.find(
    (one) => one.spec.verb === 'Abort' && one.spec.rollout === status.rollout?.number && !refusal(known, 'Abort'),
  );
}
