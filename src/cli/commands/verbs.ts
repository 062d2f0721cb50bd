/** What a person can do to a rollout. Each finds the deployment's present rollout and asks once. */
import {
  AbortRolloutDocument,
  DeploymentDocument,
  PauseRolloutDocument,
  PromoteRolloutDocument,
  ResumeRolloutDocument,
  RetryRolloutDocument,
  RollbackDeploymentDocument,
  type RolloutAnswerFragment,
} from '../../client/generated/graphql.ts';
import { done } from '../answers.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT, type Exit } from '../exit.ts';
import { findDeployment, findRollout, full } from '../names.ts';
import { rolloutLine } from '../shown/rollout.ts';
import { wholeNumber } from '../shown/text.ts';

interface Flags {
  reason?: string;
  full?: boolean;
  toRevision?: string;
}

interface Input {
  rollout: string;
  reason?: string;
}

type Ask = (context: Context, input: Input, flags: Flags) => Promise<RolloutAnswerFragment>;

export const promote = verb('promoted', async (context, input, flags) => {
  const to = flags.full ? 'FULL' : 'NEXT_STEP';
  return (await context.ask(PromoteRolloutDocument, { input: { ...input, to } })).promoteRollout;
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

function verb(past: string, act: Ask) {
  return async (context: Context, [ref = '']: string[], flags: Flags): Promise<Exit> => {
    const { deployment, rollout = await presentRollout(context, ref) } = await findRollout(context, ref);
    const reason = flags.reason === undefined ? {} : { reason: flags.reason };
    const label = full(deployment);
    return say(context, label, past, done(await act(context, { rollout, ...reason }, flags), label));
  };
}

export async function rollback(context: Context, [ref = '']: string[], flags: Flags): Promise<Exit> {
  const deployment = await findDeployment(context, ref);
  const input = {
    deployment: deployment.id,
    ...(flags.reason !== undefined && { reason: flags.reason }),
    ...(flags.toRevision !== undefined && { toRevision: wholeNumber(flags.toRevision, '--to-revision') }),
  };
  const label = full(deployment);
  const answer = done((await context.ask(RollbackDeploymentDocument, { input })).rollbackDeployment, label);
  return say(context, label, 'rolled back', answer);
}

async function presentRollout(context: Context, ref: string): Promise<string> {
  const { id } = await findDeployment(context, ref);
  const { node } = await context.ask(DeploymentDocument, { id });
  if (node?.__typename === 'Deployment' && node.rollout) return node.rollout.id;
  throw new CliError(EXIT.notFound, `${ref} has no rollout.`, `clops rollouts list ${ref}`);
}

/** The verb is accepted; what it leads to comes a moment later. */
async function say(
  context: Context,
  label: string,
  past: string,
  { rollout, ...rest }: RolloutAnswerFragment,
): Promise<Exit> {
  const { paint } = context;
  await context.show({
    data: { rollout, deployment: rest.deployment, operation: rest.operation },
    table: () =>
      rollout && rest.deployment ? `${past} ${rolloutLine(paint, rest.deployment, rollout)}` : `${past} ${label}`,
    names: rollout ? [rollout.id] : [],
  });
  context.note(`Watch it:  clops rollouts watch ${label}`);
  return EXIT.ok;
}
