/** The operations of S3 that artifacts need: objects, listings, uploads in parts. No nouns of ours. */
import type { Readable } from 'node:stream';
import { type Answer, type Asked, createRequests, refusalOf, type StoreOptions, StoreRefusal } from './request.ts';
import { elements, escaped, textOf } from './xml.ts';

export interface Found {
  sizeBytes: number;
  changedAt: Date;
  /** The store's clock when it answered. */
  toldAt: Date;
  etag: string;
  metadata: Readonly<Record<string, string>>;
}

/** Inclusive. */
interface Range {
  start: number;
  end: number;
}

export interface Part {
  number: number;
  etag: string;
  sizeBytes: number;
  changedAt: Date;
}

/** The store has forgotten this upload in parts, or its parts are no longer the ones that were sent. */
export class UploadGone extends Error {}

export interface Objects {
  head(key: string): Promise<Found | null>;
  get(key: string, range?: Range): Promise<(Found & { body: Readable }) | null>;
  /** All of it at once, for what is small. */
  read(key: string, range?: Range): Promise<(Found & { bytes: Buffer }) | null>;
  put(key: string, body: Buffer, metadata?: Readonly<Record<string, string>>): Promise<void>;
  /** False when there is one already. A store that does not know conditions writes over it. */
  create(key: string, body: Buffer): Promise<boolean>;
  /** False when it is no longer what was read. A store that does not know conditions writes over it. */
  replace(key: string, body: Buffer, etag: string): Promise<boolean>;
  /** Also when it is not there. `hasty`: asked once, and not patiently. */
  remove(key: string, hasty?: 'hasty'): Promise<void>;
  list(prefix: string): AsyncIterable<{ key: string; changedAt: Date }>;
  /** Answers the name of the upload. */
  beginParts(key: string): Promise<string>;
  /** All but the last one have 5 MiB or more. @throws UploadGone */
  putPart(key: string, upload: string, number: number, body: Buffer): Promise<Part>;
  /** In the order of their numbers; null when the upload is over. */
  parts(key: string, upload: string): Promise<Part[] | null>;
  /** @throws UploadGone */
  joinParts(key: string, upload: string, parts: readonly Part[]): Promise<void>;
  abortParts(key: string, upload: string): Promise<void>;
  presign(key: string, seconds: number): Promise<string>;
  /** Whether the store answers at all: asked once, and not patiently. @throws StoreRefusal */
  probe(key: string): Promise<void>;
  close(): Promise<void>;
}

/** A part crosses a slow line, and joining many parts takes some stores minutes. */
const PATIENCE = { part: 6, join: 30 };
const HASTY = { tries: 1, patience: 0.2 };
/** What is no larger is answered like any other request. */
const SMALL_BYTES = 1024 ** 2;
const METADATA = 'x-amz-meta-';

