/**
 * CPU that the local gateway adds to a request, beside nginx doing the same (two backends 90/10, prefix rewrite,
 * keep-alive on both sides, no access log). Proxy, backends and load are processes of their own; what is compared is the
 * proxy's CPU time, which a busy machine disturbs less than latency or throughput.
 *
 *   node bench/gateway.ts [path of nginx]
 *
 * nginx is looked for on the PATH (Debian: nginx-light); without it our own figures are printed alone.
 */
import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import { Pool } from 'undici';
import { openLab, to } from '../test/local/gateway/lab.ts';
import { answerOf, endOf } from './children.ts';

const ROUNDS = 7;
const CONNECTIONS = 16;
const WARM_UP = 3_000;
const KINDS = { 'POST 14.5 kB': 6_000, GET: 8_000 } as const;
type Kind = keyof typeof KINDS;

interface Job {
  url: string;
  kind: Kind;
  requests: number;
}

interface Proxy {
  name: string;
  url: string;
  cpuMicros(): Promise<number>;
  rssMib(): Promise<number>;
}

// --- processes ------------------------------------------------------------------------------------------------------

const ANSWER = Buffer.from(
  JSON.stringify({ outputs: [{ data: Array.from({ length: 257 }, (_, i) => i / 257 + 1e-15) }] }),
);

async function backends(): Promise<void> {
  const ports: number[] = [];
  for (let i = 0; i < 2; i++) {
    const server = createServer((request, response) => {
      request.resume();
      request.on('end', () => {
        response.setHeader('content-type', 'application/json');
        response.end(request.method === 'POST' ? ANSWER : '{"ready":true}');
      });
    });
    server.keepAliveTimeout = 60_000;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ports.push((server.address() as AddressInfo).port);
  }
  process.send?.(ports);
}

async function load(): Promise<void> {
  const body = JSON.stringify({ inputs: [{ data: Array.from({ length: 768 }, (_, i) => i / 768) }] });
  process.on('message', (job: Job) => void work(job, body));
}

async function work({ url, kind, requests }: Job, body: string): Promise<void> {
  const pool = new Pool(url, { connections: CONNECTIONS });
  let left = requests;
  let failed = 0;
  const started = performance.now();
  const client = async (): Promise<void> => {
    while (left-- > 0) {
      const path = '/speech/vad/v2/models/vad/infer';
      const headers = { 'content-type': 'application/json' };
      const answer = await pool.request(
        kind === 'GET' ? { method: 'GET', path } : { method: 'POST', path, headers, body },
      );
      if (answer.statusCode !== 200) failed++;
      await answer.body.dump();
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, client));
  await pool.close();
  process.send?.({ seconds: (performance.now() - started) / 1000, failed });
}

async function ourGateway(ports: readonly string[]): Promise<void> {
  const lab = await openLab();
  for (const [i, name] of ['stable', 'canary'].entries()) await lab.service(name, [{ port: Number(ports[i]) }]);
  await lab.route('vad', [
    {
      matches: [{ path: { type: 'PathPrefix', value: '/speech/vad' } }],
      filters: [{ type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } } }],
      backendRefs: [to('stable', 90), to('canary', 10)],
    },
  ]);
  process.on('message', () => process.send?.({ cpu: process.cpuUsage(), rss: process.memoryUsage.rss() }));
  process.once('SIGTERM', () => void lab.close().then(() => process.exit()));
  process.send?.(lab.gateway.url);
}

// --- the bench ------------------------------------------------------------------------------------------------------

const self = (...args: string[]): ChildProcess =>
  fork(import.meta.filename, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });

async function openOurs(child: ChildProcess): Promise<Proxy> {
  const url = await answerOf<string>(child);
  const usage = () => answerOf<{ cpu: NodeJS.CpuUsage; rss: number }>(child, {});
  return {
    name: 'clops gateway',
    url,
    cpuMicros: async () => Object.values((await usage()).cpu).reduce((sum, part) => sum + part, 0),
    rssMib: async () => (await usage()).rss / 2 ** 20,
  };
}

