/**
 * Artifacts in an S3 bucket. An entry `sha256/<hex>` names the bytes of an artifact, `bytes/<hex>/<id>`, and is written
 * once they were found to be right, so nobody reads others under a digest; its time is when somebody last counted on it.
 * What is begun is in the store as well (`begun.ts`), so processes share one without speaking to one another.
 *
 * An upload in one piece is hashed on its way. One in several is read once more when it is all there: what came before
 * came through another process, and parts cannot be read.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ArtifactStore, PutOutcome, UploadPart } from '../port.ts';
import { createTurns } from '../turns.ts';
import { type Begun, discard, findBegun, layoutOf, lookAt, newBegun, restOf } from './begun.ts';
import { createEntries } from './entries.ts';
import { type Objects, UploadGone } from './objects.ts';
import { StoreRefusal } from './request.ts';
import { createWriter } from './writer.ts';

const MIB = 1024 ** 2;
/** S3 takes parts of 5 MiB or more, and 10,000 of them. Two are in memory for each upload that is received. */
const PART_BYTES = 8 * MIB;
const MOST_PARTS = 10_000;
/** What nobody has sent a part for so long is not on its way. */
const IDLE_MS = 15 * 60_000;
/** Also an entry that nobody counts on any more keeps its bytes. */
const NEVER = Number.NEGATIVE_INFINITY;
/** Read at once of an artifact that is read here and there. */
const BLOCK_BYTES = 256 * 1024;

export interface S3Artifacts extends ArtifactStore {
  /** Where its bytes may be read for so many seconds without any key; null when it is not complete. */
  addressOf(digest: string, seconds: number): Promise<string | null>;
}

