/**
 * A child process that is one of our own roles: started, waited for until it says that it is ready, started again with
 * back-off when it dies, stopped. Its output goes to a file. It is in a session of its own, so that Ctrl-C reaches the
 * parent alone, which ends its children in order; when the parent is killed the channel closes and the child ends itself.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, readFileSync } from 'node:fs';
import { createBackoff } from '../../lib/backoff.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { forgetChild, rememberChild } from './leftover.ts';
import { openLogFile } from './logFile.ts';

export interface SuperviseOptions {
  name: string;
  command: string;
  args: readonly string[];
  logFile: string;
  /** Remembers the child for the next start, should this process be killed. */
  pidFile: string;
  log: Log;
  clock?: Clock;
  readyWithinMs?: number;
  /** The wait before the first restart; doubles up to ten seconds. */
  restartAfterMs?: number;
}

export interface Supervised {
  /** What the child said when it was ready. */
  readonly info: unknown;
  pid(): number | undefined;
  restarts(): number;
  /** SIGTERM, then SIGKILL after `graceMs` or as soon as `hurry` aborts. */
  stop(graceMs: number, hurry?: AbortSignal): Promise<void>;
}

/** The two messages of the handshake, child to parent. */
type Message = { ready: unknown } | { failed: string };

/** Lived this long: the next death is a new story and is not punished for the last one. */
const WELL_AFTER_MS = 30_000;

/** Resolves when the child is ready. A child that fails at its first start is not started again: that is for a person. */
export async function supervise(options: SuperviseOptions): Promise<Supervised> {
  const { name, log, clock = systemClock, restartAfterMs = 200 } = options;
  const backoff = createBackoff({ initialMs: restartAfterMs, maxMs: 10_000, jitter: 0.2 });
  let stopping = false;
  let restarts = 0;
  let cancelRestart: (() => void) | undefined;
  let child = launch(options);
  let bornAt = clock.monotonic();
  const info = await readiness(child, options);
  watch();

  function watch(): void {
    child.once('exit', (code, signal) => {
      if (stopping) return;
      if (clock.monotonic() - bornAt > WELL_AFTER_MS) backoff.reset();
      const inMs = Math.round(backoff.next());
      log.error({ child: name, code, signal, inMs }, 'a child process died and will be started again');
      cancelRestart = clock.after(inMs, again);
    });
  }

  function again(): void {
    if (stopping) return;
    restarts++;
    child = launch(options);
    bornAt = clock.monotonic();
    watch();
    readiness(child, options).then(
      () => log.info({ child: name, pid: child.pid }, 'the child process is ready again'),
      (error: unknown) => {
        log.error({ child: name, err: error }, 'the child process did not become ready');
        child.kill('SIGKILL');
      },
    );
  }

  return {
    info,
    pid: () => (alive(child) ? child.pid : undefined),
    restarts: () => restarts,
    async stop(graceMs, hurry) {
      stopping = true;
      cancelRestart?.();
      await end(child, graceMs, hurry);
    },
  };
}

function launch({ command, args, logFile, pidFile }: SuperviseOptions): ChildProcess {
  const output = openLogFile(logFile);
  try {
    const child = spawn(command, args, { stdio: ['ignore', output, output, 'ipc'], detached: true });
    rememberChild(pidFile, child.pid);
    child.once('exit', () => forgetChild(pidFile));
    return child;
  } finally {
    closeSync(output);
  }
}

async function readiness(child: ChildProcess, options: SuperviseOptions): Promise<unknown> {
  const { name, logFile, readyWithinMs = 60_000 } = options;
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const fail = (why: string): void => reject(new Error(`${name} did not start: ${why}`));
  const timer = setTimeout(
    () => fail(`it was not ready within ${readyWithinMs / 1000} s. See ${logFile}`),
    readyWithinMs,
  );
  let said: string | undefined;
  const onMessage = (message: unknown): void => {
    if (!isMessage(message)) return;
    if ('ready' in message) resolve(message.ready);
    else said = message.failed;
  };
  const onError = (error: Error): void => fail(error.message);
  const onExit = (code: number | null, signal: string | null): void =>
    fail(said ?? `it ended with ${signal ?? `code ${code}`}. ${lastLine(logFile)} See ${logFile}`);
  child.on('message', onMessage).once('error', onError).once('exit', onExit);
  try {
    return await promise;
  } catch (error) {
    await end(child, 1_000);
    throw error;
  } finally {
    clearTimeout(timer);
    child.off('message', onMessage).off('error', onError).off('exit', onExit);
    child.on('error', () => {});
  }
}

function isMessage(message: unknown): message is Message {
  return typeof message === 'object' && message !== null && ('ready' in message || 'failed' in message);
}

function lastLine(logFile: string): string {
  return readFileSync(logFile, 'utf8').slice(-2_000).trimEnd().split('\n').at(-1) ?? '';
}

const alive = (child: ChildProcess): boolean =>
  child.pid !== undefined && child.exitCode === null && child.signalCode === null;

async function end(child: ChildProcess, graceMs: number, hurry?: AbortSignal): Promise<void> {
  if (!alive(child)) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const kill = (): void => void child.kill('SIGKILL');
  const timer = setTimeout(kill, graceMs);
  if (hurry?.aborted) kill();
  hurry?.addEventListener('abort', kill, { once: true });
  await gone;
  clearTimeout(timer);
  hurry?.removeEventListener('abort', kill);
}

/** The child's side: says that it is ready. Does nothing when nobody supervises this process. */
export function sayReady(info: unknown): void {
  process.send?.({ ready: info } satisfies Message);
}

/** The child's side: says why it cannot start, in a sentence for the person who started it. */
export async function sayFailed(failed: string): Promise<void> {
  if (!process.connected) return;
  await new Promise<void>((resolve) => {
    process.send?.({ failed } satisfies Message, undefined, undefined, () => resolve());
  });
}
