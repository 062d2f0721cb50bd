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
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { isRecord, parse, type Record_, readIfThere, syncFolder } from './records.ts';

const SYNC_AFTER_MS = 50;
const COMPACT_AFTER_BYTES = 8 * 1024 * 1024;
/** A disk that is full is not asked for a snapshot at every write. */
const COMPACT_AGAIN_MS = 10_000;
const SYNC_AGAIN_MS = 1_000;

export interface Journal {
  /**
   * Calls `snapshot` for each object of the snapshot and `replay` for each later record; returns the last revision.
   * A record that was half written when the power went is dropped. Throws when anything else is damaged or missing:
   * what came after it would make a state that never was.
   */
  load(snapshot: (record: Record_) => void, replay: (record: Record_) => void): { snapshot: number; last: number };
  /** Throws when the disk refuses; then nothing was written. */
  append(revision: number, line: string): void;
  /** True when a compaction is due. */
  due(): boolean;
  /**
   * Writes `lines` (the whole state at `revision`) as the new snapshot and drops the journals before it. Never fails:
   * what was written is in the journals, `trouble` says why there is no snapshot, and it is due again later.
   */
  compact(revision: number, lines: Iterable<string>): Promise<void>;
  /** Why writes are kept less well than they should be, in a sentence; undefined when they are. */
  trouble(): string | undefined;
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
  let compactAfter = Number.NEGATIVE_INFINITY;
  /** Behind `size` there is a part of a record. */
  let isTorn = false;
  const troubles = new Map<'sync' | 'snapshot', string>();

  const journals = (): { file: string; from: number }[] =>
    readdirSync(dir)
      .map((name) => ({ file: join(dir, name), from: Number(/^journal-(\d+)\.jsonl$/.exec(name)?.[1] ?? Number.NaN) }))
      .filter(({ from }) => !Number.isNaN(from))
      .sort((a, b) => a.from - b.from);

  /** The next file is there before the present one is let go: a disk that refuses leaves a journal to write to. */
  function start(revision: number): void {
    const next = openSync(join(dir, `journal-${revision}.jsonl`), 'a', 0o600);
    let there: number;
    try {
      there = fstatSync(next).size;
      syncFolder(dir);
    } catch (error) {
      closeSync(next);
      throw error;
    }
    if (fd >= 0) closeSync(fd);
    fd = next;
    size = there;
  }

  /** A half record would hide every record after it. */
  function mend(): void {
    if (!isTorn) return;
    ftruncateSync(fd, size);
    isTorn = false;
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

  function loadJournal(file: string, isNewest: boolean, each: (record: Record_) => void): void {
    const content = readFileSync(file);
    let at = 0;
    while (at < content.length) {
      const end = content.indexOf(10, at);
      const record = end < 0 ? undefined : parse(content.toString('utf8', at, end));
      if (!isRecord(record)) {
        const isLast = end < 0 || end + 1 === content.length;
        if (!isNewest || !isLast) throw damaged(file, at);
        log.warn({ file, bytes: content.length - at }, 'dropped a torn record at the end of the journal');
        truncateSync(file, at);
        return;
      }
      each(record);
      at = end + 1;
    }
    sinceSnapshot += content.length;
  }

  function damaged(file: string, at: number): Error {
    return new Error(
      `${file} is damaged at byte ${at}, and there are records after that: restore ${dir} from a backup; or go on with ` +
        `what was before it, by "truncate -s ${at} ${file}" and without the journals after it; or remove ${dir} to ` +
        'begin an empty cluster',
    );
  }

  function scheduleSync(inMs = SYNC_AFTER_MS): void {
    cancelSync ??= clock.after(inMs, () => {
      cancelSync = undefined;
      const syncing = fd;
      fdatasync(syncing, (error) => {
        if (!error) troubles.delete('sync');
        if (!error || fd !== syncing) return; // another file by now, and this one was synced before it was closed
        troubles.set('sync', `The cluster's journal could not be synced: ${error.message}.`);
        log.error({ err: error }, 'the cluster journal could not be synced');
        scheduleSync(SYNC_AGAIN_MS);
      });
    });
  }

  function couldNotCompact(error: Error): void {
    compactAfter = clock.monotonic() + COMPACT_AGAIN_MS;
    troubles.set('snapshot', `The cluster's snapshot could not be written to ${dir}: ${error.message}.`);
    log.error({ err: error }, 'the cluster snapshot could not be written');
  }

  async function writeSnapshot(revision: number, lines: Iterable<string>): Promise<void> {
    const temporary = `${snapshotFile}.tmp`;
    const handle = await open(temporary, 'w', 0o600);
    let written: number;
    try {
      let chunk = `{"revision":${revision}}\n`;
      for (const line of lines) {
        chunk += line;
        if (chunk.length < 256 * 1024) continue;
        await handle.writeFile(chunk); // all of it, where write() stops at what a nearly full disk takes
        chunk = '';
      }
      await handle.writeFile(chunk);
      await handle.sync();
      written = (await handle.stat()).size;
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
      const files = journals();
      for (const [index, { file }] of files.entries()) {
        loadJournal(file, index === files.length - 1, (record) => {
          if (record.r <= last) return;
          if (record.r !== last + 1)
            throw new Error(
              `${file}: the records ${last + 1} to ${record.r - 1} before it are missing: restore ${dir} from a backup, ` +
                `or remove it to begin an empty cluster`,
            );
          last = record.r;
          replay(record);
        });
      }
      start(files.at(-1)?.from ?? last);
      return { snapshot: revision, last };
    },
    append(_revision, line) {
      const bytes = Buffer.from(line);
      mend();
      try {
        isTorn = true;
        for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
        isTorn = false;
      } catch (error) {
        try {
          mend();
        } catch (another) {
          log.error({ err: another }, 'a half record could not be cut off, the next write tries again');
        }
        throw error;
      }
      size += bytes.length;
      sinceSnapshot += bytes.length;
      scheduleSync();
    },
    due: () =>
      compaction === undefined &&
      sinceSnapshot > Math.max(COMPACT_AFTER_BYTES, 2 * snapshotBytes) &&
      clock.monotonic() >= compactAfter,
    async compact(revision, lines) {
      try {
        mend();
        fdatasyncSync(fd);
        start(revision);
      } catch (error) {
        couldNotCompact(error as Error);
        return;
      }
      const covered = sinceSnapshot;
      sinceSnapshot = 0;
      compaction = writeSnapshot(revision, lines)
        .then(
          () => void troubles.delete('snapshot'),
          (error: Error) => {
            sinceSnapshot += covered;
            couldNotCompact(error);
          },
        )
        .finally(() => {
          compaction = undefined;
        });
      await compaction;
    },
    trouble: () => [...troubles.values()].join(' ') || undefined,
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
