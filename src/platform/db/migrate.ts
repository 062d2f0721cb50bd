/**
 * Forward-only migrations: the SQL files of `drizzle/` in name order, each once, under an advisory lock so that any
 * number of processes may start together. A file that was applied and has changed since is refused: history is fixed.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Db, statement } from './db.ts';

/** "clops" in ASCII; one lock for all instances on a database. */
const LOCK = 0x636c6f7073;

export async function migrate(db: Db, folder: string): Promise<{ applied: string[] }> {
  const files = (await readdir(folder)).filter((name) => /^\d+_.*\.sql$/.test(name)).sort();
  const client = await db.connect();
  const applied: string[] = [];
  try {
    // Waits as long as another process migrates; the ordinary limit of a lock would make this one's start fail.
    await client.query('set lock_timeout = 0');
    await client.query('select pg_advisory_lock($1)', [LOCK]);
    await client.query('create schema if not exists clops');
    await client.query(
      'create table if not exists clops.migrations (name text primary key, sha256 text not null, applied_at timestamptz not null default now())',
    );
    const { rows } = await client.query<{ name: string; sha256: string }>('select name, sha256 from clops.migrations');
    const done = new Map(rows.map((row) => [row.name, row.sha256]));
    for (const name of done.keys()) {
      if (!files.includes(name))
        throw new Error(`The database was migrated by a newer CLOps (${name}). Run that version, or restore a backup.`);
    }
    for (const name of files) {
      const text = await readFile(join(folder, name), 'utf8');
      const sha256 = createHash('sha256').update(text).digest('hex');
      const known = done.get(name);
      if (known === sha256) continue;
      if (known) throw new Error(`Migration ${name} was changed after it had been applied. Add a new one instead.`);
      await client.query('begin');
      for (const part of text.split('--> statement-breakpoint')) await client.query(part);
      await client.query('insert into clops.migrations (name, sha256) values ($1, $2)', [name, sha256]);
      await client.query('commit');
      applied.push(name);
    }
    return { applied };
  } finally {
    await client.end();
  }
}

const selectMigrations = statement<{ name: string }>('appliedMigrations', 'select m.name from clops.migrations m');

/** What a later version has changed meanwhile, in words: this one goes on, and may fail at it. */
export async function migratedBeyond(db: Db, folder: string): Promise<string | undefined> {
  const ours = new Set(await readdir(folder));
  const theirs = (await db.read(selectMigrations)).filter(({ name }) => !ours.has(name));
  if (theirs.length === 0) return undefined;
  return `a newer CLOps has changed the database (${theirs.map(({ name }) => name).join(', ')}): replace this process by it`;
}
