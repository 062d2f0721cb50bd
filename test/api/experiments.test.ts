/** Tracking of experiments over HTTP: what a run logs, what of it is fixed, how runs are found and compared. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { anApi, type TestApi, TOKEN } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';

let t: TestApi;
let experiment: string;

beforeAll(async () => {
  t = await anApi();
  await t.ask('mutation { createTeam(input: { name: "speech" }) { team { id } } }');
  experiment = await anExperiment('wake-word');
});
afterAll(() => t.close());

const ERRORS = `errors { __typename code message path ... on InvalidInputError { constraint } ... on NotAllowedNowError { phase allowed }
  ... on ConflictError { current { id } } ... on NameTakenError { existing { id } } }`;
const CREATE = `mutation ($input: CreateExperimentInput!) { createExperiment(input: $input) { experiment { id name team { name } } ${ERRORS} } }`;
const CREATE_RUN = `mutation ($input: CreateRunInput!) { createRun(input: $input) {
  run { id name state startedAt finishedAt createdBy { name } parameters tags source { repository commit path } datasets { name digest uri } } ${ERRORS} } }`;
const LOG = `mutation ($input: LogRunInput!) { logRun(input: $input) {
  run { parameters tags latestMetrics { key step value } } operation { id name state } ${ERRORS} } }`;
const FINISH = `mutation ($input: FinishRunInput!) { finishRun(input: $input) { run { state finishedAt } ${ERRORS} } }`;
const SERIES = `query ($id: ID!, $key: String!, $maxPoints: Int) { node(id: $id) { ... on Run { metric(key: $key, maxPoints: $maxPoints) { step value at } } } }`;

interface Logged {
  run: { parameters: object; tags: object; latestMetrics: object[] } | null;
  operation: { id: string } | null;
  errors: { message: string }[];
}

async function anExperiment(name: string): Promise<string> {
  const answer = await t.ask<{ createExperiment: { experiment: { id: string } } }>(CREATE, {
    input: { team: 'speech', name },
  });
  return answer.createExperiment.experiment.id;
}

async function aRun(input: object = {}): Promise<string> {
  const answer = await t.ask<{ createRun: { run: { id: string } } }>(CREATE_RUN, { input: { experiment, ...input } });
  return answer.createRun.run.id;
}

const log = async (run: string, input: object): Promise<Logged> =>
  (await t.ask<{ logRun: Logged }>(LOG, { input: { run, ...input } })).logRun;

const finish = async (run: string, state: string) =>
  (await t.ask<{ finishRun: { run: object | null; errors: object[] } }>(FINISH, { input: { run, state } })).finishRun;

const series = async (id: string, key: string, maxPoints?: number) =>
  (
    await t.ask<{ node: { metric: { step: number; value: number | null; at: string }[] } }>(SERIES, {
      id,
      key,
      maxPoints,
    })
  ).node.metric;

/** What the log says about a thing, once it has been numbered. */
const expectEvents = (id: string, types: string[]) =>
  eventually(async () => {
    const { events } = await t.ask<{ events: { nodes: { type: string }[] } }>(
      `{ events(first: 100, where: { subject: "${id}" }) { nodes { type } } }`,
    );
    expect(events.nodes.map(({ type }) => type)).toEqual(types);
  });

describe('an experiment', () => {
  test('is found by team and name, by its id and in its team', async () => {
    const answer = await t.ask(
      `query ($id: ID!) { experiment(team: "speech", name: "wake-word") { id description tags team { name } }
        node(id: $id) { ... on Experiment { name } } team(name: "speech") { experiments { totalCount nodes { name } } }
        none: experiment(team: "speech", name: "other") { id } }`,
      { id: experiment },
    );
    expect(answer).toEqual({
      experiment: { id: experiment, description: '', tags: {}, team: { name: 'speech' } },
      node: { name: 'wake-word' },
      team: { experiments: { totalCount: 1, nodes: [{ name: 'wake-word' }] } },
      none: null,
    });
    await expectEvents(experiment, ['experiment.created']);
  });

  test.each([
    ['a name that is taken', { name: 'wake-word' }, { code: 'NAME_TAKEN', path: ['name'] }],
    ['a name of another form', { name: 'Wake Word' }, { code: 'INVALID_INPUT', constraint: 'name', path: ['name'] }],
    ['a team that is not there', { team: 'none', name: 'x' }, { code: 'NOT_FOUND', path: ['team'] }],
    ['tags that are too large', { name: 'x', tags: { a: 'x'.repeat(70_000) } }, { constraint: 'max_size' }],
  ])('is refused with %s', async (_, input, error) => {
    const answer = await t.ask(CREATE, { input: { team: 'speech', ...input } });
    expect(answer).toMatchObject({ createExperiment: { experiment: null, errors: [error] } });
  });
});

