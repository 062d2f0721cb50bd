/**
 * A file into the artifact store, under the digest of its bytes. What is there already is not sent again; what was cut
 * goes on where the server has it. The server checks the digest before anybody can read the artifact.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { createBackoff } from '../lib/backoff.ts';
import { CLIENT_CODES, ClopsFault, unreachable } from './fault.ts';
import type { Connection } from './request.ts';

/** Tries without any byte getting through before it gives up. */
const ATTEMPTS = 6;
/** Bytes read at once. With Node's 64 KiB an upload is bound by the number of pieces. */
const CHUNK = 1024 * 1024;

export interface UploadProgress {
  phase: 'hashing' | 'sending';
  doneBytes: number;
  totalBytes: number;
}

export interface UploadOptions {
  onProgress?: (progress: UploadProgress) => void;
  signal?: AbortSignal;
}

export interface Uploaded {
  /** `sha256:` and 64 hex digits. */
  digest: string;
  sizeBytes: number;
  /** The store had it before. */
  alreadyThere: boolean;
}

/** @throws ClopsFault, or the error of the file system. */
export async function uploadArtifact(
  connection: Connection,
  file: string,
  { onProgress = () => {}, signal }: UploadOptions = {},
): Promise<Uploaded> {
  const before = await stat(file);
  const { size: totalBytes } = before;
  const tell = (phase: UploadProgress['phase']) => (doneBytes: number) => onProgress({ phase, doneBytes, totalBytes });
  const digest = await digestOf(file, tell('hashing'), signal);
  const target = { ...connection, file, digest, totalBytes, onBytes: tell('sending'), signal };
  const backoff = createBackoff({ initialMs: 300, maxMs: 5_000 });
  let failures = 0;
  let furthest = 0;
  let wasTaken = false;
  for (let first = true; ; first = false) {
    try {
      const there = await head(target);
      if (there === 'complete') return { digest, sizeBytes: totalBytes, alreadyThere: first };
      if (there > furthest) {
        furthest = there;
        failures = 0;
        backoff.reset();
      } else if (wasTaken) {
        wasTaken = false;
        throw noProgress(there, totalBytes);
      }
      await put(target, there);
      wasTaken = true;
    } catch (error) {
      signal?.throwIfAborted();
      const now = await stat(file);
      if (now.size !== before.size || now.mtimeMs !== before.mtimeMs) throw changed(file, error);
      if (!(error instanceof ClopsFault) || !error.retryable || ++failures >= ATTEMPTS) throw error;
      await sleep(backoff.next(), undefined, signal && { signal });
    }
  }
}

/** It says yes to each part and has no more than before: asked without a pause, that went on for ever. */
const noProgress = (there: number, totalBytes: number): ClopsFault =>
  new ClopsFault(
    'STORE_UNAVAILABLE',
    `The artifact store has ${there} of ${totalBytes} bytes, and no more after what was sent to it.`,
    { retryable: true },
  );

/** Whatever the store says then: the bytes that were hashed are no longer there to be sent. */
const changed = (file: string, cause: unknown): ClopsFault =>
  new ClopsFault(
    CLIENT_CODES.FILE_CHANGED,
    `${file} changed while it was sent. Send it again when nothing writes to it any more.`,
    { cause },
  );

async function digestOf(file: string, onBytes: (done: number) => void, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  let done = 0;
  for await (const chunk of createReadStream(file, {
    highWaterMark: CHUNK,
    ...(signal && { signal }),
  }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    done += chunk.length;
    onBytes(done);
  }
  return `sha256:${hash.digest('hex')}`;
}

interface Target extends Connection {
  file: string;
  digest: string;
  totalBytes: number;
  onBytes: (done: number) => void;
  signal: AbortSignal | undefined;
}

/** Bytes that the store has, or that it has all of them. */
async function head(target: Target): Promise<number | 'complete'> {
  const response = await send(target, { method: 'HEAD' });
  if (response.ok) return 'complete';
  if (response.status === 404) return Number(response.headers.get('upload-offset') ?? 0);
  throw await refusal(response);
}

/** Sends what is missing. How far it got, `head` says. */
async function put(target: Target, there: number): Promise<void> {
  const { file, totalBytes, onBytes } = target;
  // When all bytes are there but were never checked, there is nothing to go on with: they are sent again.
  const offset = there < totalBytes ? there : 0;
  const body = async function* (): AsyncGenerator<Buffer> {
    let done = offset;
    for await (const chunk of createReadStream(file, {
      highWaterMark: CHUNK,
      start: offset,
      end: totalBytes - 1,
    }) as AsyncIterable<Buffer>) {
      yield chunk;
      done += chunk.length;
      onBytes(done);
    }
  };
  const range = `bytes ${offset}-${totalBytes - 1}/${totalBytes}`;
  const response = await send(target, {
    method: 'PUT',
    // The range of an empty file cannot be written.
    ...(totalBytes > 0 && {
      headers: { 'content-range': range },
      body: Readable.toWeb(Readable.from(body(), { objectMode: false })) as ReadableStream,
      duplex: 'half',
    }),
  });
  if (!response.ok) throw await refusal(response);
}

async function send(target: Target, init: RequestInit): Promise<Response> {
  const { url, token, digest, signal } = target;
  const headers = { ...init.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) };
  try {
    return await fetch(`${url}/artifacts/${digest}`, { ...init, headers, ...(signal && { signal }) });
  } catch (error) {
    signal?.throwIfAborted();
    throw unreachable(url, error);
  }
}

const CODES: Readonly<Record<number, string>> = {
  401: 'UNAUTHENTICATED',
  409: 'CONFLICT',
  413: 'LIMIT_EXCEEDED',
  422: 'DIGEST_MISMATCH',
  503: 'STORE_UNAVAILABLE',
  507: 'STORE_UNAVAILABLE',
};

async function refusal(response: Response): Promise<ClopsFault> {
  const text = await response.text();
  let message = text.slice(0, 300);
  try {
    message = (JSON.parse(text) as { error?: string }).error ?? message;
  } catch {
    // Not JSON: in its own words.
  }
  const code = CODES[response.status] ?? CLIENT_CODES.NOT_THE_API;
  // What HEAD is answered has no words.
  const unsaid =
    response.status === 503
      ? 'The artifact store cannot be used just now; /readyz?verbose of the API says why.'
      : `The artifact store answered ${response.status}.`;
  return new ClopsFault(code, message || unsaid, {
    // 409: somebody else sends the same bytes, and it stands elsewhere than `head` said. 507: a person has to make room.
    retryable: (response.status >= 500 && response.status !== 507) || response.status === 409,
  });
}
