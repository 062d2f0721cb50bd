/**
 * One role as a process: configuration, log, signals, the handshake with a supervisor, the end. Knows nothing of what a
 * role consists of, and does not end the process itself: that is for main, with the code answered here.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { createLog, type Log } from '../lib/log.ts';
import { refusedFolder } from '../platform/process/folder.ts';
import { untilNobodys } from '../platform/process/leftover.ts';
import { createLifetime, type Lifetime } from '../platform/process/lifetime.ts';
import { openLogFile } from '../platform/process/logFile.ts';
import { sayFailed, sayReady } from '../platform/process/supervise.ts';
import { speedUpImports } from './fastImports.ts';
import { leaveLastWords } from './lastWords.ts';
import { createReport, Refusal, type Report, seconds } from './report.ts';
import type { Need } from './requireSettings.ts';

export interface Parts {
  config: Config;
  log: Log;
  lifetime: Lifetime;
  /** The terminal of the person who started it. */
  report: Report;
}

export interface Role {
  /** Checked before it begins. */
  needs: readonly Need[];
  /** Starts and answers what a supervisor should know. Registers with `lifetime` how it ends. */
  start(parts: Parts): Promise<unknown>;
}

/** The role that people start by hand: its progress goes to the terminal, its log to a file. */
const FOR_PEOPLE = 'all';
/** What a role ends with after a fault: not because anybody wanted it to. */
export const FAULT = 1;
/** The parts whose end a person waits for; pools and caches end with them. */
const PROGRAMS = new Set(['api', 'controller', 'node', 'cluster', 'postgres']);

const PAUSE = new Int32Array(new SharedArrayBuffer(4));
/** A child's is a file as well, and so is a pod's on a node of ours. */
const STDOUT = linesTo(1);

/** Where a role that is somebody's child is remembered. */
export const pidFile = (dataDir: string, name: string): string => join(dataDir, 'run', `${name}.pid`);

/** Resolves with the exit code when a role of the platform has ended. */
export async function runRole(name: string, role: Role): Promise<number> {
  speedUpImports();
  const [{ ConfigError, readConfig }, { requireSettings }] = await Promise.all([
    import('../config.ts'),
    import('./requireSettings.ts'),
  ]);
  const forPeople = name === FOR_PEOPLE;
  const report = createReport(forPeople ? process.stdout : process.stderr);
  try {
    const config = readConfig();
    requireSettings(config, role.needs);
    const unfit = role.needs.includes('folder') ? refusedFolder(config.dataDir) : undefined;
    if (unfit !== undefined) throw new ConfigError(`CLOPS_DATA_DIR=${config.dataDir} ${unfit}`);
    const log = createLog({ role: name, level: config.logLevel, destination: forPeople ? logFile(config) : STDOUT });
    const onStop = (part: string): void => {
      if (forPeople && PROGRAMS.has(part)) report.line(` stopping ${part} …`);
    };
    const lifetime = createLifetime({ log, onStop });
    obeySignals(lifetime, log);
    process.on('disconnect', () => {
      log.warn('the parent process is gone: going on for a while, until the next start takes over');
      void untilNobodys(pidFile(config.dataDir, name)).then(() => lifetime.end(0, 'nobody looks after this process'));
    });
    const { code, tookMs } = await live(role.start({ config, log, lifetime, report }), lifetime, log);
    if (forPeople) report.line(`Stopped in ${seconds(tookMs)}.`);
    return code;
  } catch (error) {
    report.refusal(error instanceof Error ? error.message : String(error));
    return error instanceof ConfigError ? 2 : 1;
  }
}

/**
 * A program without the platform's configuration: it runs in pods and is told everything by its flags. Answers how to
 * stop it, or nothing when it has done what it was for.
 */
export type Program = (argv: readonly string[], log: Log) => Promise<(() => Promise<void>) | undefined>;

/**
 * Resolves with the exit code. The end takes as long as the program's own flags allow: whoever stops it, a kubelet, has a
 * limit of his own. A failure is the last line on stderr, which becomes the container's termination message.
 */
export async function runProgram(name: string, program: Program, argv: readonly string[]): Promise<number> {
  const log = createLog({ role: name, level: 'info', destination: STDOUT });
  const lifetime = createLifetime({ log, withinMs: 3_600_000 });
  obeySignals(lifetime, log);
  try {
    // A signal while a large model is loading, or while bytes are fetched, ends that at once: there is nothing to drain.
    const stop = await Promise.race([program(argv, log), lifetime.done]);
    if (stop === undefined) return 0;
    if (typeof stop === 'function') lifetime.atEnd(name, stop);
    return (await lifetime.done).code;
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${words}\n`);
    leaveLastWords(words);
    return error instanceof Error && error.name === 'FlagError' ? 2 : 1;
  }
}

/** From the start to the end. @throws what the start failed with, once everything that had been started is stopped. */
async function live(start: Promise<unknown>, lifetime: Lifetime, log: Log): Promise<{ code: number; tookMs: number }> {
  let failure: { error: unknown } | undefined;
  lifetime.starting(start);
  start.then(sayReady, (error: unknown) => {
    // What fails because the end has come is no failure of the start.
    if (lifetime.signal.aborted) return;
    failure = { error };
    log[error instanceof Refusal ? 'warn' : 'fatal']({ err: error }, 'could not start');
    lifetime.end(1, 'the start failed');
  });
  // Waiting for a cluster that is away keeps no event loop alive: a controller ended with Node's code 13 meanwhile.
  const alive = setInterval(() => {}, 2 ** 30);
  const end = await lifetime.done;
  clearInterval(alive);
  if (!failure) return end;
  await sayFailed(failure.error instanceof Error ? failure.error.message : String(failure.error));
  throw failure.error;
}

/** The terminal is for people; the platform's own lines go where its children's go. */
const logFile = ({ dataDir }: Config): Destination => linesTo(openLogFile(join(dataDir, 'logs', 'platform.log')));

/** 130 is what a shell expects of a program that Ctrl-C ended. */
function obeySignals(lifetime: Lifetime, log: Log): void {
  process.on('SIGINT', () => lifetime.end(130, 'SIGINT'));
  process.on('SIGTERM', () => lifetime.end(0, 'SIGTERM'));
  process.on('SIGHUP', () => lifetime.end(0, 'SIGHUP'));
  const fault = (error: unknown): void => {
    log.fatal({ err: error }, 'a fault that nothing caught');
    lifetime.end(FAULT, 'a fault that nothing caught');
  };
  process.on('uncaughtException', fault).on('unhandledRejection', fault);
}

interface Destination {
  write(line: string): void;
}

/** On a full disk lines are lost: a throw here would end the process wherever it has something to say. */
function linesTo(file: number): Destination {
  return {
    write(line) {
      let rest = Buffer.from(line);
      while (rest.length > 0) {
        try {
          rest = rest.subarray(writeSync(file, rest));
        } catch (error) {
          // A pipe whose reader is slow has room in a moment. For what else fails there is no other place.
          if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) return;
          Atomics.wait(PAUSE, 0, 0, 10);
        }
      }
    },
  };
}
