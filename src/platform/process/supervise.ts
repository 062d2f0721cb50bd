/**
 * A child process that is one of our own roles: started, or taken over from a start that was killed; waited for until it
 * says that it is ready, started again with back-off when it dies, stopped. Its output goes to a file. It is in a session
 * of its own, so that Ctrl-C reaches the parent alone, which ends its children in order.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, readFileSync } from 'node:fs';
import { createBackoff } from '../../lib/backoff.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { identityOf } from './identity.ts';
import { type Child, findChild, forgetChild, rememberChild } from './leftover.ts';
import { openLogFile } from './logFile.ts';

export interface SuperviseOptions {
  name: string;
  command: string;
  args: readonly string[];
  logFile: string;
  /** Remembers the child for the next start, should this process be killed. */
  pidFile: string;
  /** Names program and settings: a child with the same stamp that an earlier start has left is taken over. */
  stamp: string;
  log: Log;
  /** Told in a sentence when it has died, and when it is ready again. */
  say?: (text: string) => void;
  clock?: Clock;
  readyWithinMs?: number;
  /** The wait before the first restart; doubles up to five seconds. */
  restartAfterMs?: number;
}

export interface Supervised {
  /** What the child said when it was ready. */
  readonly info: unknown;
  /** True when an earlier start had left it running. */
  readonly adopted: boolean;
  pid(): number | undefined;
  restarts(): number;
  /** SIGTERM, then SIGKILL after `graceMs` or as soon as `hurry` aborts. */
  stop(graceMs: number, hurry?: AbortSignal): Promise<void>;
}

/** The two messages of the handshake, child to parent. */
type Message = { ready: unknown } | { failed: string };

/** Lived this long: the next death is a new story and is not punished for the last one. */
const WELL_AFTER_MS = 10_000;
/** Of a child that was taken over no event tells the end. */
const LOOK_MS = 250;

interface Process {
  readonly pid: number | undefined;
  isAlive(): boolean;
  signal(signal: NodeJS.Signals): void;
  /** Never rejects. */
  readonly exited: Promise<Death>;
}

interface Death {
  code: number | null;
  signal: string | null;
  /** Why there was never a process. */
  error?: Error;
}

/** Resolves when the child is ready. A child that fails at its first start is not started again: that is for a person. */
export async function supervise(options: SuperviseOptions): Promise<Supervised> {
  const { name, log, pidFile, stamp, say = () => {}, clock = systemClock, restartAfterMs = 200 } = options;
  const backoff = createBackoff({ initialMs: restartAfterMs, maxMs: 5_000, jitter: 0.2 });
  let stopping = false;
  let restarts = 0;
  let cancelRestart: (() => void) | undefined;
  const found = findChild(pidFile, stamp);
  let child = found ? taken(found, clock) : undefined;
  let info = found?.info;
  let bornAt = clock.monotonic();
  if (found) rememberChild(pidFile, found.pid, stamp, info);
  else {
    const launched = launch(options);
    child = ours(launched);
    info = await readiness(launched, options);
  }
  watch(child as Process);

  function watch(watched: Process): void {
    void watched.exited.then((death) => {
      if (stopping) return;
      forgetChild(pidFile);
      if (clock.monotonic() - bornAt > WELL_AFTER_MS) backoff.reset();
      later(death);
    });
  }

  function later({ code, signal, error }: Death): void {
    const inMs = Math.round(backoff.next());
    const why = { child: name, code, signal, inMs, ...(error && { err: error }) };
    log.error(why, 'a child process died and will be started again');
    say(
      `${name} has ended by itself (${signal ?? `code ${code ?? 'unknown'}`}): starting it again. logs/${name}.log says more.`,
    );
    cancelRestart = clock.after(inMs, again);
  }

  function again(): void {
    if (stopping) return;
    restarts++;
    let launched: ChildProcess;
    try {
      launched = launch(options);
    } catch (error) {
      // A full disk has no room for its log file: nothing that would be better for ending the others too.
      later({ code: null, signal: null, error: asError(error) });
      return;
    }
    const next = ours(launched);
    child = next;
    bornAt = clock.monotonic();
    watch(next);
    readiness(launched, options).then(
      () => {
        log.info({ child: name, pid: next.pid }, 'the child process is ready again');
        say(`${name} is ready again.`);
      },
      (error: unknown) => {
        log.error({ child: name, err: error }, 'the child process did not become ready');
        next.signal('SIGKILL');
      },
    );
  }

  return {
    info,
    adopted: found !== undefined,
    pid: () => (child?.isAlive() ? child.pid : undefined),
    restarts: () => restarts,
    async stop(graceMs, hurry) {
      stopping = true;
      cancelRestart?.();
      if (child) await end(child, graceMs, hurry);
      forgetChild(pidFile);
    },
  };
}

