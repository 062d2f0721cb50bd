/**
 * What can still be done while the spec has an obstacle: the way back. A rollout that is aborted, or is to be, goes on
 * towards its stable revision as if the spec still asked for what is being rolled out; nothing goes forward. Pure.
 */
import { isActive, refusal } from '../contract/verbs.ts';
import type { Context } from './observe.ts';
import type { RolloutInput } from './rollout/types.ts';

export interface Look {
  context: Context;
  input: RolloutInput;
}

/** Undefined when there is no way back to go: everything stays as it is. */
export function wayBack(context: Context, input: RolloutInput): Look | undefined {
  const { rollout, canary } = input.status;
  const known = { spec: input.spec, status: input.status };
  const abort = input.commands.find(
    ({ spec }) => spec.verb === 'Abort' && spec.rollout === rollout?.number && !refusal(known, 'Abort'),
  );
  if (!rollout || !canary || (!rollout.abort && !abort)) return undefined;
  const { hash, revision, version } = canary;
  if (hash !== rollout.hash) return undefined;
  const desired = { hash, revision, version };
  const commands = abort && isActive(rollout) ? [abort] : [];
  return {
    context: { ...context, observed: { ...context.observed, desired } },
    input: { ...input, observed: { ...input.observed, desired }, commands },
  };
}
