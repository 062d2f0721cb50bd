/**
 * The Postgres that comes with CLOps: found again or made, started, kept running, stopped. For one machine and one data
 * folder; main refuses it in production. It listens on a loopback port of its own choice behind a random password, since
 * a socket's path would have to be shorter than about 100 bytes, which nobody's project folder promises.
 *
 * It is started detached, with its output in a file: Ctrl-C reaches the platform alone, which ends Postgres last, and
 * a kill -9 of the platform leaves a healthy Postgres that the next start takes over.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createBackoff } from '../../lib/backoff.ts';
import type { Log } from '../../lib/log.ts';
import { identityOf } from '../process/identity.ts';
import { openLogFile } from '../process/logFile.ts';
import { freePort } from '../process/ports.ts';
import { initialise, requireSameMajor } from './embedded/initialise.ts';
import { choosePlace, type Place } from './embedded/place.ts';
import { disownStalePid, findPostmaster, type Postmaster, stopPostmaster } from './embedded/postmaster.ts';

export interface EmbeddedPostgres {
  url: string;
  /** `18.4` */
  version: string;
  /** True when it was already running, left behind by a platform that was killed. */
  adopted: boolean;
  /** One sentence for the person, when its data is not in the data folder. */
  note?: string;
  /** Fast shutdown. Ends within 9 s whatever happens. */
  stop(): Promise<void>;
}

export interface EmbeddedOptions {
  dataDir: string;
  log: Log;
  /** Further settings of postgresql.conf. Tests of other things may do without `fsync`. */
  settings?: Readonly<Record<string, string>>;
}

const DATABASE = 'clops';

/** Small: the whole platform is to stay below 700 MB. What is not used (replication, parallel query) starts no process. */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '50',
  shared_buffers: '32MB',
  work_mem: '4MB',
  maintenance_work_mem: '32MB',
  max_wal_size: '256MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  max_worker_processes: '4',
  autovacuum_max_workers: '2',
  io_method: 'sync',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

const READY_WITHIN_MS = 120_000;

