/**
 * Processes that do things to the same bytes while the store takes its time: what one was told that it has, nobody else takes
 * away, and where a store hangs only artifacts wait for it.
 */
import { randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { readConfig } from '../../../src/config.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { artifactsOf } from '../../../src/main/artifacts.ts';
import { preflight } from '../../../src/main/preflight.ts';
import { createStoreCheck, troubleWithStore } from '../../../src/platform/artifacts/s3/check.ts';
import { createS3Artifacts } from '../../../src/platform/artifacts/s3/store.ts';
import { createUrlSigner } from '../../../src/platform/artifacts/sign.ts';
import { createLifetime } from '../../../src/platform/process/lifetime.ts';
import { createReport } from '../../../src/start/report.ts';
import { missingPrograms } from '../../kubernetes/build/build.ts';
import { eventually } from '../../support/eventually.ts';
import { anObjectStore, KEYS, type ObjectStore, REGION } from './objectStore.ts';
import { aSlowLine, holdingFirst, type SlowLine } from './slowLine.ts';
import { bodyOf, digestOf, MAX_BYTES } from './suite.ts';

const missing = missingPrograms(['s3']).join(', ');
const FUTURE = Number.POSITIVE_INFINITY;
const PART = 8 * 1024 ** 2;
const MINUTE = 60_000;
const busy = { code: 'STORE_UNAVAILABLE', message: expect.stringContaining('are being removed just now') };

describe.skipIf(missing)(`a bucket that is slow${missing && ` (not built: ${missing})`}`, () => {
  let server: ObjectStore;
  let line: SlowLine;
  const opened: { close(): Promise<void> }[] = [];
  beforeAll(async () => {
    server = await anObjectStore();
    await server.makeBucket('models');
    line = await aSlowLine(server.url);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    line.before = () => undefined;
    line.seen.length = 0;
  });
  afterAll(async () => {
    await Promise.all(opened.map((one) => one.close()));
    await line?.close();
    await server?.close();
  });

  const open = (objects = server.objects()) => createS3Artifacts({ objects, prefix: 'clops', maxBytes: MAX_BYTES });
  const slow = () => open(server.objects({ endpoint: line.url }));
  const keysOf = async (digest: string): Promise<string[]> =>
    (await server.keys('models')).filter((key) => key.includes(digest.slice(7)));
  const anArtifact = async (size = 1_000): Promise<{ digest: string; bytes: Buffer }> => {
    const bytes = randomBytes(size);
    const digest = digestOf(bytes);
    await open().put(digest, bodyOf(bytes), { offset: 0, total: size });
    return { digest, bytes };
  };
  const usedAt = async (digest: string): Promise<number> => {
    for await (const held of open().list()) if (held.digest === digest) return held.usedAt.getTime();
    return Number.NaN;
  };
  const entryIn =
    (digest: string, method: string) =>
    (what: string): boolean =>
      what === `${method} /models/clops/sha256/${digest.slice(7)}`;

  describe('bytes that are being removed', () => {
    test('are nobody’s to count on, however long that takes, and may come again afterwards', async () => {
      const { digest, bytes } = await anArtifact();
      const { reached, letGo } = holdingFirst(line, entryIn(digest, 'DELETE'));
      const removal = slow().removeUnused({ digest, complete: true }, FUTURE);
      await reached;
      await expect(open().touch(digest)).rejects.toMatchObject(busy);
      await expect(open().put(digest, bodyOf(bytes), { offset: 0, total: bytes.length })).rejects.toMatchObject(busy);
      letGo();
      expect(await removal).toBe(true);
      expect(await open().touch(digest)).toBeNull();
      expect(await keysOf(digest)).toEqual([]);
      await open().put(digest, bodyOf(bytes), { offset: 0, total: bytes.length });
      expect(await open().touch(digest)).toMatchObject({ complete: true });
    });

    test('stay when somebody has counted on them after they were found to be old', async () => {
      const { digest } = await anArtifact();
      const before = await usedAt(digest);
      // The store knows whole seconds only.
      await eventually(() => expect(Date.now()).toBeGreaterThan(before + 1_000));
      const { reached, letGo } = holdingFirst(line, (what) => what.startsWith('PUT /models/clops/removals/'));
      const removal = slow().removeUnused({ digest, complete: true }, before + 1);
      await reached;
      expect(await open().touch(digest)).toMatchObject({ complete: true });
      letGo();
      expect(await removal).toBe(false);
      expect(await open().touch(digest)).toMatchObject({ complete: true });
      expect(await keysOf(digest)).toHaveLength(2);
    });

    test('stay when the removal takes too long, and are not given back before it must have ended', async () => {
      const { digest } = await anArtifact();
      const { reached, letGo } = holdingFirst(line, (what) => what.startsWith('PUT /models/clops/removals/'));
      const removal = slow().removeUnused({ digest, complete: true }, FUTURE);
      await reached;
      const now = performance.now();
      vi.spyOn(performance, 'now').mockReturnValue(now + 3 * MINUTE);
      letGo();
      await expect(removal).rejects.toMatchObject({ message: expect.stringContaining('too long to remove') });
      await expect(open().touch(digest)).rejects.toMatchObject(busy);
      const later = Date.now() + 31 * MINUTE;
      vi.spyOn(Date, 'now').mockReturnValue(later);
      expect(await open().touch(digest)).toMatchObject({ complete: true });
      vi.restoreAllMocks();
      // What it left is found by the sweep, and the bytes stay.
      expect(await open().removeUnused({ digest, complete: false }, FUTURE)).toBe(true);
      expect(await open().touch(digest)).toMatchObject({ complete: true });
      expect(await keysOf(digest)).toHaveLength(2);
    });
  });

  describe('an upload that is read again', () => {
    /** Its last piece has come, and a request of this kind is held. */
    const begun = async (method: string, folder: string) => {
      const bytes = randomBytes(PART + 10);
      const digest = digestOf(bytes);
      await open().put(digest, bodyOf(bytes.subarray(0, PART)), { offset: 0, total: bytes.length });
      const { reached, letGo } = holdingFirst(line, (what) => what.startsWith(`${method} /models/clops/${folder}/`));
      const last = slow().put(digest, bodyOf(bytes.subarray(PART)), { offset: PART, total: bytes.length });
      await reached;
      return { bytes, digest, last, letGo };
    };

    test('is not taken for one that was left by a process with another clock', async () => {
      const { bytes, digest, last, letGo } = await begun('GET', 'bytes');
      const later = Date.now() + 16 * MINUTE;
      vi.spyOn(Date, 'now').mockReturnValue(later);
      const body = new PassThrough();
      const other = open().put(digest, body, { offset: 0, total: null });
      body.write(bytes.subarray(0, 10));
      await eventually(() => expect(body.readableLength).toBe(0));
      vi.restoreAllMocks();
      letGo();
      expect(await last).toEqual({ state: 'complete', sizeBytes: bytes.length });
      expect(await open().head(digest)).toMatchObject({ complete: true });
      body.end(bytes.subarray(10));
      expect(await other).toMatchObject({ state: 'complete' });
      expect(await keysOf(digest)).toHaveLength(2);
    });

    test('is not said to be there when the sweep has taken it meanwhile', async () => {
      const { digest, last, letGo } = await begun('PUT', 'sha256');
      expect(await open().removeUnused({ digest, complete: false }, FUTURE)).toBe(true);
      letGo();
      expect(await last).toEqual({ state: 'wrong_offset', receivedBytes: 0 });
      expect(await open().touch(digest)).toBeNull();
    });
  });

  test('what a killed process had joined is found by the sweep, though another upload was first', async () => {
    const bytes = randomBytes(PART + 10);
    const digest = digestOf(bytes);
    const objects = server.objects();
    const create = async (): Promise<boolean> => {
      throw new Error('killed');
    };
    const killed = open({ ...objects, create }).put(digest, bodyOf(bytes), { offset: 0, total: bytes.length });
    await expect(killed).rejects.toThrow('killed');
    expect(await open().put(digest, bodyOf(bytes), { offset: 0, total: null })).toMatchObject({ state: 'complete' });
    expect(await open().removeUnused({ digest, complete: false }, FUTURE)).toBe(true);
    expect(await keysOf(digest)).toHaveLength(2);
    expect(await open().head(digest)).toMatchObject({ complete: true });
  });

  describe('a process that starts or serves', () => {
    const partsFor = (given: NodeJS.ProcessEnv) => {
      const keys = { AWS_ACCESS_KEY_ID: KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey };
      const env = { CLOPS_ARTIFACTS: 's3://models/clops', AWS_ENDPOINT_URL_S3: line.url, AWS_REGION: REGION };
      const config = readConfig({ ...env, ...keys, ...given });
      const lifetime = createLifetime({ log: silentLog });
      const out = new PassThrough();
      opened.push({
        async close() {
          lifetime.end(0, 'the test is over');
          await lifetime.done;
        },
      });
      return { parts: { config, log: silentLog, lifetime, report: createReport(out) }, said: () => String(out.read()) };
    };

    test('goes on without a store that is full, and says so', async () => {
      line.before = async (what) => (what.startsWith('PUT ') ? { status: 507 } : undefined);
      const words = 'The artifact store has no room left (507).';
      const objects = server.objects({ endpoint: line.url });
      expect(await troubleWithStore(objects, 'clops', 'write')).toEqual({ words, mayPass: true, isFull: true });
      for (const patient of [true, false]) {
        const { parts, said } = partsFor({});
        await preflight(parts, { patient });
        expect(said()).toContain(`CLOPS_ARTIFACTS=s3://models/clops: ${words} Going on;`);
      }
      let now = 0;
      const check = createStoreCheck(objects, 'clops', 'write', () => now);
      expect(await check()).toBe(words);
      line.before = () => undefined;
      now += 6 * MINUTE;
      expect(await check()).toBeUndefined();
    });

    test('asks for no more than it does: a relay reads, and what checks the right to write leaves nothing behind', async () => {
      const objects = server.objects({ endpoint: line.url });
      line.before = async (what) => (what.startsWith('GET ') ? undefined : { status: 403 });
      await preflight(partsFor({}).parts, { patient: false, artifacts: 'read' });
      expect(await createStoreCheck(objects, 'clops', 'read', () => 0)()).toBeUndefined();
      expect(line.seen.every((what) => what.startsWith('GET '))).toBe(true);
      await expect(preflight(partsFor({}).parts, { patient: false })).rejects.toThrow('does not allow this');

      line.before = () => undefined;
      expect(await troubleWithStore(objects, 'check', 'write')).toBeUndefined();
      // Carried out, and its answer lost.
      line.before = async (what) => {
        if (!what.startsWith('PUT ')) return undefined;
        await server.objects().put('check/probe', Buffer.alloc(0));
        return { status: 500 };
      };
      expect(await troubleWithStore(objects, 'check', 'write')).toMatchObject({ mayPass: true, isFull: false });
      expect((await server.keys('models')).filter((key) => key.endsWith('probe'))).toEqual([]);
    });

    test('goes on in production with keys that were exchanged, and refuses them where a person looks on', async () => {
      const { parts, said } = partsFor({ AWS_SECRET_ACCESS_KEY: 'another' });
      await preflight(parts, { patient: true });
      expect(said()).toContain('SignatureDoesNotMatch');
      await expect(preflight(parts, { patient: false })).rejects.toThrow('SignatureDoesNotMatch');
    });

    test('sends pods to the API when the store does not answer once', async () => {
      const { digest } = await anArtifact();
      const signer = createUrlSigner({ key: 'test', artifactsUrl: 'http://api/artifacts' });
      const { addressForPods } = await artifactsOf(partsFor({}).parts, signer, 'read');
      const until = Date.now() + 60 * MINUTE;
      expect(await addressForPods(digest, until)).toMatch(`${line.url}/models/clops/bytes/`);
      line.before = () => new Promise(() => {});
      line.seen.length = 0;
      expect(await addressForPods(digest, until)).toBe(signer.sign(digest, until));
      expect(line.seen).toHaveLength(1);
    });
  });

  test('a list that goes on nowhere is no endless one', async () => {
    const text = '<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>';
    line.before = async () => ({ status: 200, text });
    const listing = server.objects({ endpoint: line.url }).list('')[Symbol.asyncIterator]().next();
    await expect(listing).rejects.toMatchObject({ message: expect.stringContaining('but not where') });
  });
});
