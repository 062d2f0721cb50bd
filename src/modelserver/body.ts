/**
 * Reads a request's body into one buffer, within limits: so many bytes each, so many in all requests together. A queue
 * of a hundred requests at the largest size would otherwise be gigabytes.
 */
import type { IncomingMessage } from 'node:http';
import { Refusal } from './protocol.ts';

export interface BodyReader {
  /** Rejects with a Refusal (413, 503) or ClientGone. The bytes count against the limit until `release`. */
  read(request: IncomingMessage): Promise<HeldBody>;
}

export interface HeldBody {
  readonly bytes: Uint8Array;
  release(): void;
}

/** The client left before its request was complete: there is nobody to answer. */
export class ClientGone extends Error {}

/** All bodies together may take so many times the largest one. */
const HELD_FACTOR = 4;

export function createBodyReader(options: { maxBytes: number }): BodyReader {
  const { maxBytes } = options;
  let held = 0;

  const tooLarge = (): Refusal =>
    new Refusal(413, `The request is larger than ${maxBytes} bytes, the limit of this server (--max-body-bytes).`);

  return {
    read(request) {
      return new Promise((resolve, reject) => {
        const announced = Number(request.headers['content-length'] ?? 0);
        if (announced > maxBytes) return reject(tooLarge());
        const chunks: Buffer[] = [];
        let size = 0;
        const release = (): void => {
          held -= size;
          size = 0;
        };
        const refuse = (refusal: Refusal): void => {
          request.off('data', take);
          release();
          reject(refusal);
        };
        const take = (chunk: Buffer): void => {
          size += chunk.length;
          held += chunk.length;
          if (size > maxBytes) refuse(tooLarge());
          else if (held > HELD_FACTOR * maxBytes)
            refuse(
              new Refusal(
                503,
                `This server holds ${HELD_FACTOR * maxBytes} bytes of other requests already; try again.`,
              ),
            );
          else chunks.push(chunk);
        };
        request.on('data', take);
        request.once('end', () =>
          resolve({ bytes: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size), release }),
        );
        request.once('close', () => {
          if (request.complete) return;
          release();
          reject(new ClientGone());
        });
      });
    },
  };
}
