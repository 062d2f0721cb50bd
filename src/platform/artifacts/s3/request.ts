/**
 * One request to an S3 store: signed, with a limit of time, repeated when the store or the line has failed, and what went
 * wrong in words for people. The bodies that it sends are in memory, so each can be sent again.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwsV4Signer } from 'aws4fetch';
import { Agent, type Dispatcher, request } from 'undici';
import { createBackoff } from '../../../lib/backoff.ts';
import { Unavailable } from '../../../lib/problem.ts';
import type { CredentialsSource } from './credentials.ts';
import { textOf } from './xml.ts';

const TRIES = 3;
const PATIENCE_MS = 20_000;
const EMPTY = Buffer.alloc(0);

export interface StoreOptions {
  /** `https://store.example`; undefined: Amazon's, of that region. */
  endpoint: string | undefined;
  region: string;
  bucket: string;
  credentials: CredentialsSource;
  /** How long an ordinary answer may take to begin. */
  patienceMs?: number;
  /** How often a request is sent that gets no answer. */
  tries?: number;
}

export interface Asked {
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  key: string;
  query?: Readonly<Record<string, string>>;
  headers?: Readonly<Record<string, string>>;
  body?: Buffer;
  /** How much longer than an ordinary answer this one may take to begin. */
  patience?: number;
  /** Statuses that are an answer and no failure. */
  expected?: readonly number[];
  tries?: number;
}

export type Answer = Dispatcher.ResponseData;

/** The store said no, or that it cannot just now. Its message says so to people. */
export class StoreRefusal extends Unavailable {
  /** S3's own word, where there was one. */
  readonly reason: string;

  /** `isLasting`: keys, rights, a bucket. */
  constructor(reason: string, message: string, isLasting: boolean, options?: ErrorOptions) {
    super('STORE_UNAVAILABLE', message, { ...options, isLasting });
    this.reason = reason;
  }
}

export interface Requests {
  /** `use` reads the body of the answer, so that one which breaks off is asked for again. @throws StoreRefusal */
  ask<T>(asked: Asked, use: (answer: Answer) => T | Promise<T>): Promise<T>;
  /** An address for reading this key, valid so many seconds, without asking the store. */
  presign(key: string, seconds: number): Promise<string>;
  close(): Promise<void>;
}

