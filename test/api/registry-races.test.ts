/** Changes of one model that meet: nothing that was not given is written, and what is gone meanwhile is said to be gone. */
import 'reflect-metadata';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { anApi, type TestApi, TOKEN } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';

let t: TestApi;
let digest: string;
beforeAll(async () => {
  t = await anApi();
  await t.ask('mutation { createTeam(input: { name: "speech" }) { team { id } } }');
  digest = `sha256:${createHash('sha256').update('bytes').digest('hex')}`;
  const headers = { authorization: `Bearer ${TOKEN}` };
  expect((await fetch(`${t.api.url}/artifacts/${digest}`, { method: 'PUT', body: 'bytes', headers })).status).toBe(201);
});
afterAll(() => t.close());

const aVersion = async (name: string): Promise<{ model: string; version: string }> => {
  const { createModel } = await t.ask<{ createModel: { model: { id: string } } }>(
    'mutation ($name: String!) { createModel(input: { team: "speech", name: $name }) { model { id } } }',
    { name },
  );
  const model = createModel.model.id;
  const { createModelVersion } = await t.ask<{ createModelVersion: { version: { id: string } } }>(
    'mutation ($input: CreateModelVersionInput!) { createModelVersion(input: $input) { version { id } } }',
    { input: { model, format: 'CUSTOM', artifact: { digest } } },
  );
  return { model, version: createModelVersion.version.id };
};

const UPDATES = {
  model: 'mutation ($id: ID!) { updateModel(input: { model: $id, tags: { a: 1 } }) { errors { code } } }',
  version: 'mutation ($id: ID!) { updateModelVersion(input: { version: $id, tags: { a: 1 } }) { errors { code } } }',
};
const isWaiting = { name: 'isWaiting', text: 'select 1 from pg_locks where not granted' };

/** The update is asked for while another change of the row is about to commit, which it has to wait for. */
async function updateAfter(kind: 'model' | 'version', id: string, change: string): Promise<unknown> {
  let answer: Promise<unknown> = Promise.resolve();
  await t.services.db.tx(async (tx) => {
    await tx.read({ name: `${change.slice(0, 6)} ${kind}`, text: change }, [id]);
    answer = t.ask(UPDATES[kind], { id });
    await eventually(async () => expect(await t.services.db.read(isWaiting)).not.toEqual([]));
  });
  return answer;
}

test.each(['model', 'version'] as const)(
  'a %s keeps the description that somebody else has just written',
  async (kind) => {
    const id = (await aVersion(`kept-${kind}`))[kind];
    const change = `update clops.${kind === 'model' ? 'models' : 'model_versions'} set description = 'new' where id = $1`;
    await updateAfter(kind, id, change);
    const { node } = await t.ask<{ node: object }>(
      'query ($id: ID!) { node(id: $id) { ... on Model { description tags } ... on ModelVersion { description tags } } }',
      { id },
    );
    expect(node).toEqual({ description: 'new', tags: { a: 1 } });
  },
);

test.each(['model', 'version'] as const)('a %s that was deleted meanwhile is not found', async (kind) => {
  const { model, version } = await aVersion(`gone-${kind}`);
  if (kind === 'model')
    await t.services.db.read({ name: 'del', text: 'delete from clops.model_versions where id = $1' }, [version]);
  const change = `delete from clops.${kind === 'model' ? 'models' : 'model_versions'} where id = $1`;
  const answer = await updateAfter(kind, kind === 'model' ? model : version, change);
  expect(Object.values(answer as object)).toEqual([{ errors: [{ code: 'NOT_FOUND' }] }]);
});
