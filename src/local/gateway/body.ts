/**
 * A request's body on its way through: read when the backend takes it, never gathered. It is an iterable of its own and
 * not the request's stream, because undici destroys a stream when a connection is refused, and with it would go the
 * client's connection and every chance of another endpoint or of an answer.
 */
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';

type Chunk = IteratorResult<Buffer, undefined>;
const END: Chunk = { done: true, value: undefined };

/** undici takes every async iterable, as its manual says; its types name streams only. */
export const asUndiciBody = (body: AsyncIterable<Buffer> | undefined): Readable | null =>
  body ? (body as Readable) : null;

export class RequestBody implements AsyncIterableIterator<Buffer, undefined> {
  /** True as soon as a backend has asked for it: after that no other endpoint can be tried. */
  taken = false;
  readonly #request: IncomingMessage;
  readonly #copies: readonly BodyCopy[];
  #waiting: PromiseWithResolvers<Chunk> | undefined;
  #ended = false;

  constructor(request: IncomingMessage, copies: readonly BodyCopy[]) {
    this.#request = request;
    this.#copies = copies;
  }

  [Symbol.asyncIterator](): this {
    if (!this.taken) {
      this.taken = true;
      const wake = () => this.#wake();
      this.#request.on('readable', wake).on('end', wake).on('error', wake).on('close', wake);
    }
    return this;
  }

  next(): Promise<Chunk> {
    const chunk = this.#read();
    if (chunk) return Promise.resolve(chunk);
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  return(): Promise<Chunk> {
    this.discard();
    return Promise.resolve(END);
  }

  /** Reads the rest for nobody, so that the connection can carry its next request. A mirror must not take what it has for the whole. */
  discard(): void {
    this.#ended = true;
    for (const copy of this.#copies) {
      if (this.#request.readableEnded) copy.end();
      else copy.drop();
    }
    this.#request.removeAllListeners('readable');
    this.#request.resume();
    this.#wake();
  }

  #wake(): void {
    if (!this.#waiting) return;
    const { resolve, reject } = this.#waiting;
    const chunk = this.#read();
    if (chunk) {
      this.#waiting = undefined;
      resolve(chunk);
    } else if (this.#request.destroyed) {
      this.#waiting = undefined;
      for (const copy of this.#copies) copy.drop();
      reject(new Error('the client went away before its request was complete'));
    }
  }

  #read(): Chunk | undefined {
    if (this.#ended) return END;
    const value: Buffer | null = this.#request.read();
    if (value) {
      for (const copy of this.#copies) copy.push(value);
      return { done: false, value };
    }
    if (!this.#request.readableEnded) return undefined;
    this.#ended = true;
    for (const copy of this.#copies) copy.end();
    return END;
  }
}

const MAX_BEHIND = 1024 * 1024;

/** The same body for a mirror. The backend sets the pace: a mirror that falls more than 1 MiB behind is dropped. */
export class BodyCopy implements AsyncIterableIterator<Buffer, undefined> {
  dropped = false;
  /** Ends the mirrored request: one that waits for its socket to drain asks for no next chunk and would wait for ever. */
  onDrop: (() => void) | undefined;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #ended = false;
  #waiting: PromiseWithResolvers<Chunk> | undefined;

  push(chunk: Buffer): void {
    if (this.dropped || this.#ended) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_BEHIND) this.drop();
    else this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Ends it with an error, so that the mirror does not take a part for the whole. */
  drop(): void {
    if (this.dropped || (this.#ended && this.#chunks.length === 0)) return;
    this.dropped = true;
    this.#chunks.length = 0;
    this.#wake();
    this.onDrop?.();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Chunk> {
    this.#waiting = Promise.withResolvers();
    const { promise } = this.#waiting;
    this.#wake();
    return promise;
  }

  return(): Promise<Chunk> {
    this.drop();
    return Promise.resolve(END);
  }

  #wake(): void {
    if (!this.#waiting) return;
    const { resolve, reject } = this.#waiting;
    const value = this.#chunks.shift();
    if (value) {
      this.#bytes -= value.length;
      resolve({ done: false, value });
    } else if (this.dropped) reject(new Error('the copy of the request was dropped'));
    else if (this.#ended) resolve(END);
    else return;
    this.#waiting = undefined;
  }
}
