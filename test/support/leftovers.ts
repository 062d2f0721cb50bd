/**
 * Which processes belong to a run of the tests: those that have its folder in their environment, arguments or working
 * directory. Run as a program (`leftovers.ts FOLDER`) it holds the run on a leash: when its standard input ends, because
 * the run has ended in whatever way, it ends what still runs and removes the folder.
 */
import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Leftover {
  pid: number;
  parent: number;
  command: string;
}

/** Without this process. Empty where there is no /proc. */
export function processesOf(folder: string): Leftover[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 1 && pid !== process.pid)
    .flatMap((pid) => {
      const command = textOf(`/proc/${pid}/cmdline`);
      if (command === '') return []; // a kernel thread, or one that has ended and is not yet collected
      const isOurs = command.includes(folder) || isIn(pid, folder) || textOf(`/proc/${pid}/environ`).includes(folder);
      return isOurs ? [{ pid, parent: parentOf(pid), command: command.replaceAll('\0', ' ').trim() }] : [];
    });
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function isIn(pid: number, folder: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
  } catch {
    return false;
  }
}

function parentOf(pid: number): number {
  const stat = textOf(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

/** SIGTERM to what was not started by another of them: a platform ends its own children in order. Then SIGKILL. */
async function sweep(folder: string): Promise<void> {
  const found = processesOf(folder);
  for (const { pid, parent } of found) if (!found.some((other) => other.pid === parent)) signal(pid, 'SIGTERM');
  const until = performance.now() + 10_000;
  while (processesOf(folder).length > 0 && performance.now() < until) await sleep(100);
  for (const { pid } of processesOf(folder)) signal(pid, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}

if (import.meta.main) {
  const folder = process.argv[2] ?? '';
  // Every process's arguments include the empty word: without its folder, this would end them all.
  if (!/\/clops-test-\w+$/.test(folder)) throw new Error(`"${folder}" is not the folder of a run of the tests.`);
  process.on('SIGINT', () => {}).on('SIGHUP', () => {}); // Ctrl-C is for the run: this one hears of its end
  process.stdin.resume().once('end', () => void sweep(folder));
}
