/**
 * Children that outlive a killed parent. A file remembers each: who it is, who keeps it, what it was started as, and what
 * it said when it was ready. The next start takes over those that it would have started just so, for they serve while
 * nobody controls them, and ends the others before it begins. A child that nobody comes back for ends itself.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { identityOf } from './identity.ts';

export interface Child {
  pid: number;
  /** As `identityOf` answers. */
  identity: string;
  /** What it said when it was ready; absent before that. */
  info?: unknown;
}

/** The file: a line with the child's identity, a line of JSON. */
interface Note {
  /** Identity of the process that looks after it. */
  keeper: string;
  /** Of program and settings: only a child that was started with the same ones is what the next start wants. */
  stamp: string;
  info?: unknown;
}

const LOOK_MS = 1_000;
/** Long enough to start the platform again, also by hand; short enough that a machine is not left busy for ever. */
const PATIENCE_MS = 5 * 60_000;

/** Written anew when the child is ready, and when it is taken over. */
export function rememberChild(pidFile: string, pid: number | undefined, stamp: string, info?: unknown): void {
  const identity = pid === undefined ? null : identityOf(pid);
  if (identity === null) return;
  const note: Note = { keeper: identityOf(process.pid) ?? '', stamp, info };
  mkdirSync(dirname(pidFile), { recursive: true });
  writeFileSync(`${pidFile}.new`, `${identity}\n${JSON.stringify(note)}\n`);
  renameSync(`${pidFile}.new`, pidFile);
}

export function forgetChild(pidFile: string): void {
  rmSync(pidFile, { force: true });
}

/** A child of an earlier start that lives, was ready, and is what would be started now. */
export function findChild(pidFile: string, stamp: string): Child | undefined {
  const found = read(pidFile);
  if (!found || identityOf(found.pid) !== found.identity) return undefined;
  const { note } = found;
  if (note?.stamp !== stamp || note.info === undefined) return undefined;
  return { pid: found.pid, identity: found.identity, info: note.info };
}

/** Whether it is the process that the file remembers, whatever it was started as. */
export function isChild(pidFile: string, pid: number): boolean {
  const found = read(pidFile);
  return found?.pid === pid && identityOf(pid) === found.identity;
}

/** SIGTERM, and after `graceMs` no more asking. */
export async function endLeftover(pidFile: string, graceMs = 8_000): Promise<void> {
  const found = read(pidFile);
  if (!found) return;
  const { pid, identity } = found;
  for (const [signal, ms] of [['SIGTERM', graceMs] as const, ['SIGKILL', 2_000] as const]) {
    if (identityOf(pid) !== identity) break;
    process.kill(pid, signal);
    const until = performance.now() + ms;
    while (identityOf(pid) === identity && performance.now() < until) {
      await sleep(20);
    }
  }
  forgetChild(pidFile);
}

/**
 * The child's side, when its parent is gone: resolves when it is nobody's. That is at once when the file is not about
 * this process, and otherwise when for a while no living process has kept it.
 */
export async function untilNobodys(
  pidFile: string,
  patienceMs = PATIENCE_MS,
  clock: Clock = systemClock,
): Promise<void> {
  const me = identityOf(process.pid);
  let keptAt = clock.monotonic();
  for (;;) {
    const found = read(pidFile);
    if (found?.identity !== me) return;
    const keeper = found?.note?.keeper ?? '';
    if (keeper !== '' && identityOf(Number(keeper.split(' ')[0])) === keeper) keptAt = clock.monotonic();
    if (clock.monotonic() - keptAt >= patienceMs) return;
    await new Promise<void>((resolve) => void clock.after(LOOK_MS, resolve));
  }
}

function read(pidFile: string): (Child & { note: Note | undefined }) | undefined {
  const [identity = '', json = ''] = readOrNull(pidFile)?.split('\n') ?? [];
  const pid = Number(identity.split(' ')[0]);
  return pid > 1 ? { pid, identity, note: noteIn(json) } : undefined;
}

function noteIn(json: string): Note | undefined {
  try {
    return JSON.parse(json) as Note;
  } catch {
    return undefined; // of another version
  }
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
