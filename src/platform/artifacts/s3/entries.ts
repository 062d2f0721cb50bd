/**
 * Entries: what makes an artifact of bytes, counting on it, and removing bytes, between processes that share nothing but the
 * store. Each writes first and looks afterwards: who counts on bytes writes their entry anew and looks for marks; who
 * removes some sets a mark of its own and looks at the entry. A store answers what was written last, so at least one sees the
 * other and gives way. Nothing is locked: a lock in Postgres was lost after 15 seconds while the store went on deleting.
 */
import { randomBytes } from 'node:crypto';
import { type Begun, discard, type Layout } from './begun.ts';
import { type Objects, UploadGone } from './objects.ts';
import { StoreRefusal } from './request.ts';

/** Whoever set a mark has removed the bytes by then, or was killed; besides, clocks may differ by a quarter of an hour. */
const MARK_COUNTS_MS = 30 * 60_000;
/** A removal that has come no further gives up, long before its mark ends. */
const REMOVE_WITHIN_MS = 2 * 60_000;
/** Of what others change meanwhile. */
const TRIES = 3;

export interface Entry {
  object: string;
  sizeBytes: number;
}

type FoundEntry = Entry & { usedAt: Date; etag: string };

export interface Entries {
  /** What the entry says, whatever became of the bytes. */
  named(digest: string): Promise<FoundEntry | null>;
  /** An entry without its bytes is as good as none: they may come again. */
  whole(digest: string): Promise<FoundEntry | null>;
  /** As `whole`, and says that somebody counts on it. @throws StoreRefusal while something of it is being removed */
  renew(digest: string): Promise<Entry | null>;
  /** Answers the entry that counts: another one when that was first. @throws UploadGone, StoreRefusal as `renew` */
  publish(digest: string, own: Entry): Promise<Entry>;
  /** Removes what was begun, and the entry that names it unless somebody has counted on that since. False: it stays. */
  remove(digest: string, begun: Pick<Begun, 'id' | 'upload'>, since: number): Promise<boolean>;
}

export function createEntries(objects: Objects, layout: Layout): Entries {
  const textOf = ({ object, sizeBytes }: Entry): Buffer => Buffer.from(`${JSON.stringify({ object, sizeBytes })}\n`);

  async function named(digest: string): Promise<FoundEntry | null> {
    const found = await objects.read(layout.entry(digest));
    if (!found) return null;
    return { ...(JSON.parse(found.bytes.toString('utf8')) as Entry), usedAt: found.changedAt, etag: found.etag };
  }

  async function whole(digest: string): Promise<FoundEntry | null> {
    const entry = await named(digest);
    return entry && (await objects.head(layout.bytes(digest, entry.object))) && entry;
  }

  /** To be asked after the entry was written. The bytes last: a removal that has ended has taken its mark with it. */
  async function stays(digest: string, object: string): Promise<boolean> {
    for await (const { changedAt } of objects.list(layout.marksOf(digest)))
      if (Date.now() - changedAt.getTime() < MARK_COUNTS_MS) throw changing();
    return (await objects.head(layout.bytes(digest, object))) !== null;
  }

  async function renew(digest: string): Promise<Entry | null> {
    for (let left = TRIES; left > 0; left--) {
      const entry = await whole(digest);
      if (!entry) return null;
      if (!(await objects.replace(layout.entry(digest), textOf(entry), entry.etag))) continue;
      if (await stays(digest, entry.object)) return entry;
    }
    throw changing();
  }

  return {
    named,
    whole,
    renew,
    async publish(digest, own) {
      for (let left = TRIES; left > 0; left--) {
        const other = await renew(digest);
        if (other) return other;
        const dead = await named(digest);
        const key = layout.entry(digest);
        const isWritten = dead ? objects.replace(key, textOf(own), dead.etag) : objects.create(key, textOf(own));
        if (!(await isWritten)) continue;
        if (await stays(digest, own.object)) return own;
        throw new UploadGone('its bytes were removed');
      }
      throw changing();
    },
    async remove(digest, begun, since) {
      const mark = layout.mark(digest, begun.id, randomBytes(4).toString('hex'));
      const until = performance.now() + REMOVE_WITHIN_MS;
      const inTime = (): void => {
        if (performance.now() > until)
          throw new StoreRefusal('', 'The artifact store takes too long to remove.', false);
      };
      await objects.put(mark, Buffer.alloc(0));
      const entry = await named(digest);
      if (entry?.object === begun.id) {
        if (entry.usedAt.getTime() >= since) {
          await objects.remove(mark);
          return false;
        }
        inTime();
        await objects.remove(layout.entry(digest));
      }
      await discard(objects, layout, digest, begun, inTime);
      await objects.remove(mark); // Last: while it is there, the next sweep finds what is left.
      return true;
    },
  };
}

const changing = (): StoreRefusal =>
  new StoreRefusal('Changing', 'Bytes of this artifact are being removed just now. Try again in a minute.', false);
