/** The real kubectl, as a person would call it. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';

export interface Said {
  code: number;
  out: string;
  err: string;
}

/** First line of `kubectl version --client`, or undefined when there is none on the PATH. */
export function kubectlVersion(): string | undefined {
  try {
    return execFileSync('kubectl', ['version', '--client'], { stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .split('\n')[0];
  } catch {
    return undefined;
  }
}

export interface Kubectl {
  /** Arguments as in a shell, split at spaces; one with spaces goes into `more`. */
  (line: string, options?: { input?: string; more?: string[] }): Promise<Said>;
  /** Started and left running; the caller ends it. `out()` is what it has said so far. */
  start(line: string): { process: ChildProcess; out(): string };
}

/** `home` holds its caches, so that a run knows nothing of another cluster's discovery. */
export function kubectlFor(kubeconfig: string, home: string): Kubectl {
  const env = { PATH: process.env['PATH'], HOME: home, KUBECONFIG: kubeconfig };
  const argsOf = (line: string): string[] => ['--cache-dir', `${home}/cache`, ...line.split(' ')];
  const run = (line: string, { input, more = [] }: { input?: string; more?: string[] } = {}): Promise<Said> =>
    new Promise((resolve) => {
      const child = execFile('kubectl', [...argsOf(line), ...more], { env, timeout: 20_000 }, (error, out, err) => {
        resolve({ code: error ? Number(error.code ?? 1) : 0, out, err });
      });
      child.stdin?.end(input ?? '');
    });
  return Object.assign(run, {
    start(line: string) {
      const child = spawn('kubectl', argsOf(line), { env, stdio: ['ignore', 'pipe', 'pipe'] });
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      return { process: child, out: () => text };
    },
  });
}
