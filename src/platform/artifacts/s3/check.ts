/** Is the store as artifacts need it? In words, for a start and for `/readyz`. */
import type { Objects } from './objects.ts';
import { isFull, StoreRefusal } from './request.ts';

/** `/readyz` is asked every few seconds, and each question to a store may cost money. */
const READ_KNOWN_FOR_MS = 10_000;
const WRITE_KNOWN_FOR_MS = 5 * 60_000;

export interface StoreTrouble {
  /** For whoever starts it: with what the log alone may have otherwise. */
  words: string;
  /** It may be mended by waiting. */
  mayPass: boolean;
  /** Whoever has it may read, and sweep. */
  isFull: boolean;
}

/** Who signs addresses reads; who receives artifacts writes and removes as well. Nobody is asked for a right that is not used. */
export type Use = 'read' | 'write';

/** Whether it may be read, and for who writes, written to and removed from. */
export async function troubleWithStore(objects: Objects, prefix: string, use: Use): Promise<StoreTrouble | undefined> {
  try {
    await objects.probe(probeKey(prefix));
    if (use === 'write') await write(objects, prefix);
    return undefined;
  } catch (error) {
    if (!(error instanceof StoreRefusal)) throw error;
    const { message, cause, isLasting } = error;
    const why = error.reason === 'NoCredentials' && cause instanceof Error ? ` ${cause.message}.` : '';
    return { words: `${message}${why}`, mayPass: !isLasting, isFull: isFull(error) };
  }
}

/** A check that several may ask at once, and that asks the store seldom. A store that is full answers whoever reads. */
export function createStoreCheck(
  objects: Objects,
  prefix: string,
  use: Use,
  now: () => number,
): () => Promise<string | undefined> {
  const read = seldom(READ_KNOWN_FOR_MS, now, () => objects.probe(probeKey(prefix)));
  const written = seldom(WRITE_KNOWN_FOR_MS, now, () => write(objects, prefix));
  return async () => (await read()) ?? (use === 'write' ? await written() : undefined);
}

function seldom(knownForMs: number, now: () => number, ask: () => Promise<void>): () => Promise<string | undefined> {
  let last: { at: number; said: Promise<string | undefined> } | undefined;
  return () => {
    if (!last || now() - last.at > knownForMs)
      last = {
        at: now(),
        said: ask().then(
          () => undefined,
          (error: unknown) => (error instanceof Error ? error.message : String(error)),
        ),
      };
    return last.said;
  };
}

/**
 * S3 tells of the right to write, and of room, by a write alone: a bucket's HEAD and list need other rights. So an object without
 * bytes comes and goes. One whose answer was lost may have come all the same, and goes as well where the store can be
 * asked again; otherwise the next check takes it along, as all use one name.
 */
async function write(objects: Objects, prefix: string): Promise<void> {
  const key = probeKey(prefix);
  try {
    await objects.put(key, Buffer.alloc(0));
  } catch (error) {
    if (error instanceof StoreRefusal && !error.isLasting) await objects.remove(key, 'hasty').catch(() => {});
    throw error;
  }
  await objects.remove(key);
}

const probeKey = (prefix: string): string => `${prefix === '' ? '' : `${prefix}/`}probe`;
