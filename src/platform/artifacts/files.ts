/**
 * Artifacts as files: `<dir>/sha256/ab/<hex>` when complete, `<dir>/uploads/<hex>` while they come. Bytes are hashed while
 * they stream; only what hashes to its name is renamed into place, so a wrong digest or a kill leaves nothing behind
 * under a name that anybody would read. A file's mtime is when somebody last counted on it.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, statfs, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ArtifactInfo, ArtifactStore, PutOutcome } from './port.ts';

export function createFileArtifacts(options: { dir: string; maxBytes: number }): ArtifactStore {
  const { dir, maxBytes } = options;
  const hexOf = (digest: string) => digest.slice('sha256:'.length);
  const finalPath = (digest: string) => join(dir, 'sha256', hexOf(digest).slice(0, 2), hexOf(digest));
  const uploadPath = (digest: string) => join(dir, 'uploads', hexOf(digest));
  /** One at a time per digest: a second writer waits and then finds the work done or goes on from it. */
  const busy = new Map<string, Promise<unknown>>();

  async function exclusively<T>(digest: string, act: () => Promise<T>): Promise<T> {
    while (busy.has(digest)) await busy.get(digest)?.catch(() => {});
    const work = act();
    busy.set(digest, work);
    try {
      return await work;
    } finally {
      busy.delete(digest);
    }
  }

  const sizeOf = async (path: string): Promise<number | null> => {
    try {
      return (await stat(path)).size;
    } catch {
      return null;
    }
  };

  async function head(digest: string): Promise<ArtifactInfo | null> {
    const complete = await sizeOf(finalPath(digest));
    if (complete !== null) return { digest, receivedBytes: complete, complete: true };
    const received = await sizeOf(uploadPath(digest));
    return received === null ? null : { digest, receivedBytes: received, complete: false };
  }

  async function refresh(digest: string): Promise<void> {
    const now = new Date();
    await utimes(finalPath(digest), now, now);
  }

  async function write(
    digest: string,
    body: Readable,
    part: { offset: number; total: number | null },
  ): Promise<PutOutcome> {
    const present = await head(digest);
    if (present?.complete) {
      await refresh(digest);
      body.resume();
      return { state: 'complete', sizeBytes: present.receivedBytes };
    }
    const received = part.offset === 0 ? 0 : (present?.receivedBytes ?? 0);
    if (part.offset !== received) return { state: 'wrong_offset', receivedBytes: present?.receivedBytes ?? 0 };
    if ((part.total ?? 0) > maxBytes) return { state: 'too_large', maxBytes };

    const path = uploadPath(digest);
    await mkdir(join(dir, 'uploads'), { recursive: true, mode: 0o700 });
    // Before a byte is written: others may live on this disk, Postgres among them.
    const { bavail, bsize } = await statfs(dir);
    if (part.total !== null && part.total - received > bavail * bsize) {
      return { state: 'no_space', receivedBytes: present?.receivedBytes ?? 0 };
    }
    const hash = createHash('sha256');
    if (received > 0) await pipeline(createReadStream(path), hash, { end: false });
    let size = received;
    let tooLarge = false;
    const meter = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        size += chunk.length;
        if (size > maxBytes) {
          tooLarge = true;
          done(new Error('too large'));
          return;
        }
        hash.update(chunk);
        done(null, chunk);
      },
    });
    try {
      await pipeline(body, meter, createWriteStream(path, { flags: received > 0 ? 'a' : 'w', mode: 0o600 }));
    } catch (error) {
      if (tooLarge) {
        await rm(path, { force: true });
        return { state: 'too_large', maxBytes };
      }
      throw error; // the client went away: what came stays and can be resumed
    }
    if (part.total !== null && size < part.total) return { state: 'partial', receivedBytes: size };
    const actual = `sha256:${hash.digest('hex')}`;
    if (actual !== digest || (part.total !== null && size !== part.total)) {
      await rm(path, { force: true });
      return { state: 'mismatch', actual };
    }
    await mkdir(join(finalPath(digest), '..'), { recursive: true, mode: 0o700 });
    await synced(path);
    await rename(path, finalPath(digest));
    return { state: 'complete', sizeBytes: size };
  }

  async function put(digest: string, ...given: [Readable, { offset: number; total: number | null }]) {
    try {
      return await write(digest, ...given);
    } catch (error) {
      if (!isFull(error)) throw error;
      return { state: 'no_space' as const, receivedBytes: (await sizeOf(uploadPath(digest))) ?? 0 };
    }
  }

  return {
    head,
    put: (digest, body, part) => exclusively(digest, () => put(digest, body, part)),
    async touch(digest) {
      const before = await head(digest);
      // An upload may take hours: who asks about one does not wait for its end.
      if (!before?.complete) return before;
      return exclusively(digest, async () => {
        const now = await head(digest);
        if (now?.complete) await refresh(digest);
        return now;
      });
    },
    async get(digest, range) {
      const path = finalPath(digest);
      const sizeBytes = await sizeOf(path);
      if (sizeBytes === null) return null;
      if (sizeBytes === 0) return { sizeBytes, body: Readable.from([]) };
      return { sizeBytes, body: createReadStream(path, range) };
    },
    async path(digest) {
      return (await sizeOf(finalPath(digest))) === null ? null : finalPath(digest);
    },
    async removeUnused(digest, since) {
      if (busy.has(digest)) return false;
      return exclusively(digest, async () => {
        let removed = false;
        for (const path of [finalPath(digest), uploadPath(digest)]) {
          const info = await stat(path).catch(() => null);
          if (!info || info.mtimeMs >= since) continue;
          await rm(path, { force: true });
          removed = true;
        }
        return removed;
      });
    },
    async *list() {
      for (const prefix of await namesIn(join(dir, 'sha256'))) yield* filesIn(join(dir, 'sha256', prefix), true);
      yield* filesIn(join(dir, 'uploads'), false);
    },
  };
}

const isFull = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');

/** What a disk has not taken may be lost from memory as well: then nobody may go on from it. */
async function synced(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

async function* filesIn(folder: string, complete: boolean) {
  for (const hex of await namesIn(folder)) {
    const info = await stat(join(folder, hex)).catch(() => null);
    if (info) yield { digest: `sha256:${hex}`, complete, usedAt: info.mtime };
  }
}
