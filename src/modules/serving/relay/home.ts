/**
 * Which cluster the database belongs to, by the uid of its namespace kube-system. A cluster that was lost and made anew
 * answers as if somebody had deleted everything with kubectl, and so does one that a wrong KUBECONFIG points to: what is not
 * there says something only in the cluster that we know.
 *
 * The local cluster belongs to this database alone: another one takes the place of the lost one and is filled again, unless
 * a relay is at work with that one. Anybody else's is left alone until a person says that it is the new one.
 */
import { eq } from 'drizzle-orm';
import { namedId } from '../../../lib/id.ts';
import { NAMESPACES } from '../../../platform/cluster/resources.ts';
import { statement, type Tx } from '../../../platform/db/db.ts';
import type { NewEvent } from '../../../platform/events/append.ts';
import { type ClusterRow, cluster as clusterTable } from '../tables.ts';
import { createHold, isHeld } from './hold.ts';
import type { Parts } from './parts.ts';
import { republishAll } from './republish.ts';

/** `same`: as when it was last asked. `replaced`: ours, and everything is to be looked at anew. `foreign`: not to be touched. */
export type Belonging = 'same' | 'replaced' | 'foreign';

export interface Home {
  /** As it was last asked; false until it has answered. */
  readonly isOurs: boolean;
  /** Asks the cluster who it is. A cluster that is away throws. */
  check(): Promise<Belonging>;
  close(): Promise<void>;
}

interface Decision {
  belonging: Belonging;
  words: string;
  told: Record<string, unknown>;
}

const ONE = eq(clusterTable.one, 'cluster');
/** No row: another relay has moved the database to another cluster since. */
const seeCluster = statement<{ uid: string }>(
  'seeCluster',
  'update clops.cluster set seen_at = $1, refused_uid = null where uid = $2 returning uid',
);

export function createHome(
  parts: Omit<Parts, 'home'>,
  { newCluster, onReplaced }: { newCluster: string | undefined; onReplaced: () => void },
): Home {
  const { db, cluster, clock, log, settings } = parts.services;
  const isLocal = settings.clusterName === 'local';
  const hold = isLocal ? createHold(db) : undefined;
  let known: string | undefined;
  let refused: string | undefined;
  /** It was ours, and a person has named another: CLOPS_NEW_CLUSTER of this process was meant for an earlier day. */
  let left: string | undefined;

  async function meet(uid: string): Promise<Belonging> {
    if (known === uid) left = uid;
    const met = await db.tx((tx) => decide(tx, uid));
    if (met.belonging === 'foreign') {
      if (refused !== uid) log.error(met.told, met.words);
      [known, refused] = [undefined, uid];
      return 'foreign';
    }
    if (met.words) log.warn(met.told, met.words);
    [known, refused, left] = [uid, undefined, undefined];
    onReplaced();
    return 'replaced';
  }

  async function decide(tx: Tx, uid: string): Promise<Decision> {
    const now = new Date(clock.now());
    await tx.q.insert(clusterTable).values({ uid, since: now, seenAt: now }).onConflictDoNothing();
    const [found] = await tx.q.select().from(clusterTable).where(ONE).for('update');
    const row = found as ClusterRow;
    const told = { from: row.uid, to: uid };
    if (row.uid === uid) {
      await tx.q.update(clusterTable).set({ seenAt: now, refusedUid: null }).where(ONE);
      return { belonging: 'replaced', words: '', told };
    }
    const isBusy = isLocal && (await isHeld(tx, row.uid));
    if (isLocal ? isBusy : newCluster !== uid || left === uid) return refuse(tx, row, told, isBusy);
    await tx.q.update(clusterTable).set({ uid, since: now, seenAt: now, refusedUid: null }).where(ONE);
    const count = await republishAll(parts, tx, now);
    const words = `the cluster was replaced: publishing ${count} ${count === 1 ? 'deployment' : 'deployments'} again`;
    await tell(tx, { type: 'cluster.replaced', data: { ...told, deployments: count } }, words);
    return { belonging: 'replaced', words, told };
  }

  async function refuse(
    tx: Tx,
    row: ClusterRow,
    told: { from: string; to: string },
    isBusy: boolean,
  ): Promise<Decision> {
    const uid = told.to;
    const words = isBusy
      ? 'another CLOps is at work on this database with a local cluster of its own: nothing is published to this one. Stop that CLOps, or give this one a database of its own with DATABASE_URL'
      : `this is another cluster than the one the database belongs to: nothing is published to it and nothing is taken from it. Point KUBECONFIG to the right one, or, if this one replaces it, start with CLOPS_NEW_CLUSTER=${uid}`;
    // Once: the relay of the right cluster clears it, and what this one met does not concern that one any more.
    if (refused !== uid && row.refusedUid !== uid) {
      if (!isBusy) await tx.q.update(clusterTable).set({ refusedUid: uid }).where(ONE);
      await tell(tx, { type: 'cluster.refused', data: told }, words);
    }
    return { belonging: 'foreign', words, told };
  }

  async function tell(tx: Tx, event: Pick<NewEvent, 'type' | 'data'>, words: string): Promise<void> {
    const subject = namedId('Cluster', settings.clusterName);
    const message = `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
    await parts.services.events.append(tx, [{ ...event, subject, actor: parts.relayId, message }]);
  }

  return {
    get isOurs() {
      return known !== undefined;
    },
    async check() {
      const { metadata } = await cluster.port.get(NAMESPACES, 'kube-system', undefined);
      const { uid = '' } = metadata;
      await hold?.take(uid);
      if (uid !== known) return meet(uid);
      const seen = await db.read(seeCluster, [new Date(clock.now()), uid]);
      return seen.length > 0 ? 'same' : meet(uid);
    },
    close: async () => hold?.close(),
  };
}
