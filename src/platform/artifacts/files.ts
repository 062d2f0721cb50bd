/**
 * Artifacts as files: `<dir>/sha256/ab/<hex>` when complete, `<dir>/uploads/<hex>` while they come. Bytes are hashed while
 * they stream; only what hashes to its name is renamed into place, so a wrong digest or a kill leaves nothing behind
 * under a name that anybody would read. A file's mtime is when somebody last counted on it.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ArtifactInfo, ArtifactStore, OpenArtifact, PutOutcome, UploadPart } from './port.ts';
import { type Claim, createRoom } from './room.ts';
import { createTurns } from './turns.ts';

/** An upload that goes no further. */
class Stopped extends Error {
  readonly why: 'too_large' | 'no_space';

  constructor(why: 'too_large' | 'no_space') {
    super(why);
    this.why = why;
  }
}

export function createFileArtifacts(options: { dir: string; maxBytes: number }): ArtifactStore {
  const { dir, maxBytes } = options;
  const room = createRoom(dir);
  const hexOf = (digest: string) => digest.slice('sha256:'.length);
  const finalPath = (digest: string) => join(dir, 'sha256', hexOf(digest).slice(0, 2), hexOf(digest));
  const uploadPath = (digest: string) => join(dir, 'uploads', hexOf(digest));
  const turns = createTurns();

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

  async function write(digest: string, body: Readable, part: UploadPart): Promise<PutOutcome> {
    const present = await head(digest);
    if (present?.complete) {
      await refresh(digest);
      body.resume();
      return { state: 'complete', sizeBytes: present.receivedBytes };
    }
    const received = part.offset === 0 ? 0 : (present?.receivedBytes ?? 0);
    if (part.offset !== received) return { state: 'wrong_offset', receivedBytes: present?.receivedBytes ?? 0 };
    if ((part.total ?? 0) > maxBytes) return { state: 'too_large', maxBytes };

    await mkdir(join(dir, 'uploads'), { recursive: true, mode: 0o700 });
    const claim = await room.claim(part.total === null ? null : part.total - received);
    if (!claim) return noSpace(present?.receivedBytes ?? 0);
    try {
      return await receive(digest, body, { ...part, received, claim });
    } finally {
      claim.release();
    }
  }

  /** Appends to what was received, and gives it its name when it is all there. */
  async function receive(
    digest: string,
    body: Readable,
    { total, received, claim }: UploadPart & { received: number; claim: Claim },
  ): Promise<PutOutcome> {
    const path = uploadPath(digest);
    const hash = createHash('sha256');
    if (received > 0) await pipeline(createReadStream(path), hash, { end: false });
    let size = received;
    async function* metered() {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > maxBytes) throw new Stopped('too_large');
        if (!(await claim.write(chunk.length))) throw new Stopped('no_space');
        hash.update(chunk);
        yield chunk;
      }
    }
    const file = createWriteStream(path, { flags: received > 0 ? 'a' : 'w', mode: 0o600 });
    const closed = new Promise<void>((resolve) => file.once('close', resolve));
    try {
      // A pipeline that breaks rejects at once, but what the disk is just taking still lands: whoever goes on from the size
      // that the file has meanwhile would have that piece twice.
      await pipeline(metered, file).finally(() => closed);
    } catch (error) {
      return await stopped(path, total, error);
    }
    if (total !== null && size < total) return { state: 'partial', receivedBytes: size };
    const actual = `sha256:${hash.digest('hex')}`;
    if (actual !== digest || (total !== null && size !== total)) {
      await rm(path, { force: true });
      return { state: 'mismatch', actual };
    }
    await mkdir(join(finalPath(digest), '..'), { recursive: true, mode: 0o700 });
    await synced(path);
    await isOfSize(path, size);
    await rename(path, finalPath(digest));
    return { state: 'complete', sizeBytes: size };
  }

  /** @throws what is neither: when the client went away, what came stays and can be resumed */
  async function stopped(path: string, total: number | null, error: unknown): Promise<PutOutcome> {
    const tooLarge = error instanceof Stopped && error.why === 'too_large';
    const full = isFull(error);
    if (!tooLarge && !full) throw error;
    // Of what has no known end nobody can tell whether it will ever fit: it does not keep the disk full meanwhile.
    if (tooLarge || total === null) await rm(path, { force: true });
    return tooLarge ? { state: 'too_large', maxBytes } : noSpace((await sizeOf(path)) ?? 0);
  }

  const noSpace = async (receivedBytes: number): Promise<PutOutcome> => ({
    state: 'no_space',
    receivedBytes,
    reservedBytes: await room.reserve(),
  });

  async function put(digest: string, body: Readable, part: UploadPart): Promise<PutOutcome> {
    try {
      return await write(digest, body, part);
    } catch (error) {
      if (!isFull(error)) throw error;
      return noSpace((await sizeOf(uploadPath(digest))) ?? 0);
    }
  }

  return {
    head,
    put: (digest, body, part) => turns.take(digest, () => put(digest, body, part)),
    async touch(digest) {
      const before = await head(digest);
      // An upload may take hours: who asks about one does not wait for its end.
      if (!before?.complete) return before;
      return turns.take(digest, async () => {
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
    async open(digest) {
      return (await sizeOf(finalPath(digest))) === null ? null : openFile(finalPath(digest));
    },
    async removeUnused({ digest, complete }, since) {
      if (turns.isTaken(digest)) return false;
      return turns.take(digest, async () => {
        const path = complete ? finalPath(digest) : uploadPath(digest);
        const info = await stat(path).catch(() => null);
        if (!info || info.mtimeMs >= since) return false;
        await rm(path, { force: true });
        return true;
      });
    },
    async *list() {
      for (const prefix of await namesIn(join(dir, 'sha256'))) yield* filesIn(join(dir, 'sha256', prefix), true);
      yield* filesIn(join(dir, 'uploads'), false);
    },
  };
}

function isFull(error: unknown): boolean {
  if (error instanceof Stopped) return error.why === 'no_space';
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}

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

/** The hash is of what came; this is what is there, should anybody else have written to it. */
async function isOfSize(path: string, size: number): Promise<void> {
  const { size: actual } = await stat(path);
  if (actual === size) return;
  await rm(path, { force: true });
  throw new Error(`${path} has ${actual} bytes where ${size} were written: another process writes to this folder`);
}

async function openFile(path: string): Promise<OpenArtifact> {
  const file = await open(path, 'r');
  return {
    sizeBytes: (await file.stat()).size,
    async read(start, length) {
      const buffer = Buffer.alloc(length);
      const { bytesRead } = await file.read(buffer, 0, length, start);
      return buffer.subarray(0, bytesRead);
    },
    close: () => file.close(),
  };
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

async function* filesIn(folder: string, complete: boolean) {
  for (const hex of await namesIn(folder)) {
    const info = await stat(join(folder, hex)).catch(() => null);
    if (info) yield { digest: `sha256:${hex}`, complete, usedAt: info.mtime };
  }
}
