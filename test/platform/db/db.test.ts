/** What a database that goes away does to whoever holds a transaction, and to a start that waits for another's migration. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
