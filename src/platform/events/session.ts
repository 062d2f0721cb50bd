/**
 * The one connection of an event log: it listens, and it may hold the sequencer's lock. Questions go one at a time (pg 9
 * takes no second one while the first runs), and each has a limit: a line that is frozen answers nothing and reports
 * nothing, and whoever waits for it without a limit waits for ever.
 */
import type pg from 'pg';
import type { Db } from '../db/db.ts';

/** More than the connection's lock_timeout: a question that waits for a lock is refused by Postgres first. */
const ANSWER_MS = 6_000;
const GOODBYE_MS = 1_000;

export interface Session {
  query<Row extends pg.QueryResultRow>(
    question: string | pg.QueryConfig,
    values?: unknown[],
  ): Promise<pg.QueryResult<Row>>;
  /** Rejects when the connection has broken, or has left a question without an answer. */
  readonly lost: Promise<never>;
  end(): Promise<void>;
}

/** `heard` is called with the channel of each notification. */
export async function openSession(db: Db, heard: (channel: string) => void): Promise<Session> {
  const client = await db.connect();
  const { promise: lost, reject: lose } = Promise.withResolvers<never>();
  lost.catch(() => {});
  client.on('error', lose);
  client.on('end', () => lose(new Error('the connection ended')));
  client.on('notification', ({ channel }) => heard(channel));
  // It asks every second. Of a host that vanished Postgres would keep the session, and with it the sequencer's lock, until
  // TCP gives up: two hours by default, in which nobody numbers events.
  let turn: Promise<unknown> = within(ANSWER_MS, client.query(`set idle_session_timeout = '15s'`), lose).catch(
    () => {},
  );

  return {
    lost,
    query<Row extends pg.QueryResultRow>(question: string | pg.QueryConfig, values?: unknown[]) {
      const asked = turn.then(() => Promise.race([lost, within(ANSWER_MS, client.query<Row>(question, values), lose)]));
      turn = asked.catch(() => {});
      return asked;
    },
    end: () => within(GOODBYE_MS, client.end(), () => {}).catch(() => {}),
  };
}

async function within<T>(ms: number, promise: Promise<T>, late: (error: Error) => void): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new Error('the database does not answer');
      late(error);
      reject(error);
    }, ms);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
