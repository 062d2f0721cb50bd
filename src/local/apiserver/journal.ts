/**
 * Where the cluster's state is kept on disk: a snapshot and the journals after it, one JSON record a line.
 *
 * A record is handed to the kernel before anybody hears of the write, so a killed process loses nothing; the disk is
 * synced in batches, so a lost power supply costs at most the last batch. Records carry their revision and those a
 * snapshot already holds are skipped, which makes every crash between two steps of a compaction harmless.
 */
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';

const SYNC_AFTER_MS = 50;
const COMPACT_AFTER_BYTES = 8 * 1024 * 1024;

export interface Record_ {
  /** Revision. */
  r: number;
  /** Storage name, `apps/deployments`. */
  s: string;
  /** The object as written; absent for a removal. */
  o?: unknown;
  /** Key of the removed object. */
  d?: string;
}

export interface Journal {
  /** Calls `snapshot` for each object of the snapshot and `replay` for each later record; returns the last revision. */
  load(snapshot: (record: Record_) => void, replay: (record: Record_) => void): { snapshot: number; last: number };
  /** Throws when the disk refuses; then nothing was written. */
  append(revision: number, line: string): void;
  /** True when a compaction is due. */
  due(): boolean;
  /** Writes `lines` (the whole state at `revision`) as the new snapshot and drops the journals before it. */
  compact(revision: number, lines: Iterable<string>): Promise<void>;
  close(): Promise<void>;
}

export function createJournal({ dir, clock, log }: { dir: string; clock: Clock; log: Log }): Journal {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const snapshotFile = join(dir, 'snapshot.jsonl');
  let fd = -1;
  let size = 0;
  let snapshotBytes = 0;
  let sinceSnapshot = 0;
  let cancelSync: (() => void) | undefined;
  let compaction: Promise<void> | undefined;

  const journals = (): { file: string; from: number }[] =>
    readdirSync(dir)
      .map((name) => ({ file: join(dir, name), from: Number(/^journal-(\d+)\.jsonl$/.exec(name)?.[1] ?? Number.NaN) }))
      .filter(({ from }) => !Number.isNaN(from))
      .sort((a, b) => a.from - b.from);

  function start(revision: number): void {
    if (fd >= 0) closeSync(fd);
    const file = join(dir, `journal-${revision}.jsonl`);
    fd = openSync(file, 'a', 0o600);
    size = readFileSync(file).length;
    syncFolder(dir);
  }

  function loadSnapshot(each: (record: Record_) => void): number {
    const content = readIfThere(snapshotFile);
    if (content === undefined) return 0;
    const lines = content.toString('utf8').split('\n').filter(Boolean);
    const head = parse(lines[0] ?? '') as { revision?: number } | undefined;
    const records = lines.slice(1).map(parse);
    if (head?.revision === undefined || records.some((record) => record === undefined))
      throw new Error(
        `${snapshotFile} is damaged: restore it from a backup, or remove ${dir} to begin an empty cluster`,
      );
    for (const record of records) each(record as Record_);
    snapshotBytes = content.length;
    return head.revision;
  }

  function loadJournal(file: string, each: (record: Record_) => void): void {
    const content = readFileSync(file);
    let at = 0;
    while (at < content.length) {
      const end = content.indexOf(10, at);
      const record = end < 0 ? undefined : parse(content.toString('utf8', at, end));
      if (record === undefined) {
        const rest = content.subarray(at);
        log.warn({ file, bytes: rest.length }, 'dropped a torn record at the end of the journal');
        if (end >= 0 && end + 1 < content.length) writeFileSync(`${file}.damaged-${Date.now()}`, rest);
        truncateSync(file, at);
        return;
      }
      each(record as Record_);
      at = end + 1;
    }
    sinceSnapshot += content.length;
  }

  function scheduleSync(): void {
    cancelSync ??= clock.after(SYNC_AFTER_MS, () => {
      cancelSync = undefined;
      const syncing = fd;
      fdatasync(syncing, (error) => {
        if (error && error.code !== 'EBADF') log.error({ err: error }, 'the cluster journal could not be synced');
      });
    });
  }

  async function writeSnapshot(revision: number, lines: Iterable<string>): Promise<void> {
    const temporary = `${snapshotFile}.tmp`;
    const handle = await open(temporary, 'w', 0o600);
    let written = 0;
    try {
      let chunk = `{"revision":${revision}}\n`;
      for (const line of lines) {
        chunk += line;
        if (chunk.length < 256 * 1024) continue;
        written += (await handle.write(chunk)).bytesWritten;
        chunk = '';
      }
      written += (await handle.write(chunk)).bytesWritten;
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, snapshotFile);
    syncFolder(dir);
    snapshotBytes = written;
    for (const { file, from } of journals()) if (from < revision) rmSync(file);
  }

  return {
    load(snapshot, replay) {
      rmSync(`${snapshotFile}.tmp`, { force: true });
      const revision = loadSnapshot(snapshot);
      let last = revision;
      for (const { file } of journals()) {
        loadJournal(file, (record) => {
          if (record.r <= last) return;
          last = record.r;
          replay(record);
        });
      }
      start(journals().at(-1)?.from ?? last);
      return { snapshot: revision, last };
    },
    append(_revision, line) {
      const bytes = Buffer.from(line);
      try {
        for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      } catch (error) {
        ftruncateSync(fd, size); // a half record would hide every record after it
        throw error;
      }
      size += bytes.length;
      sinceSnapshot += bytes.length;
      scheduleSync();
    },
    due: () => compaction === undefined && sinceSnapshot > Math.max(COMPACT_AFTER_BYTES, 2 * snapshotBytes),
    compact(revision, lines) {
      fdatasyncSync(fd);
      start(revision);
      sinceSnapshot = 0;
      compaction = writeSnapshot(revision, lines)
        .catch((error) => log.error({ err: error }, 'the cluster snapshot could not be written'))
        .finally(() => {
          compaction = undefined;
        });
      return compaction;
    },
    async close() {
      await compaction;
      cancelSync?.();
      if (fd < 0) return;
      fdatasyncSync(fd);
      closeSync(fd);
      fd = -1;
    },
  };
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function syncFolder(dir: string): void {
  const handle = openSync(dir, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
