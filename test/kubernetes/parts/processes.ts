/**
 * The programs of one cluster: started to outlive us, found again and ended by pid. A pid alone may have become somebody
 * else's, so its file holds the time at which that process started as well.
 */
import { type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Process {
  pid: number;
  /** In clock ticks since the machine's start, as in /proc/PID/stat. */
  started: string;
}

/**
 * Undefined when there is no such process, or only what its parent has not yet collected. The first thread may be that
 * while others still end, and hold the port that the next one wants.
 */
export function processOf(pid: number): Process | undefined {
  try {
    // The name in parentheses may hold spaces and parentheses itself.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    const ended = fields[0] === 'Z' && readdirSync(`/proc/${pid}/task`).length <= 1;
    return ended || fields[19] === undefined ? undefined : { pid, started: fields[19] };
  } catch {
    return undefined;
  }
}

export const isAlive = (known: Process): boolean => processOf(known.pid)?.started === known.started;

const fileOf = (run: string, name: string): string => join(run, 'pids', `${name}.json`);

export function running(run: string, name: string): Process | undefined {
  const file = fileOf(run, name);
  if (!existsSync(file)) return undefined;
  const known = JSON.parse(readFileSync(file, 'utf8')) as Process;
  return isAlive(known) ? known : undefined;
}

/** Starts a program unless it runs. Its output goes to `log/NAME.log` in the run folder. */
export function start(run: string, name: string, [command = '', ...args]: readonly string[]): Process {
  const there = running(run, name);
  if (there) return there;
  for (const folder of ['pids', 'log']) mkdirSync(join(run, folder), { recursive: true });
  const log = openSync(join(run, 'log', `${name}.log`), 'a');
  try {
    const env = { PATH: process.env['PATH'], HOME: run }; // a KUBECONFIG of the person's must not reach them
    const options: SpawnOptions = { detached: true, stdio: ['ignore', log, log], cwd: run, env };
    const child = spawn(command, args, options);
    child.on('error', () => {}); // reported below: there is no pid then
    child.unref();
    const started = child.pid === undefined ? undefined : processOf(child.pid);
    if (!started) throw new Error(`${name} could not be started: is ${command} there?`);
    writeFileSync(fileOf(run, name), JSON.stringify(started));
    return started;
  } finally {
    closeSync(log);
  }
}

/** Counts a process that another one started among the cluster's. */
export function adopt(run: string, name: string, pid: number): void {
  const known = processOf(pid);
  if (!known) throw new Error(`${name} (pid ${pid}) has ended already.`);
  writeFileSync(fileOf(run, name), JSON.stringify(known));
}

/** Ends a program and waits until it is gone. One that does not heed SIGTERM within 10 s is killed. */
export async function stop(run: string, name: string, signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL'): Promise<void> {
  const known = running(run, name);
  if (known) {
    kill(known, signal);
    if (!(await gone(known, 10_000))) {
      kill(known, 'SIGKILL');
      if (!(await gone(known, 10_000))) throw new Error(`${name} (pid ${known.pid}) does not end.`);
    }
  }
  rmSync(fileOf(run, name), { force: true });
}

/** Names of all that were started in this run folder. */
export const startedIn = (run: string): string[] =>
  existsSync(join(run, 'pids')) ? readdirSync(join(run, 'pids')).map((file) => file.replace(/\.json$/, '')) : [];

/** The end of a program's log, for a message. */
function lastWords(run: string, name: string): string {
  const file = join(run, 'log', `${name}.log`);
  return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n').slice(-8).join('\n') : '';
}

/** Waits until `check` is true; gives up with words when a program it depends on has ended, or after a while. */
export async function until(
  run: string,
  what: string,
  needs: readonly string[],
  check: () => boolean | Promise<boolean>,
  withinMs = 120_000,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await check())) {
    const dead = needs.find((name) => !running(run, name));
    if (dead) throw new Error(`${dead} ended while waiting for ${what}. The end of its log:\n${lastWords(run, dead)}`);
    if (performance.now() > deadline) {
      const words = needs.map((name) => `--- ${name}\n${lastWords(run, name)}`).join('\n');
      throw new Error(`Waited ${withinMs / 1000} s for ${what}.\n${words}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function kill(known: Process, signal: NodeJS.Signals): void {
  try {
    process.kill(known.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function gone(known: Process, withinMs: number): Promise<boolean> {
  for (const deadline = performance.now() + withinMs; performance.now() < deadline; ) {
    if (!isAlive(known)) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return !isAlive(known);
}
