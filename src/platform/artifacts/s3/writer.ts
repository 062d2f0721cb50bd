/** Bytes of an upload into parts of the size that the store wants, the next one gathered while one is sent. */
import { type Begun, type Layout, record } from './begun.ts';
import type { Objects } from './objects.ts';

export interface Writer {
  /** Waits while a part is sent and the next one is full. @throws StoreRefusal, UploadGone */
  write(chunk: Buffer): Promise<void>;
  /** Keeps what came after the last whole part, for whoever goes on. */
  keep(): Promise<void>;
  /** Nothing is on its way any more, whatever became of it. */
  settled(): Promise<void>;
  /** Makes one object of all of it. */
  join(): Promise<void>;
}

export function createWriter(options: {
  objects: Objects;
  layout: Layout;
  digest: string;
  begun: Begun;
  /** What came after its parts. */
  rest: Buffer;
  partBytes: number;
}): Writer {
  const { objects, layout, digest, begun, rest, partBytes } = options;
  const key = layout.bytes(digest, begun.id);
  let gathered = rest.length > 0 ? [rest] : [];
  let count = rest.length;
  let sending: Promise<void> = Promise.resolve();

  /** Takes so many bytes of what was gathered. */
  function take(bytes: number): Buffer {
    const all = gathered.length === 1 && gathered[0] ? gathered[0] : Buffer.concat(gathered, count);
    const left = all.subarray(bytes);
    gathered = left.length > 0 ? [left] : [];
    count = left.length;
    return all.subarray(0, bytes);
  }

  async function send(body: Buffer): Promise<void> {
    if (begun.upload === undefined) {
      begun.upload = await objects.beginParts(key);
      await record(objects, layout, digest, begun, Buffer.alloc(0));
    }
    const part = await objects.putPart(key, begun.upload, begun.parts.length + 1, body);
    begun.parts.push(part);
    begun.storedBytes += body.length;
  }

  return {
    async write(chunk) {
      gathered.push(chunk);
      count += chunk.length;
      begun.receivedBytes += chunk.length;
      while (count >= partBytes) {
        await sending;
        sending = send(take(partBytes));
        sending.catch(() => {}); // Whoever waits for it next is told.
      }
    },
    async keep() {
      await sending;
      if (begun.receivedBytes > 0) await record(objects, layout, digest, begun, take(count));
    },
    settled: () => sending.catch(() => {}),
    async join() {
      await sending;
      if (begun.parts.length === 0) {
        await record(objects, layout, digest, begun, Buffer.alloc(0));
        await objects.put(key, take(count));
      } else {
        if (count > 0) await send(take(count));
        await objects.joinParts(key, begun.upload ?? '', begun.parts);
      }
      begun.isJoined = true;
    },
  };
}
