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

const waiting = {
  name: 'waiting',
  text: `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
};

/** Both are asked for while somebody holds the model, so that they meet as soon as it is let go. */
async function meeting(model: string, ...documents: string[]): Promise<{ errors: { code: string }[] }[]> {
  const answers: Promise<Record<string, { errors: { code: string }[] }>>[] = [];
  await t.services.db.tx(async (tx) => {
    await tx.read({ name: 'hold model', text: 'select 1 from clops.models where id = $1 for update' }, [model]);
    for (const document of documents) {
      answers.push(t.ask(document));
      await eventually(async () => expect(await t.services.db.read(waiting)).toHaveLength(answers.length));
    }
  });
  return (await Promise.all(answers)).map((answer) => Object.values(answer)[0] as { errors: { code: string }[] });
}

const told = async (about: string, type: string): Promise<{ data: object }[]> => {
  const { events } = await t.ask<{ events: { nodes: { type: string; data: object }[] } }>(
    `{ events(first: 100, where: { subject: "${about}" }) { nodes { type data } } }`,
  );
  return events.nodes.filter((event) => event.type === type);
};

test('a model that two delete at once is deleted once', async () => {
  const { model } = await aVersion('deleted-twice');
  const document = `mutation { deleteModel(input: { model: "${model}" }) { errors { code } } }`;
  const answers = await meeting(model, document, document);
  expect(answers.map(({ errors }) => errors.map(({ code }) => code))).toEqual([[], ['NOT_FOUND']]);
  await eventually(async () => expect(await told(model, 'model.deleted')).toHaveLength(1));
});

const aliasTo = (model: string, number: number): string =>
  `mutation { setAlias(input: { model: "${model}", name: "prod", version: { number: ${number} } }) { errors { code } } }`;

test('of two who give a new alias at once, the second moves it from where the first put it', async () => {
  const { model, version } = await aVersion('aliased-twice');
  const { createModelVersion } = await t.ask<{ createModelVersion: { version: { id: string } } }>(
    'mutation ($input: CreateModelVersionInput!) { createModelVersion(input: $input) { version { id } } }',
    { input: { model, format: 'CUSTOM', artifact: { digest } } },
  );
  const second = createModelVersion.version.id;
  await meeting(model, aliasTo(model, 1), aliasTo(model, 2));
  await eventually(async () =>
    expect((await told(model, 'alias.moved')).map(({ data }) => data)).toEqual([
      { alias: 'prod', from: null, to: version },
      { alias: 'prod', from: version, to: second },
    ]),
  );
});

test('an alias of a model that is deleted meanwhile is refused in words', async () => {
  const { model } = await aVersion('aliased-gone');
  const gone = `mutation { deleteModel(input: { model: "${model}" }) { errors { code } } }`;
  const answers = await meeting(model, gone, aliasTo(model, 1));
  expect(answers.map(({ errors }) => errors.map(({ code }) => code))).toEqual([[], ['NOT_FOUND']]);
});