export function createS3Artifacts(options: { objects: Objects; prefix: string; maxBytes: number }): S3Artifacts {
  const { objects, maxBytes } = options;
  const layout = layoutOf(options.prefix);
  const partBytes = Math.max(PART_BYTES, Math.ceil(maxBytes / MOST_PARTS / MIB) * MIB);
  const turns = createTurns();
  const entries = createEntries(objects, layout);

  async function head(digest: string) {
    const entry = await entries.whole(digest);
    if (entry) return { digest, receivedBytes: entry.sizeBytes, complete: true };
    const [furthest] = await findBegun(objects, layout, digest);
    return furthest ? { digest, receivedBytes: furthest.receivedBytes, complete: false } : null;
  }

  /** What stays of it goes with the sweep. */
  const quietly = (digest: string, begun: Begun): Promise<void> =>
    discard(objects, layout, digest, begun).catch(() => {});

  async function write(digest: string, body: Readable, part: UploadPart): Promise<PutOutcome> {
    const entry = await entries.renew(digest);
    if (entry) {
      body.resume();
      return { state: 'complete', sizeBytes: entry.sizeBytes };
    }
    if ((part.total ?? 0) > maxBytes) return { state: 'too_large', maxBytes };
    const begun = await findBegun(objects, layout, digest);
    if (part.offset > 0) {
      const there = begun.find(({ receivedBytes, isJoined }) => receivedBytes === part.offset && !isJoined);
      if (!there) return { state: 'wrong_offset', receivedBytes: begun[0]?.receivedBytes ?? 0 };
      return receive(digest, body, part, there);
    }
    // All of it came, and whoever received it ended before it was looked at: it need not come again.
    const whole = begun.find(({ receivedBytes }) => receivedBytes === part.total && part.total > 0);
    if (whole) {
      const outcome = await finish(digest, whole, await restOf(objects, layout, digest, whole));
      if (outcome.state === 'complete') {
        body.resume();
        return outcome;
      }
    }
    // Another process may be receiving one just now; what nobody writes to is not kept beside this one.
    // Where that fails, the sweep does it.
    for (const other of begun.filter(({ idleMs }) => idleMs > IDLE_MS))
      await entries.remove(digest, other, NEVER).catch(() => {});
    return receive(digest, body, part, newBegun());
  }

  async function receive(digest: string, body: Readable, { total }: UploadPart, begun: Begun): Promise<PutOutcome> {
    const hash = begun.receivedBytes > 0 ? undefined : createHash('sha256');
    const rest = await restOf(objects, layout, digest, begun);
    const writer = createWriter({ objects, layout, digest, begun, rest, partBytes });
    const drop = async (outcome: PutOutcome): Promise<PutOutcome> => {
      await writer.settled(); // What is still on its way would be there afterwards.
      await quietly(digest, begun);
      return outcome;
    };
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        if (begun.receivedBytes + chunk.length > maxBytes) {
          return await drop({ state: 'too_large', maxBytes });
        }
        hash?.update(chunk);
        await writer.write(chunk);
      }
    } catch (error) {
      // When the client went away, what came stays and can be resumed.
      if (!(error instanceof StoreRefusal || error instanceof UploadGone)) await writer.keep();
      throw error;
    }
    if (total !== null && begun.receivedBytes < total) {
      await writer.keep();
      return { state: 'partial', receivedBytes: begun.receivedBytes };
    }
    const actual = hash && `sha256:${hash.digest('hex')}`;
    if (actual !== undefined && actual !== digest) return drop({ state: 'mismatch', actual });
    await writer.join();
    return actual === undefined ? verify(digest, begun) : publish(digest, begun);
  }

  /** Of one that was left when everything had come. */
  async function finish(digest: string, begun: Begun, rest: Buffer): Promise<PutOutcome> {
    if (!begun.isJoined) await createWriter({ objects, layout, digest, begun, rest, partBytes }).join();
    return verify(digest, begun);
  }

  async function verify(digest: string, begun: Begun): Promise<PutOutcome> {
    const found = await objects.get(layout.bytes(digest, begun.id));
    if (!found) throw new UploadGone('its bytes are gone');
    const hash = createHash('sha256');
    try {
      for await (const chunk of found.body) hash.update(chunk as Buffer);
    } catch (cause) {
      throw new StoreRefusal('', 'The artifact store broke off while an upload was read again.', false, { cause });
    }
    const actual = `sha256:${hash.digest('hex')}`;
    if (actual === digest) return publish(digest, begun);
    await quietly(digest, begun);
    return { state: 'mismatch', actual };
  }

  async function publish(digest: string, begun: Begun): Promise<PutOutcome> {
    const entry = await entries.publish(digest, { object: begun.id, sizeBytes: begun.receivedBytes });
    if (entry.object === begun.id) await objects.remove(layout.record(digest, begun.id));
    else await quietly(digest, begun);
    // What else was begun ends here, but for what is joined: its own process decides about that, or the sweep.
    for (const { id, upload, receivedBytes, isJoined } of await findBegun(objects, layout, digest)) {
      if (isJoined || (upload === undefined && receivedBytes === 0)) continue;
      if (upload !== undefined) await objects.abortParts(layout.bytes(digest, id), upload);
      if (!(await objects.head(layout.bytes(digest, id)))) await objects.remove(layout.record(digest, id));
    }
    return { state: 'complete', sizeBytes: entry.sizeBytes };
  }

  async function put(digest: string, body: Readable, part: UploadPart): Promise<PutOutcome> {
    try {
      return await write(digest, body, part);
    } catch (error) {
      if (!(error instanceof UploadGone)) throw error;
      // Another process has finished it, or somebody has removed it.
      const now = await head(digest);
      if (now?.complete) return { state: 'complete', sizeBytes: now.receivedBytes };
      return { state: 'wrong_offset', receivedBytes: now?.receivedBytes ?? 0 };
    }
  }

  async function get(digest: string, range?: { start: number; end: number }) {
    const entry = await entries.named(digest);
    if (!entry) return null;
    const { object, sizeBytes } = entry;
    if (sizeBytes === 0) return { sizeBytes, body: Readable.from([]) };
    const found = await objects.get(layout.bytes(digest, object), range);
    return found && { sizeBytes, body: found.body };
  }

  async function removeArtifact(digest: string, since: number): Promise<boolean> {
    const entry = await entries.named(digest);
    if (!entry || entry.usedAt.getTime() >= since) return false;
    return entries.remove(digest, { id: entry.object, upload: undefined }, since);
  }

  /** And what removals that were killed have left. */
  async function removeBegun(digest: string, since: number): Promise<boolean> {
    const named = (await entries.named(digest))?.object;
    let removed = false;
    for (const begun of await findBegun(objects, layout, digest)) {
      if (begun.usedAt.getTime() >= since) continue;
      if (begun.id === named) await objects.remove(layout.record(digest, begun.id));
      else await entries.remove(digest, begun, NEVER);
      removed = true;
    }
    for await (const { key, changedAt } of objects.list(layout.marksOf(digest))) {
      if (changedAt.getTime() >= since) continue;
      const [id = ''] = key.slice(layout.marksOf(digest).length).split('/');
      if (id !== named) await entries.remove(digest, { id, upload: undefined }, NEVER);
      await objects.remove(key);
      removed = true;
    }
    return removed;
  }

  return {
    head,
    put: (digest, body, part) => turns.take(digest, () => put(digest, body, part)),
    get,
    async touch(digest) {
      const entry = await entries.renew(digest);
      if (!entry) return head(digest);
      return { digest, receivedBytes: entry.sizeBytes, complete: true };
    },
    async open(digest) {
      const entry = await entries.whole(digest);
      if (!entry) return null;
      const { object, sizeBytes } = entry;
      let block: { start: number; bytes: Buffer } = { start: 0, bytes: Buffer.alloc(0) };
      return {
        sizeBytes,
        async read(start, length) {
          const end = Math.min(start + length, sizeBytes);
          if (end <= start) return Buffer.alloc(0);
          if (start < block.start || end > block.start + block.bytes.length) {
            const last = Math.min(Math.max(end, start + BLOCK_BYTES), sizeBytes) - 1;
            const found = await objects.read(layout.bytes(digest, object), { start, end: last });
            block = { start, bytes: found?.bytes ?? Buffer.alloc(0) };
          }
          return block.bytes.subarray(start - block.start, end - block.start);
        },
        close: async () => {},
      };
    },
    async removeUnused({ digest, complete }, since) {
      if (turns.isTaken(digest)) return false;
      return turns.take(digest, () => (complete ? removeArtifact(digest, since) : removeBegun(digest, since)));
    },
    async *list() {
      for await (const { key, changedAt } of objects.list(layout.entries))
        yield { digest: `sha256:${key.slice(layout.entries.length)}`, complete: true, usedAt: changedAt };
      for await (const { key } of objects.list(layout.records)) {
        const [hex = '', id = ''] = key.slice(layout.records.length).split('/');
        const begun = await lookAt(objects, layout, `sha256:${hex}`, id);
        if (begun) yield { digest: `sha256:${hex}`, complete: false, usedAt: begun.usedAt };
      }
      for await (const { key, changedAt } of objects.list(layout.marks)) {
        const [hex] = key.slice(layout.marks.length).split('/');
        yield { digest: `sha256:${hex}`, complete: false, usedAt: changedAt };
      }
    },
    async addressOf(digest, seconds) {
      const entry = await entries.whole(digest);
      if (!entry) return null;
      // A pod has several addresses and takes the one that names its digest. The fragment is not sent.
      return `${await objects.presign(layout.bytes(digest, entry.object), seconds)}#${digest}`;
    },
  };
}
