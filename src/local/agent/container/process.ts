/**
 * One container as a process group: start it, know whether it still lives, end all of it. Knows nothing of pods.
 *
 * The group's leader is a small shell that starts the command and writes down how it ended, so that an agent that was
 * killed meanwhile learns the exit code. Output goes straight into a file: a pipe would end the program with EPIPE
 * when the agent dies. A pid alone proves nothing (pids come round again): pid and start time together do, and every
 * process of a container carries the container's id in its environment.
 */
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../../lib/clock.ts';

/** The variable that marks every process of a container with the container's id. */
export const ID_VARIABLE = 'CLOPS_CONTAINER';

/** The pid is written before the command runs: no command without a pid file. */
const leader = (renaming: string): string => `exit=$1; echo $$ >"$2" || exit 128; shift 2
${renaming}"$@"
code=$?
echo $code >"$exit"
exit $code`;

const isLinux = process.platform === 'linux';
const POLL_MS = 500;

export interface Files {
  pid: string;
  exit: string;
  log: string;
}

export interface Launch {
  id: string;
  files: Files;
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  cwd: string;
}

export interface Exit {
  code: number;
  /** Milliseconds since the epoch. */
  at: number;
  /** True when nobody saw the end: the process was gone and had left no word. */
  lost: boolean;
}

export interface RunningProcess {
  readonly pid: number;
  /** Identifies the process together with its pid; empty when it ended before it could be read. */
  readonly startTime: string;
  /** Resolves when the leader has ended; what is left of the group is ended before that. Never rejects. */
  readonly exited: Promise<Exit>;
  signal(signal: NodeJS.Signals): void;
}

