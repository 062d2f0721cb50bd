/** Children that outlived a killed parent: remembered by identity in a file, ended by the next start before it begins. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { identityOf } from './identity.ts';

export function rememberChild(pidFile: string, pid: number | undefined): void {
  const identity = pid === undefined ? null : identityOf(pid);
  mkdirSync(dirname(pidFile), { recursive: true });
  if (identity !== null) writeFileSync(pidFile, identity);
}

export function forgetChild(pidFile: string): void {
  rmSync(pidFile, { force: true });
}

/** It is ending by itself as its channel has closed; this waits for that, and after `graceMs` does not ask any more. */
export async function endLeftover(pidFile: string, graceMs = 8_000): Promise<void> {
  const identity = readOrNull(pidFile);
  const pid = Number(identity?.split(' ')[0]);
  if (identity === null || !(pid > 1)) return;
  for (const [signal, ms] of [['SIGTERM', graceMs] as const, ['SIGKILL', 2_000] as const]) {
    if (identityOf(pid) !== identity) break;
    process.kill(pid, signal);
    const until = performance.now() + ms;
    while (identityOf(pid) === identity && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  forgetChild(pidFile);
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
