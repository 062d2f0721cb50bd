/** Is a relay at work, and on which cluster? Read from what it writes, for processes that are not it. */
import { type Db, statement } from '../../../platform/db/db.ts';
import type { ClusterRow } from '../tables.ts';

/** A relay asks its cluster every half minute. */
const SILENT_MS = 90_000;

const selectCluster = statement<Pick<ClusterRow, 'seenAt' | 'refusedUid'>>(
  'clusterSeen',
  'select c.seen_at as "seenAt", c.refused_uid as "refusedUid" from clops.cluster c',
);

/** Why what is wanted does not reach the cluster, in words; undefined when it does. */
export async function relayTrouble(db: Pick<Db, 'read'>, now: number): Promise<string | undefined> {
  const [cluster] = await db.read(selectCluster);
  if (!cluster) return 'none has met the cluster yet';
  if (cluster.refusedUid !== null)
    return `it met another cluster than the one the database belongs to: point KUBECONFIG to the right one, or set CLOPS_NEW_CLUSTER=${cluster.refusedUid}`;
  const silentMs = now - cluster.seenAt.getTime();
  if (silentMs < SILENT_MS) return undefined;
  return `not heard for ${Math.round(silentMs / 1000)} s: either it does not run, or its cluster does not answer`;
}

const selectOldestUnpublished = statement<{ since: Date | null }>(
  'oldestUnpublished',
  'select min(d.updated_at) as since from clops.deployments d where d.published_generation < d.generation and d.gone_at is null',
);

/** When the change was made that has waited longest for the cluster to be told; null when none waits. */
export async function oldestUnpublished(db: Pick<Db, 'read'>): Promise<Date | null> {
  const [row] = await db.read(selectOldestUnpublished);
  return row?.since ?? null;
}
