/**
 * The one connection of an event log: it listens, and it may hold the sequencer's lock. Questions go one at a time (pg 9
 * takes no second one while the first runs), and each has a limit: a line that is frozen answers nothing and reports
 * nothing, and whoever waits for it without a limit waits for ever.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Db } from '../db/db.ts';
import { isReadOnly } from '../db/passing.ts';

/** More than the connection's lock_timeout: a question that waits for a lock is refused by Postgres first. */
const ANSWER_MS = 6_000;
const GOODBYE_MS = 1_000;

export interface Session {
  query<Row extends pg.QueryResultRow>(
    question: string | pg.QueryConfig,
    values?: unknown[],
  ): Promise<pg.QueryResult<Row>>;
  /** Aborts, with the reason, when the connection has broken, has left a question unanswered, or leads to a server that only reads. */
  readonly lost: AbortSignal;
  end(): Promise<void>;
}

/** `heard` is called with the channel of each notification. */
export async function openSession(db: Db, heard: (channel: string) => void): Promise<Session> {
  const client = await db.connect();
  const losing = new AbortController();
  const lost = losing.signal;
  const lose = (error: Error): void => losing.abort(error);
  client.on('error', lose);
  client.on('end', () => lose(new Error('the connection ended')));
  client.on('notification', ({ channel }) => heard(channel));

  /**
   * A listener that is taken away again, and no race with a promise of the loss: one that stays pending keeps what every
   * race with it came to, here each answer of the connection's life.
   */
  function answer<T>(ask: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      lost.throwIfAborted();
      const tell = (): void => reject(lost.reason);
      const timer = setTimeout(lose, ANSWER_MS, new Error('the database does not answer'));
      lost.addEventListener('abort', tell);
      ask()
        .then(resolve, (error) => {
          if (isReadOnly(error?.code)) lose(error);
          reject(error);
        })
        .finally(() => {
          clearTimeout(timer);
          lost.removeEventListener('abort', tell);
        });
    });
  }

  // It asks every second. Of a host that vanished Postgres would keep the session, and with it the sequencer's lock, until
  // TCP gives up: two hours by default, in which nobody numbers events.
  let turn: Promise<unknown> = answer(() => client.query(`set idle_session_timeout = '15s'`)).catch(() => {});

  return {
    lost,
    query<Row extends pg.QueryResultRow>(question: string | pg.QueryConfig, values?: unknown[]) {
      const asked = turn.then(() => answer(() => client.query<Row>(question, values)));
      turn = asked.catch(() => {});
      return asked;
    },
    // On a line that is frozen it would be said for ever.
    async end() {
      await Promise.race([client.end().catch(() => {}), sleep(GOODBYE_MS, undefined, { ref: false })]);
    },
  };
}
