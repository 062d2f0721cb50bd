/** Runs a command to its end: what it printed, or an error with what it said. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { pathOf } from '../build/build.ts';

export interface RunOptions {
  input?: string;
  env?: NodeJS.ProcessEnv;
  timeoutMs?: number;
}

export function run([program = '', ...args]: readonly string[], options: RunOptions = {}): Promise<string> {
  const { input, env = process.env, timeoutMs = 120_000 } = options;
  const limits = { env, timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 };
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, limits, (error, out, said) => {
      if (error) reject(new Error(`${program} ${args.join(' ')}: ${said.trim() || error.message}`));
      else resolve(out);
    });
    child.stdin?.on('error', () => {}); // one that reads nothing has ended already, and says why itself
    child.stdin?.end(input ?? '');
  });
}

/** kubectl of the cluster's own version, with its caches in the cluster's folder. */
export function kubectl(
  folder: string,
  args: readonly string[],
  { input, kubeconfig = join(folder, 'admin.kubeconfig') }: { input?: string; kubeconfig?: string } = {},
): Promise<string> {
  const env = { PATH: process.env['PATH'], HOME: folder, KUBECONFIG: kubeconfig };
  const asked = input === undefined ? { env } : { env, input };
  return run([pathOf('kubectl'), ...args], asked);
}
