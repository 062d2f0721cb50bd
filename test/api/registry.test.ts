/** From bytes to a named version, over HTTP: uploads that are verified and resumed, signatures read from the file, aliases. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { anApi, type TestApi, TOKEN } from '../support/api.ts';

const VAD = 'node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx';
const auth = { authorization: `Bearer ${TOKEN}` };
const digestOf = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

let t: TestApi;
let bytes: Buffer;
let digest: string;
const at = (name: string) => `${t.api.url}/artifacts/${name}`;
const put = (name: string, body: Uint8Array, headers: Record<string, string> = {}) =>
  fetch(at(name), { method: 'PUT', body: new Uint8Array(body), headers: { ...auth, ...headers } });

beforeAll(async () => {
  t = await anApi({ maxArtifactBytes: 4 * 1024 * 1024 });
  bytes = await readFile(VAD);
  digest = digestOf(bytes);
  await t.ask('mutation { createTeam(input: { name: "speech" }) { team { id } } }');
});
afterAll(() => t.close());

describe('artifacts', () => {
  test('are kept only when they hash to their name', async () => {
    const wrong = await put(digest, bytes.subarray(1));
    expect([wrong.status, await wrong.json()]).toEqual([422, expect.objectContaining({ expected: digest })]);
    expect((await fetch(at(digest), { method: 'HEAD', headers: auth })).status).toBe(404);
    const right = await put(digest, bytes);
    expect(right.status).toBe(201);
    expect((await put(digest, bytes)).status).toBe(201);
    const got = await fetch(at(digest), { headers: auth });
    expect(Buffer.from(await got.arrayBuffer()).equals(bytes)).toBe(true);
  });

  test('go on where an upload stopped, and are read in parts', async () => {
    const whole = Buffer.from('0123456789'.repeat(1000));
    const name = digestOf(whole);
    const first = await put(name, whole.subarray(0, 4000), { 'content-range': `bytes 0-3999/${whole.length}` });
    expect([first.status, first.headers.get('upload-offset')]).toEqual([202, '4000']);
    const head = await fetch(at(name), { method: 'HEAD', headers: auth });
    expect([head.status, head.headers.get('upload-offset')]).toEqual([404, '4000']);
    const gap = await put(name, whole.subarray(5000), { 'content-range': `bytes 5000-9999/${whole.length}` });
    expect([gap.status, gap.headers.get('upload-offset')]).toEqual([409, '4000']);
    const rest = await put(name, whole.subarray(4000), { 'content-range': `bytes 4000-9999/${whole.length}` });
    expect(rest.status).toBe(201);
    const part = await fetch(at(name), { headers: { ...auth, range: 'bytes=9995-' } });
    expect([part.status, await part.text(), part.headers.get('content-range')]).toEqual([
      206,
      '56789',
      'bytes 9995-9999/10000',
    ]);
    expect((await fetch(at(name), { headers: { ...auth, range: 'bytes=20000-' } })).status).toBe(416);
  });

  test.each([
    ['a name that is no digest', 'sha256:xyz', 400],
    ['a path outside', '..%2f..%2fetc%2fpasswd', 400],
  ])('refuse %s', async (_, name, status) => {
    expect((await put(name, Buffer.from('x'))).status).toBe(status);
  });

  test('refuse what is too large, and strangers', async () => {
    const large = Buffer.alloc(5 * 1024 * 1024);
    const announced = await put(digest, large.subarray(0, 10), { 'content-range': `bytes 0-9/${large.length}` });
    expect([announced.status, await announced.json()]).toEqual([
      413,
      { error: `An artifact may have at most ${4 * 1024 * 1024} bytes.` },
    ]);
    const refused = await put(digestOf(large), large).catch(() => null); // the connection may be cut while the body is still sent
    expect(refused === null || refused.status === 413).toBe(true);
    expect((await fetch(at(digest))).status).toBe(401);
    expect((await fetch(`${at(digest)}?expires=9999999999&signature=${'0'.repeat(64)}`)).status).toBe(401);
  });
});

const CREATE = `mutation ($input: CreateModelVersionInput!) { createModelVersion(input: $input) {
  version { id number format artifact { digest sizeBytes } signature { inputs { name datatype shape } outputs { name } } parameters aliases { name } }
  errors { __typename code message path } } }`;

describe('versions', () => {
  let model: string;
  beforeAll(async () => {
    const answer = await t.ask<{ createModel: { model: { id: string } } }>(
      'mutation { createModel(input: { team: "speech", name: "vad", tags: { task: "speech" } }) { model { id } errors { message } } }',
    );
    model = answer.createModel.model.id;
  });

  test('are numbered without gaps, also when many arrive at once, and know their signature', async () => {
    const input = { model, artifact: { digest }, format: 'ONNX', parameters: { rate: 16000 } };
    const answers = await Promise.all(
      Array.from({ length: 5 }, () =>
        t.ask<{ createModelVersion: { version: { number: number } } }>(CREATE, { input }),
      ),
    );
    expect(answers.map((a) => a.createModelVersion.version.number).sort()).toEqual([1, 2, 3, 4, 5]);
    expect(answers[0]?.createModelVersion.version).toMatchObject({
      format: 'ONNX',
      artifact: { digest, sizeBytes: bytes.length },
      signature: {
        inputs: [
          { name: 'input', datatype: 'FP32', shape: [-1, -1] },
          { name: 'state', datatype: 'FP32', shape: [2, -1, 128] },
          { name: 'sr', datatype: 'INT64', shape: [] },
        ],
      },
    });
  });

  test.each([
    [
      'bytes that never came',
      () => ({ artifact: { digest: `sha256:${'0'.repeat(64)}` } }),
      'NOT_FOUND',
      ['artifact', 'digest'],
    ],
    ['a digest of another form', () => ({ artifact: { digest: 'md5:1' } }), 'INVALID_INPUT', ['artifact', 'digest']],
    ['a model that is not there', () => ({ model: 'mdl_0' }), 'NOT_FOUND', ['model']],
    ['a run that is not there', () => ({ run: 'run_0' }), 'NOT_FOUND', ['run']],
    ['a text with NUL', () => ({ description: 'a\u0000b' }), 'INVALID_INPUT', ['description']],
  ])('refuse %s', async (_, change, code, path) => {
    const answer = await t.ask<{ createModelVersion: { version: null; errors: object[] } }>(CREATE, {
      input: { model, artifact: { digest }, format: 'ONNX', ...change() },
    });
    expect(answer.createModelVersion).toEqual({ version: null, errors: [expect.objectContaining({ code, path })] });
  });

  test.each([
    ['text', () => Buffer.from('not a model at all')],
    ['nothing', () => Buffer.alloc(0)],
    ['a model that was cut off', () => bytes.subarray(0, 1_000_000)],
  ])('refuse %s as ONNX', async (_, make) => {
    const body = make();
    expect((await put(digestOf(body), body)).status).toBe(201);
    const answer = await t.ask<{ createModelVersion: { errors: object[] } }>(CREATE, {
      input: { model, artifact: { digest: digestOf(body) }, format: 'ONNX' },
    });
    expect(answer.createModelVersion.errors).toEqual([
      expect.objectContaining({
        code: 'INVALID_INPUT',
        path: ['artifact', 'digest'],
        message: expect.stringContaining('ONNX'),
      }),
    ]);
  });

  test('carry movable aliases whose moves are events', async () => {
    const set = (version: object) =>
      t.ask(
        `mutation ($v: VersionSelector!) { setAlias(input: { model: "${model}", name: "champion", version: $v }) { version { number } errors { code path message } } }`,
        { v: version },
      );
    expect(await set({ number: 2 })).toMatchObject({ setAlias: { version: { number: 2 } } });
    expect(await set({ latest: true })).toMatchObject({ setAlias: { version: { number: 5 } } });
    expect(await set({ number: 99 })).toMatchObject({
      setAlias: { version: null, errors: [{ code: 'NOT_FOUND', path: ['version', 'number'] }] },
    });
    expect(
      (
        await t.send(
          `mutation { setAlias(input: { model: "${model}", name: "x", version: { number: 1, latest: true } }) { version { id } } }`,
        )
      ).errors,
    ).toHaveLength(1);
    const answer =
      await t.ask(`{ model(team: "speech", name: "vad") { aliases { name version { number } movedBy { name } } version(alias: "champion") { number } latestVersion { number }
      versions(first: 2) { totalCount nodes { number model { name team { name } } } pageInfo { hasNextPage } } } }`);
    expect(answer).toEqual({
      model: {
        aliases: [{ name: 'champion', version: { number: 5 }, movedBy: { name: 'admin' } }],
        version: { number: 5 },
        latestVersion: { number: 5 },
        versions: {
          totalCount: 5,
          nodes: [
            { number: 5, model: { name: 'vad', team: { name: 'speech' } } },
            { number: 4, model: { name: 'vad', team: { name: 'speech' } } },
          ],
          pageInfo: { hasNextPage: true },
        },
      },
    });
  });

  const ofModel = async (name: string) => {
    const body = await readFile(`test/modelserver/models/${name}.onnx`);
    expect((await put(digestOf(body), body)).status).toBe(201);
    return t.ask<{ createModelVersion: { version: object | null; errors: { message: string }[] } }>(CREATE, {
      input: { model, artifact: { digest: digestOf(body) }, format: 'ONNX' },
    });
  };

  test('of ONNX leave out outputs that are no tensors, as the model server does', async () => {
    const { createModelVersion } = await ofModel('sequence');
    expect(createModelVersion).toMatchObject({ version: { signature: { outputs: [{ name: 'label' }] } }, errors: [] });
  });

  test.each([
    ['only_sequence', 'zipmap=False'],
    ['outside', 'weights are in another file'],
  ])('of ONNX that could never be served are refused: %s', async (name, why) => {
    expect(await ofModel(name)).toMatchObject({
      createModelVersion: { version: null, errors: [{ code: 'INVALID_INPUT', message: expect.stringContaining(why) }] },
    });
  });
});

test('a walk through the pages meets every model once, in order', async () => {
  await Promise.all(
    Array.from({ length: 25 }, (_, i) =>
      t.ask(
        `mutation { createModel(input: { team: "speech", name: "m-${String(i).padStart(2, '0')}" }) { errors { message } } }`,
      ),
    ),
  );
  const seen: string[] = [];
  let after: string | null = null;
  do {
    const page: { models: { nodes: { name: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string } } } =
      await t.ask(
        'query ($after: Cursor) { models(first: 7, after: $after, where: { name: { startsWith: "m-" } }, orderBy: { field: CREATED_AT, direction: DESC }) { nodes { name } pageInfo { hasNextPage endCursor } } }',
        { after },
      );
    seen.push(...page.models.nodes.map((node) => node.name));
    after = page.models.pageInfo.hasNextPage ? page.models.pageInfo.endCursor : null;
  } while (after);
  expect(new Set(seen).size).toBe(25);
  expect(seen).toHaveLength(25);
});

test.each([
  ['a number where a name belongs', ['models_NAME_ASC', 5, 'mdl_1']],
  ['no id', ['models_NAME_ASC', 'a']],
  ['a NUL', ['models_NAME_ASC', 'a\0', 'mdl_1']],
  ['another list', ['teams', 'a', 'mdl_1']],
])('a made-up cursor with %s is refused as input', async (_, key) => {
  const after = Buffer.from(JSON.stringify(key)).toString('base64url');
  const answer = await t.send('query ($after: Cursor) { models(after: $after) { nodes { name } } }', { after });
  expect(answer.errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
});

test('a repetition with its key is answered as the first time, though what it named is gone', async () => {
  const { createModel } = await t.ask<{ createModel: { model: { id: string } } }>(
    'mutation { createModel(input: { team: "speech", name: "passing" }) { model { id } } }',
  );
  const model = createModel.model.id;
  const asked: [string, string, object][] = [
    ['createModelVersion', 'CreateModelVersionInput', { artifact: { digest }, format: 'CUSTOM' }],
    ['setAlias', 'SetAliasInput', { name: 'champion', version: { number: 1 } }],
    ['updateModel', 'UpdateModelInput', { description: 'of old' }],
    ['deleteAlias', 'DeleteAliasInput', { name: 'champion' }],
  ];
  const ask = ([name, type, input]: (typeof asked)[number]) =>
    t.ask<Record<string, { operation: { id: string } | null; errors: object[] }>>(
      `mutation ($input: ${type}!) { ${name}(input: $input) { operation { id name } errors { code message } } }`,
      { input: { model, ...input, idempotencyKey: `passing ${name}` } },
    );
  const first: object[] = [];
  for (const one of asked) first.push(await ask(one));
  for (const [i, [name]] of asked.entries())
    expect(first[i]).toEqual({ [name]: { operation: { id: expect.any(String), name }, errors: [] } });
  await t.ask(`mutation { deleteModel(input: { model: "${model}" }) { errors { message } } }`);
  for (const [i, one] of asked.entries()) expect(await ask(one)).toEqual(first[i]);
});

test('each refusal says what is wrong, where, and what to do', async () => {
  const { createModel } = await t.ask<{ createModel: { model: { id: string } } }>(
    'mutation { createModel(input: { team: "speech", name: "words" }) { model { id } } }',
  );
  const { id } = createModel.model;
  const refusals: [string, string, string[], string][] = [
    ['createModel', '{ team: "nope", name: "x" }', ['team'], 'There is no team "nope". Create it first.'],
    [
      'createModel',
      '{ team: "speech", name: "words" }',
      ['name'],
      'Team speech has a model named "words" already. Register a version of it, or choose another name.',
    ],
    [
      'updateModel',
      '{ model: "mdl_0" }',
      ['model'],
      'There is no model with the id "mdl_0". The list `models` has those that there are.',
    ],
    [
      'setAlias',
      `{ model: "${id}", name: "x", version: { latest: true } }`,
      ['version', 'latest'],
      'Model words has no version yet. Register one first with createModelVersion.',
    ],
    [
      'setAlias',
      `{ model: "${id}", name: "x", version: { alias: "champion" } }`,
      ['version', 'alias'],
      'Model words has no alias "champion". Set it with setAlias, or choose a version by its number.',
    ],
    [
      'deleteAlias',
      `{ model: "${id}", name: "x" }`,
      ['name'],
      'Model words has no alias "x": it may be removed already.',
    ],
  ];
  for (const [mutation, input, path, message] of refusals) {
    const answer = await t.ask(`mutation { ${mutation}(input: ${input}) { errors { message path } } }`);
    expect(answer).toEqual({ [mutation]: { errors: [{ message, path }] } });
  }
});

test('a model that is deleted only if it is empty stays with the version that somebody gave it meanwhile', async () => {
  const { createModel } = await t.ask<{ createModel: { model: { id: string } } }>(
    'mutation { createModel(input: { team: "speech", name: "shared" }) { model { id } } }',
  );
  const { id } = createModel.model;
  const bytes = Buffer.from('a good version');
  const artifact = { digest: digestOf(bytes) };
  expect((await put(artifact.digest, bytes)).status).toBe(201);
  await t.ask('mutation ($input: CreateModelVersionInput!) { createModelVersion(input: $input) { errors { code } } }', {
    input: { model: id, artifact, format: 'CUSTOM' },
  });
  const remove = (model: string) =>
    t.ask('mutation ($input: DeleteModelInput!) { deleteModel(input: $input) { errors { code path } } }', {
      input: { model, onlyIfEmpty: true },
    });
  expect(await remove(id)).toEqual({ deleteModel: { errors: [{ code: 'CONFLICT', path: ['onlyIfEmpty'] }] } });
  const { model } = await t.ask<{ model: object }>(
    '{ model(team: "speech", name: "shared") { versions(first: 5) { nodes { number } } } }',
  );
  expect(model).toEqual({ versions: { nodes: [{ number: 1 }] } });
  const empty = await t.ask<{ createModel: { model: { id: string } } }>(
    'mutation { createModel(input: { team: "speech", name: "unused" }) { model { id } } }',
  );
  expect(await remove(empty.createModel.model.id)).toEqual({ deleteModel: { errors: [] } });
});
