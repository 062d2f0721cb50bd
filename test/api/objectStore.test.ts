/** An API whose artifacts are in a bucket: the same answers as with a folder, and what it says while the store is away. */
import 'reflect-metadata';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createClopsClient } from '../../src/client/index.ts';
import { createStoreCheck } from '../../src/platform/artifacts/s3/check.ts';
import { createObjects, type Objects } from '../../src/platform/artifacts/s3/objects.ts';
import { createS3Artifacts } from '../../src/platform/artifacts/s3/store.ts';
import { anObjectStore, KEYS, type ObjectStore, REGION } from '../contract/artifacts/objectStore.ts';
import { aSlowLine, holdingFirst, type SlowLine } from '../contract/artifacts/slowLine.ts';
import { missingPrograms } from '../kubernetes/build/build.ts';
import { anApi, type TestApi, TOKEN } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';

const missing = missingPrograms(['s3']).join(', ');
const MODEL = 'test/modelserver/models/scale.onnx';
const headers = { authorization: `Bearer ${TOKEN}` };
const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

describe.skipIf(missing)(`an API with a bucket${missing && ` (not built: ${missing})`}`, () => {
  let server: ObjectStore;
  let objects: Objects;
  let folder: string;
  let t: TestApi;
  let line: SlowLine;
  let keys: { accessKeyId: string; secretAccessKey: string } = KEYS;
  let now = 0;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'clops-bucket-'));
    server = await anObjectStore();
    await server.makeBucket('models');
    line = await aSlowLine(server.url);
    objects = createObjects({ endpoint: line.url, region: REGION, bucket: 'models', credentials: async () => keys });
    const check = createStoreCheck(objects, '', 'write', () => (now += 60_000));
    t = await anApi({
      artifacts: createS3Artifacts({ objects, prefix: '', maxBytes: 64 * 1024 ** 2 }),
      checks: [{ name: 'artifact-store', check, isAdvisory: true }],
    });
    await t.ask('mutation { createTeam(input: { name: "speech" }) { team { id } } }');
  });
  afterEach(async () => {
    keys = KEYS;
    line.before = () => undefined;
    await server.start();
  });
  afterAll(async () => {
    await t?.close();
    await objects?.close();
    await line?.close();
    await server?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const at = (digest: string): string => `${t.api.url}/artifacts/${digest}`;
  const register = async (name: string, digest: string, format = 'ONNX') => {
    const { createModel } = await t.ask<{ createModel: { model: { id: string } } }>(
      `mutation { createModel(input: { team: "speech", name: "${name}" }) { model { id } } }`,
    );
    return t.send(
      `mutation ($input: CreateModelVersionInput!) {
        createModelVersion(input: $input) { version { number artifact { sizeBytes } signature { inputs { name datatype shape } } } errors { message } }
      }`,
      { input: { model: createModel.model.id, format, artifact: { digest } } },
    );
  };

  test('takes a model, reads its signature, and gives it back whole and in ranges', async () => {
    const bytes = readFileSync(MODEL);
    const client = createClopsClient({ url: t.api.url, token: TOKEN });
    const { digest } = await client.uploadArtifact(MODEL);
    await client.close();
    expect((await register('scale', digest)).data.createModelVersion).toMatchObject({
      version: {
        number: 1,
        artifact: { sizeBytes: bytes.length },
        signature: { inputs: [{ name: 'x' }, { name: 'factor' }] },
      },
      errors: [],
    });
    const whole = await fetch(at(digest), { headers });
    expect(Buffer.from(await whole.arrayBuffer()).equals(bytes)).toBe(true);
    const part = await fetch(at(digest), { headers: { ...headers, range: 'bytes=3-6' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 3-6/${bytes.length}`]);
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(3, 7))).toBe(true);
    const signed = t.signer.sign(digest, Date.now() + 60_000);
    expect((await fetch(at(digest) + new URL(signed).search)).status).toBe(200);
  });

  test('says 503 and when to try again while the store is away, and GraphQL its code', async () => {
    const bytes = randomBytes(1_000);
    await server.stop();
    const refused = { status: 503, after: '5', error: 'The artifact store does not answer.' };
    for (const method of ['PUT', 'GET']) {
      const answer = await fetch(at(digestOf(bytes)), { method, headers, ...(method === 'PUT' && { body: bytes }) });
      const { error } = (await answer.json()) as { error: string };
      expect({ status: answer.status, after: answer.headers.get('retry-after'), error }).toEqual(refused);
    }
    const { errors = [] } = await register('away', digestOf(bytes));
    expect(errors[0]).toMatchObject({
      message: refused.error,
      extensions: { code: 'STORE_UNAVAILABLE', retryable: true },
    });
    // A check that finds no time is not known: asked again.
    const says = (line: string) =>
      eventually(async () => expect(await (await fetch(`${t.api.url}/readyz?verbose`)).text()).toContain(line));
    await says('[!]artifact-store: The artifact store does not answer. (does not make it unready)');
    await server.start();
    await says('[+]artifact-store ok');
  });

  const upload = async (): Promise<string> => {
    const bytes = randomBytes(1_000);
    expect((await fetch(at(digestOf(bytes)), { method: 'PUT', headers, body: bytes })).status).toBe(201);
    return digestOf(bytes);
  };

  test('registers no version of bytes that are being removed', async () => {
    const digest = await upload();
    const { reached, letGo } = holdingFirst(line, (what) => what.startsWith('DELETE /models/sha256/'));
    const sweeping = createS3Artifacts({ objects, prefix: '', maxBytes: 1 });
    const removal = sweeping.removeUnused({ digest, complete: true }, Number.POSITIVE_INFINITY);
    await reached;
    const { data, errors = [] } = await register('removed', digest, 'CUSTOM');
    expect(data?.createModelVersion ?? null).toBeNull();
    expect(errors[0]).toMatchObject({
      message: expect.stringContaining('are being removed just now. Try again in a minute.'),
      extensions: { code: 'STORE_UNAVAILABLE', retryable: true },
    });
    letGo();
    expect(await removal).toBe(true);
    expect((await register('gone', digest, 'CUSTOM')).data.createModelVersion).toEqual({
      version: null,
      errors: [{ message: expect.stringContaining('Upload the artifact first') }],
    });
  });

  test('does not ask for a repetition where only a person helps, and names no file', async () => {
    keys = { ...KEYS, secretAccessKey: 'another' };
    const { errors = [] } = await register('wrong-keys', digestOf(randomBytes(1)));
    expect(errors[0]).toMatchObject({ message: expect.stringContaining('SignatureDoesNotMatch') });
    expect(errors[0]?.extensions).not.toHaveProperty('retryable');
    const answer = await fetch(at(digestOf(randomBytes(1))), { headers });
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, null]);
  });

  test('ends the connection of an upload that nobody reads any more', async () => {
    const digest = digestOf(randomBytes(1));
    await server.stop();
    const sent = request(at(digest), { method: 'PUT', headers: { ...headers, 'content-length': 60 * 1024 ** 2 } });
    const answered = new Promise<{ status: number | undefined; connection: string | undefined }>((resolve, reject) => {
      sent.on('error', reject);
      sent.on('response', ({ statusCode, headers: { connection } }) => resolve({ status: statusCode, connection }));
    });
    sent.write('only the first bytes');
    expect(await answered).toEqual({ status: 503, connection: 'close' });
    sent.destroy();
  });

  test('goes on with an upload when the store is back', async () => {
    const file = join(folder, 'large');
    writeFileSync(file, randomBytes(20 * 1024 ** 2));
    const client = createClopsClient({ url: t.api.url, token: TOKEN });
    let stopped: Promise<unknown> | undefined;
    const uploaded = await client.uploadArtifact(file, {
      onProgress({ phase, doneBytes }) {
        if (phase === 'sending' && doneBytes > 10 * 1024 ** 2) stopped ??= server.stop().then(() => server.start());
      },
    });
    await stopped;
    await client.close();
    expect((await fetch(at(uploaded.digest), { method: 'HEAD', headers })).status).toBe(200);
  });

  test('while the store takes what is sent and does not answer, only what needs it waits', async () => {
    const digest = await upload();
    const asked = Promise.withResolvers<void>();
    let count = 0;
    line.before = (what) => {
      if (!what.startsWith('PUT ')) return undefined;
      if (++count === 12) asked.resolve();
      return new Promise(() => {});
    };
    const waiting = Array.from({ length: 12 }, (_, n) => register(`hangs-${n}`, digest, 'CUSTOM'));
    await asked.promise;
    expect(await t.send('{ teams { nodes { name } } }')).toMatchObject({ data: { teams: { nodes: [{}] } } });
    expect(t.services.db.connections()).toMatchObject({ used: 0, waiting: 0 });
    await line.close(); // What it holds breaks off, and nothing listens any more.
    for (const { errors = [] } of await Promise.all(waiting))
      expect(errors[0]?.extensions).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
  });
});
