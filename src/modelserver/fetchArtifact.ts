/**
 * The pod's first step: brings the bytes of a model from a URL to a path, and nothing but the right bytes. A broken
 * connection is resumed where it broke, also by the next process (the unfinished file is kept beside the path). The file
 * appears under its name only when its digest is right. Never logs the URL's query, which may carry a signature.
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { createBackoff } from '../lib/backoff.ts';
import type { Log } from '../lib/log.ts';
import { certificatesIn } from '../lib/pem.ts';
import { digestOfFile } from './digest.ts';
import { DIGEST, FlagError, readFlags } from './flags.ts';

export interface FetchArtifactOptions {
  /** http or https. */
  readonly url: string;
  /** `sha256:` and 64 hexadecimal digits. */
  readonly digest: string;
  readonly path: string;
  readonly log: Log;
  /** Tries in a row that bring no byte, before it gives up. */
  readonly attempts?: number;
  /** A connection without a byte for so long counts as broken. */
  readonly stallMs?: number;
  readonly maxBytes?: number;
  /** First wait between tries; doubles up to 10 s. */
  readonly retryMs?: number;
}

export interface FetchedArtifact {
  readonly bytes: number;
  /** False when the right file was there already. */
  readonly downloaded: boolean;
}

/** A fault that the next try may not have: a broken connection, a busy server. */
class Interrupted extends Error {}

interface Part {
  readonly file: FileHandle;
  hash: Hash;
  size: number;
  /** Begun by an earlier process or another try of the server's file: if the digest is wrong, it is worth starting over. */
  resumed: boolean;
  etag: string | undefined;
}

/** @throws Error whose message is one sentence for people. */
export async function fetchArtifact(options: FetchArtifactOptions): Promise<FetchedArtifact> {
  const { digest, path, log } = options;
  const shown = shownUrl(options.url);
  const present = await rightFile(path, digest);
  if (present !== undefined) {
    log.info({ path, bytes: present }, 'the artifact is there already');
    return { bytes: present, downloaded: false };
  }
  await mkdir(dirname(path), { recursive: true });
  const partPath = `${path}.part`;
  const part = await openPart(partPath);
  try {
    await download(options, part, shown);
    let actual = digestOf(part.hash);
    if (actual !== digest && part.resumed) {
      log.warn({ path, actual }, 'the resumed download has the wrong digest; starting over');
      await startOver(part);
      part.resumed = false;
      await download(options, part, shown);
      actual = digestOf(part.hash);
    }
    if (actual !== digest) {
      await rm(partPath, { force: true });
      throw new Error(`digest of ${shown} is ${actual} but ${digest} was expected`);
    }
    await part.file.sync();
    await rename(partPath, path);
  } finally {
    await part.file.close();
  }
  log.info({ path, bytes: part.size }, 'fetched the artifact');
  return { bytes: part.size, downloaded: true };
}

function shownUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new Error('the URL of the artifact must begin with http:// or https://');
  return `${url.origin}${url.pathname}`;
}

async function rightFile(path: string, digest: string): Promise<number | undefined> {
  try {
    return (await digestOfFile(path)) === digest ? (await stat(path)).size : undefined;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new Error(`${path} cannot be read: ${messageOf(error)}`);
  }
}

async function openPart(path: string): Promise<Part> {
  try {
    const file = await open(path, 'a+');
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
      hash.update(chunk as Buffer);
      size += (chunk as Buffer).length;
    }
    return { file, hash, size, resumed: size > 0, etag: undefined };
  } catch (error) {
    throw new Error(`${path} cannot be written: ${messageOf(error)}`);
  }
}

async function startOver(part: Part): Promise<void> {
  await part.file.truncate(0);
  part.size = 0;
  part.etag = undefined;
  part.hash = createHash('sha256');
}

const digestOf = (hash: Hash): string => `sha256:${hash.copy().digest('hex')}`;

async function download(options: FetchArtifactOptions, part: Part, shown: string): Promise<void> {
  const { log, attempts = 6, retryMs = 500 } = options;
  const backoff = createBackoff({ initialMs: retryMs, maxMs: 10_000, jitter: 0.5 });
  let failures = 0;
  for (;;) {
    const before = part.size;
    try {
      return await attempt(options, part, shown);
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      if (part.size > before) {
        failures = 0;
        backoff.reset();
      }
      failures++;
      if (failures >= attempts)
        throw new Error(`${shown} could not be fetched in ${failures} tries; the last: ${error.message}`);
      const retryInMs = Math.round(backoff.next());
      log.warn({ bytes: part.size, reason: error.message, retryInMs }, 'the download broke off; it will be resumed');
      await sleep(retryInMs);
    }
  }
}

