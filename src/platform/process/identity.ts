/**
 * A process as pid and start time. A pid alone lies: after a restart of the machine, or of a container at once, it names
 * somebody else, and a stop would hit him.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** `<pid> <start time>`, the same text for the whole life of the process; null when there is no such process. */
export function identityOf(pid: number): string | null {
  const started = process.platform === 'linux' ? startTicks(pid) : startText(pid);
  return started === null ? null : `${pid} ${started}`;
}

/** The start as seconds since the epoch, right to a second or two; null when there is no such process. */
export function startedAt(pid: number): number | null {
  if (process.platform !== 'linux') {
    const text = startText(pid);
    return text === null ? null : Date.parse(text) / 1000;
  }
  const ticks = startTicks(pid);
  const boot = /^btime (\d+)$/m.exec(readOrNull('/proc/stat') ?? '')?.[1];
  return ticks === null || boot === undefined ? null : Number(boot) + Number(ticks) / 100;
}

/** Field 22 of /proc/PID/stat. Counted from the last bracket, because the name in the second field may hold anything. */
function startTicks(pid: number): string | null {
  const stat = readOrNull(`/proc/${pid}/stat`);
  if (stat === null) return null;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? null : (fields[19] ?? null);
}

function startText(pid: number): string | null {
  const ps = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', env: { LC_ALL: 'C' } });
  const text = ps.status === 0 ? ps.stdout.trim() : '';
  return text === '' ? null : text;
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
