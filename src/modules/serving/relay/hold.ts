/**
 * Which local cluster relays work with now, as a session lock that Postgres takes back when a relay ends, however it ends.
 * Every local cluster may take the place of a lost one: two CLOps with one DATABASE_URL would each take the other's place
 * over and over. Held in common, so that several relays of one cluster are no trouble.
 */
import { setTimeout } from 'node:timers/promises';
import { type Db, statement, type Tx } from '../../../platform/db/db.ts';

export interface Hold {
  /** Says that a relay works with this cluster, and no longer with another. Cheap to repeat. */
  take(uid: string): Promise<void>;
  close(): Promise<void>;
}

const GOODBYE_MS = 1_000;

const keyOf = (uid: string): string => `relay of ${uid}`;
const tryAlone = statement<{ free: boolean }>(
  'tryHold',
  'select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as free',
);

/** A relay works with this cluster at this moment. */
export async function isHeld(tx: Tx, uid: string): Promise<boolean> {
  const [row] = await tx.read(tryAlone, [keyOf(uid)]);
  return row?.free !== true;
}

export function createHold(db: Db): Hold {
  let held: { client: Awaited<ReturnType<Db['connect']>>; uid: string } | undefined;
  let turn: Promise<void> = Promise.resolve();

  async function leave(): Promise<void> {
    const client = held?.client;
    held = undefined;
    // A line that is frozen does not even say goodbye.
    await Promise.race([client?.end().catch(() => {}), setTimeout(GOODBYE_MS, undefined, { ref: false })]);
  }

  async function takeNow(uid: string): Promise<void> {
    if (held?.uid === uid) return;
    await leave();
    const client = await db.connect();
    const lost = (): void => {
      if (held?.client === client) held = undefined;
    };
    client.on('error', lost);
    client.on('end', lost);
    held = { client, uid };
    try {
      await client.query('select pg_advisory_lock_shared(hashtextextended($1, 0))', [keyOf(uid)]);
    } catch (error) {
      await leave();
      throw error;
    }
  }

  return {
    take(uid) {
      const taking = turn.then(() => takeNow(uid));
      turn = taking.catch(() => {});
      return taking;
    },
    async close() {
      await turn;
      await leave();
    },
  };
}
