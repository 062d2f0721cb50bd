/**
 * A container's log: plain bytes in a file that the container itself writes, and beside it when which byte was there.
 *
 * The container holds the file open, so the log goes on while the agent is down and nothing is ever piped. The price is
 * paid here: times come from watching the file grow (lines of one burst share a time, lines written while the agent was
 * down get the file's last change), and a log that is too large is copied and cut, in which a few lines can be lost.
 */
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  type FSWatcher,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  watch,
} from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import type { Clock } from '../../../lib/clock.ts';

const MAX_LOG_BYTES = 10 * 1024 * 1024;
const NOTE_MS = 20;
const WINDOW_BYTES = 1_000_000;

/** Where the system has no watch left (inotify's limits). */
const LOOK_MS = 500;

const timesOf = (file: string): string => `${file}.times`;
const olderOf = (file: string): string => `${file}.1`;

export interface LogKeeper {
  /** Notes what came last, and stops watching. */
  close(): void;
}

export function keepLog(file: string, clock: Clock, maxBytes = MAX_LOG_BYTES): LogKeeper {
  let noted = lastNoted(file);
  let cancel: (() => void) | undefined;

  /** "All bytes before `size` were there at `ms`". A full disk takes no times: the next note is for these bytes as well. */
  function note(ms: number): void {
    cancel = undefined;
    try {
      const size = sizeOf(file);
      if (size <= noted) return;
      appendFileSync(timesOf(file), `${size} ${Math.round(ms)}\n`, { mode: 0o600 });
      noted = size;
      if (size > maxBytes) rotate();
    } catch {
      // It is called by timers and at the end of a container: nothing there is worth failing for.
    }
  }

  function rotate(): void {
    try {
      copyFileSync(file, olderOf(file));
    } catch (error) {
      rmSync(olderOf(file), { force: true }); // half of it would be read twice
      throw error;
    }
    truncateSync(file); // the container appends, so it goes on at byte 0
    noted = 0;
    renameSync(timesOf(file), timesOf(olderOf(file)));
  }

  if (sizeOf(file) > noted) note(statSync(file).mtimeMs);
  const soon = (): void => {
    cancel ??= clock.after(NOTE_MS, () => note(clock.now()));
  };
  const stopWatching = onChange(file, soon);
  return {
    close() {
      stopWatching();
      cancel?.();
      note(clock.now());
    },
  };
}

/** Tells when the file may have changed. Answers how to stop. */
function onChange(file: string, tell: () => void): () => void {
  let watcher: FSWatcher | undefined;
  let timer: NodeJS.Timeout | undefined;
  const lookNow = (): void => {
    watcher?.close();
    timer ??= setInterval(tell, LOOK_MS).unref();
  };
  try {
    watcher = watch(file, { persistent: false }, tell);
    watcher.on('error', lookNow);
  } catch {
    lookNow();
  }
  return () => {
    watcher?.close();
    clearInterval(timer);
  };
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

/** How far an earlier agent has noted. */
function lastNoted(file: string): number {
  return existsSync(timesOf(file)) ? (parseTimes(readFileSync(timesOf(file), 'utf8')).at(-1)?.size ?? 0) : 0;
}

const parseTimes = (text: string): { size: number; ms: number }[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' '))
    .map(([size, ms]) => ({ size: Number(size), ms: Number(ms) }));

export interface ReadLogOptions {
  tailLines?: number;
  /** Only what was written at or after this, in milliseconds since the epoch. */
  sinceMs?: number;
  timestamps?: boolean;
  limitBytes?: number;
  /** Present when following: settles when nothing more will come. */
  until?: Promise<unknown>;
  signal?: AbortSignal;
}

interface Line {
  bytes: Buffer;
  ms: number;
}

