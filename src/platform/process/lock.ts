/**
 * One instance per data folder. The lock is a file with its holder's identity; a holder that is no longer alive (kill -9,
 * power cut) is taken over from. It appears complete, as a link to a written file, so that nobody reads half of it.
 */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { identityOf } from './identity.ts';

export interface Lock {
  release(): void;
}

/** The lock, or the pid of the process that holds it. */
export function takeLock(file: string): Lock | { heldBy: number } {
  const me = identityOf(process.pid) ?? String(process.pid);
  const draft = `${file}.${process.pid}`;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(draft, me, { mode: 0o644 });
  try {
    for (;;) {
      if (linked(draft, file)) return { release: () => releaseIf(file, me) };
      const holder = readOrNull(file);
      if (holder === null) continue;
      const pid = Number(holder.split(' ')[0]);
      if (identityOf(pid) === holder) return { heldBy: pid };
      moveAway(file, holder, `${draft}.stale`);
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** When somebody was quicker and it is his fresh lock that was moved, it goes back. */
function moveAway(file: string, stale: string, aside: string): void {
  try {
    renameSync(file, aside);
    if (readOrNull(aside) !== stale) linked(aside, file);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  rmSync(aside, { force: true });
}

function releaseIf(file: string, holder: string): void {
  if (readOrNull(file) === holder) rmSync(file, { force: true });
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);
