import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { createDb } from '../../../src/platform/db/db.ts';
import { aDatabase, type TestDatabase } from '../../support/database.ts';
import { aLine } from '../events/lab.ts';

let database: TestDatabase;
const now = { name: 'now', text: 'select 1 as one' };
const unavailable = { code: 'DATABASE_UNAVAILABLE' };

beforeAll(async () => {
  database = await aDatabase();
});
afterAll(() => database.drop());

test('a Postgres that does not answer is unavailable, to a read, in a transaction and to drizzle, and soon', async () => {
  const line = await aLine(database.url);
  const far = createDb({ url: line.url, log: silentLog, answerWithinMs: 200 });
  try {
    expect(await far.read(now)).toEqual([{ one: 1 }]);
    const opened = Promise.withResolvers<void>();
    const frozen = Promise.withResolvers<void>();
    const inTransaction = far.tx(async (tx) => {
      await tx.read(now);
      opened.resolve();
      await frozen.promise;
      await tx.q.execute(sql`select 1`);
    });
    await opened.promise;
    line.freeze();
    frozen.resolve();
    const began = performance.now();
    await expect(inTransaction).rejects.toMatchObject(unavailable);
    // One question's limit: the transaction is not asked to roll back on a line that is frozen.
    expect(performance.now() - began).toBeLessThan(2_200);
    await expect(far.read(now)).rejects.toMatchObject(unavailable);
  } finally {
    await far.close();
    await line.close();
  }
});

test('a statement that takes too long is ended, and the connection is of use afterwards', async () => {
  const db = createDb({ url: database.url, log: silentLog, maxConnections: 1, answerWithinMs: 200 });
  try {
    await expect(db.read({ name: 'slow', text: 'select pg_sleep(60)' })).rejects.toMatchObject(unavailable);
    expect(await db.read(now)).toEqual([{ one: 1 }]);
  } finally {
    await db.close();
  }
});
