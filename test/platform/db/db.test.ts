/** What a database that goes away does to whoever holds a transaction, and to a start that waits for another's migration. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { createDb, statement } from '../../../src/platform/db/db.ts';
import { migrate } from '../../../src/platform/db/migrate.ts';
import { aDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await aDatabase();
});
afterAll(() => database.drop());

const ownPid = statement<{ pid: number }>('ownPid', 'select pg_backend_pid() as pid');
const terminate = statement<never>('terminate', 'select pg_terminate_backend($1)');

test('a backend that ends during a transaction fails that transaction, not the process, and the next one works', async () => {
  const { db } = database;
  const failed = db.tx(async (tx) => {
    const [own] = await tx.read(ownPid);
    await db.read(terminate, [own?.pid]);
    // The loss arrives on its own, between two statements: nothing is being asked at that moment.
    await new Promise((resolve) => setTimeout(resolve, 100));
    return tx.read(ownPid);
  });
  await expect(failed).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  expect(await db.tx((tx) => tx.read(ownPid))).toHaveLength(1);
});

test('a start waits for the migration of another, however long it takes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'clops-migrations-'));
  await writeFile(join(folder, '0000_slow.sql'), 'select pg_sleep(6)');
  const fresh = await aDatabase();
  try {
    await fresh.db.read(statement('dropMigrations', 'drop table clops.migrations'));
    const second = createDb({ url: fresh.url, log: silentLog, maxConnections: 1 });
    const done = await Promise.all([migrate(fresh.db, folder), migrate(second, folder)]);
    await second.close();
    expect(done.map(({ applied }) => applied.length).sort()).toEqual([0, 1]);
  } finally {
    await fresh.drop();
    await rm(folder, { recursive: true });
  }
});

const raise = (code: string) =>
  statement<never>(`raise${code}`, `do $$ begin raise exception using errcode = '${code}'; end $$`);

test.each(['40001', '40P01'])(
  'what Postgres asks to repeat (%s) is repeated, and may be by the caller after that',
  async (code) => {
    const { db } = database;
    let tries = 0;
    const failed = db.tx(async (tx) => {
      tries++;
      // Through drizzle, which wraps what it throws, and without it.
      await (tries % 2 === 0 ? tx.read(raise(code)) : tx.q.execute(sql.raw(raise(code).text)));
    });
    await expect(failed).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    expect(tries).toBe(5);
    tries = 0;
    await db.tx(async (tx) => (++tries < 5 ? tx.read(raise(code)) : tx.read(ownPid)));
    expect(tries).toBe(5);
  },
);

test('a lock that is not given in time may be asked for again', async () => {
  const { db } = database;
  const lockTeams = statement<never>('lockTeams', 'lock table clops.teams');
  const failed = db.tx(async (tx) => {
    await tx.read(lockTeams);
    await db.tx(async (other) => {
      await other.read(statement('impatient', `set local lock_timeout = '10ms'`));
      await other.read(lockTeams);
    });
  });
  await expect(failed).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE', cause: { code: '55P03' } });
});

test('a host that has no address now may have one later', async () => {
  const nowhere = createDb({ url: 'postgres://clops@nowhere.invalid/clops', log: silentLog });
  await expect(nowhere.read(ownPid)).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  await expect(nowhere.connect()).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  await nowhere.close();
});

test('after a failover the connection to the server that only reads now is not used again', async () => {
  const { db, url } = database;
  const set = (words: string) =>
    db.read(statement(words, `alter database "${new URL(url).pathname.slice(1)}" ${words}`));
  const write = statement<{ n: number }>('write', 'insert into written values (1) returning n');
  await db.read(statement('written', 'create table written (n int)'));
  const one = createDb({ url, log: silentLog, maxConnections: 1 });
  try {
    // Holds for sessions that begin from now on: the next of this pool, and not those of `db`.
    await set('set default_transaction_read_only = on');
    await expect(one.tx((tx) => tx.read(write))).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    await set('reset default_transaction_read_only');
    expect(await one.tx((tx) => tx.read(write))).toEqual([{ n: 1 }]);
  } finally {
    await one.close();
  }
});
