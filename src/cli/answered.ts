/**
 * What became of a mutation. The API answers when it has accepted one; the controller does it or refuses it a moment later.
 * The operation is looked at whenever the deployment's stream tells something, for a bounded time.
 */
import {
  DeploymentChangedDocument,
  type DeploymentPictureFragment,
  OperationStateDocument,
  type OperationStateQuery,
} from '../client/generated/graphql.ts';
import type { Context } from './context.ts';
import { CliError, EXIT } from './exit.ts';
import { full, type Named } from './names.ts';

/** A controller that is there answers within a second or two. */
const ANSWER_MS = 10_000;
/** Longer than this, and it is said what is waited for. */
const PATIENCE_MS = 2_000;
/** After its answer: the state that it wrote comes on another way, and may be the later one. */
const STATE_MS = 2_000;

export interface Answered {
  operation: NonNullable<OperationStateQuery['operation']>;
  deployment: DeploymentPictureFragment | undefined;
}

/** @throws CliError when the controller refused, or did not answer in time; `withoutLimit`: until somebody interrupts. */
export async function answered(
  context: Context,
  what: string,
  of: Named,
  operationId: string,
  isSeen: (deployment: DeploymentPictureFragment) => boolean,
  withoutLimit = false,
): Promise<Answered> {
  const label = full(of);
  const enough = new AbortController();
  let timer = withoutLimit ? undefined : setTimeout(() => enough.abort(), ANSWER_MS);
  const hint = setTimeout(() => context.note(`${label}: waits for the controller …`), PATIENCE_MS);
  const signal = AbortSignal.any([context.signal, enough.signal]);
  const known: { operation?: OperationStateQuery['operation']; deployment?: DeploymentPictureFragment } = {};
  const hasEnded = (): boolean => known.operation?.state === 'SUCCEEDED' || known.operation?.state === 'FAILED';
  const look = async (): Promise<void> => {
    if (!hasEnded()) known.operation = (await context.ask(OperationStateDocument, { id: operationId })).operation;
  };
  try {
    const client = await context.client();
    const changes = client.follow(DeploymentChangedDocument, { deployment: of.id }, { signal });
    for await (const { deploymentChanged } of changes) {
      known.deployment = deploymentChanged.deployment;
      const before = hasEnded();
      if (deploymentChanged.kind !== 'HEARTBEAT') await look();
      if (!hasEnded()) continue;
      if (known.operation?.state === 'FAILED' || isSeen(known.deployment)) break;
      if (before) continue;
      clearTimeout(timer);
      timer = setTimeout(() => enough.abort(), STATE_MS);
    }
  } catch (error) {
    if (!context.signal.aborted) throw error; // else: a question was cut off when the time was up
  } finally {
    clearTimeout(hint);
    clearTimeout(timer);
  }
  if (!context.signal.aborted) await look();
  if (known.operation?.state === 'FAILED')
    throw new CliError(EXIT.conflict, `${label}: ${what} was refused. ${known.operation.error ?? ''}`.trim());
  if (known.operation?.state === 'SUCCEEDED') return { operation: known.operation, deployment: known.deployment };
  const exit = context.io.interrupt.aborted ? EXIT.interrupted : EXIT.timeout;
  throw new CliError(
    exit,
    `${label}: ${what} is accepted; the controller has not answered yet. It is done as soon as it does.`,
    `clops rollouts watch ${label}`,
  );
}