/** @throws when the system cannot start the process at all (no such working folder, too many processes). */
export async function launch({ id, files, argv, env, cwd }: Launch, clock: Clock): Promise<RunningProcess> {
  // The system names the program instead, which is there.
  if (!existsSync(cwd)) throw new Error(`working directory ${cwd} does not exist on this machine`);
  const log = openSync(files.log, 'a', 0o600);
  try {
    const { renaming, passed } = forShell(env);
    const child = spawn('/bin/sh', ['-c', leader(renaming), 'container', files.exit, files.pid, ...argv], {
      cwd,
      env: { ...passed, [ID_VARIABLE]: id },
      detached: true,
      stdio: ['ignore', log, log],
    });
    const exited = new Promise<Exit>((resolve) => {
      child.once('exit', (code, signal) => {
        const pid = child.pid as number;
        endRest(pid, id);
        // The leader itself was killed: by SIGKILL, or by SIGTERM before the command began.
        resolve({ code: code ?? 128 + constants.signals[signal ?? 'SIGKILL'], at: clock.now(), lost: false });
      });
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.unref();
    const pid = child.pid as number;
    return { pid, startTime: startTimeOf(pid) ?? '', exited, signal: (signal) => signalGroup(pid, signal) };
  } finally {
    closeSync(log);
  }
}

/**
 * dash passes no variable on whose name it could not use itself, such as a Secret's `tls.crt`. These come by another name,
 * and env(1) gives them their own. Arguments can be read by everybody on the machine: the shell's, which stays, hold no
 * value; env's do, for the moment until it has become the command.
 */
function forShell(env: Launch['env']): { renaming: string; passed: Record<string, string> } {
  const passed: Record<string, string> = {};
  const [removed, given]: [string[], string[]] = [[], []];
  for (const [name, value] of Object.entries(env)) {
    if (/^[A-Za-z_]\w*$/.test(name)) {
      passed[name] = value;
      continue;
    }
    const alias = `${ID_VARIABLE}_ENV_${given.length}`;
    passed[alias] = value;
    removed.push(`-u ${alias}`);
    given.push(`'${name.replaceAll("'", `'\\''`)}='"$${alias}"`);
  }
  return { renaming: given.length === 0 ? '' : `/usr/bin/env ${[...removed, ...given].join(' ')} `, passed };
}

/** A container started by an earlier agent, or how it ended. */
export function adopt(id: string, files: Files, known: { pid?: number; startTime?: string }, clock: Clock) {
  const pid = known.pid ?? readNumber(files.pid);
  const ended = (): Exit => {
    const code = readNumber(files.exit);
    if (code === undefined) return { code: 137, at: clock.now(), lost: true };
    return { code, at: statSync(files.exit).mtimeMs, lost: false };
  };
  if (pid === undefined || !isSame(pid, id, known.startTime)) {
    endRest(undefined, id);
    return { exit: ended() };
  }
  const startTime = known.startTime || (startTimeOf(pid) ?? '');
  const exited = new Promise<Exit>((resolve) => {
    const look = (): void => {
      if (isAlive(pid, startTime)) {
        clock.after(POLL_MS, look);
        return;
      }
      endRest(undefined, id);
      resolve(ended());
    };
    clock.after(POLL_MS, look);
  });
  const running: RunningProcess = {
    pid,
    startTime,
    exited,
    signal: (signal) => {
      if (isAlive(pid, startTime)) signalGroup(pid, signal);
    },
  };
  return { running };
}

/**
 * All of the group but the leader, which has the end to report; the leader only while it has started nothing. (It cannot
 * get the signal and survive it: a shell with a trap has a moment after its fork in which the signal is swallowed by
 * both halves, and the command then runs until SIGKILL.)
 */
function signalGroup(leader: number, signal: NodeJS.Signals): void {
  if (signal === 'SIGKILL') {
    send(-leader, signal);
    return;
  }
  const members = membersOf(leader).filter((pid) => pid !== leader);
  for (const pid of members.length > 0 ? members : [leader]) send(pid, signal);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it is gone, which is what a signal is for
  }
}

function membersOf(group: number): number[] {
  if (isLinux) {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return pids.map(Number).filter((pid) => statOf(pid)?.[2] === String(group));
  }
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,pgid='], { encoding: 'utf8' }).trim().split('\n');
  const pairs = rows.map((row) => row.trim().split(/\s+/).map(Number) as [number, number]);
  return pairs.filter(([, pgid]) => pgid === group).map(([pid]) => pid);
}

/** What outlives the leader is ended with it, as a container's other processes end with its first one. */
function endRest(group: number | undefined, id: string): void {
  if (group !== undefined) signalGroup(group, 'SIGKILL');
  for (const pid of processesOf(id)) send(pid, 'SIGKILL');
}

/** Every process that carries the id, also those that left the group. Empty where there is no /proc. */
function processesOf(id: string): number[] {
  if (!isLinux) return [];
  const mark = `${ID_VARIABLE}=${id}`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => environmentOf(pid).includes(mark))
    .map(Number)
    .filter((pid) => isAlive(pid));
}

function environmentOf(pid: string): string[] {
  try {
    return readFileSync(join('/proc', pid, 'environ'), 'utf8').split('\0');
  } catch {
    return []; // another user's, or gone
  }
}

function isSame(pid: number, id: string, startTime: string | undefined): boolean {
  if (!isAlive(pid)) return false;
  if (startTime) return startTimeOf(pid) === startTime;
  // The agent died between the start and writing the start time down: only the environment can tell.
  return isLinux ? environmentOf(String(pid)).includes(`${ID_VARIABLE}=${id}`) : true;
}

/** Cheap. A zombie whose new parent does not reap counts as dead. */
function isAlive(pid: number, startTime?: string): boolean {
  if (isLinux) {
    const fields = statOf(pid);
    if (!fields || fields[0] === 'Z' || fields[0] === 'X') return false;
    return !startTime || fields[19] === startTime;
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Text that differs between two processes that had the same pid, or undefined when there is none. */
function startTimeOf(pid: number): string | undefined {
  if (isLinux) return statOf(pid)?.[19];
  try {
    const text = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { env: { LC_ALL: 'C' }, encoding: 'utf8' });
    return text.trim() || undefined;
  } catch {
    return undefined;
  }
}

/** Fields of /proc/<pid>/stat from the third (state) on; the second may hold spaces and parentheses. */
function statOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

function readNumber(file: string): number | undefined {
  try {
    const text = readFileSync(file, 'utf8').trim();
    return /^\d+$/.test(text) ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}
