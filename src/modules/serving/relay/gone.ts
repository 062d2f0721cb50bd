/** The end of a deployment: its resource is no more, its name is free again, its history stays. */
import { and, eq, inArray, isNull } from 'drizzle-orm';
import { operations } from '../../../platform/events/tables.ts';
import { lockDeployment } from '../change.ts';
import { commands, type DeploymentRow, deployments, rollouts } from '../tables.ts';
import { endedEvent } from './happenings.ts';
import { endOperations } from './operations.ts';
import type { Parts } from './parts.ts';
import { deleteSecret } from './secrets.ts';

export async function markGone(
  parts: Parts,
  { id, namespace, name, uid }: Pick<DeploymentRow, 'id' | 'namespace' | 'name' | 'uid'>,
): Promise<void> {
  const { db, events, clock } = parts.services;
  // Before the row forgets it: whoever dies in between finds the row and comes here again.
  const left = await deleteSecret(parts, { namespace, name });
  const kubectl = await parts.actor('kubectl');
  await db.tx(async (tx) => {
    const row = await lockDeployment(tx, id);
    if (!row || row.goneAt || row.uid !== uid) return;
    const at = new Date(clock.now());
    const asked = row.deleteRequestedAt ? row.operationId : null;
    await tx.q
      .update(deployments)
      .set({ goneAt: at, updatedAt: at, phase: 'DELETING', openOperations: [] })
      .where(eq(deployments.id, id));
    const dropped = await tx.q
      .update(commands)
      .set({ state: 'REFUSED' })
      .where(and(eq(commands.deploymentId, id), inArray(commands.state, ['PENDING', 'PUBLISHED'])))
      .returning();
    const unfinished = [...row.openOperations, ...dropped.map(({ operationId }) => operationId)];
    const [ended] = asked
      ? await tx.q
          .update(operations)
          .set({ state: 'SUCCEEDED', error: null })
          .where(eq(operations.id, asked))
          .returning()
      : [];
    await endOperations(
      tx,
      unfinished.filter((operation) => operation !== asked),
      `${name} was deleted before it was done.`,
    );
    const open = await tx.q
      .update(rollouts)
      .set({ outcome: 'SUPERSEDED', phase: 'SUPERSEDED', finishedAt: at, message: 'The deployment was deleted.' })
      .where(and(eq(rollouts.deploymentId, id), isNull(rollouts.outcome)))
      .returning();
    const actor = ended?.actorId ?? kubectl;
    const common = { team: row.teamId, actor, operation: asked };
    await events.append(tx, [
      ...open.map((rollout) => ({
        ...endedEvent(name, rollout.number, 'Superseded'),
        message: `${name}: rollout${rollout.number === null ? '' : ` ${rollout.number}`} has ended with its deployment, which was deleted`,
        ...common,
        subject: rollout.id,
        about: [id],
      })),
      {
        type: 'deployment.deleted',
        subject: id,
        ...common,
        about: [row.modelId, row.versionId],
        message: `${name} ${asked ? 'is gone' : 'was deleted in the cluster, past the API'}${left}`.slice(0, 1000),
      },
    ]);
  });
}
