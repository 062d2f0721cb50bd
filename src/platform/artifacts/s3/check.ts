/** Is the store as artifacts need it? In words, for a start and for `/readyz`. */
import type { Objects } from './objects.ts';
import { StoreRefusal } from './request.ts';

/** `/readyz` is asked every few seconds, and each question to a store may cost money. */
const KNOWN_FOR_MS = 10_000;

/** Whether it may be written to, read and removed from. `mayPass`: it may be mended by waiting. */
export async function troubleWithStore(
  objects: Objects,
  prefix: string,
): Promise<{ words: string; mayPass: boolean } | undefined> {
  const key = probeKey(prefix);
  try {
    await objects.probe(key);
    await objects.put(key, Buffer.alloc(0));
    await objects.remove(key);
    return undefined;
  } catch (error) {
    if (!(error instanceof StoreRefusal)) throw error;
    return { words: error.message, mayPass: !error.isLasting };
  }
}

/** A check that several may ask at once, and that asks the store seldom. */
export function createStoreCheck(
  objects: Objects,
  prefix: string,
  now: () => number,
): () => Promise<string | undefined> {
  let last: { at: number; said: Promise<string | undefined> } | undefined;
  return () => {
    if (!last || now() - last.at > KNOWN_FOR_MS)
      last = {
        at: now(),
        said: objects.probe(probeKey(prefix)).then(
          () => undefined,
          (error: unknown) => (error instanceof Error ? error.message : String(error)),
        ),
      };
    return last.said;
  };
}

const probeKey = (prefix: string): string => `${prefix === '' ? '' : `${prefix}/`}probe`;