describe('a run', () => {
  test('holds what it was made with, and its id is its name when it was given none', async () => {
    const source = { repository: 'github.com/acme/wake', commit: '4be2', path: 'train.py' };
    const datasets = [{ name: 'voices', digest: 'sha256:1', uri: null }];
    const input = { experiment, parameters: { lr: 0.01, layers: [64, 32] }, tags: { by: 'night' }, source, datasets };
    const { createRun } = await t.ask<{ createRun: { run: { id: string } } }>(CREATE_RUN, { input });
    const { id } = createRun.run;
    expect(createRun.run).toEqual({
      id,
      name: id,
      state: 'RUNNING',
      startedAt: expect.any(String),
      finishedAt: null,
      createdBy: { name: 'admin' },
      parameters: { lr: 0.01, layers: [64, 32] },
      tags: { by: 'night' },
      source,
      datasets,
    });
    await expectEvents(id, ['run.created']);
  });

  test('is refused without its experiment', async () => {
    const answer = await t.ask(CREATE_RUN, { input: { experiment: 'exp_0' } });
    expect(answer).toMatchObject({ createRun: { run: null, errors: [{ code: 'NOT_FOUND', path: ['experiment'] }] } });
  });

  test('logs the same again without a change, and another value in its place', async () => {
    const run = await aRun();
    const metrics = [0, 1, 2].map((step) => ({
      key: 'loss',
      step,
      value: 1 / (step + 1),
      at: `2026-01-01T00:00:0${step}Z`,
    }));
    await log(run, { metrics });
    await log(run, { metrics: metrics.map(({ key, step, value }) => ({ key, step, value })) });
    expect(await series(run, 'loss')).toEqual([
      { step: 0, value: 1, at: '2026-01-01T00:00:00.000Z' },
      { step: 1, value: 0.5, at: '2026-01-01T00:00:01.000Z' },
      { step: 2, value: 1 / 3, at: '2026-01-01T00:00:02.000Z' },
    ]);
    const changed = await log(run, {
      metrics: [
        { key: 'loss', step: 1, value: 9 },
        { key: 'loss', step: 1, value: 0.25 },
      ],
    });
    expect(changed.errors).toEqual([]);
    expect((await series(run, 'loss')).map(({ value }) => value)).toEqual([1, 0.25, 1 / 3]);
    await expectEvents(run, ['run.created']);
  });

  test('logs NaN as null, large steps and many metrics, and shows the latest of each', async () => {
    const run = await aRun();
    const { run: logged } = await log(run, {
      metrics: [
        { key: 'loss', step: 1, value: 0.5 },
        { key: 'loss', step: 2 ** 40, value: null },
        { key: 'acc', step: 7, value: 0.875 },
        { key: 'acc', step: -1, value: 1e-300 },
      ],
    });
    expect(logged?.latestMetrics).toEqual([
      { key: 'acc', step: 7, value: 0.875 },
      { key: 'loss', step: 2 ** 40, value: null },
    ]);
  });

  test('keeps parameters that say null, deep ones too', async () => {
    const parameters = { max_depth: null, net: { dropout: null }, prototype: 'v2' };
    expect((await log(await aRun({ parameters }), {})).run?.parameters).toEqual(parameters);
    expect((await log(await aRun(), { parameters })).run?.parameters).toEqual(parameters);
  });

  test('keeps the parameters it was given and takes further ones; tags are said anew', async () => {
    const run = await aRun({ parameters: { lr: 0.01, seed: -0 }, tags: { a: '1' } });
    const more = await log(run, { parameters: { lr: 0.01, seed: -0, epochs: 3 }, tags: { a: '2', b: '3' } });
    expect(more).toMatchObject({
      run: { parameters: { lr: 0.01, seed: 0, epochs: 3 }, tags: { a: '2', b: '3' } },
      errors: [],
    });
    const changed = await log(run, { parameters: { lr: 0.02, extra: 1 }, metrics: [{ key: 'x', step: 0, value: 1 }] });
    expect(changed).toMatchObject({
      run: null,
      operation: null,
      errors: [{ code: 'CONFLICT', path: ['parameters', 'lr'], current: { id: run } }],
    });
    expect((await log(run, {})).run).toEqual({
      parameters: { lr: 0.01, seed: 0, epochs: 3 },
      tags: { a: '2', b: '3' },
      latestMetrics: [],
    });
  });

  test('loses tags that are removed by name, and refuses one that is given as well', async () => {
    const run = await aRun({ tags: { a: '1', b: '2', c: '3' } });
    const less = await log(run, { tags: { a: null, d: '4' }, removeTags: ['b', 'c', 'never there'] });
    expect(less).toMatchObject({ run: { tags: { a: '1', d: '4' } }, errors: [] });
    const both = await log(run, { tags: { a: '5' }, removeTags: ['a'] });
    expect(both).toMatchObject({ run: null, errors: [{ constraint: 'both', path: ['removeTags'] }] });
    expect((await log(run, {})).run?.tags).toEqual({ a: '1', d: '4' });
  });

  test('merges what many log at once', async () => {
    const run = await aRun();
    await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        log(run, {
          parameters: { [`p${n}`]: n },
          metrics: [
            { key: `m${n}`, step: 0, value: n },
            { key: 'all', step: n, value: n },
          ],
        }),
      ),
    );
    const { run: logged } = await log(run, {});
    expect(Object.keys(logged?.parameters ?? {})).toHaveLength(8);
    expect(logged?.latestMetrics).toHaveLength(9);
    expect(await series(run, 'all')).toHaveLength(8);
  });

  test.each([
    ['a run that is not there', { run: 'run_0' }, { code: 'NOT_FOUND', path: ['run'] }],
    [
      'too many values',
      { metrics: Array.from({ length: 1001 }, (_, step) => ({ key: 'k', step, value: 1 })) },
      { code: 'INVALID_INPUT', path: ['metrics'], constraint: 'too_big' },
    ],
    [
      'too many different metrics',
      { metrics: Array.from({ length: 501 }, (_, n) => ({ key: `k${n}`, step: 0, value: 1 })) },
      { code: 'INVALID_INPUT', path: ['metrics'], constraint: 'too_many_keys' },
    ],
    [
      'a name with NUL',
      { metrics: [{ key: 'a\u0000', step: 0 }] },
      { path: ['metrics', '0', 'key'], constraint: 'no_nul' },
    ],
    ['parameters that are too large', { parameters: { a: 'x'.repeat(70_000) } }, { path: ['parameters'] }],
  ])('refuses %s', async (_, input, error) => {
    const run = await aRun();
    expect(await log(run, input)).toMatchObject({ run: null, errors: [error] });
  });

  test('refuses one metric too many, and tags that grow too large, whatever was there before', async () => {
    const run = await aRun({ tags: { a: 'x'.repeat(40_000) } });
    const metrics = Array.from({ length: 500 }, (_, n) => ({ key: `k${n}`, step: 0, value: n }));
    expect((await log(run, { metrics })).run?.latestMetrics).toHaveLength(500);
    expect((await log(run, { metrics: metrics.map((metric) => ({ ...metric, step: 1 })) })).errors).toEqual([]);
    const more = await log(run, { metrics: [{ key: 'one-more', step: 0, value: 1 }] });
    expect(more.errors).toEqual([expect.objectContaining({ constraint: 'too_many_keys', path: ['metrics'] })]);
    const large = await log(run, { tags: { b: 'x'.repeat(40_000) } });
    expect(large.errors).toEqual([expect.objectContaining({ constraint: 'max_size', path: ['tags'] })]);
  });

  test('ends once; what has ended changes no more', async () => {
    const run = await aRun();
    const [first, second] = await Promise.all([finish(run, 'FINISHED'), finish(run, 'FINISHED')]);
    expect(first).toEqual({ run: { state: 'FINISHED', finishedAt: expect.any(String) }, errors: [] });
    expect(second).toEqual(first);
    expect(await finish(run, 'FAILED')).toMatchObject({
      errors: [{ code: 'NOT_ALLOWED_NOW', phase: 'FINISHED', allowed: [] }],
    });
    expect(await log(run, { tags: { a: '1' } })).toMatchObject({
      run: null,
      errors: [{ code: 'NOT_ALLOWED_NOW', phase: 'FINISHED' }],
    });
    await expectEvents(run, ['run.created', 'run.finished']);
    expect(await finish(await aRun(), 'RUNNING')).toMatchObject({
      run: null,
      errors: [{ code: 'INVALID_INPUT', path: ['state'] }],
    });
  });

  test('tells two times apart under one idempotency key', async () => {
    const run = await aRun();
    const input = (at: string) => ({ idempotencyKey: 'k', metrics: [{ key: 'loss', step: 0, value: 1, at }] });
    const first = await log(run, input('2026-01-01T00:00:00Z'));
    expect(await log(run, input('2026-01-01T00:00:00Z'))).toEqual(first);
    expect(await log(run, input('2026-01-02T00:00:00Z'))).toMatchObject({
      errors: [{ code: 'CONFLICT', path: ['idempotencyKey'] }],
    });
  });

  test.each([
    ['more points than asked for', 1000, 10, 10],
    ['as many', 10, 10, 10],
    ['one more', 11, 10, 10],
    ['fewer', 3, 10, 3],
    ['one', 1, 2, 1],
    ['none', 0, 2, 0],
  ])('shows a series of %s evenly, with both its ends', async (_, count, maxPoints, shown) => {
    const run = await aRun();
    await log(run, { metrics: Array.from({ length: count }, (_, n) => ({ key: 'loss', step: n * 10, value: n })) });
    const steps = (await series(run, 'loss', maxPoints)).map(({ step }) => step);
    expect(steps).toHaveLength(shown);
    if (count > 0) expect([steps[0], steps.at(-1)]).toEqual([0, (count - 1) * 10]);
    const gaps = steps.slice(1).map((step, i) => step - (steps[i] as number));
    expect(Math.max(...gaps) - Math.min(...gaps)).toBeLessThanOrEqual(10);
  });

  test.each([1, 5001])('refuses to show %i points', async (maxPoints) => {
    const { errors } = await t.send(SERIES, { id: await aRun(), key: 'loss', maxPoints });
    expect(errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
  });
});

