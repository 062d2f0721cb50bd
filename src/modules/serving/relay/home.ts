/**
 * Which cluster the database belongs to, by the uid of its namespace kube-system. A cluster that was lost and made anew
 * answers as if somebody had deleted everything with kubectl, and so does one that a wrong KUBECONFIG points to: what is not
 * there says something only in the cluster that we know.
 *
 * The local cluster belongs to this database alone: another one takes the place of the lost one and is filled again.
 * Anybody else's is left alone until a person says that it is the new one.
 */
import { eq } from 'drizzle-orm';
import { namedId } from '../../../lib/id.ts';
import { NAMESPACES } from '../../../platform/cluster/resources.ts';
import { statement, type Tx } from '../../../platform/db/db.ts';
import type { NewEvent } from '../../../platform/events/append.ts';
import { type ClusterRow, cluster as clusterTable } from '../tables.ts';
import type { Parts } from './parts.ts';
import { republishAll } from './republish.ts';

/** `same`: as when it was last asked. `replaced`: ours, and everything is to be looked at anew. `foreign`: not to be touched. */
export type Belonging = 'same' | 'replaced' | 'foreign';

export interface Home {
  /** As it was last asked; false until it has answered. */
  readonly isOurs: boolean;
  /** Asks the cluster who it is. A cluster that is away throws. */
  check(): Promise<Belonging>;
}

const ONE = eq(clusterTable.one, 'cluster');
const seeCluster = statement<never>('seeCluster', `update clops.cluster set seen_at = $1 where uid = $2`);

export function createHome(
  parts: Omit<Parts, 'home'>,
  { newCluster, onReplaced }: { newCluster: string | undefined; onReplaced: () => void },
): Home {
  const { db, cluster, clock, log, settings } = parts.services;
  const isLocal = settings.clusterName === 'local';
  let known: string | undefined;
  let refused: string | undefined;

  async function meet(uid: string): Promise<Belonging> {
    const met = await db.tx((tx) => decide(tx, uid));
    if (met.belonging === 'foreign') {
      if (refused !== uid) log.error(met.told, met.words);
      [known, refused] = [undefined, uid];
      return 'foreign';
    }
    if (met.words) log.warn(met.told, met.words);
    [known, refused] = [uid, undefined];
    onReplaced();
    return 'replaced';
  }

  async function decide(
    tx: Tx,
    uid: string,
  ): Promise<{ belonging: Belonging; words: string; told: Record<string, unknown> }> {
    const now = new Date(clock.now());
    await tx.q.insert(clusterTable).values({ uid, since: now, seenAt: now }).onConflictDoNothing();
    const [row] = await tx.q.select().from(clusterTable).where(ONE).for('update');
    const before = (row as ClusterRow).uid;
    const told = { from: before, to: uid };
    if (before === uid) {
      await tx.q.update(clusterTable).set({ seenAt: now, refusedUid: null }).where(ONE);
      return { belonging: 'replaced', words: '', told };
    }
    if (isLocal || newCluster === uid) {
      await tx.q.update(clusterTable).set({ uid, since: now, seenAt: now, refusedUid: null }).where(ONE);
      const count = await republishAll(parts, tx, now);
      const words = `the cluster was replaced: publishing ${count} ${count === 1 ? 'deployment' : 'deployments'} again`;
      await tell(tx, { type: 'cluster.replaced', data: { ...told, deployments: count } }, words);
      return { belonging: 'replaced', words, told };
    }
    const words = `this is another cluster than the one the database belongs to: nothing is published to it and nothing is taken from it. Point KUBECONFIG to the right one, or, if this one replaces it, set CLOPS_NEW_CLUSTER=${uid}`;
    if (row?.refusedUid !== uid) {
      await tx.q.update(clusterTable).set({ refusedUid: uid }).where(ONE);
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
      if (uid !== known) return meet(uid);
      await db.read(seeCluster, [new Date(clock.now()), uid]);
      return 'same';
    },
  };
}
