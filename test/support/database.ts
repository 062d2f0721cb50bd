/** A database of its own for a test file, copied from the migrated template. */
import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { createDb, type Db } from '../../src/platform/db/db.ts';
import { inDatabase, TEMPLATE } from './postgres.ts';

export interface TestDatabase {
  db: Db;
  url: string;
  drop(): Promise<void>;
}

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
    async drop() {
      await db.close();
      await admin.read({ name: `drop_${name}`, text: `drop database ${name} with (force)` });
      await admin.close();
    },
  };
}
