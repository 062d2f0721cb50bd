/** Makes a new database cluster. It appears under its name only when it is complete: a killed initdb is done again. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { Place } from './place.ts';

const SURROUNDINGS = { cwd: '/', env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' } };

export async function initialise(place: Place, password: string): Promise<void> {
  const { bin, home, data, runAs } = place;
  for (const name of readdirSync(home).filter((entry) => entry.startsWith('init-'))) {
    rmSync(join(home, name), { recursive: true, force: true });
  }
  const draft = mkdtempSync(join(home, 'init-'));
  const passwordFile = join(draft, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (runAs) for (const path of [draft, passwordFile]) chownSync(path, runAs.uid, runAs.gid);
  const made = join(draft, basename(data));
  const flags = ['--username=clops', `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--encoding=UTF8'];
  // Sorts by code point like C, and knows upper and lower case beyond ASCII; needs no locale of the machine.
  const locale = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  try {
    // Not spawnSync: the rest of the platform loads meanwhile.
    await promisify(execFile)(
      join(bin, 'initdb'),
      ['-D', made, ...flags, ...locale, '--no-instructions', '--no-sync'],
      {
        ...runAs,
        ...SURROUNDINGS,
      },
    );
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw new Error(`Postgres could not make its data folder in ${home}: ${reasonOf(error)}`);
  }
  renameSync(made, data);
  rmSync(draft, { recursive: true, force: true });
  writeToDisk(place);
}

/**
 * A thousand fsyncs, which nobody waits for: beside a busy disk they took ten seconds of a first start. A power cut before
 * their end costs a folder that is a few seconds old.
 */
function writeToDisk({ bin, data, runAs }: Place): void {
  const flags = { ...runAs, ...SURROUNDINGS, stdio: 'ignore', detached: true } as const;
  const child = spawn(join(bin, 'initdb'), ['-D', data, '--sync-only'], flags);
  child.on('error', () => {}); // The system writes by itself within half a minute.
  child.unref();
}

function reasonOf(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  if (stderr !== '') return stderr.split('\n').slice(-3).join(' ');
  return error instanceof Error ? error.message : String(error);
}

/** Refuses the folder of another major version: Postgres would, in a message that names no way out. */
export function requireSameMajor({ bin, data }: Place): void {
  const made = existsSync(join(data, 'PG_VERSION')) ? readFileSync(join(data, 'PG_VERSION'), 'utf8').trim() : '';
  const { stdout } = spawnSync(join(bin, 'postgres'), ['--version'], { encoding: 'utf8', cwd: '/' });
  const ours = /(\d+)\./.exec(stdout ?? '')?.[1];
  if (made === ours) return;
  throw new Error(
    `${data} was made by Postgres ${made || '?'} and this version of CLOps brings Postgres ${ours ?? '?'}: export it with the older version (pg_dump), or choose another CLOPS_DATA_DIR.`,
  );
}
