/** How far the operations behind a deployment have come. Each moves forward only, and ends once. */
import { and, eq, inArray } from 'drizzle-orm';
import type { Tx } from '../../../platform/db/db.ts';
import { operations } from '../../../platform/events/tables.ts';
import { type DeploymentRow, deployments } from '../tables.ts';

/** The cluster has been told, perhaps after it had refused. */
export async function publishOperations(tx: Tx, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await tx.q
    .update(operations)
    .set({ state: 'PUBLISHED', error: null })
    .where(and(inArray(operations.id, [...ids]), inArray(operations.state, ['ACCEPTED', 'FAILED'])));
}

/** With an error: failed. Answers how many were still open. */
export async function endOperations(tx: Tx, ids: readonly string[], error?: string): Promise<number> {
  if (ids.length === 0) return 0;
  const ended = await tx.q
    .update(operations)
    .set(error === undefined ? { state: 'SUCCEEDED', error: null } : { state: 'FAILED', error: error.slice(0, 2000) })
    .where(and(inArray(operations.id, [...ids]), inArray(operations.state, ['ACCEPTED', 'PUBLISHED'])))
    .returning({ id: operations.id });
  return ended.length;
}

/** Takes operations off a deployment's list of open ones. The row must be locked. */
export async function closeOperations(
  tx: Tx,
  row: DeploymentRow,
  ids: readonly string[],
  error?: string,
): Promise<void> {
  if (ids.length === 0) return;
  await endOperations(tx, ids, error);
  const openOperations = row.openOperations.filter((id) => !ids.includes(id));
  await tx.q.update(deployments).set({ openOperations }).where(eq(deployments.id, row.id));
}