function launch(options: SuperviseOptions): ChildProcess {
  const { command, args, logFile } = options;
  const output = openLogFile(logFile);
  try {
    const child = spawn(command, args, { stdio: ['ignore', output, output, 'ipc'], detached: true });
    child.on('error', () => {}); // until somebody listens: a failed spawn is told a moment later
    remember(child, options);
    return child;
  } finally {
    closeSync(output);
  }
}

/** On a full disk it is not: a child that no file names ends by itself when this process is killed (`untilNobodys`). */
function remember({ pid }: ChildProcess, { name, pidFile, stamp, log }: SuperviseOptions, info?: unknown): void {
  try {
    rememberChild(pidFile, pid, stamp, info);
  } catch (error) {
    log.warn({ err: error, child: name }, 'a child process could not be remembered for the next start');
  }
}

function ours(child: ChildProcess): Process {
  return {
    pid: child.pid,
    isAlive: () => child.pid !== undefined && child.exitCode === null && child.signalCode === null,
    signal: (signal) => void child.kill(signal),
    exited: new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
      // A process that could not be had has no `exit`; the errors of one that lives are about something else.
      child.once('error', (error) => child.pid === undefined && resolve({ code: null, signal: null, error }));
    }),
  };
}

function taken({ pid, identity }: Child, clock: Clock): Process {
  const isAlive = (): boolean => identityOf(pid) === identity;
  const exited = new Promise<{ code: null; signal: null }>((resolve) => {
    const look = (): void => {
      if (isAlive()) clock.after(LOOK_MS, look);
      else resolve({ code: null, signal: null });
    };
    look();
  });
  return { pid, isAlive, exited, signal: (signal) => void (isAlive() && process.kill(pid, signal)) };
}

async function readiness(child: ChildProcess, options: SuperviseOptions): Promise<unknown> {
  const { name, logFile, pidFile, readyWithinMs = 60_000 } = options;
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
    const info = await promise;
    remember(child, options, info ?? null);
    return info;
  } catch (error) {
    await end(ours(child), 1_000);
    forgetChild(pidFile);
    throw error;
  } finally {
    clearTimeout(timer);
    child.off('message', onMessage).off('error', onError).off('exit', onExit);
  }
}

function isMessage(message: unknown): message is Message {
  return typeof message === 'object' && message !== null && ('ready' in message || 'failed' in message);
}

/** Empty when the file cannot be read: it is asked for inside an event, where a throw would end the platform. */
function lastLine(logFile: string): string {
  try {
    return readFileSync(logFile, 'utf8').slice(-2_000).trimEnd().split('\n').at(-1) ?? '';
  } catch {
    return '';
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

async function end(child: Process, graceMs: number, hurry?: AbortSignal): Promise<void> {
  if (!child.isAlive()) return;
  child.signal('SIGTERM');
  const kill = (): void => child.signal('SIGKILL');
  const timer = setTimeout(kill, graceMs);
  if (hurry?.aborted) kill();
  hurry?.addEventListener('abort', kill, { once: true });
  await child.exited;
  clearTimeout(timer);
  hurry?.removeEventListener('abort', kill);
}

/** The child's side: says that it is ready. Does nothing when nobody supervises this process. */
export function sayReady(info: unknown): void {
  if (process.connected) process.send?.({ ready: info } satisfies Message);
}

/** The child's side: says why it cannot start, in a sentence for the person who started it. */
export async function sayFailed(failed: string): Promise<void> {
  if (!process.connected) return;
  await new Promise<void>((resolve) => {
    process.send?.({ failed } satisfies Message, undefined, undefined, () => resolve());
  });
}
