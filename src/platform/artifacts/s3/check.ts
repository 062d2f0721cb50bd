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

/** Whether it may be written to, read and removed from. */
export async function troubleWithStore(objects: Objects, prefix: string): Promise<StoreTrouble | undefined> {
  try {
    await objects.probe(probeKey(prefix));
    await write(objects, prefix);
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
  now: () => number,
): () => Promise<string | undefined> {
  const read = seldom(READ_KNOWN_FOR_MS, now, () => objects.probe(probeKey(prefix)));
  const written = seldom(WRITE_KNOWN_FOR_MS, now, () => write(objects, prefix));
  return async () => (await read()) ?? (await written());
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

async function write(objects: Objects, prefix: string): Promise<void> {
  await objects.put(probeKey(prefix), Buffer.alloc(0));
  await objects.remove(probeKey(prefix));
}

const probeKey = (prefix: string): string => `${prefix === '' ? '' : `${prefix}/`}probe`;
