/** One real Postgres for the files that need it, with a migrated template that each file copies in milliseconds. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { silentLog } from '../../src/lib/log.ts';
import { createDb } from '../../src/platform/db/db.ts';
import { startEmbeddedPostgres } from '../../src/platform/db/embedded.ts';
import { migrate } from '../../src/platform/db/migrate.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string;
  }
}

export const TEMPLATE = 'clops_template';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'clops-test-postgres-'));
  // Root's Postgres runs as another user, who could not enter a 0700 folder and would be given one in /var/lib.
  await chmod(dataDir, 0o711);
  const postgres = await startEmbeddedPostgres({ dataDir, log: silentLog });
  const admin = createDb({ url: postgres.url, log: silentLog, maxConnections: 1 });
  await admin.read({ name: 'makeTemplate', text: `create database ${TEMPLATE}` });
  await admin.close();
  const template = createDb({ url: inDatabase(postgres.url, TEMPLATE), log: silentLog, maxConnections: 1 });
  await migrate(template, 'drizzle');
  await template.close();
  project.provide('postgresUrl', postgres.url);
  return async () => {
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
}

/** The same server, another database. */
export function inDatabase(url: string, database: string): string {
  const parsed = new URL(url);
  parsed.pathname = `/${database}`;
  return parsed.toString();
}
