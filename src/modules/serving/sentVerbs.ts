/** Verbs that go to the controller as an object, each done once: their row, and the event that tells of them. */
import type { CommandVerb } from '../../contract/rolloutcommand.ts';
import type { Tx } from '../../platform/db/db.ts';
import type { Effect } from '../../platform/events/operations.ts';
import type { Who } from './change.ts';
import { commands, type DeploymentRow } from './tables.ts';

/** Verbs that are sent; to skip a step is a way to promote. */
export type SentVerb = Extract<CommandVerb, 'Promote' | 'Abort' | 'Retry'>;

const REQUESTED: Record<SentVerb, string> = {
  Promote: 'rollout.promote_requested',
  Abort: 'rollout.abort_requested',
  Retry: 'rollout.retry_requested',
};

/** Puts a verb on its way. Returns the event that says so. */
export async function addCommand(
  tx: Tx,
  deployment: DeploymentRow,
  rolloutId: string,
  command: Pick<typeof commands.$inferInsert, 'to' | 'stepIndex' | 'reason'> & { verb: SentVerb },
  who: Who,
): Promise<Effect['events'][number]> {
  if (who.operationId === null) throw new Error('a command needs an operation');
  await tx.q.insert(commands).values({
    operationId: who.operationId,
    deploymentId: deployment.id,
    rolloutId,
    ...command,
    by: who.actorId,
    state: 'PENDING',
    createdAt: who.at,
  });
  return {
    type: REQUESTED[command.verb],
    subject: rolloutId,
    team: deployment.teamId,
    about: [deployment.id],
    message: `${command.verb} of ${deployment.name} was asked for${command.reason ? `: ${command.reason}` : ''}`,
    data: {
      verb: command.verb,
      ...(command.to && { to: command.to }),
      ...(command.reason && { reason: command.reason }),
    },
  };
}
