import { randomBytes } from 'node:crypto';
import fs, { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, expect, test, vi } from 'vitest';
import { createFileArtifacts } from '../../../src/platform/artifacts/files.ts';
import { eventually } from '../../support/eventually.ts';
import { artifactContract, bodyOf, digestOf, MAX_BYTES } from './suite.ts';

const dir = mkdtempSync(join(tmpdir(), 'clops-artifacts-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

// A folder has one process: it is the same store that is opened again.
const store = createFileArtifacts({ dir, maxBytes: MAX_BYTES });
artifactContract({ store: () => store, reopen: () => store });

test('an upload that breaks off is not resumed while the disk has still to take a piece of it', async () => {
  const bytes = randomBytes(100_000);
  const [digest, total] = [digestOf(bytes), bytes.length];
  const [half, slow] = [50_000, 1_000];
  const { write } = fs;
  let landed = 0;
  const isSlow = (piece: unknown): boolean => Buffer.isBuffer(piece) && piece.length === slow;
  const land = (args: unknown[], done: unknown): void => {
    const told = (...answer: unknown[]): void => {
      landed++;
      if (typeof done === 'function') Reflect.apply(done, undefined, answer);
    };
    Reflect.apply(write, fs, [...args, told]);
  };
  const disk = vi
    .spyOn(fs, 'write')
    .mockImplementation(
      (...args: unknown[]) => void setTimeout(land, isSlow(args[1]) ? 200 : 0, args.slice(0, -1), args.at(-1)),
    );
  const aborted = Readable.from(
    (async function* () {
      yield bytes.subarray(half, half + slow);
      await eventually(() => expect(isSlow(disk.mock.lastCall?.[1])).toBe(true));
      throw new Error('the client went away');
    })(),
    { objectMode: false },
  );
  try {
    await store.put(digest, bodyOf(bytes.subarray(0, half)), { offset: 0, total });
    await expect(store.put(digest, aborted, { offset: half, total })).rejects.toThrow('the client went away');
    const offset = (await store.head(digest))?.receivedBytes ?? 0;
    const rest = bodyOf(bytes.subarray(offset));
    expect(await store.put(digest, rest, { offset, total })).toEqual({ state: 'complete', sizeBytes: total });
    await eventually(() => expect(landed).toBe(disk.mock.calls.length));
    const found = await store.get(digest);
    expect(found && (await buffer(found.body)).equals(bytes)).toBe(true);
  } finally {
    disk.mockRestore();
  }
});