export function createRequests(options: StoreOptions): Requests {
  const { endpoint, region, bucket, credentials, patienceMs = PATIENCE_MS, tries = TRIES } = options;
  const agent = new Agent({ connect: { timeout: 5_000 }, bodyTimeout: 3 * patienceMs });
  const signingKeys = new Map<string, ArrayBuffer>();
  // Amazon's by host name, as it wants it; others by path, which needs no name and no certificate for each bucket.
  const isHosted = endpoint === undefined && !bucket.includes('.');
  const host =
    endpoint ??
    `https://${isHosted ? `${bucket}.` : ''}s3.${region}.${region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'}`;
  const base = isHosted ? host : `${host.replace(/\/+$/, '')}/${bucket}`;

  const urlOf = (key: string, query: Readonly<Record<string, string>> = {}): URL => {
    const url = new URL(`${base}/${key}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url;
  };

  async function keys() {
    try {
      return await credentials();
    } catch (cause) {
      // Not with its words, which name a file of this machine: callers of the API read these.
      throw new StoreRefusal('NoCredentials', 'The keys of the artifact store cannot be read.', true, { cause });
    }
  }

  async function send({ method, key, query, headers, body = EMPTY, patience = 1 }: Asked): Promise<Answer> {
    const withinMs = patienceMs * patience;
    const signer = new AwsV4Signer({
      ...(await keys()),
      method,
      url: urlOf(key, query).href,
      headers: { ...headers, 'x-amz-content-sha256': createHash('sha256').update(body).digest('hex') },
      service: 's3',
      region,
      cache: signingKeys,
    });
    const signed = await signer.sign();
    const late = AbortSignal.timeout(withinMs);
    const abort = new AbortController();
    const stop = (): void => abort.abort(late.reason);
    late.addEventListener('abort', stop);
    try {
      return await request(signed.url, {
        method,
        headers: Object.fromEntries(signed.headers),
        body: method === 'PUT' || method === 'POST' ? body : null,
        dispatcher: agent,
        headersTimeout: withinMs,
        signal: abort.signal,
      });
    } finally {
      late.removeEventListener('abort', stop); // The body of the answer has a limit of its own.
    }
  }

  async function once<T>(asked: Asked, use: (answer: Answer) => T | Promise<T>): Promise<T> {
    try {
      const answer = await send(asked);
      const { statusCode } = answer;
      if (statusCode < 300 || asked.expected?.includes(statusCode)) return await use(answer);
      throw refusalOf(statusCode, await answer.body.text());
    } catch (error) {
      if (error instanceof StoreRefusal) throw error;
      throw new StoreRefusal('', 'The artifact store does not answer.', false, { cause: error });
    }
  }

  return {
    async ask(asked, use) {
      const backoff = createBackoff({ initialMs: 200, maxMs: 2_000 });
      for (let left = (asked.tries ?? tries) - 1; ; left--) {
        try {
          return await once(asked, use);
        } catch (error) {
          if (!(error instanceof StoreRefusal) || !mayPass(error) || left <= 0) throw error;
          await sleep(backoff.next());
        }
      }
    },
    async presign(key, seconds) {
      const url = urlOf(key, { 'X-Amz-Expires': String(seconds) }).href;
      const signer = new AwsV4Signer({
        ...(await keys()),
        url,
        service: 's3',
        region,
        signQuery: true,
        cache: signingKeys,
      });
      return (await signer.sign()).url.href;
    },
    close: () => agent.destroy(),
  };
}

/** Empty: the line has failed. */
const PASSING = new Set(['', 'InternalError', 'SlowDown', 'ServiceUnavailable', 'RequestTimeout', 'OperationAborted']);
const mayPass = ({ reason, isLasting }: StoreRefusal): boolean => !isLasting && PASSING.has(reason);

/** S3's reasons in words. They name neither host nor bucket, since callers of the API read them. */
const WORDS: Readonly<Record<string, string>> = {
  NoSuchBucket: 'has no bucket of the name that is set',
  InvalidAccessKeyId: 'does not know the access key that is set',
  SignatureDoesNotMatch: 'says that the secret key does not belong to the access key',
  AccessDenied: 'does not allow this to the access key that is set',
  RequestTimeTooSkewed: 'has another time than this machine: set one of the clocks right',
  AuthorizationHeaderMalformed: 'is in another region than the one that is set',
  PermanentRedirect: 'has the bucket in another region than the one that is set',
  ExpiredToken: 'says that the session of the keys has expired',
  InvalidToken: 'does not take the session token that is set',
};
const FULL = new Set(['XMinioStorageFull', 'QuotaExceeded', 'EntityTooLarge']);

export const isFull = ({ reason }: StoreRefusal): boolean => reason === 'Full';

export function refusalOf(status: number, text: string): StoreRefusal {
  const reason = textOf(text, 'Code') || (status === 403 ? 'AccessDenied' : '');
  const words = WORDS[reason];
  if (words !== undefined) return new StoreRefusal(reason, `The artifact store ${words} (${reason}).`, true);
  if (status === 507 || FULL.has(reason))
    return new StoreRefusal('Full', `The artifact store has no room left (${reason || status}).`, false);
  const said = reason || `HTTP ${status}`;
  if (status >= 500 || status === 429 || (reason !== '' && PASSING.has(reason)))
    return new StoreRefusal(reason, `The artifact store cannot answer just now (${said}).`, false);
  return new StoreRefusal(reason || `${status}`, `The artifact store refused a request (${said}).`, true);
}
