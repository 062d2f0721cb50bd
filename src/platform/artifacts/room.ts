/**
 * May so many bytes be written to the disk of the artifacts? Others live on it, Postgres among them, which stops when it is
 * full: a reserve stays free for them, and what uploads in flight have still to write is counted as written.
 */
import { statfs } from 'node:fs/promises';

const RESERVE_BYTES = 512 * 1024 ** 2;
/** Of a disk on which 512 MiB would be more than this. */
const RESERVE_SHARE = 0.05;
/** How much of the reserve may be gone before the disk is looked at again: every 64 MiB on a large one. */
const STRETCH_SHARE = 1 / 8;

export interface Room {
  /** Null when there is none. `bytes` null: it is not known how many, and room is asked for as they come. */
  claim(bytes: number | null): Promise<Claim | null>;
  /** What stays free for others. */
  reserve(): Promise<number>;
}

export interface Claim {
  /** To be told before bytes are written. False when there is no more room: somebody else has filled the disk. */
  write(bytes: number): Promise<boolean>;
  release(): void;
}

export function createRoom(dir: string): Room {
  /** The uploads in flight, each with what it has still to write. */
  const claims = new Set<{ rest: number }>();

  async function look(): Promise<{ free: number; reserve: number; stretch: number }> {
    const { bavail, blocks, bsize } = await statfs(dir);
    const reserve = Math.min(RESERVE_BYTES, Math.floor(blocks * bsize * RESERVE_SHARE));
    return { free: bavail * bsize - reserve, reserve, stretch: Math.ceil(reserve * STRETCH_SHARE) };
  }

  const promised = (): number => [...claims].reduce((sum, { rest }) => sum + rest, 0);

  return {
    reserve: async () => (await look()).reserve,
    async claim(bytes) {
      const { free, stretch } = await look();
      const own = { rest: bytes ?? stretch };
      if (promised() + own.rest > free) return null;
      claims.add(own);
      let unseen = 0;
      return {
        async write(count) {
          if (bytes !== null) own.rest = Math.max(0, own.rest - count);
          unseen += count;
          if (unseen < stretch) return true;
          unseen = 0;
          return promised() + count <= (await look()).free;
        },
        release: () => void claims.delete(own),
      };
    },
  };
}
