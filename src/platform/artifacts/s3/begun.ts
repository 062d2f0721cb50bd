/**
 * Uploads that are no artifact yet, as the store knows them, so that any process can go on with one. Each has an object of
 * its own name: the record. Its bytes are parts of an upload in parts, which have a least size and cannot be read; what
 * came after the last whole part is the record's body, so that an upload stands at the byte at which it was cut. Whose
 * process is killed loses that part alone.
 */
import { randomBytes } from 'node:crypto';
import { type Objects, type Part, UploadGone } from './objects.ts';

export interface Begun {
  readonly id: string;
  /** The store's name for the upload in parts; undefined before the first part. */
  upload: string | undefined;
  parts: Part[];
  /** In parts. */
  storedBytes: number;
  /** In parts and after them. */
  receivedBytes: number;
  /** The parts have been joined: the bytes are all there, and nobody has looked at them yet. */
  isJoined: boolean;
  usedAt: Date;
  /** Since then, by the store's clock. */
  idleMs: number;
}

/** Names in the bucket. */
export interface Layout {
  /** What makes an artifact of bytes: it names them. */
  entry(digest: string): string;
  /** Never written twice: bytes that were not looked at cannot take the place of some that were. */
  bytes(digest: string, id: string): string;
  record(digest: string, id: string): string;
  /** Says that bytes are being removed. `own`: of whoever removes them. */
  mark(digest: string, id: string, own: string): string;
  marksOf(digest: string): string;
  readonly entries: string;
  readonly records: string;
  readonly marks: string;
}

export function layoutOf(prefix: string): Layout {
  const at = prefix === '' ? '' : `${prefix}/`;
  const hexOf = (digest: string): string => digest.slice('sha256:'.length);
  return {
    entry: (digest) => `${at}sha256/${hexOf(digest)}`,
    bytes: (digest, id) => `${at}bytes/${hexOf(digest)}/${id}`,
    record: (digest, id) => `${at}uploads/${hexOf(digest)}/${id}`,
    mark: (digest, id, own) => `${at}removals/${hexOf(digest)}/${id}/${own}`,
    marksOf: (digest) => `${at}removals/${hexOf(digest)}/`,
    entries: `${at}sha256/`,
    records: `${at}uploads/`,
    marks: `${at}removals/`,
  };
}

export const newBegun = (): Begun => ({
  id: randomBytes(8).toString('hex'),
  upload: undefined,
  parts: [],
  storedBytes: 0,
  receivedBytes: 0,
  isJoined: false,
  usedAt: new Date(),
  idleMs: 0,
});

/** Keeps what is known of it. `rest`: what came after its parts. */
export async function record(objects: Objects, layout: Layout, digest: string, begun: Begun, rest: Buffer) {
  const metadata = { upload: begun.upload ?? '', from: String(begun.storedBytes) };
  await objects.put(layout.record(digest, begun.id), rest, metadata);
}

/** All of this digest, the one that got furthest first. */
export async function findBegun(objects: Objects, layout: Layout, digest: string): Promise<Begun[]> {
  const found: Begun[] = [];
  for await (const { key } of objects.list(layout.record(digest, ''))) {
    const begun = await lookAt(objects, layout, digest, key.slice(key.lastIndexOf('/') + 1));
    if (begun) found.push(begun);
  }
  return found.sort((one, other) => other.receivedBytes - one.receivedBytes);
}

export async function lookAt(objects: Objects, layout: Layout, digest: string, id: string): Promise<Begun | null> {
  const found = await objects.head(layout.record(digest, id));
  if (!found) return null;
  const usedAt = (at: Date) => ({ usedAt: at, idleMs: found.toldAt.getTime() - at.getTime() });
  const begun = { ...newBegun(), id, ...usedAt(found.changedAt) };
  const upload = found.metadata['upload'] || undefined;
  if (upload === undefined) return { ...begun, receivedBytes: found.sizeBytes };
  const parts = await objects.parts(layout.bytes(digest, id), upload);
  if (parts === null) {
    // The record is as old as the upload, which may have taken hours: it was joined just now.
    const bytes = await objects.head(layout.bytes(digest, id));
    return bytes ? { ...begun, receivedBytes: bytes.sizeBytes, isJoined: true, ...usedAt(bytes.changedAt) } : begun;
  }
  const storedBytes = parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const rest = Number(found.metadata['from']) === storedBytes ? found.sizeBytes : 0;
  const last = new Date(Math.max(Number(found.changedAt), ...parts.map(({ changedAt }) => Number(changedAt))));
  return { ...begun, upload, parts, storedBytes, receivedBytes: storedBytes + rest, ...usedAt(last) };
}

/** What came after the parts. */
export async function restOf(objects: Objects, layout: Layout, digest: string, begun: Begun): Promise<Buffer> {
  if (begun.isJoined || begun.receivedBytes === begun.storedBytes) return Buffer.alloc(0);
  const rest = (await objects.read(layout.record(digest, begun.id)))?.bytes ?? Buffer.alloc(0);
  if (rest.length !== begun.receivedBytes - begun.storedBytes) throw new UploadGone('somebody else goes on with it');
  return rest;
}

/** The record last: as long as it is there, somebody knows what else to remove. `before` each step: may it still be done? */
export async function discard(
  objects: Objects,
  layout: Layout,
  digest: string,
  { id, upload }: Pick<Begun, 'id' | 'upload'>,
  before: () => void = () => {},
) {
  const bytes = layout.bytes(digest, id);
  before();
  if (upload !== undefined) await objects.abortParts(bytes, upload);
  before();
  await objects.remove(bytes);
  await objects.remove(layout.record(digest, id));
}
