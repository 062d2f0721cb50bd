/**
 * `npm run build && node bench/queries/main.ts [seconds]`: the graph's reads against the least one could do (bare HTTP,
 * one hand-written statement that makes the JSON), in one run, slices interleaved, medians of three. Ratios and CPU per
 * request carry over to other machines; requests per second do not.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import pg from 'pg';
import { Pool } from 'undici';
import { silentLog } from '../../src/lib/log.ts';
import { createDb } from '../../src/platform/db/db.ts';
import { startEmbeddedPostgres } from '../../src/platform/db/embedded.ts';
import { migrate } from '../../src/platform/db/migrate.ts';
import { answerOf, endOf } from '../children.ts';
import { seed } from './seed.ts';
import { WORKLOADS, type Workload } from './workloads.ts';

const SECONDS = Number(process.argv[2] ?? 2);
const ROUNDS = 3;
const CONNECTIONS = 16;

interface Slice {
  perSecond: number;
  p50: number;
  p99: number;
  cpuMicros: number;
  bytes: number;
}

interface Servers {
  server: ChildProcess;
  urls: Record<'ours' | 'limit', string>;
  pools: Record<'ours' | 'limit', Pool>;
}

const dataDir = await mkdtemp(join(tmpdir(), 'clops-bench-'));
/** In the order in which they were begun. */
const ends: (() => unknown)[] = [() => rm(dataDir, { recursive: true, force: true })];
try {
  await bench();
} finally {
  for (const end of ends.toReversed()) await end();
}

async function bench(): Promise<void> {
  const postgres = await startEmbeddedPostgres({ dataDir, log: silentLog });
  ends.push(() => postgres.stop());
  const { actorId, versionId } = await filled(postgres.url);
  console.error('seeded; starting the servers (20,000 pods take a while) …');
  const server = fork(new URL('./server.ts', import.meta.url), [postgres.url, dataDir, actorId]);
  ends.push(() => endOf(server));
  const urls = await answerOf<Servers['urls']>(server);
  const poolOf = (url: string): Pool => new Pool(new URL(url).origin, { connections: CONNECTIONS });
  const pools = { ours: poolOf(urls.ours), limit: poolOf(urls.limit) };
  ends.push(() => Promise.all(Object.values(pools).map((pool) => pool.destroy())));
  const table = new Table({
    head: ['', 'what', 'server', 'req/s', 'p50 ms', 'p99 ms', 'CPU µs/req', 'bytes', 'ratio to limit'],
    style: { head: [], border: [] },
  });
  for (const workload of WORKLOADS) {
    const slices: Record<string, Slice[]> = { ours: [], limit: [] };
    const peers = workload.sql === null ? (['ours'] as const) : (['ours', 'limit'] as const);
    for (let round = -1; round < ROUNDS; round++)
      for (const peer of peers) {
        const slice = await run({ server, urls, pools }, versionId, workload, peer, round < 0 ? 0.5 : SECONDS);
        if (round >= 0) slices[peer]?.push(slice);
      }
    const best = peers.length === 2 ? median(slices['limit'] as Slice[], 'perSecond') : undefined;
    for (const peer of peers) {
      const s = slices[peer] as Slice[];
      const rate = median(s, 'perSecond');
      table.push([
        workload.name,
        workload.what,
        peer,
        Math.round(rate),
        median(s, 'p50').toFixed(1),
        median(s, 'p99').toFixed(1),
        Math.round(median(s, 'cpuMicros')),
        s[0]?.bytes ?? 0,
        best ? (rate / best).toFixed(2) : '–',
      ]);
    }
  }
  console.log(table.toString());
  console.log(
    'CPU is of the one Node process that runs both servers, per request of the slice; Postgres is not in it.',
  );
}

async function filled(url: string): Promise<{ actorId: string; versionId: string }> {
  const db = createDb({ url, log: silentLog });
  await migrate(db, 'drizzle').finally(() => db.close());
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return seed(client).finally(() => client.end());
}

async function run(
  { server, urls, pools }: Servers,
  versionId: string,
  workload: Workload,
  peer: 'ours' | 'limit',
  seconds: number,
): Promise<Slice> {
  const variables = { id: versionId };
  const body = JSON.stringify(
    peer === 'ours'
      ? { query: workload.query, variables: workload.query.includes('$id') ? variables : {} }
      : { name: workload.name, variables },
  );
  const path = new URL(urls[peer]).pathname;
  const headers = { 'content-type': 'application/json', authorization: 'Bearer bench' };
  const times: number[] = [];
  let bytes = 0;
  const before = await cpu(server);
  const end = performance.now() + seconds * 1000;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (performance.now() < end) {
        const start = performance.now();
        const { statusCode, body: answer } = await pools[peer].request({ method: 'POST', path, headers, body });
        const text = await answer.text();
        if (statusCode !== 200 || text.startsWith('{"errors"'))
          throw new Error(`${peer} ${workload.name}: ${statusCode} ${text.slice(0, 300)}`);
        bytes = text.length;
        times.push(performance.now() - start);
      }
    }),
  );
  const used = (await cpu(server)) - before;
  times.sort((a, b) => a - b);
  const at = (q: number) => times[Math.min(times.length - 1, Math.floor(q * times.length))] ?? 0;
  return { perSecond: times.length / seconds, p50: at(0.5), p99: at(0.99), cpuMicros: used / times.length, bytes };
}

async function cpu(server: ChildProcess): Promise<number> {
  const { cpu: usage } = await answerOf<{ cpu: NodeJS.CpuUsage }>(server, 'cpu');
  return usage.user + usage.system;
}

function median(slices: Slice[], key: keyof Slice): number {
  const sorted = slices.map((slice) => slice[key]).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
