/**
 * `npm run migration -- --name what_it_does`: the next migration from the tables. Read it before it is committed. With
 * `--check` it writes nothing and fails when the tables say more than the migrations.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import config from '../drizzle.config.ts';

const migrationsIn = (folder: string): string[] => readdirSync(folder).filter((file) => file.endsWith('.sql'));

if (process.argv.includes('--check')) check();
else generate(process.argv.slice(2));

function generate(args: string[]): void {
  execFileSync('drizzle-kit', ['generate', ...args], { stdio: 'inherit' });
  for (const name of migrationsIn('drizzle')) {
    const path = join('drizzle', name);
    // The schema is there already: the table that remembers migrations lives in it.
    const text = readFileSync(path, 'utf8').replace('CREATE SCHEMA "clops"', 'CREATE SCHEMA IF NOT EXISTS "clops"');
    writeFileSync(path, text);
  }
}

/** Lets the generator work on a copy, inside this folder: drizzle-kit takes every path as a relative one. */
function check(): void {
  mkdirSync('.cache', { recursive: true });
  const copy = mkdtempSync(join('.cache', 'migrations-'));
  try {
    cpSync('drizzle', copy, { recursive: true });
    const before = migrationsIn(copy);
    const file = join(copy, 'config.json');
    writeFileSync(file, JSON.stringify({ ...config, out: copy }));
    const said = drizzleKit(['generate', '--config', file]);
    const made = migrationsIn(copy).filter((name) => !before.includes(name));
    if (made.length === 0 && said.ok) return;
    console.error('The tables have changed and no migration says so. It would be:');
    console.error(made.map((name) => readFileSync(join(copy, name), 'utf8')).join('\n') || said.text);
    process.exitCode = 1;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Without a terminal it cannot ask whether a column was renamed, and fails: then there is a change, too. */
function drizzleKit(args: string[]): { ok: boolean; text: string } {
  try {
    return {
      ok: true,
      text: execFileSync('drizzle-kit', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
    };
  } catch (error) {
    const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    return { ok: false, text: stripVTControlCharacters(output) };
  }
}