describe('runs', () => {
  let compared: string;
  beforeAll(async () => {
    compared = await anExperiment('compared');
    for (const [name, lr, losses] of [
      ['a', 0.1, [3, 0.5]],
      ['b', 0.2, [0.1, 0.2]],
      ['c', 0.1, [9, null]],
      ['d', 0.3, []],
      ['e', 0.3, [0.7]],
    ] as const) {
      const run = await aRun({ experiment: compared, name, parameters: { lr } });
      await log(run, { metrics: losses.map((value, step) => ({ key: 'loss', step, value })) });
      if (name === 'e') await finish(run, 'KILLED');
    }
  });

  const RUNS = `query ($id: ID!, $first: Int, $after: Cursor, $where: RunWhere, $orderBy: RunOrder) { node(id: $id) { ... on Experiment {
    runs(first: $first, after: $after, where: $where, orderBy: $orderBy) { totalCount nodes { name } pageInfo { hasNextPage endCursor } } } } }`;
  const pageOf = async (variables: object) =>
    (
      await t.ask<{
        node: {
          runs: {
            totalCount: number;
            nodes: { name: string }[];
            pageInfo: { hasNextPage: boolean; endCursor: string };
          };
        };
      }>(RUNS, { id: compared, ...variables })
    ).node.runs;

  test.each([
    ['newest first', {}, 'edcba'],
    ['oldest first', { orderBy: { startedAt: true, direction: 'ASC' } }, 'abcde'],
    ['by a metric, the least first', { orderBy: { metric: 'loss', direction: 'ASC' } }, 'baecd'],
    ['by a metric, the greatest first', { orderBy: { metric: 'loss', direction: 'DESC' } }, 'eabdc'],
    ['by a parameter', { where: { parameter: { key: 'lr', value: '0.1' } } }, 'ca'],
    ['by a parameter, its number in other words', { where: { parameter: { key: 'lr', value: '1e-01' } } }, 'ca'],
    ['by what is no number, or none that can be', { where: { parameter: { key: 'lr', value: '1e999999' } } }, ''],
    ['by state', { where: { state: ['KILLED', 'FAILED'] } }, 'e'],
    ['by the latest value of a metric', { where: { metric: { key: 'loss', lt: 0.6 } } }, 'ba'],
    ['between two values', { where: { metric: { key: 'loss', gt: 0.2, lt: 0.7 } } }, 'a'],
    ['with a metric at all', { where: { metric: { key: 'loss' } } }, 'ecba'],
  ])('are listed %s', async (_, variables, names) => {
    const page = await pageOf(variables);
    expect(page.nodes.map(({ name }) => name).join('')).toBe(names);
    expect(page.totalCount).toBe(names.length);
    // The same in pages of two, so that every cursor is used.
    let walked = '';
    let after: string | null = null;
    do {
      const { nodes, pageInfo }: Awaited<ReturnType<typeof pageOf>> = await pageOf({ ...variables, first: 2, after });
      walked += nodes.map(({ name }) => name).join('');
      after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
    } while (after);
    expect(walked).toBe(names);
  });

  test('cannot be ordered in two ways at once', async () => {
    const orderBy = { metric: 'loss', startedAt: true, direction: 'ASC' };
    const { errors } = await t.send(RUNS, { id: compared, orderBy });
    expect(errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
  });
});

describe('over many experiments', () => {
  const ALL = `query ($first: Int) { experiments(first: $first, where: { name: { startsWith: "many-" } }) { nodes { name team { name } runs(first: 5) {
    nodes { name createdBy { name } latestMetrics { key value } loss: metric(key: "loss", maxPoints: 3) { step } acc: metric(key: "acc", maxPoints: 2) { step } experiment { name } versions { number } } } } } }`;

  async function statementsOf(first: number): Promise<string[]> {
    const names: string[] = [];
    const stop = t.services.db.onStatement((name) => names.push(name));
    try {
      await t.ask(ALL, { first });
    } finally {
      stop();
    }
    return names.filter((name) => !/^event/.test(name)).sort();
  }

  test('a query takes as many statements for twenty as for one', async () => {
    for (let n = 0; n < 20; n++) {
      const id = await anExperiment(`many-${String(n).padStart(2, '0')}`);
      for (let m = 0; m < 2; m++) {
        const run = await aRun({ experiment: id });
        await log(run, {
          metrics: [1, 2, 3].flatMap((step) => ['loss', 'acc'].map((key) => ({ key, step, value: step }))),
        });
      }
    }
    const one = await statementsOf(1);
    expect(await statementsOf(20)).toEqual(one);
    expect(one).toEqual([
      'actorsById',
      'experimentsById',
      'experiments_NAME_ASC',
      'latestMetricsByRun',
      'metricSeries',
      'runsByExperiment_STARTED_AT_DESC',
      'teamsById',
      'versionsByRun',
    ]);
    const { experiments } = await t.ask<{ experiments: { nodes: { runs: { nodes: object[] } }[] } }>(ALL, {
      first: 20,
    });
    expect(experiments.nodes.flatMap(({ runs }) => runs.nodes)).toHaveLength(40);
  });

  test('more points than one operation may ask for are refused', async () => {
    const { errors } = await t.send(
      '{ experiments(first: 20) { nodes { runs(first: 20) { nodes { metric(key: "loss", maxPoints: 5000) { step } } } } } }',
    );
    expect(errors?.[0]).toMatchObject({
      extensions: { code: 'BAD_USER_INPUT' },
      message: expect.stringContaining('points'),
    });
  });
});

test('a version leads to its run and back', async () => {
  const bytes = Buffer.from('weights');
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  await fetch(`${t.api.url}/artifacts/${digest}`, {
    method: 'PUT',
    body: bytes,
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  const run = await aRun({ name: 'the-run' });
  const { createModel } = await t.ask<{ createModel: { model: { id: string } } }>(
    'mutation { createModel(input: { team: "speech", name: "wake" }) { model { id } } }',
  );
  const { createModelVersion } = await t.ask<{ createModelVersion: { version: { id: string } } }>(
    'mutation ($input: CreateModelVersionInput!) { createModelVersion(input: $input) { version { id run { name versions { number } } } } }',
    { input: { model: createModel.model.id, artifact: { digest }, format: 'CUSTOM', run } },
  );
  expect(createModelVersion.version).toMatchObject({ run: { name: 'the-run', versions: [{ number: 1 }] } });
});
