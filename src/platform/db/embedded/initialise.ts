/** Makes a new database cluster. It appears under its name only when it is complete: a killed initdb is done again. */
import { spawnSync } from 'node:child_process';
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
import type { Place } from './place.ts';

export function initialise({ bin, home, data, runAs }: Place, password: string): void {
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
  const run = spawnSync(join(bin, 'initdb'), ['-D', made, ...flags, ...locale, '--no-instructions'], {
    ...runAs,
    cwd: '/',
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    encoding: 'utf8',
  });
  if (run.status !== 0) {
    rmSync(draft, { recursive: true, force: true });
    const reason = run.error?.message ?? run.stderr.trim().split('\n').slice(-3).join(' ');
    throw new Error(`Postgres could not make its data folder in ${home}: ${reason}`);
  }
  renameSync(made, data);
  rmSync(draft, { recursive: true, force: true });
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
