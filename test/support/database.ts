/** A database of its own for a test file, copied from the migrated template. */
import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { createDb, type Db, statement } from '../../src/platform/db/db.ts';
import { eventually } from './eventually.ts';
import { inDatabase, TEMPLATE } from './postgres.ts';

export interface TestDatabase {
  db: Db;
  url: string;
  /** Until all that was committed is in the log: some milliseconds after the commit that told of it, more under load. */
  sequenced(): Promise<void>;
  drop(): Promise<void>;
}

const unsequenced = statement<{ n: number }>('unsequencedOfTest', 'select count(*) as n from clops.outbox');

/** `through` may put something between the pool and the server. */
export async function aDatabase(through: (url: string) => Promise<string> = async (url) => url): Promise<TestDatabase> {
  const server = inject('postgresUrl');
  const name = `t_${randomBytes(6).toString('hex')}`;
  const admin = createDb({ url: server, log: silentLog, maxConnections: 1 });
  await admin.read({ name: `create_${name}`, text: `create database ${name} template ${TEMPLATE}` });
  const url = inDatabase(server, name);
  const db = createDb({ url: await through(url), log: silentLog });
  return {
    db,
    url,
    async sequenced() {
      await eventually(async () => {
        const [row] = await db.read(unsequenced);
        if (row?.n !== 0) throw new Error(`${row?.n} events are on their way into the log`);
      });
    },
    async drop() {
      await db.close();
      await admin.read({ name: `drop_${name}`, text: `drop database ${name} with (force)` });
      await admin.close();
    },
  };
}