async function openNginx(
  start: (...args: string[]) => ChildProcess,
  folder: string,
  ports: readonly number[],
): Promise<Proxy> {
  const port = await freePort();
  const conf = join(folder, 'nginx.conf');
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  );
  await writeFile(
    conf,
    `daemon off; master_process off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
     events { worker_connections 1024; }
     http { access_log off; ${temp.join(' ')} keepalive_requests 1000000; client_body_buffer_size 64k;
       upstream vad { server 127.0.0.1:${ports[0]} weight=90; server 127.0.0.1:${ports[1]} weight=10; keepalive 64; keepalive_requests 1000000; }
       server { listen 127.0.0.1:${port}; location /speech/vad/ { proxy_pass http://vad/; proxy_http_version 1.1;
         proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; } } }`,
  );
  const child = start('-p', folder, '-c', conf);
  await once(child, 'spawn');
  const url = `http://127.0.0.1:${port}`;
  while (!(await fetch(`${url}/speech/vad/`).catch(() => undefined))?.ok) {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}: see ${folder}/error.log`);
    await new Promise(setImmediate);
  }
  const ticks = 1_000_000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return {
    name: 'nginx',
    url,
    async cpuMicros() {
      const fields = (await readFile(`/proc/${child.pid}/stat`, 'utf8')).split(') ')[1]!.split(' ');
      return (Number(fields[11]) + Number(fields[12])) * ticks;
    },
    rssMib: async () => Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024,
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

function findNginx(): string | undefined {
  if (process.argv[2]) return process.argv[2];
  try {
    return execFileSync('sh', ['-c', 'command -v nginx || command -v /usr/sbin/nginx'], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'clops-bench-'));
  const children: ChildProcess[] = [];
  const kept = (child: ChildProcess): ChildProcess => {
    children.push(child);
    return child;
  };
  try {
    await compare(folder, kept);
  } finally {
    await Promise.all(children.map(endOf));
    await rm(folder, { recursive: true, force: true });
  }
}

async function compare(folder: string, kept: (child: ChildProcess) => ChildProcess): Promise<void> {
  const serving = kept(self('backends'));
  const loading = kept(self('load'));
  const ports = await answerOf<number[]>(serving);
  const nginx = findNginx();
  if (!nginx) console.log('nginx is not installed (Debian: nginx-light): no peer to compare with.\n');
  const proxies = [await openOurs(kept(self('gateway', ...ports.map(String))))];
  if (nginx) {
    const start = (...args: string[]): ChildProcess => kept(spawn(nginx, args, { stdio: 'ignore' }));
    proxies.push(await openNginx(start, folder, ports));
  }
  const figures = new Map<string, { cpu: number; rate: number; failed: number }[]>();
  for (let round = 0; round <= ROUNDS; round++)
    for (const kind of Object.keys(KINDS) as Kind[])
      for (const proxy of proxies) {
        const requests = round === 0 ? WARM_UP : KINDS[kind];
        const before = await proxy.cpuMicros();
        const { seconds, failed } = await answerOf<{ seconds: number; failed: number }>(loading, {
          url: proxy.url,
          kind,
          requests,
        });
        const cpu = ((await proxy.cpuMicros()) - before) / requests;
        if (round === 0) continue;
        const key = `${proxy.name} ${kind}`;
        figures.set(key, [...(figures.get(key) ?? []), { cpu, rate: requests / seconds, failed }]);
      }
  const table = new Table({
    head: ['proxy', 'request', 'CPU µs a request', 'req/s', 'failed', 'RSS MiB', '× nginx'],
    style: { head: [], border: [] },
  });
  for (const proxy of proxies)
    for (const kind of Object.keys(KINDS) as Kind[]) {
      const runs = figures.get(`${proxy.name} ${kind}`)!;
      const cpu = median(runs.map((run) => run.cpu));
      const peer = figures.get(`nginx ${kind}`);
      // Each round against the peer's run right beside it: a machine with other work changes from minute to minute.
      const ratio = peer ? median(runs.map((run, round) => run.cpu / peer[round]!.cpu)).toFixed(1) : '-';
      const failed = runs.reduce((sum, run) => sum + run.failed, 0);
      const rate = median(runs.map((run) => run.rate)).toFixed(0);
      table.push([proxy.name, kind, cpu.toFixed(0), rate, failed, (await proxy.rssMib()).toFixed(0), ratio]);
    }
  console.log(table.toString());
  console.log(
    `Median of ${ROUNDS} interleaved rounds, ${CONNECTIONS} connections, Node ${process.version}. Again: node bench/gateway.ts [path of nginx]`,
  );
}

const role = process.argv[2];
// A bench that was interrupted leaves nothing behind.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
if (role === 'backends') await backends();
else if (role === 'load') await load();
else if (role === 'gateway') await ourGateway(process.argv.slice(3));
else await main();
