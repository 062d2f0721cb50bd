/** The one connection of an event log: what it answered is let go of, and who waits when it breaks is told. */
import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSession } from '../../../src/platform/events/session.ts';
import { aDatabase, type TestDatabase } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

let database: TestDatabase;
beforeAll(async () => {
  database = await aDatabase();
});
afterAll(() => database.drop());

test('an answer is held by nobody but who asked, however long the connection lives', async () => {
  const session = await openSession(database.db, () => {});
  try {
    const answers: WeakRef<object>[] = [];
    for (let i = 0; i < 100; i++) answers.push(new WeakRef(await session.query('select repeat($1, 1000)', ['x'])));
    await eventually(() => {
      collectGarbage();
      // The newest may still be in pg's hands.
      expect(answers.filter((answer) => answer.deref()).length).toBeLessThanOrEqual(5);
    });
    expect(getEventListeners(session.lost, 'abort')).toEqual([]);
  } finally {
    await session.end();
  }
});

test('whoever waits when it breaks is told why, and so is who asks later', async () => {
  const session = await openSession(database.db, () => {});
  const [own] = (await session.query<{ pid: number }>('select pg_backend_pid() as pid')).rows;
  const asked = [session.query('select pg_sleep(60)'), session.query('select 1')];
  await eventually(async () => {
    const asleep = `select 1 from pg_stat_activity where pid = ${own?.pid} and query ~ 'pg_sleep'`;
    expect(await database.db.read({ name: 'asleep', text: asleep })).toHaveLength(1);
  });
  await database.db.read({ name: 'endIt', text: `select pg_terminate_backend(${own?.pid})` });
  for (const one of await Promise.allSettled(asked)) expect(one.status).toBe('rejected');
  await expect(session.query('select 1')).rejects.toThrow();
  expect(session.lost.aborted).toBe(true);
  await session.end();
});
