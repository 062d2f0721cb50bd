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
import { missingPrograms } from '../kubernetes/build/build.ts';
import { anApi, type TestApi, TOKEN } from '../support/api.ts';

const missing = missingPrograms(['s3']).join(', ');
const MODEL = 'test/modelserver/models/scale.onnx';
const headers = { authorization: `Bearer ${TOKEN}` };
const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

describe.skipIf(missing)(`an API with a bucket${missing && ` (not built: ${missing})`}`, () => {
  let server: ObjectStore;
  let objects: Objects;
  let folder: string;
  let t: TestApi;
  let now = 0;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'clops-bucket-'));
    server = await anObjectStore();
    await server.makeBucket('models');
    objects = createObjects({ endpoint: server.url, region: REGION, bucket: 'models', credentials: async () => KEYS });
    const check = createStoreCheck(objects, '', () => (now += 60_000));
    t = await anApi({
      artifacts: createS3Artifacts({ objects, prefix: '', maxBytes: 64 * 1024 ** 2 }),
      checks: [{ name: 'artifact-store', check, isAdvisory: true }],
    });
    await t.ask('mutation { createTeam(input: { name: "speech" }) { team { id } } }');
  });
  afterEach(() => server.start());
  afterAll(async () => {
    await t?.close();
    await objects?.close();
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
    const ready = await (await fetch(`${t.api.url}/readyz?verbose`)).text();
    expect(ready).toContain('[!]artifact-store: The artifact store does not answer. (does not make it unready)');
    await server.start();
    expect(await (await fetch(`${t.api.url}/readyz?verbose`)).text()).toContain('[+]artifact-store ok');
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
});
