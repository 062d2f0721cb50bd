/**
 * `npm start` beside a real control plane that it joins: both in a network namespace of their own, as on a machine of their
 * own, with the ports that everybody knows and a range of addresses for pods.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stopLeftover } from '../../src/platform/db/embedded/postmaster.ts';
import { eventually } from '../support/eventually.ts';
import { type Leftover, processesOf } from '../support/leftovers.ts';
import { MAIN } from '../support/program.ts';
import type { Kubernetes } from './cluster.ts';
import { run } from './parts/run.ts';

const CLOPS = join(import.meta.dirname, '..', '..', 'bin', 'clops.js');

export interface JoinedLab {
  dataDir: string;
  /** Of the machine, and the range for pods, without its last part and length: `10.160.200`. */
  address: string;
  pods: string;
  /** Resolves when it says that it is ready. */
  start(env?: NodeJS.ProcessEnv): Promise<ChildProcess>;
  /** Resolves with what it said and its exit code. */
  refused(env?: NodeJS.ProcessEnv): Promise<string>;
  said(): string;
  /** Runs a command on that machine. */
  inside(...command: string[]): Promise<string>;
  /** Runs a line that the table has shown, from its first word on, in a shell on that machine. */
  asShown(line: RegExp): Promise<string>;
  clops(...args: string[]): Promise<string>;
  /** Pids of a role that was started as a child, and of everything that this data folder's start has left. */
  child(name: string): number;
  processes(): Leftover[];
  end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null>;
  close(): Promise<void>;
}

export async function joinTo({ url, enter, kubeconfig }: Kubernetes): Promise<JoinedLab> {
  const dataDir = mkdtempSync(join(tmpdir(), 'clops joined '));
  chmodSync(dataDir, 0o711); // root's Postgres runs as another user
  const address = new URL(url).hostname;
  const pods = `10.${160 + Number(address.split('.')[2])}.200`;
  const settings = {
    CLOPS_DATA_DIR: dataDir,
    CLOPS_CLUSTER: 'external',
    KUBECONFIG: kubeconfig,
    CLOPS_NODE_ADDRESS: address,
    CLOPS_POD_CIDR: `${pods}.0/23`,
    NODE_ENV: '',
    DATABASE_URL: '',
  };
  const running = new Set<ChildProcess>();
  let said = '';
  function launch(env: NodeJS.ProcessEnv): ChildProcess {
    said = '';
    const [command = '', ...args] = [...enter, process.execPath, MAIN, 'all'];
    const child = spawn(command, args, { env: { ...process.env, ...settings, ...env } });
    child.stdout.on('data', (chunk) => (said += chunk));
    child.stderr.on('data', (chunk) => (said += chunk));
    running.add(child);
    child.once('close', () => running.delete(child));
    return child;
  }
  const ended = (child: ChildProcess): Promise<number | null> =>
    child.exitCode !== null || child.signalCode !== null
      ? Promise.resolve(child.exitCode)
      : new Promise((resolve) => child.once('close', resolve));
  const inside = (...command: string[]): Promise<string> =>
    run([...enter, ...command], { env: { ...process.env, CLOPS_DATA_DIR: dataDir } });

  return {
    dataDir,
    address,
    pods,
    async start(env = {}) {
      const child = launch(env);
      await eventually(
        () => {
          if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${said}`);
          if (!said.includes('CLOps is ready')) throw new Error(`not ready: ${said}`);
        },
        { withinMs: 120_000, everyMs: 100 },
      );
      return child;
    },
    async refused(env = {}) {
      const code = await ended(launch(env));
      return `${said}${code}`;
    },
    said: () => said,
    inside,
    async asShown(line) {
      const [command = ''] = line.exec(said) ?? [];
      if (command === '') throw new Error(`the table shows no ${line}: ${said}`);
      return await inside('sh', '-c', command);
    },
    clops: (...args) => inside(process.execPath, CLOPS, ...args),
    child: (name) => Number(readFileSync(join(dataDir, 'run', `${name}.pid`), 'utf8').split(' ')[0]),
    processes: () => processesOf(dataDir),
    async end(child, signal) {
      child.kill(signal);
      return await ended(child);
    },
    async close() {
      for (const child of running) {
        child.kill('SIGTERM');
        await ended(child);
      }
      await stopLeftover(join(dataDir, 'postgres', 'data'));
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
