/**
 * Everything that is wanted, for a cluster that has none of it. What was stable is published, not what was being tried:
 * there is nobody in the new cluster that a canary could be compared with, so it would take all traffic at once.
 */
import { and, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { Tx } from '../../../platform/db/db.ts';
import type { NewEvent } from '../../../platform/events/append.ts';
import { newestOfHash, newestRevision, startRollout } from '../change.ts';
import { type Changed, pick } from '../spec.ts';
import { commands, type DeploymentRow, deployments, rollouts } from '../tables.ts';
import { endedEvent } from './happenings.ts';
import { endOperations } from './operations.ts';
import type { Parts } from './parts.ts';

const REASON = 'The cluster was replaced.';

/** Answers how many there are. */
export async function republishAll(parts: Omit<Parts, 'home'>, tx: Tx, at: Date): Promise<number> {
  const present = await tx.q
    .select()
    .from(deployments)
    .where(isNull(deployments.goneAt))
    .orderBy(deployments.id)
    .for('update');
  let count = 0;
  for (const row of present) {
    if (row.deleteRequestedAt) await forgetResource(tx, row);
    else if (row.uid !== null) {
      const events = await republish(parts, tx, row, at);
      await parts.services.events.append(tx, events);
      count++;
    } // Else it has never been in a cluster, and is on its way.
  }
  return count;
}

/** Wherever it is gone to, it is gone as was asked. */
const forgetResource = (tx: Tx, { id }: DeploymentRow) =>
  tx.q
    .update(deployments)
    .set({ uid: null, resourceGeneration: null, resourceVersion: null })
    .where(eq(deployments.id, id));

async function republish({ relayId }: Omit<Parts, 'home'>, tx: Tx, row: DeploymentRow, at: Date): Promise<NewEvent[]> {
  const newest = await newestRevision(tx, row.id);
  const stable = await newestOfHash(tx, row.id, row.status.stable?.hash);
  const served = stable ?? newest;
  if (!served) throw new Error(`deployment ${row.id} has no revision`);
  const isLeft = served.hash !== newest?.hash;
  const { versionId, runtime, resources, placement } = served;
  const next: Changed = { ...pick(row), versionId, runtime, resources, placement, paused: false };

  const dropped = await tx.q
    .update(commands)
    .set({ state: 'REFUSED' })
    .where(and(eq(commands.deploymentId, row.id), inArray(commands.state, ['PENDING', 'PUBLISHED'])))
    .returning();
  const unfinished = [...(isLeft ? row.openOperations : []), ...dropped.map(({ operationId }) => operationId)];
  await endOperations(tx, unfinished, `${REASON} What was stable is published again; ask for this again.`);
  const open = await tx.q
    .update(rollouts)
    .set({ outcome: 'SUPERSEDED', phase: 'SUPERSEDED', finishedAt: at, message: REASON })
    .where(and(eq(rollouts.deploymentId, row.id), isNull(rollouts.outcome)))
    .returning();
  const [counted] = await tx.q
    .select({ last: sql<number>`coalesce(max(${rollouts.number}), 0)` })
    .from(rollouts)
    .where(eq(rollouts.deploymentId, row.id));

  const who = { actorId: relayId, operationId: null, at, reason: REASON };
  const { rolloutId } = await startRollout(tx, { ...row, status: {} }, next, newest, served.hash, who);
  await tx.q
    .update(deployments)
    .set({
      ...next,
      generation: row.generation + 1,
      publishedGeneration: row.generation,
      ...(isLeft && { operationId: null, openOperations: [] }),
      rolloutId,
      rolloutsBefore: counted?.last ?? 0,
      uid: null,
      resourceGeneration: null,
      resourceVersion: null,
      status: {},
      phase: 'PENDING',
      updatedAt: at,
    })
    .where(eq(deployments.id, row.id));

  const common = { team: row.teamId, actor: relayId };
  const left = isLeft ? '; what was being rolled out is left, deploy it again' : '';
  return [
    ...open.map((rollout) => ({
      ...endedEvent(row.name, rollout.number, 'Superseded'),
      ...common,
      subject: rollout.id,
      about: [row.id],
    })),
    {
      type: 'deployment.republished',
      ...common,
      subject: row.id,
      about: [row.modelId, versionId, rolloutId],
      message: `${row.name}: the cluster was replaced, what was stable is published again${left}`,
      data: { generation: row.generation + 1, left: isLeft },
    },
  ];
}
