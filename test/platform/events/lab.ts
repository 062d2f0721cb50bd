/** What the tests of the event log share: writers on a table with counters, readers that keep what they get, a line that freezes. */
import { connect, createServer, type Socket } from 'node:net';
import { newId } from '../../../src/lib/id.ts';
import { type Log, silentLog } from '../../../src/lib/log.ts';
import type { Db, Tx } from '../../../src/platform/db/db.ts';
import { createEventLog, type EventFilter, type EventLog, type LogMessage } from '../../../src/platform/events/log.ts';
import type { Place } from '../../../src/platform/events/place.ts';
import { aDatabase, type TestDatabase } from '../../support/database.ts';

export interface Lab {
  db: Db;
  url: string;
  /** Starts a log; it is closed with the lab. */
  aLog(options?: { db?: Db; log?: Log; retentionDays?: number; sequencer?: boolean }): Promise<EventLog>;
  /** Counts the subject up under its row's lock and appends the number: later numbers of one subject may not come earlier. */
  count(log: Pick<EventLog, 'append'>, subject: string, then?: (tx: Tx) => Promise<void>): Promise<void>;
  /** Reads until the lab is closed. */
  read(
    log: EventLog,
    options?: { after?: number | Place; where?: EventFilter; heartbeatMs?: number; each?: () => Promise<void> },
  ): Reading;
  /** Ends the backends of the connections that number and listen. Returns how many. */
  killEventConnections(): Promise<number>;
  close(): Promise<void>;
}

export interface Reading {
  messages: LogMessage[];
  seqs(): number[];
  /** What each subject counted, in the order it was read. */
  counted(): Map<string, number[]>;
  stop(): Promise<void>;
}

export async function openLab(): Promise<Lab> {
  const database: TestDatabase = await aDatabase();
  const { db } = database;
  await db.read({ name: 'counters', text: 'create table counters (subject text primary key, n int not null)' });
  const logs: EventLog[] = [];
  const readings: Reading[] = [];

  return {
    db,
    url: database.url,
    async aLog(options = {}) {
      const log = createEventLog({ db, log: silentLog, ...options });
      logs.push(log);
      await log.start();
      return log;
    },
    count: (log, subject, then) =>
      db.tx(async (tx) => {
        const [row] = await tx.read<{ n: number }>(
          {
            name: 'countUp',
            text: 'insert into counters values ($1, 1) on conflict (subject) do update set n = counters.n + 1 returning n',
          },
          [subject],
        );
        await log.append(tx, [
          { type: 'test.counted', subject, actor: 'sys_test', message: `${subject} ${row?.n}`, data: { n: row?.n } },
        ]);
        await then?.(tx);
      }),
    read(log, { each, after, ...options } = {}) {
      const abort = new AbortController();
      const from = after !== undefined && { after: typeof after === 'number' ? { seq: after, mark: null } : after };
      const messages: LogMessage[] = [];
      const done = (async () => {
        for await (const message of log.follow({ ...options, ...from, signal: abort.signal })) {
          messages.push(message);
          await each?.();
        }
      })();
      const reading: Reading = {
        messages,
        seqs: () => messages.filter(({ kind }) => kind === 'event').map(({ seq }) => seq),
        counted() {
          const all = new Map<string, number[]>();
          for (const message of messages) {
            if (message.kind !== 'event') continue;
            const subject = message.event.subjectId ?? '';
            all.set(subject, [...(all.get(subject) ?? []), Number(message.event.data['n'])]);
          }
          return all;
        },
        async stop() {
          abort.abort();
          await done;
        },
      };
      readings.push(reading);
      return reading;
    },
    async killEventConnections() {
      const killed = await db.read({
        name: 'killEventConnections',
        text: `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query !~ 'pg_terminate_backend'
          and (pid in (select pid from pg_locks where locktype = 'advisory') or query ~ 'pg_try_advisory_lock|sequenceEvents|clops_events|clops_outbox')`,
      });
      return killed.length;
    },
    async close() {
      await Promise.all(readings.map((reading) => reading.stop()));
      await Promise.all(logs.map((log) => log.close()));
      await database.drop();
    },
  };
}

export const upTo = (last: number, first = 1): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** A database whose event connections lose every notification. */
export const withoutNotifications = (db: Db): Db => ({
  ...db,
  async connect() {
    const client = await db.connect();
    const emit = client.emit.bind(client);
    client.emit = (name: string | symbol, ...args: unknown[]) => (name === 'notification' ? true : emit(name, ...args));
    return client;
  },
});

/** A line to Postgres that can freeze: nothing moves any more, nothing is refused, nobody hangs up. */
export async function aLine(url: string): Promise<{ url: string; freeze(): void; close(): Promise<void> }> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let frozen = false;
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => !frozen && to.destroy());
      from.pipe(to, { end: false });
    }
    if (frozen) near.unpipe();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const line = new URL(url);
  line.hostname = '127.0.0.1';
  line.port = String(typeof address === 'object' ? address?.port : '');
  return {
    url: line.toString(),
    freeze() {
      frozen = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export const anEvent = (type: string, more: object = {}) => ({
  type,
  subject: newId('Deployment'),
  actor: 'sys_test',
  message: type,
  ...more,
});
