/** What every store of artifacts does, whatever it is made of. */
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import type { ArtifactStore, PutOutcome } from '../../../src/platform/artifacts/port.ts';
import { eventually } from '../../support/eventually.ts';

export const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
export const bodyOf = (...chunks: Buffer[]): Readable => Readable.from(chunks, { objectMode: false });

/** Says these bytes, and then that the line has broken. */
const cutAfter = (bytes: Buffer): Readable =>
  Readable.from(
    (async function* () {
      yield bytes;
      await new Promise((resolve) => setImmediate(resolve));
      throw new Error('the client went away');
    })(),
    { objectMode: false },
  );

export const MAX_BYTES = 64 * 1024 ** 2;
const FUTURE = Number.POSITIVE_INFINITY;

/** `reopen`: the same store as another process has it. */
export function artifactContract(lab: { store: () => ArtifactStore; reopen: () => ArtifactStore }): void {
  const put = (bytes: Buffer, digest = digestOf(bytes), total: number | null = bytes.length): Promise<PutOutcome> =>
    lab.store().put(digest, bodyOf(bytes), { offset: 0, total });
  const read = async (digest: string, range?: { start: number; end: number }): Promise<Buffer | null> => {
    const found = await lab.store().get(digest, range);
    return found && buffer(found.body);
  };
  const held = async (digest: string): Promise<{ complete: boolean; usedAt: Date }[]> => {
    const found = [];
    for await (const { digest: other, ...rest } of lab.store().list()) if (other === digest) found.push(rest);
    return found;
  };

  describe('what is put', () => {
    test.each([
      ['nothing', 0],
      ['a byte', 1],
      ['less than a part', 1_000_003],
      ['more than a part', 20_000_003],
    ])('is got again: %s', async (_, size) => {
      const bytes = randomBytes(size);
      const digest = digestOf(bytes);
      expect(await lab.store().head(digest)).toBeNull();
      expect(await lab.store().get(digest)).toBeNull();
      expect(await put(bytes)).toEqual({ state: 'complete', sizeBytes: size });
      expect(await lab.store().head(digest)).toEqual({ digest, receivedBytes: size, complete: true });
      expect((await read(digest))?.equals(bytes)).toBe(true);
      expect((await lab.reopen().get(digest))?.sizeBytes).toBe(size);
    });

    test('is got in ranges, and read here and there', async () => {
      const bytes = randomBytes(700_001);
      const digest = digestOf(bytes);
      await put(bytes);
      expect((await read(digest, { start: 5, end: 9 }))?.equals(bytes.subarray(5, 10))).toBe(true);
      expect((await read(digest, { start: 700_000, end: 700_000 }))?.equals(bytes.subarray(700_000))).toBe(true);
      const file = await lab.store().open(digest);
      expect(file?.sizeBytes).toBe(bytes.length);
      for (const [start, length] of [
        [0, 100],
        [300_000, 300_000],
        [10, 4],
        [699_990, 100],
        [700_001, 1],
      ] as const)
        expect((await file?.read(start, length))?.equals(bytes.subarray(start, start + length)), `${start}`).toBe(true);
      await file?.close();
      expect(await lab.store().open(digestOf(Buffer.from('not there')))).toBeNull();
    });

    test('is there once, however often it comes', async () => {
      const bytes = randomBytes(100_000);
      await put(bytes);
      expect(await put(bytes)).toEqual({ state: 'complete', sizeBytes: bytes.length });
      const wrong = lab.store().put(digestOf(bytes), bodyOf(Buffer.from('x')), { offset: 0, total: 1 });
      expect(await wrong).toEqual({ state: 'complete', sizeBytes: bytes.length });
      expect((await read(digestOf(bytes)))?.equals(bytes)).toBe(true);
      expect(await held(digestOf(bytes))).toEqual([{ complete: true, usedAt: expect.any(Date) }]);
    });

    test('by several at once is there once', async () => {
      const bytes = randomBytes(9_000_000);
      const digest = digestOf(bytes);
      const stores = [lab.store(), lab.reopen(), lab.store()];
      const outcomes = stores.map((store) => store.put(digest, bodyOf(bytes), { offset: 0, total: bytes.length }));
      for (const outcome of await Promise.all(outcomes))
        expect(outcome).toEqual({ state: 'complete', sizeBytes: bytes.length });
      expect((await read(digest))?.equals(bytes)).toBe(true);
      expect(await held(digest)).toHaveLength(1);
    });

    test('without a size said before', async () => {
      const bytes = randomBytes(9_000_000);
      expect(await put(bytes, digestOf(bytes), null)).toEqual({ state: 'complete', sizeBytes: bytes.length });
    });
  });

  describe('leaves nothing behind', () => {
    const nothing = async (digest: string): Promise<void> => {
      expect(await lab.store().head(digest)).toBeNull();
      expect(await lab.store().get(digest)).toBeNull();
      expect(await held(digest)).toEqual([]);
    };

    test.each([
      ['small', 1000],
      ['in parts', 20_000_000],
    ])('when it is something else: %s', async (_, size) => {
      const [bytes, others] = [randomBytes(size), randomBytes(size)];
      expect(await put(bytes, digestOf(others))).toEqual({ state: 'mismatch', actual: digestOf(bytes) });
      await nothing(digestOf(others));
    });

    test('when it is longer than was said', async () => {
      const bytes = randomBytes(10_000);
      const digest = digestOf(bytes.subarray(0, 9_000));
      expect(await put(bytes, digest, 9_000)).toEqual({ state: 'mismatch', actual: digestOf(bytes) });
      await nothing(digest);
    });

    test('when it is too large, as it says or as it turns out', async () => {
      const chunk = randomBytes(8 * 1024 ** 2);
      const many = (): Readable => bodyOf(...Array.from({ length: 9 }, () => chunk));
      const digest = digestOf(chunk);
      const outcome = { state: 'too_large', maxBytes: MAX_BYTES };
      expect(await lab.store().put(digest, many(), { offset: 0, total: 9 * chunk.length })).toEqual(outcome);
      await nothing(digest);
      expect(await lab.store().put(digest, many(), { offset: 0, total: null })).toEqual(outcome);
      await nothing(digest);
    });
  });

  describe('an upload in pieces', () => {
    test.each([
      ['small ones', 300_000, [1, 100_000, 299_999]],
      ['across parts', 30_000_000, [8 * 1024 ** 2, 9_000_000, 29_000_000]],
    ])('goes on where it stopped, from process to process: %s', async (_, size, cuts) => {
      const bytes = randomBytes(size);
      const digest = digestOf(bytes);
      let offset = 0;
      for (const end of cuts) {
        const part = { offset, total: size };
        const outcome = await lab.reopen().put(digest, bodyOf(bytes.subarray(offset, end)), part);
        expect(outcome).toEqual({ state: 'partial', receivedBytes: end });
        expect(await lab.reopen().head(digest)).toEqual({ digest, receivedBytes: end, complete: false });
        expect(await lab.store().get(digest)).toBeNull();
        offset = end;
      }
      const last = lab.reopen().put(digest, bodyOf(bytes.subarray(offset)), { offset, total: size });
      expect(await last).toEqual({ state: 'complete', sizeBytes: size });
      expect((await read(digest))?.equals(bytes)).toBe(true);
      expect(await held(digest)).toHaveLength(1);
    });

    test('stands at the byte at which it was cut', async () => {
      const bytes = randomBytes(12_000_000);
      const digest = digestOf(bytes);
      const cut = lab.store().put(digest, cutAfter(bytes.subarray(0, 10_000_001)), { offset: 0, total: bytes.length });
      await expect(cut).rejects.toThrow('the client went away');
      await eventually(async () => expect((await lab.store().head(digest))?.receivedBytes).toBe(10_000_001));
      const rest = bodyOf(bytes.subarray(10_000_001));
      expect(await lab.reopen().put(digest, rest, { offset: 10_000_001, total: bytes.length })).toEqual({
        state: 'complete',
        sizeBytes: bytes.length,
      });
    });

    test('is told where it stands when it goes on elsewhere, and may begin anew', async () => {
      const bytes = randomBytes(10_000);
      const digest = digestOf(bytes);
      const at = (offset: number) => lab.store().put(digest, bodyOf(bytes.subarray(offset)), { offset, total: 10_000 });
      expect(await at(5)).toEqual({ state: 'wrong_offset', receivedBytes: 0 });
      await lab.store().put(digest, bodyOf(bytes.subarray(0, 4_000)), { offset: 0, total: 10_000 });
      expect(await at(5)).toEqual({ state: 'wrong_offset', receivedBytes: 4_000 });
      expect(await at(0)).toEqual({ state: 'complete', sizeBytes: 10_000 });
      expect(await held(digest)).toHaveLength(1);
    });

    test('of which a piece was something else leaves nothing behind', async () => {
      const bytes = randomBytes(10_000_000);
      const digest = digestOf(bytes);
      const wrong = Buffer.from(bytes);
      wrong[17] = (wrong[17] ?? 0) ^ 1;
      await lab.store().put(digest, bodyOf(wrong.subarray(0, 9_000_000)), { offset: 0, total: bytes.length });
      const last = bodyOf(wrong.subarray(9_000_000));
      expect(await lab.reopen().put(digest, last, { offset: 9_000_000, total: bytes.length })).toEqual({
        state: 'mismatch',
        actual: digestOf(wrong),
      });
      expect(await lab.store().head(digest)).toBeNull();
      expect(await held(digest)).toEqual([]);
    });
  });

  describe('what nobody counts on', () => {
    test('is removed, unless it was put or touched since', async () => {
      const bytes = randomBytes(5_000);
      const digest = digestOf(bytes);
      await put(bytes);
      const [before] = await held(digest);
      const seconds = before?.usedAt.getTime() ?? Number.NaN;
      expect(await lab.store().removeUnused({ digest, complete: true }, seconds - 1_000)).toBe(false);
      // Some stores know whole seconds only.
      await eventually(async () => {
        expect(await lab.store().touch(digest)).toMatchObject({ complete: true });
        expect((await held(digest))[0]?.usedAt.getTime()).toBeGreaterThan(seconds);
      });
      expect(await lab.store().removeUnused({ digest, complete: true }, seconds + 1)).toBe(false);
      expect(await lab.store().removeUnused({ digest, complete: false }, FUTURE)).toBe(false);
      expect(await lab.store().removeUnused({ digest, complete: true }, FUTURE)).toBe(true);
      expect(await lab.store().removeUnused({ digest, complete: true }, FUTURE)).toBe(false);
      expect(await lab.store().head(digest)).toBeNull();
      expect(await held(digest)).toEqual([]);
    });

    test('of what was begun as well', async () => {
      const bytes = randomBytes(9_000_000);
      const digest = digestOf(bytes);
      await lab.store().put(digest, bodyOf(bytes), { offset: 0, total: bytes.length + 1 });
      expect(await held(digest)).toEqual([{ complete: false, usedAt: expect.any(Date) }]);
      expect(await lab.store().touch(digest)).toMatchObject({ complete: false, receivedBytes: bytes.length });
      const since = ((await held(digest))[0]?.usedAt.getTime() ?? 0) - 1_000;
      expect(await lab.store().removeUnused({ digest, complete: false }, since)).toBe(false);
      expect(await lab.store().removeUnused({ digest, complete: false }, FUTURE)).toBe(true);
      expect(await lab.store().head(digest)).toBeNull();
      expect(await held(digest)).toEqual([]);
    });
  });
}
