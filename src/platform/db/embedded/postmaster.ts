/**
 * Finding, waiting for and stopping a Postgres by its data folder. After a kill -9 of the platform, Postgres lives on and
 * its postmaster.pid tells the truth; after a power cut the file is there and the pid in it may be anybody's.
 */
import { readFileSync, readlinkSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identityOf, startedAt } from '../../process/identity.ts';

export interface Postmaster {
  pid: number;
  identity: string;
  port: number;
  /** `starting`, `ready`, `stopping`: the file's last line. */
  status: string;
}

const pidFile = (data: string): string => join(data, 'postmaster.pid');

/** The Postgres that runs on this folder, or null. Verified: a pid in a file may be anybody's. */
export function findPostmaster(data: string): Postmaster | null {
  const lines = readOrNull(pidFile(data))?.split('\n') ?? [];
  const pid = Number(lines[0]);
  if (!(pid > 1)) return null;
  const identity = identityOf(pid);
  if (identity === null || !isOn(pid, data, Number(lines[2]))) return null;
  return { pid, identity, port: Number(lines[3]), status: lines[7]?.trim() ?? 'starting' };
}

/**
 * Postgres works in its data folder. Only where that cannot be seen (macOS) the time that it wrote a moment after its start
 * has to do: with a clock that was set since, a running Postgres was taken for none.
 */
function isOn(pid: number, data: string, writtenAt: number): boolean {
  if (process.platform !== 'linux') {
    const started = startedAt(pid);
    return started !== null && Math.abs(started - writtenAt) <= 10;
  }
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(data);
  } catch {
    return false;
  }
}

/**
 * Lets Postgres start although the pid in its file belongs to somebody else now. The file is not removed: its shared
 * memory line keeps Postgres from starting beside backends of a killed predecessor. Postgres takes its parent's pid for
 * stale, so that is what is written.
 */
export function disownStalePid(data: string): void {
  const text = readOrNull(pidFile(data));
  const pid = Number(text?.split('\n')[0]);
  if (text === null || !(pid > 1) || identityOf(pid) === null) return;
  writeFileSync(pidFile(data), text.replace(/^\d+/, String(process.pid)));
}

/** Fast shutdown (SIGINT: clients are disconnected, a checkpoint is written), then without the checkpoint, then hard. */
export async function stopPostmaster(
  { pid, identity }: Pick<Postmaster, 'pid' | 'identity'>,
  fastMs = 6_000,
): Promise<void> {
  const steps: [NodeJS.Signals, number][] = [
    ['SIGINT', fastMs],
    ['SIGQUIT', 1_500],
    ['SIGKILL', 1_000],
  ];
  for (const [signal, ms] of steps) {
    if (identityOf(pid) !== identity) return;
    process.kill(pid, signal);
    const until = performance.now() + ms;
    while (identityOf(pid) === identity && performance.now() < until) await sleep(20);
  }
}

/** Stops whatever still runs on a folder that nobody wants any more; answers whether anything did. */
export async function stopLeftover(data: string): Promise<boolean> {
  const running = findPostmaster(data);
  if (running) await stopPostmaster(running);
  return running !== null;
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
