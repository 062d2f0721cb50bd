import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, expect, test, vi } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { findPostmaster } from '../../src/platform/db/embedded/postmaster.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/platform/db/embedded.ts';
import { eventually } from '../support/eventually.ts';

const MODULE = join(import.meta.dirname, '..', '..', 'src', 'platform', 'db', 'embedded.ts');
const asRoot = process.getuid?.() === 0;
const running: EmbeddedPostgres[] = [];
const folders: string[] = [];

function aFolder(under = tmpdir()): string {
  const folder = mkdtempSync(join(under, 'clops pg '));
  chmodSync(folder, 0o755);
  folders.push(folder);
  return folder;
}

async function start(dataDir: string): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ dataDir, log: silentLog });
  running.push(postgres);
  return postgres;
}

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query({ text, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

const dataOf = (dataDir: string): string => join(dataDir, 'postgres', 'data');

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const postgres of running.splice(0)) await postgres.stop();
  for (const folder of folders.splice(0)) {
    // What the test put outside belongs to it as well.
    const outside = join(folder, 'postgres', 'outside');
    if (existsSync(outside)) rmSync(readFileSync(outside, 'utf8'), { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  }
});

test('makes a database in a folder with spaces, behind a password, and keeps it over a stop', async () => {
  const folder = aFolder();
  const first = await start(folder);
  expect(first).toMatchObject({ adopted: false, version: expect.stringMatching(/^18\./) });
  await query(first.url, `create table kept as select 'ÉTÉ' as word`);
  expect(await query(first.url, 'select lower(word) from kept')).toEqual(['été']);
  expect(await query(first.url, 'show fsync')).toEqual(['on']);
  await expect(query(first.url.replace(/:[^:@]+@/, ':wrong@'), 'select 1')).rejects.toThrow(/password/);
  await first.stop();
  expect(findPostmaster(dataOf(folder))).toBeNull();
  vi.stubEnv('PGSSLMODE', 'require'); // meant for a server of somebody's own
  const second = await start(folder);
  expect(await query(second.url, 'select word from kept')).toEqual(['ÉTÉ']);
});

test('a Postgres that outlived its platform is adopted, and stopped like any other', async () => {
  const folder = aFolder();
  const script = `const { startEmbeddedPostgres } = await import(${JSON.stringify(MODULE)});
    const log = { info() {}, warn() {}, error() {} };
    await startEmbeddedPostgres({ dataDir: process.argv[1], log });
    process.kill(process.pid, 'SIGKILL');`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script, folder], { stdio: 'inherit' });
  await new Promise((resolve) => parent.once('exit', resolve));
  expect(parent.signalCode).toBe('SIGKILL');
  const left = findPostmaster(realData(folder));
  expect(left).not.toBeNull();
  const postgres = await start(folder);
  expect(postgres.adopted).toBe(true);
  expect(await query(postgres.url, 'select 1')).toEqual([1]);
  expect(findPostmaster(realData(folder))?.pid).toBe(left?.pid);
  await postgres.stop();
  expect(findPostmaster(realData(folder))).toBeNull();
});

test('a killed Postgres is started again at the same address with what was committed', async () => {
  const folder = aFolder();
  const postgres = await start(folder);
  await query(postgres.url, 'create table kept as select 7 as n');
  const before = findPostmaster(realData(folder));
  process.kill(before?.pid ?? 0, 'SIGKILL');
  await eventually(async () => {
    expect(await query(postgres.url, 'select n from kept')).toEqual([7]);
    expect(findPostmaster(realData(folder))?.pid).not.toBe(before?.pid);
  });
});

test('nothing is left of a Postgres that is stopped while it starts again', async () => {
  const folder = aFolder();
  const postgres = await start(folder);
  // Something to recover from, for as long as a look takes.
  await query(
    postgres.url,
    'create table kept as select n, repeat(md5(n::text), 20) from generate_series(1, 100000) n',
  );
  const before = findPostmaster(realData(folder));
  process.kill(before?.pid ?? 0, 'SIGKILL');
  await eventually(() => expect(findPostmaster(realData(folder))?.pid ?? before?.pid).not.toBe(before?.pid), {
    everyMs: 1,
  });
  await postgres.stop();
  expect(findPostmaster(realData(folder))).toBeNull();
});