export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { log } = options;
  const dataDir = resolve(options.dataDir);
  const home = join(dataDir, 'postgres');
  mkdirSync(home, { recursive: true });
  const place = await choosePlace(realpathSync(home));
  const password = passwordIn(home);
  const logFile = join(dataDir, 'logs', 'postgres.log');
  if (!existsSync(place.data)) await initialise(place, password);
  else requireSameMajor(place);

  const left = await settled(place.data);
  if (left) log.info({ pid: left.pid, port: left.port }, 'found Postgres running, left by an earlier start');
  const settings = { ...SETTINGS, ...options.settings };
  let running = left ?? (await startOn(place, settings, logFile));
  // It speaks no TLS, whatever PGSSLMODE asks of somebody else's server.
  const url = `postgres://clops:${password}@127.0.0.1:${running.port}/${DATABASE}?sslmode=disable`;
  const version = await prepareDatabase(url);
  const stopping = new AbortController();
  const { signal } = stopping;
  const watch = watchOver(place.data, () => running, revive);

  async function revive(): Promise<void> {
    const backoff = createBackoff({ initialMs: 200, maxMs: 10_000 });
    while (!signal.aborted) {
      try {
        running = await startOn(place, settings, logFile, { port: running.port, signal });
        log.warn({ pid: running.pid }, 'Postgres had died and was started again');
        return;
      } catch (error) {
        if (signal.aborted) return;
        const inMs = backoff.next();
        log.error({ err: error, inMs }, 'Postgres died and does not start again yet');
        await sleep(inMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  return {
    url,
    version,
    adopted: left !== null,
    ...(place.note !== undefined && { note: place.note }),
    async stop() {
      stopping.abort();
      await watch.stop(); // and what it is just starting again
      await stopPostmaster(running);
    },
  };
}

/** Made once. The file is what makes the database ours: without it, nobody but its own user gets in. */
function passwordIn(home: string): string {
  const file = join(home, 'password');
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  const password = randomBytes(24).toString('base64url');
  writeFileSync(file, password, { mode: 0o600 });
  chmodSync(file, 0o600);
  return password;
}

/** What runs on the folder once it is ready; null when nothing does, or when what did was just stopping. */
async function settled(data: string): Promise<Postmaster | null> {
  const until = performance.now() + READY_WITHIN_MS;
  for (;;) {
    const found = findPostmaster(data);
    if (found === null || found.status === 'ready') return found;
    if (performance.now() > until) throw new Error(`Postgres on ${data} has been ${found.status} for two minutes.`);
    await sleep(20);
  }
}

/** On a given port, or on a free one: a port that was free may be gone a moment later, so it is tried again. */
async function startOn(
  place: Place,
  settings: Readonly<Record<string, string>>,
  logFile: string,
  { port, signal }: { port?: number; signal?: AbortSignal } = {},
): Promise<Postmaster> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    const given = { ...settings, port: String(port ?? (await freePort())) };
    const answer = await tryToStart(place, given, logFile, signal);
    if ('pid' in answer) return answer;
    const again = /Address already in use|shared memory block .* is still in use/.test(answer.failed);
    if (!again || attempt === 5) throw new Error(`Postgres does not start (${logFile}): ${answer.failed}`);
    await sleep(200);
  }
}

async function tryToStart(
  { bin, data, runAs }: Place,
  settings: Readonly<Record<string, string>>,
  logFile: string,
  signal?: AbortSignal,
): Promise<Postmaster | { failed: string }> {
  disownStalePid(data);
  const output = openLogFile(logFile);
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn(join(bin, 'postgres'), ['-D', data, ...flags], {
    ...runAs,
    cwd: '/',
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    stdio: ['ignore', output, output],
    detached: true,
  });
  closeSync(output);
  let ended: string | undefined;
  child.once('error', (error) => (ended = error.message));
  child.once('exit', (code, signal) => (ended = `it ended with ${signal ?? `code ${code}`}`));
  child.unref();
  const until = performance.now() + READY_WITHIN_MS;
  for (;;) {
    if (ended !== undefined) return { failed: lastWords(logFile) ?? ended };
    const found = findPostmaster(data);
    if (found !== null && found.pid === child.pid && found.status === 'ready') return found;
    // A crash is recovered from for minutes, and whoever ends the platform meanwhile wants no Postgres to be left.
    if (signal?.aborted && child.pid !== undefined) {
      await stopPostmaster({ pid: child.pid, identity: identityOf(child.pid) ?? '' });
      return { failed: 'it was stopped before it was ready' };
    }
    if (performance.now() > until) {
      child.kill('SIGQUIT');
      return { failed: 'it was not ready after two minutes' };
    }
    await sleep(10);
  }
}

function lastWords(logFile: string): string | undefined {
  const lines = readFileSync(logFile, 'utf8').slice(-4000).split('\n');
  return lines.findLast((line) => /FATAL|PANIC/.test(line)) ?? lines.findLast((line) => line.trim() !== '');
}

/** Creates our database at the first start; answers the server's version. */
async function prepareDatabase(url: string): Promise<string> {
  const connectionString = Object.assign(new URL(url), { pathname: '/postgres' }).href;
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    const { rows } = await client.query<{ version: string; present: boolean }>(
      `select current_setting('server_version') as version,
              exists (select from pg_database where datname = $1) as present`,
      [DATABASE],
    );
    if (rows[0]?.present !== true) await client.query(`create database ${DATABASE}`);
    return rows[0]?.version ?? '';
  } finally {
    await client.end();
  }
}

/**
 * Asks once a second whether the process is still there: one that was found running is nobody's child, so no event
 * tells of its end.
 */
function watchOver(data: string, current: () => Postmaster, onDeath: () => Promise<void>): { stop(): Promise<void> } {
  let busy: Promise<void> | undefined;
  const timer = setInterval(() => {
    const { pid, identity } = current();
    if (busy || identityOf(pid) === identity || findPostmaster(data)) return;
    busy = onDeath().finally(() => (busy = undefined));
  }, 1_000);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      await busy;
    },
  };
}
