/** Bytes by digest. Adapters: the file system (`files.ts`), object stores (`s3/store.ts`). */
import type { Readable } from 'node:stream';

export interface ArtifactInfo {
  digest: string;
  /** Bytes received and kept so far. */
  receivedBytes: number;
  /** True when all bytes are there and their sha256 is the digest. */
  complete: boolean;
}

export type PutOutcome =
  | { state: 'complete'; sizeBytes: number }
  /** More bytes are to come; go on at `receivedBytes`. */
  | { state: 'partial'; receivedBytes: number }
  /** All bytes came but they are something else. Nothing was kept. */
  | { state: 'mismatch'; actual: string }
  | { state: 'too_large'; maxBytes: number }
  /**
   * The disk is full, but for what is kept free for others, or would be. What came of a body of known size stays: go on at
   * `receivedBytes` when there is room.
   */
  | { state: 'no_space'; receivedBytes: number; reservedBytes: number }
  /** The offset is not where the upload stands. */
  | { state: 'wrong_offset'; receivedBytes: number };

/** What a store holds: an artifact, or an upload that is not one yet. */
export interface Held {
  digest: string;
  complete: boolean;
}

/** Bytes that are read here and there. */
export interface OpenArtifact {
  readonly sizeBytes: number;
  /** Fewer than asked for only at the end. */
  read(start: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** Any of these may throw `Unavailable` with the code STORE_UNAVAILABLE. */
export interface ArtifactStore {
  head(digest: string): Promise<ArtifactInfo | null>;
  /** `total` null means: this body ends the upload. `offset` 0 begins anew. Idempotent for what is complete. */
  put(digest: string, body: Readable, part: UploadPart): Promise<PutOutcome>;
  /** Null when not complete. `range` is inclusive, as in HTTP. */
  get(digest: string, range?: { start: number; end: number }): Promise<{ sizeBytes: number; body: Readable } | null>;
  /** For reading a signature without all the rest; null when not complete. */
  open(digest: string): Promise<OpenArtifact | null>;
  /** As `head`; of what is complete it also says that somebody counts on it now, as a repeated `put` does. */
  touch(digest: string): Promise<ArtifactInfo | null>;
  /**
   * Removes it unless it was put, touched or written to since. True when it was removed. Who puts or touches meanwhile, in
   * whichever process, is either seen here or told that it is not complete (or not just now, by a throw).
   */
  removeUnused(held: Held, since: number): Promise<boolean>;
  /** What is there, complete or begun, with when it was last put, touched or written to. */
  list(): AsyncIterable<Held & { usedAt: Date }>;
}

export interface UploadPart {
  offset: number;
  total: number | null;
}