test.runIf(process.platform === 'linux')(
  'a running Postgres is known by its folder: after the clock was set, and by another path',
  async () => {
    const folder = aFolder();
    await start(folder);
    const pidFile = join(realData(folder), 'postmaster.pid');
    const lines = readFileSync(pidFile, 'utf8').split('\n');
    const pid = Number(lines[0]);
    const link = join(aFolder(), 'link');
    symlinkSync(realData(folder), link);
    expect(findPostmaster(link)?.pid).toBe(pid);
    lines[2] = `${Number(lines[2]) + 3_600}`;
    writeFileSync(pidFile, lines.join('\n'));
    expect(findPostmaster(realData(folder))?.pid).toBe(pid);
  },
);

test('a pid file that names somebody else, and an initdb that was killed, are no obstacle', async () => {
  const folder = aFolder();
  const home = join(folder, 'postgres');
  mkdirSync(join(home, 'init-killed', 'data'), { recursive: true });
  const first = await start(folder);
  expect(existsSync(join(home, 'init-killed'))).toBe(false);
  const pidFile = join(realData(folder), 'postmaster.pid');
  const text = readFileSync(pidFile, 'utf8');
  await first.stop();
  // A process of the same user, as after a restart of the machine: Postgres alone would refuse to start.
  const owner = ownerOf(realData(folder));
  const bystander = spawn('sleep', ['60'], asRoot ? owner : {});
  try {
    writeFileSync(pidFile, text.replace(/^\d+/, String(bystander.pid)), { mode: 0o600 });
    if (asRoot) chownSync(pidFile, owner.uid, owner.gid);
    const second = await start(folder);
    expect(second.adopted).toBe(false);
    expect(await query(second.url, 'select 1')).toEqual([1]);
    expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
  } finally {
    bystander.kill();
  }
});

test.runIf(asRoot)('for root it runs as somebody else, and outside a folder he cannot enter', async () => {
  const folder = aFolder();
  chmodSync(folder, 0o700);
  const first = await start(folder);
  expect(first.note).toMatch(/keeps its data in \/var\/lib\/clops\/data-\w+: .* cannot get through .*clops pg/);
  const outside = readFileSync(join(folder, 'postgres', 'outside'), 'utf8');
  expect(ownerOf(join(outside, 'data')).uid).not.toBe(0);
  await query(first.url, 'create table kept as select 7 as n');
  await first.stop();
  const second = await start(folder);
  expect(await query(second.url, 'select n from kept')).toEqual([7]);
  await second.stop();
  // Who deletes the data folder begins again: a new database, and nothing is left of the old one.
  rmSync(join(folder, 'postgres'), { recursive: true });
  const third = await start(folder);
  await expect(query(third.url, 'select n from kept')).rejects.toThrow(/does not exist/);
  expect(existsSync(outside)).toBe(false);
});

test.runIf(asRoot)('an ordinary user starts it as himself', async () => {
  const folder = aFolder();
  chownSync(folder, 65534, 65534);
  const script = `const { startEmbeddedPostgres } = await import(${JSON.stringify(MODULE)});
    const log = { info() {}, warn() {}, error() {} };
    const postgres = await startEmbeddedPostgres({ dataDir: process.argv[1], log });
    console.log(JSON.stringify(postgres));
    await postgres.stop();`;
  const run = spawnSync(
    'setpriv',
    ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, '--input-type=module', '-e', script, folder],
    {
      encoding: 'utf8',
    },
  );
  expect(run.stderr).toBe('');
  expect(JSON.parse(run.stdout)).toMatchObject({ adopted: false, version: expect.stringMatching(/^18/) });
  expect(ownerOf(dataOf(folder)).uid).toBe(65534);
});

function ownerOf(path: string): { uid: number; gid: number } {
  const { uid, gid } = statSync(path);
  return { uid, gid };
}

function realData(folder: string): string {
  const outside = join(folder, 'postgres', 'outside');
  return existsSync(outside) ? join(readFileSync(outside, 'utf8'), 'data') : dataOf(folder);
}
