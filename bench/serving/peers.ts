/**
 * The servers that are compared and how each is started: ours, the KServe Python SDK and MLServer, the latter two in
 * virtual environments made once in a cache folder.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { endOf } from '../children.ts';

export type PeerName = 'clops' | 'kserve' | 'mlserver';

/** uvloop: with 0.22 and later, MLServer 1.7.1 does not start on Python 3.11. onnxruntime: the version of onnxruntime-node. */
const PINS: Record<Exclude<PeerName, 'clops'>, string[]> = {
  kserve: ['kserve==0.21.0', 'onnxruntime==1.30.0'],
  mlserver: ['mlserver==1.7.1', 'uvloop<0.22', 'onnxruntime==1.30.0'],
};
export const PEER_TITLES: Record<PeerName, string> = {
  clops: 'CLOps',
  kserve: 'KServe SDK 0.21.0, quiet',
  mlserver: 'MLServer 1.7.1, quiet',
};

/** The program as it is shipped, with the flag that deploy/runtimes/onnx.yaml gives it. */
const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const NODE_FLAGS = ['--max-semi-space-size=8'];

export interface Running {
  readonly name: PeerName;
  readonly port: number;
  readonly pid: number;
  /** Seconds from the start of the process until the model said ready. */
  readonly startSeconds: number;
  stop(): Promise<void>;
}

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Makes the peer's virtual environment if it is not there. @throws when there is no Python or no package registry. */
export function install(name: PeerName, cache: string): void {
  if (name === 'clops') {
    if (!existsSync(PROGRAM)) throw new Error('there is no dist/main.js to measure: npm run build');
    return;
  }
  const folder = join(cache, name);
  const done = join(folder, 'installed');
  const pins = PINS[name].join(' ');
  if (existsSync(done) && readFileSync(done, 'utf8') === pins) return;
  process.stderr.write(`installing ${pins} in ${folder}\n`);
  rmSync(folder, { recursive: true, force: true });
  execFileSync('python3', ['-m', 'venv', folder], { stdio: 'inherit' });
  execFileSync(join(folder, 'bin', 'pip'), ['install', '-q', '--disable-pip-version-check', ...PINS[name]], {
    stdio: 'inherit',
  });
  writeFileSync(done, pins);
}

export async function start(name: PeerName, file: string, cache: string, pin: readonly string[]): Promise<Running> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), `clops-bench-${name}-`));
  const { command, args } = await commandOf(name, file, port, folder, cache);
  const [program, ...rest] = [...pin, command, ...args];
  const started = performance.now();
  let output = '';
  const child = spawn(program!, rest, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  // What it prints is read and kept only for the case that it does not start.
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output = (output + chunk).slice(-4000)));
  const ready = `http://127.0.0.1:${port}/v2/models/m/ready`;
  const stop = async (): Promise<void> => {
    await endOf(child);
    rmSync(folder, { recursive: true, force: true });
  };
  while (!(await isReady(ready))) {
    if (child.exitCode !== null || performance.now() - started > 120_000) {
      await stop();
      throw new Error(`${name} did not start:\n${output}`);
    }
    await sleep(10);
  }
  const startSeconds = (performance.now() - started) / 1000;
  return { name, port, pid: child.pid!, startSeconds, stop };
}

async function commandOf(name: PeerName, file: string, port: number, folder: string, cache: string) {
  switch (name) {
    case 'clops': {
      const digest = `sha256:${createHash('sha256').update(readFileSync(file)).digest('hex')}`;
      const flags = [
        '--model=m',
        '--version=1',
        `--file=${file}`,
        `--digest=${digest}`,
        `--port=${port}`,
        '--linger-ms=0',
      ];
      return { command: process.execPath, args: [...NODE_FLAGS, PROGRAM, 'model-server', ...flags] };
    }
    case 'kserve':
      return {
        command: join(cache, 'kserve', 'bin', 'python'),
        args: [here('./kserve_server.py'), file, String(port)],
      };
    case 'mlserver': {
      const settings = {
        host: '127.0.0.1',
        http_port: port,
        grpc_port: await freePort(),
        metrics_port: await freePort(),
        parallel_workers: 0,
        debug: false,
      };
      const model = { name: 'm', implementation: 'mlserver_onnx.Onnx', parameters: { uri: file, version: '1' } };
      mkdirSync(join(folder, 'models'));
      copyFileSync(here('./mlserver_onnx.py'), join(folder, 'models', 'mlserver_onnx.py'));
      writeFileSync(join(folder, 'models', 'settings.json'), JSON.stringify(settings));
      writeFileSync(join(folder, 'models', 'model-settings.json'), JSON.stringify(model));
      return { command: join(cache, 'mlserver', 'bin', 'mlserver'), args: ['start', 'models'] };
    }
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** CPU seconds (user and system, all threads) a process has used, and its resident memory in MB. Linux. */
export function usage(pid: number): { cpuSeconds: number; rssMb: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const rss = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND, rssMb: Number(rss) / 1024 };
}

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK']).toString());
