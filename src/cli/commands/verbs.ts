/** What a person can do to a rollout. Each asks once, and says what became of it when the controller has answered. */
import {
  AbortRolloutDocument,
  DeploymentDocument,
  type DeploymentPictureFragment,
  PauseRolloutDocument,
  PromoteRolloutDocument,
  ResumeRolloutDocument,
  RetryRolloutDocument,
  RollbackDeploymentDocument,
  type RolloutAnswerFragment,
  type RolloutStateFragment,
} from '../../client/generated/graphql.ts';
import { answered } from '../answered.ts';
import { done } from '../answers.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT, type Exit } from '../exit.ts';
import { findDeployment, findRollout, full, type Named } from '../names.ts';
import { settle } from '../settle.ts';
import { rolloutLine } from '../shown/rollout.ts';
import { wholeNumber } from '../shown/text.ts';

interface Flags {
  reason?: string;
  full?: boolean;
  toRevision?: string;
  wait?: boolean;
}

interface Input {
  rollout: string;
  reason?: string;
}

interface Seen {
  rollout: string;
  /** Where it stood when it was looked at. */
  step?: number;
}

type Ask = (context: Context, input: Input, flags: Flags, step?: number) => Promise<RolloutAnswerFragment>;

export const promote = verb('promoted', async (context, input, flags, step) => {
  const to = flags.full ? { to: 'FULL' as const } : { to: 'NEXT_STEP' as const, ...(step !== undefined && { step }) };
  return (await context.ask(PromoteRolloutDocument, { input: { ...input, ...to } })).promoteRollout;
});
export const pause = verb(
  'paused',
  async (context, input) => (await context.ask(PauseRolloutDocument, { input })).pauseRollout,
);
export const resume = verb(
  'resumed',
  async (context, input) => (await context.ask(ResumeRolloutDocument, { input })).resumeRollout,
);
export const abort = verb(
  'aborted',
  async (context, input) => (await context.ask(AbortRolloutDocument, { input })).abortRollout,
);
export const retry = verb(
  'retried',
  async (context, input) => (await context.ask(RetryRolloutDocument, { input })).retryRollout,
);

function verb(past: Past, act: Ask) {
  return async (context: Context, [ref = '']: string[], flags: Flags): Promise<Exit> => {
    const { deployment, rollout: named } = await findRollout(context, ref);
    const { rollout, step }: Seen =
      named === undefined ? await presentRollout(context, deployment) : { rollout: named };
    const reason = flags.reason === undefined ? {} : { reason: flags.reason };
    const answer = done(await act(context, { rollout, ...reason }, flags, step), full(deployment));
    return say(context, deployment, past, answer, flags);
  };
}

export async function rollback(context: Context, [ref = '']: string[], flags: Flags): Promise<Exit> {
  const deployment = await findDeployment(context, ref);
  const input = {
    deployment: deployment.id,
    ...(flags.reason !== undefined && { reason: flags.reason }),
    ...(flags.toRevision !== undefined && { toRevision: wholeNumber(flags.toRevision, '--to-revision') }),
  };
  const answer = done((await context.ask(RollbackDeploymentDocument, { input })).rollbackDeployment, full(deployment));
  return say(context, deployment, 'rolling back', answer, flags);
}

async function presentRollout(context: Context, of: Named): Promise<Seen> {
  const { node } = await context.ask(DeploymentDocument, { id: of.id });
  if (node?.__typename === 'Deployment' && node.rollout)
    return { rollout: node.rollout.id, step: node.rollout.stepIndex };
  throw new CliError(EXIT.notFound, `${full(of)} has no rollout.`, `clops rollouts list ${full(of)}`);
}

type Past = 'promoted' | 'paused' | 'resumed' | 'aborted' | 'retried' | 'rolling back';

const NAMES: Readonly<Record<Past, string>> = {
  promoted: 'the promotion',
  paused: 'the pause',
  resumed: 'going on',
  aborted: 'the abort',
  retried: 'the retry',
  'rolling back': 'the rollback',
};

async function say(
  context: Context,
  of: Named,
  past: Past,
  { rollout: before, deployment, operation }: RolloutAnswerFragment,
  flags: Flags,
): Promise<Exit> {
  const { paint } = context;
  const label = full(of);
  const isOpen = operation && operation.state !== 'SUCCEEDED';
  const end = isOpen
    ? await answered(context, NAMES[past], of, operation.id, (now) => isSeen(past, before, now))
    : { operation, deployment: undefined };
  if (flags.wait) return settle(context, of);
  const rollout = end.deployment?.rollout ?? before;
  const owner = end.deployment ?? deployment;
  await context.show({
    data: { rollout, deployment: owner, operation: end.operation },
    table: () => (rollout && owner ? `${past} ${rolloutLine(paint, owner, rollout)}` : `${past} ${label}`),
    names: rollout ? [rollout.id] : [],
  });
  if (rollout?.outcome === null) context.note(`Watch it:  clops rollouts watch ${label}`);
  return EXIT.ok;
}

/** The state that the verb led to is here. */
function isSeen(past: Past, before: RolloutStateFragment | null, { rollout }: DeploymentPictureFragment): boolean {
  if (!rollout || !before || rollout.id !== before.id) return true;
  switch (past) {
    case 'promoted':
      return (
        rollout.stepIndex !== before.stepIndex || rollout.phase !== before.phase || rollout.outcome !== before.outcome
      );
    case 'aborted':
      return rollout.abort !== null;
    case 'retried':
      return rollout.abort === null;
    default:
      return true;
  }
}
