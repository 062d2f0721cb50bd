/** client-go's informers as a program of their own, asked over a pipe. Built from the pinned module beside this file. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { promisify } from 'node:util';

export interface InformerState {
  synced: boolean;
  /** `modeldeployments` → `namespace/name` → resourceVersion. */
  stores: Record<string, Record<string, string>>;
  seen: Record<string, { adds: number; updates: number; deletes: number; resyncs: number }>;
  /** Warnings and errors of client-go, as it words them. */
  logged: string[];
}

/** A minute with an empty build cache. */
export async function buildInformer(path: string): Promise<void> {
  const env = { ...process.env, GOFLAGS: '-mod=readonly', GOWORK: 'off', GOTOOLCHAIN: 'local', CGO_ENABLED: '0' };
  const args = ['build', '-trimpath', '-ldflags', '-s -w', '-o', path, '.'];
  await promisify(execFile)('go', args, { cwd: import.meta.dirname, env });
}

export class Informer {
  private readonly child: ChildProcess;
  private readonly answers: Interface;

  constructor(program: string, server: string, resources: readonly string[], features: Record<string, string> = {}) {
    this.child = spawn(program, ['-server', server, ...resources], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { PATH: process.env['PATH'], ...features },
    });
    if (!this.child.stdout) throw new Error('the informer has no output');
    this.answers = createInterface({ input: this.child.stdout });
  }

  async state(): Promise<InformerState> {
    const answered = once(this.answers, 'line', { signal: AbortSignal.timeout(10_000) });
    this.child.stdin?.write('\n');
    return JSON.parse(String((await answered)[0])) as InformerState;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.stdin?.end();
    await ended;
  }
}