/** One connection. Returns when the server says that this was all; throws Interrupted when it was not. */
async function attempt(options: FetchArtifactOptions, part: Part, shown: string): Promise<void> {
  const { url, stallMs = 30_000, maxBytes = 10 * 1024 ** 3 } = options;
  const abort = new AbortController();
  const stalled = (): void => abort.abort(new Interrupted(`no byte for ${stallMs} ms`));
  let timer = setTimeout(stalled, stallMs);
  try {
    // Identity: a compressed transfer would make ranges and lengths those of other bytes.
    const headers: Record<string, string> = { 'accept-encoding': 'identity' };
    if (part.size > 0) headers['range'] = `bytes=${part.size}-`;
    if (part.size > 0 && part.etag) headers['if-range'] = part.etag;
    const response = await fetch(url, { headers, signal: abort.signal });
    const total = await accept(response, part, shown);
    if (total === undefined) return;
    for await (const chunk of response.body ?? []) {
      clearTimeout(timer);
      timer = setTimeout(stalled, stallMs);
      if (part.size + chunk.length > maxBytes)
        throw new Error(`${shown} is larger than ${maxBytes} bytes, the limit for artifacts`);
      await write(part, chunk, options.path);
    }
    if (total > part.size) throw new Interrupted(`the connection ended after ${part.size} of ${total} bytes`);
  } catch (error) {
    throw isNetworkError(error, abort.signal) ? new Interrupted(reasonOf(error)) : error;
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}

/** Makes the part fit what the server sends. The bytes it will have in the end; -1 if unknown; undefined if it is whole. */
async function accept(response: Response, part: Part, shown: string): Promise<number | undefined> {
  const { status } = response;
  if (status === 206) {
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
    if (Number(range?.[1]) !== part.size) throw new Error(`${shown} answered with another range than was asked for`);
    return range?.[2] === '*' ? -1 : Number(range?.[2]);
  }
  if (status === 416 && part.size > 0) {
    // Asked for what is behind the end: the part is whole, or of another file.
    if (response.headers.get('content-range') === `bytes */${part.size}`) return undefined;
    await startOver(part);
    throw new Interrupted('the unfinished file does not fit the one on the server');
  }
  if (status !== 200) {
    const text = `${shown} answered ${status} ${response.statusText}`.trim();
    throw status >= 500 || status === 408 || status === 429 ? new Interrupted(text) : new Error(text);
  }
  if (part.size > 0) await startOver(part);
  part.etag = response.headers.get('etag')?.startsWith('"') ? (response.headers.get('etag') ?? undefined) : undefined;
  const length = response.headers.get('content-length');
  return length === null ? -1 : Number(length);
}

async function write(part: Part, chunk: Uint8Array, path: string): Promise<void> {
  try {
    for (let at = 0; at < chunk.length; ) at += (await part.file.write(chunk, at)).bytesWritten;
  } catch (error) {
    throw new Error(`${path} cannot be written: ${messageOf(error)}`);
  }
  part.hash.update(chunk);
  part.size += chunk.length;
}

/** fetch says TypeError for everything the network does; what was thrown on purpose is neither. */
function isNetworkError(error: unknown, signal: AbortSignal): boolean {
  return (
    error instanceof Interrupted ||
    error instanceof TypeError ||
    (signal.aborted && signal.reason instanceof Interrupted)
  );
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return messageOf(cause) || (codeOf(cause) ?? 'the connection broke');
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

const FETCH_FLAGS = {
  url: { meaning: 'where the artifact is', fallback: undefined },
  'url-file': {
    meaning:
      'a file that holds the URL, for one that is a secret; of several lines the one that names the digest. Authorities in `ca.crt` beside it are trusted',
    fallback: undefined,
  },
  digest: { meaning: "the artifact's sha256 digest (sha256: and 64 hexadecimal digits)", pattern: DIGEST },
  path: { meaning: 'where the artifact is to be' },
  attempts: { meaning: 'tries in a row without a byte', fallback: '6', range: [1, 100] },
  'stall-ms': { meaning: 'how long a connection may be silent', fallback: '30000', range: [100, 3_600_000] },
  'max-bytes': {
    meaning: 'the largest artifact',
    fallback: String(10 * 1024 ** 3),
    range: [1, Number.MAX_SAFE_INTEGER],
  },
} as const;

/** The role's command line. @throws FlagError, or what `fetchArtifact` throws. */
export async function runFetchArtifact(argv: readonly string[], options: { log: Log }): Promise<FetchedArtifact> {
  const flags = readFlags('fetch-artifact', FETCH_FLAGS, argv);
  const [url, urlFile] = [flags.optional('url'), flags.optional('url-file')];
  if ((url === undefined) === (urlFile === undefined))
    throw new FlagError('fetch-artifact needs either --url or --url-file.');
  if (urlFile !== undefined) await trustBeside(urlFile, options.log);
  const digest = flags.text('digest');
  return fetchArtifact({
    url: url ?? urlFor(digest, await readFile(urlFile!, 'utf8')),
    digest,
    path: flags.text('path'),
    attempts: flags.number('attempts'),
    stallMs: flags.number('stall-ms'),
    maxBytes: flags.number('max-bytes'),
    log: options.log,
  });
}

/** By the whole process: it does nothing else. What cannot be read is none of it, as Node.js has it with its own file. */
async function trustBeside(urlFile: string, log: Log): Promise<void> {
  const path = join(dirname(urlFile), 'ca.crt');
  try {
    const { certificates, unreadable } = certificatesIn(await readFile(path, 'utf8'));
    if (unreadable > 0) log.warn({ path, unreadable }, 'certificates that cannot be read are not trusted');
    setDefaultCACertificates([...getCACertificates('default'), ...certificates]);
  } catch (err) {
    if (codeOf(err) !== 'ENOENT') log.warn({ err, path }, 'authorities that cannot be read are not trusted');
  }
}

/** One file serves every version of a deployment: the line that names the digest, or the only one when it names none. */
function urlFor(digest: string, text: string): string {
  const urls = text.trim().split(/\s*\n\s*/);
  const unnamed = urls.length === 1 && !/sha256:[0-9a-f]{64}/.test(urls[0] ?? '') ? urls[0] : undefined;
  const url = urls.find((line) => line.includes(digest)) ?? unnamed;
  if (!url) throw new Error(`there is no URL for ${digest} yet`);
  return url;
}