/** The log so far and, when following, what comes until the container has ended or `signal` is aborted. */
export async function* readLog(file: string, options: ReadLogOptions): AsyncGenerator<Buffer> {
  const { tailLines, sinceMs, until, signal } = options;
  let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  const older = await linesOf(olderOf(file));
  const present = await linesOf(file);
  let lines = [...older.lines, ...present.lines];
  if (sinceMs !== undefined) lines = lines.filter((line) => line.ms >= sinceMs);
  if (tailLines !== undefined) lines = tailLines === 0 ? [] : lines.slice(-tailLines);
  for (let at = 0; at < lines.length && left > 0; at += 1000) {
    const chunk = render(lines.slice(at, at + 1000), options).subarray(0, left);
    left -= chunk.length;
    yield chunk;
  }
  if (!until || left <= 0) return;
  const from = { position: present.size, isInLine: present.lines.at(-1)?.bytes.at(-1) !== 10 && present.size > 0 };
  for await (const chunk of follow(file, from, until, options.timestamps ?? false, signal)) {
    const cut = chunk.subarray(0, left);
    left -= cut.length;
    yield cut;
    if (left <= 0) return;
  }
}

async function* follow(
  file: string,
  from: { position: number; isInLine: boolean },
  until: Promise<unknown>,
  timestamps: boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  /** In a line: the last piece ended inside one, and what follows gets no time of its own. */
  let { position, isInLine } = from;
  let wake = Promise.withResolvers<void>();
  const stopWatching = onChange(file, () => wake.resolve());
  let isOver = false;
  void until.finally(() => {
    isOver = true;
    wake.resolve();
  });
  const stop = (): void => wake.resolve();
  signal?.addEventListener('abort', stop);
  try {
    while (!signal?.aborted) {
      const isLast = isOver;
      const size = sizeOf(file);
      if (size < position) {
        position = 0;
        isInLine = false;
      }
      if (size > position) {
        const bytes = await readRange(file, position, Math.min(size, position + WINDOW_BYTES));
        // With times a line waits for its end; a full window without one would be read again for ever.
        const whole = bytes.lastIndexOf(10) + 1;
        const isLong = whole === 0 && bytes.length === WINDOW_BYTES;
        const upTo = timestamps && !isLast && !isLong ? whole : bytes.length;
        if (upTo > 0) {
          position += upTo;
          const ms = Date.now();
          const lines = split(bytes.subarray(0, upTo)).map((line) => ({ bytes: line, ms }));
          const rest = isInLine ? lines.splice(0, 1) : [];
          isInLine = bytes[upTo - 1] !== 10;
          yield Buffer.concat([render(rest, {}), render(lines, { timestamps })]);
          continue;
        }
      }
      if (isLast) return;
      await wake.promise;
      wake = Promise.withResolvers();
    }
  } finally {
    stopWatching();
    signal?.removeEventListener('abort', stop);
  }
}

/** The last lines, at most `maxLines` and `maxBytes`: what a termination message shows. */
export async function lastLines(file: string, maxLines = 80, maxBytes = 2048): Promise<string> {
  const size = sizeOf(file);
  if (size === 0) return '';
  const bytes = await readRange(file, Math.max(0, size - maxBytes), size);
  return bytes.toString('utf8').trimEnd().split('\n').slice(-maxLines).join('\n');
}

async function linesOf(file: string): Promise<{ lines: Line[]; size: number }> {
  const bytes = await readFile(file).catch(absent);
  if (!bytes) return { lines: [], size: 0 };
  const times = parseTimes((await readFile(timesOf(file), 'utf8').catch(absent)) ?? '');
  const fallback = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const lines: Line[] = [];
  let offset = 0;
  let at = 0;
  for (const line of split(bytes)) {
    offset += line.length;
    while (at < times.length && (times[at] as { size: number }).size < offset) at += 1;
    lines.push({ bytes: line, ms: times[at]?.ms ?? fallback });
  }
  return { lines, size: bytes.length };
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

/** Lines with their line ends. */
function split(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(10, at);
    const next = end < 0 ? bytes.length : end + 1;
    lines.push(bytes.subarray(at, next));
    at = next;
  }
  return lines;
}

function render(lines: readonly Line[], { timestamps }: { timestamps?: boolean }): Buffer {
  if (!timestamps) return Buffer.concat(lines.map((line) => line.bytes));
  return Buffer.concat(lines.flatMap(({ bytes, ms }) => [Buffer.from(`${nanoTime(ms)} `), bytes]));
}

/** RFC 3339 with nine digits, as a container runtime writes it. */
const nanoTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000000Z');

async function readRange(file: string, from: number, to: number): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(to - from), 0, to - from, from);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
