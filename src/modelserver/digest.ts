/** What are these bytes? Streaming, so that a file of any size takes a constant amount of memory. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** `sha256:` and 64 hexadecimal digits. @throws what opening or reading the file throws. */
export async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}