export function createObjects(options: StoreOptions): Objects {
  const { ask, presign, close } = createRequests(options);
  const text = (asked: Asked): Promise<string> => ask(asked, ({ body }) => body.text());
  const done = (asked: Asked): Promise<void> => ask(asked, ({ body }) => body.dump());

  async function got<T>(key: string, range: Range | undefined, use: (answer: Answer) => Promise<T>): Promise<T | null> {
    const headers = range && { range: `bytes=${range.start}-${range.end}` };
    try {
      return await ask({ method: 'GET', key, ...(headers && { headers }) }, use);
    } catch (error) {
      if (reasonOf(error) === 'NoSuchKey') return null;
      throw error;
    }
  }

  const putIf = (key: string, body: Buffer, headers: Readonly<Record<string, string>>): Promise<boolean> =>
    ask({ method: 'PUT', key, headers, body, expected: [404, 409, 412] }, async (answer) => {
      const said = await answer.body.text();
      if (answer.statusCode === 404 && textOf(said, 'Code') !== 'NoSuchKey') throw refusalOf(404, said);
      return answer.statusCode < 300;
    });

  async function parts(key: string, upload: string): Promise<Part[] | null> {
    const found: Part[] = [];
    try {
      for (let after: string | undefined = '0'; after !== undefined; ) {
        const query = { uploadId: upload, 'part-number-marker': after };
        const page: string = await orGone(text({ method: 'GET', key, query }));
        for (const part of elements(page, 'Part'))
          found.push({
            number: Number(textOf(part, 'PartNumber')),
            etag: textOf(part, 'ETag'),
            sizeBytes: Number(textOf(part, 'Size')),
            changedAt: new Date(textOf(part, 'LastModified')),
          });
        after = nextOf(page, 'NextPartNumberMarker');
      }
    } catch (error) {
      if (error instanceof UploadGone) return null;
      throw error;
    }
    return found;
  }

  return {
    head: (key) =>
      ask({ method: 'HEAD', key, expected: [404] }, async (answer) => {
        await answer.body.dump();
        return answer.statusCode === 404 ? null : foundIn(answer);
      }),
    get: (key, range) => got(key, range, async (answer) => ({ ...foundIn(answer), body: answer.body })),
    read: (key, range) =>
      got(key, range, async (answer) => ({
        ...foundIn(answer),
        bytes: Buffer.from(await answer.body.arrayBuffer()),
      })),
    put(key, body, metadata = {}) {
      const headers = Object.fromEntries(Object.entries(metadata).map(([name, value]) => [METADATA + name, value]));
      return done({ method: 'PUT', key, headers, body, patience: body.length > SMALL_BYTES ? PATIENCE.part : 1 });
    },
    create: (key, body) => putIf(key, body, { 'if-none-match': '*' }),
    replace: (key, body, etag) => putIf(key, body, { 'if-match': etag }),
    remove: (key, hasty) => done({ method: 'DELETE', key, expected: [404], ...(hasty && HASTY) }),
    async *list(prefix) {
      for (let after: string | undefined = ''; after !== undefined; ) {
        const more: Record<string, string> = after === '' ? {} : { 'continuation-token': after };
        const query = { 'list-type': '2', prefix, ...more };
        const page: string = await text({ method: 'GET', key: '', query });
        for (const object of elements(page, 'Contents'))
          yield { key: textOf(object, 'Key'), changedAt: new Date(textOf(object, 'LastModified')) };
        after = nextOf(page, 'NextContinuationToken');
      }
    },
    beginParts: async (key) => textOf(await text({ method: 'POST', key, query: { uploads: '' } }), 'UploadId'),
    async putPart(key, upload, number, body) {
      const query = { partNumber: String(number), uploadId: upload };
      const asked: Asked = { method: 'PUT', key, query, body, patience: PATIENCE.part };
      try {
        return await orGone(
          ask(asked, async (answer) => {
            await answer.body.dump();
            return { number, etag: headerOf(answer, 'etag'), sizeBytes: body.length, changedAt: new Date() };
          }),
        );
      } catch (error) {
        // A store may refuse a part before it has read it, and its words are lost with the connection: it is asked again.
        if (reasonOf(error) === '' && (await parts(key, upload)) === null) throw new UploadGone('NoSuchUpload');
        throw error;
      }
    },
    parts,
    async joinParts(key, upload, sent) {
      const list = sent.map(
        ({ number, etag }) => `<Part><PartNumber>${number}</PartNumber><ETag>${escaped(etag)}</ETag></Part>`,
      );
      const body = Buffer.from(`<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`);
      const query = { uploadId: upload };
      const said = await orGone(text({ method: 'POST', key, query, body, patience: PATIENCE.join }));
      // It begins to answer before it is done, and may then have to take its 200 back.
      const reason = textOf(said, 'Code');
      if (reason !== '')
        throw new StoreRefusal(reason, `The artifact store could not join an upload (${reason}).`, false);
    },
    abortParts: (key, upload) => done({ method: 'DELETE', key, query: { uploadId: upload }, expected: [404] }),
    presign,
    async probe(key) {
      try {
        await done({ method: 'GET', key, ...HASTY });
      } catch (error) {
        if (reasonOf(error) !== 'NoSuchKey') throw error;
      }
    },
    close,
  };
}

const reasonOf = (error: unknown): string | undefined => (error instanceof StoreRefusal ? error.reason : undefined);

async function orGone<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    const reason = reasonOf(error) ?? '';
    if (['NoSuchUpload', 'InvalidPart', 'InvalidPartOrder'].includes(reason)) throw new UploadGone(reason);
    throw error;
  }
}

/** Where the next page begins; undefined after the last one. */
function nextOf(page: string, name: string): string | undefined {
  if (textOf(page, 'IsTruncated') !== 'true') return undefined;
  const next = textOf(page, name);
  if (next !== '') return next;
  throw new StoreRefusal(name, `The artifact store says that a list goes on, but not where (${name}).`, true);
}

const headerOf = ({ headers }: Answer, name: string): string => String(headers[name] ?? '');

function foundIn(answer: Answer): Found {
  const total = /\/(\d+)$/.exec(headerOf(answer, 'content-range'))?.[1];
  const metadata = Object.entries(answer.headers).filter(([name]) => name.startsWith(METADATA));
  return {
    sizeBytes: Number(total ?? headerOf(answer, 'content-length')),
    changedAt: new Date(headerOf(answer, 'last-modified')),
    toldAt: new Date(headerOf(answer, 'date') || Date.now()),
    etag: headerOf(answer, 'etag'),
    metadata: Object.fromEntries(metadata.map(([name, value]) => [name.slice(METADATA.length), String(value)])),
  };
}
