/** One `npm start` of the built program: on free ports, in a given folder, watched from its first line to its end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LONGEST_MS = 90_000;
const EVERY_MS = 50;

export interface Instance {
  readonly pid: number;
  /** Seconds since the start at which each line of the terminal came. */
  readonly lines: readonly { at: number; text: string }[];
  /** Seconds since the start at which the table was printed. */
  readonly readyAt: number;
  /** Seconds since the start. */
  now(): number;
  /** Asks the API. @throws its first error */
  ask<T>(query: string): Promise<T>;
  /** Seconds since the start at which `look` first answered yes. @throws when it never does. */
  reached(what: string, look: () => Promise<boolean>): Promise<number>;
  /** Ctrl-C. Answers how many seconds the end took. */
  stop(): Promise<number>;
}

/** What `npm start` would run, with its flags, less the package manager. */
function command(): string[] {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: { start: string } };
  const [, ...args] = scripts.start.split(' ');
  return args;
}

/** Where an instance lives, also the next time it is started. */
export interface Place {
  dataDir: string;
  /** As settings. */
  ports: Record<string, string>;
}

export async function newPlace(dataDir: string): Promise<Place> {
  const [http = '', gateway = '', cluster = ''] = await freePorts(3);
  return { dataDir, ports: { CLOPS_HTTP_PORT: http, CLOPS_GATEWAY_PORT: gateway, CLOPS_CLUSTER_PORT: cluster } };
}

/** Resolves when the instance says that it is ready. */
export async function start({ dataDir, ports }: Place, settings: Record<string, string>): Promise<Instance> {
  const began = performance.now();
  const now = (): number => (performance.now() - began) / 1000;
  const child = spawn(process.execPath, command(), {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], CLOPS_DATA_DIR: dataDir, ...ports, ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: Instance['lines'][number][] = [];
  const readyAt = await ready(child, lines, now);
  const url = `http://127.0.0.1:${ports['CLOPS_HTTP_PORT']}`;
  const token = readFileSync(join(dataDir, 'token'), 'utf8').trim();
  return {
    pid: child.pid ?? 0,
    lines,
    readyAt,
    now,
    async ask<T>(query: string): Promise<T> {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify({ query }),
      });
      const { data, errors } = (await response.json()) as { data: T; errors?: { message: string }[] };
      if (errors?.[0]) throw new Error(errors[0].message);
      return data;
    },
    async reached(what, look) {
      for (;;) {
        if (await look()) return now();
        if (now() * 1000 > LONGEST_MS)
          throw new Error(`${what}: not within ${LONGEST_MS / 1000} s. See ${dataDir}/logs`);
        await sleep(EVERY_MS);
      }
    },
    async stop() {
      const from = now();
      child.kill('SIGINT');
      if (child.exitCode === null) await once(child, 'exit');
      return now() - from;
    },
  };
}

async function ready(child: ChildProcess, lines: { at: number; text: string }[], now: () => number): Promise<number> {
  if (!child.stdout) throw new Error('the program has no stdout');
  for await (const text of createInterface(child.stdout)) {
    lines.push({ at: now(), text });
    if (text.includes('CLOps is ready')) {
      child.stdout.resume();
      return now();
    }
  }
  throw new Error(`CLOps did not start:\n${lines.map(({ text }) => text).join('\n')}`);
}

/** Below those that the system gives to whoever asks for any: a second start wants to find them free. */
async function freePorts(count: number): Promise<string[]> {
  const ports: string[] = [];
  while (ports.length < count) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (isFree) ports.push(String(port));
    if (isFree) await new Promise((resolve) => server.close(resolve));
  }
  return ports;
}
