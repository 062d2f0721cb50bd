/** The contract on a real object store, and what becomes of artifacts when that is away, slow, wrong or used by several at once. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { fetchArtifact } from '../../../src/modelserver/index.ts';
import { createStoreCheck, troubleWithStore } from '../../../src/platform/artifacts/s3/check.ts';
import { credentialsIn } from '../../../src/platform/artifacts/s3/credentials.ts';
import { createS3Artifacts } from '../../../src/platform/artifacts/s3/store.ts';
import { aCuttable, type Cuttable } from '../../client/cuttable.ts';
import { missingPrograms } from '../../kubernetes/build/build.ts';
import { eventually } from '../../support/eventually.ts';
import { anObjectStore, KEYS, type ObjectStore } from './objectStore.ts';
import { artifactContract, bodyOf, digestOf, MAX_BYTES } from './suite.ts';

const missing = missingPrograms(['s3']).join(', ');
const FUTURE = Number.POSITIVE_INFINITY;
const PART = 8 * 1024 ** 2;

describe.skipIf(missing)(`a bucket${missing && ` (not built: ${missing}; npm run kubernetes:build -- s3)`}`, () => {
  let server: ObjectStore;
  let folder: string;
  const opened: { close(): Promise<void> }[] = [];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'clops-s3-test-'));
    server = await anObjectStore();
    await server.makeBucket('models');
  });
  afterEach(async () => {
    await server.start();
  });
  afterAll(async () => {
    await Promise.all(opened.map((one) => one.close()));
    await server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** As one process has it. */
  const open = (objects = server.objects()) => createS3Artifacts({ objects, prefix: 'clops', maxBytes: MAX_BYTES });
  const proxy = async (): Promise<Cuttable> => {
    const made = await aCuttable(server.url);
    opened.push(made);
    return made;
  };
  const keysOf = async (digest: string): Promise<string[]> =>
    (await server.keys('models')).filter((key) => key.includes(digest.slice(7)));

  let first: ReturnType<typeof open> | undefined;
  artifactContract({ store: () => (first ??= open()), reopen: () => open() });

  test('has an entry and bytes for each artifact, and nothing of one that was something else', async () => {
    const bytes = randomBytes(PART + 1);
    const digest = digestOf(bytes);
    const hex = digest.slice(7);
    await open().put(digest, bodyOf(randomBytes(PART + 1)), { offset: 0, total: bytes.length });
    expect(await keysOf(digest)).toEqual([]);
    await open().put(digest, bodyOf(bytes), { offset: 0, total: bytes.length });
    expect(await keysOf(digest)).toEqual([
      expect.stringMatching(`^clops/bytes/${hex}/\\w{16}$`),
      `clops/sha256/${hex}`,
    ]);
  });

  describe('processes that share it', () => {
    test('go on after one that was killed, from the last whole part', async () => {
      const bytes = randomBytes(2 * PART + 5_000);
      const digest = digestOf(bytes);
      const body = new PassThrough();
      const killed = open().put(digest, body, { offset: 0, total: bytes.length });
      body.write(bytes.subarray(0, PART + 1_000));
      const other = open();
      await eventually(async () => expect((await other.head(digest))?.receivedBytes).toBe(PART));
      const rest = bodyOf(bytes.subarray(PART));
      const complete = { state: 'complete', sizeBytes: bytes.length };
      expect(await other.put(digest, rest, { offset: PART, total: bytes.length })).toEqual(complete);
      // It was only slow, and ends well too.
      body.end(bytes.subarray(PART + 1_000));
      expect(await killed).toEqual(complete);
      expect(await keysOf(digest)).toHaveLength(2);
    });

    test('look again at bytes that came whole to one that was killed before it had looked', async () => {
      const bytes = randomBytes(PART + 7);
      const digest = digestOf(bytes);
      await open().put(digest, bodyOf(bytes), { offset: 0, total: bytes.length + 1 });
      const never = new PassThrough(); // Nothing of it needs to be read.
      expect(await open().put(digest, never, { offset: 0, total: bytes.length })).toEqual({
        state: 'complete',
        sizeBytes: bytes.length,
      });
    });

    test('find what a removal that was killed has left, and take bytes that are gone for gone', async () => {
      const bytes = randomBytes(1_000);
      const digest = digestOf(bytes);
      await open().put(digest, bodyOf(bytes), { offset: 0, total: bytes.length });
      const objects = server.objects();
      const remove = async (key: string): Promise<void> => {
        if (key.includes('/bytes/')) throw new Error('killed');
        await objects.remove(key);
      };
      const killed = open({ ...objects, remove }).removeUnused({ digest, complete: true }, FUTURE);
      await expect(killed).rejects.toThrow('killed');
      expect(await keysOf(digest)).toHaveLength(2);
      expect(await open().head(digest)).not.toMatchObject({ complete: true });
      expect(await open().removeUnused({ digest, complete: false }, FUTURE)).toBe(true);
      expect(await keysOf(digest)).toEqual([]);

      await open().put(digest, bodyOf(bytes), { offset: 0, total: bytes.length });
      const [lost = ''] = await keysOf(digest);
      await server.ask(`models/${lost}`, { method: 'DELETE' });
      expect(await open().touch(digest)).toBeNull();
      await open().put(digest, bodyOf(bytes), { offset: 0, total: bytes.length });
      expect(await open().head(digest)).toMatchObject({ complete: true });
    });
  });

  test('an object that is no longer what was read is not replaced', async () => {
    const objects = server.objects();
    const text = (words: string): Buffer => Buffer.from(words);
    await objects.put('replaced', text('first'));
    const etag = (await objects.read('replaced'))?.etag ?? '';
    expect(await objects.replace('replaced', text('second'), etag)).toBe(true);
    expect(await objects.replace('replaced', text('third'), etag)).toBe(false);
    expect((await objects.read('replaced'))?.bytes.toString()).toBe('second');
    await objects.remove('replaced');
    expect(await objects.replace('replaced', text('fourth'), etag)).toBe(false);
    expect(await objects.read('replaced')).toBeNull();
  });

  describe('pods', () => {
    test('get the bytes from an address of the store, and of several from the one that names the digest', async () => {
      const bytes = randomBytes(PART + 3);
      const digest = digestOf(bytes);
      await open().put(digest, bodyOf(bytes), { offset: 0, total: bytes.length });
      const address = (await open().addressOf(digest, 60)) ?? '';
      expect(address).toMatch(new RegExp(`^${server.url}/models/clops/bytes/.*X-Amz-Signature=\\w+#${digest}$`));
      const path = join(folder, 'model');
      writeFileSync(`${path}.part`, bytes.subarray(0, 100_000));
      expect(await fetchArtifact({ url: address, digest, path, log: silentLog })).toEqual({
        bytes: bytes.length,
        downloaded: true,
      });
      expect((await fetch(address.replace('X-Amz-Expires=60', 'X-Amz-Expires=600'))).status).toBe(403);
      expect((await fetch(address.replace('/bytes/', '/sha256/'))).status).toBe(403);
      expect(await open().addressOf(digestOf(Buffer.from('not there')), 60)).toBeNull();
    });
  });

  describe('faults', () => {
    const bytes = randomBytes(3 * PART);
    const away = { code: 'STORE_UNAVAILABLE', message: 'The artifact store does not answer.' };

    test('while it is away everything says so, and what had come goes on when it is back', async () => {
      const digest = digestOf(bytes);
      const store = open();
      const body = new PassThrough();
      const cut = store.put(digest, body, { offset: 0, total: bytes.length });
      body.write(bytes.subarray(0, PART + 1_000));
      await eventually(async () => expect((await store.head(digest))?.receivedBytes).toBe(PART));
      await server.stop();
      body.write(bytes.subarray(PART + 1_000, 2 * PART + 1));
      body.end(bytes.subarray(2 * PART + 1));
      await expect(cut).rejects.toMatchObject(away);
      await expect(store.head(digest)).rejects.toMatchObject(away);
      await expect(store.get(digest)).rejects.toMatchObject(away);
      await expect(store.touch(digest)).rejects.toMatchObject(away);
      expect(await troubleWithStore(server.objects(), 'clops', 'write')).toEqual({
        words: away.message,
        mayPass: true,
        isFull: false,
      });
      await server.start();
      expect(await store.head(digest)).toMatchObject({ receivedBytes: PART, complete: false });
      expect(
        await store.put(digest, bodyOf(bytes.subarray(PART)), { offset: PART, total: bytes.length }),
      ).toMatchObject({
        state: 'complete',
      });
    });

    test('a line that breaks now and then costs nothing', async () => {
      const line = await proxy();
      const store = open(server.objects({ endpoint: line.url }));
      const digest = digestOf(bytes.subarray(1));
      let pieces = 0;
      line.onRequest = () => ++pieces === 20 || pieces === 200;
      const put = store.put(digest, bodyOf(bytes.subarray(1)), { offset: 0, total: bytes.length - 1 });
      expect(await put).toMatchObject({ state: 'complete' });
      expect(pieces).toBeGreaterThan(200);
    });

    test('one that takes requests and never answers is given up', async () => {
      const line = await proxy();
      const store = open(server.objects({ endpoint: line.url, patienceMs: 100 }));
      const held = line.taken();
      line.onRequest = () => false;
      line.onAnswer = () => true;
      await expect(store.head(digestOf(bytes))).rejects.toMatchObject(away);
      expect(line.taken()).toBe(held + 3);
    });

    test('bytes that break off are told to their reader', async () => {
      const line = await proxy();
      const digest = digestOf(bytes.subarray(2));
      await open().put(digest, bodyOf(bytes.subarray(2)), { offset: 0, total: bytes.length - 2 });
      const found = await open(server.objects({ endpoint: line.url })).get(digest);
      const reading = (async () => {
        for await (const _ of found?.body ?? []) line.cut();
      })();
      await expect(reading).rejects.toThrow();
    });

    test.each([
      ['another secret key', { credentials: async () => ({ ...KEYS, secretAccessKey: 'x' }) }, 'SignatureDoesNotMatch'],
      ['another access key', { credentials: async () => ({ ...KEYS, accessKeyId: 'x' }) }, 'XAdminUserNotFound'],
      ['another bucket', { bucket: 'not-there' }, 'NoSuchBucket'],
      ['another region', { region: 'elsewhere' }, 'AuthorizationHeaderMalformed'],
      [
        'no file with keys',
        { credentials: credentialsIn('/not/there') },
        'The keys of the artifact store cannot be read',
      ],
    ])('%s is said in words, and waiting does not mend it', async (_, given, words) => {
      const objects = server.objects(given);
      expect(await troubleWithStore(objects, 'clops', 'write')).toEqual({
        words: expect.stringContaining(words),
        mayPass: false,
        isFull: false,
      });
      const digest = digestOf(bytes.subarray(3));
      await expect(open(objects).head(digest)).rejects.toMatchObject({ message: expect.stringContaining(words) });
      // Everybody may ask for it, so it names no file.
      expect(await createStoreCheck(objects, 'clops', 'write', () => 0)()).toMatch(/^[^/]*$/);
    });

    test('well is known for some seconds, and then asked again', async () => {
      let now = 0;
      const check = createStoreCheck(server.objects(), 'clops', 'write', () => now);
      expect(await check()).toBeUndefined();
      await server.stop();
      expect(await check()).toBeUndefined();
      now += 11_000;
      expect(await check()).toBe(away.message);
      expect(await troubleWithStore(server.objects(), '', 'write')).toMatchObject({ mayPass: true });
    });
  });

  test('keys may lie in a file, and be replaced in it', async () => {
    const file = join(folder, 'credentials');
    const text = (secret: string): string =>
      `[other]\naws_access_key_id = no\n[default]\naws_access_key_id = ${KEYS.accessKeyId}\naws_secret_access_key=${secret}\n`;
    writeFileSync(file, text('wrong'));
    utimesSync(file, 1, 1);
    const objects = server.objects({ credentials: credentialsIn(file) });
    expect(await troubleWithStore(objects, '', 'write')).toMatchObject({
      words: expect.stringContaining('SignatureDoesNotMatch'),
    });
    writeFileSync(file, text(KEYS.secretAccessKey));
    expect(await troubleWithStore(objects, '', 'write')).toBeUndefined();
    writeFileSync(file, '[default]\n');
    utimesSync(file, 2, 2);
    expect(await troubleWithStore(objects, '', 'write')).toMatchObject({
      words: expect.stringContaining(`${file} lacks aws_access_key_id`),
    });
  });
});
