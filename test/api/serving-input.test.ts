/** What is refused: with the place, the rule and words, and without a row or a resource written. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ServingRuntime } from '../../src/contract/servingruntime.ts';
import {
  MODELDEPLOYMENTS,
  NAMESPACES,
  ROLLOUTCOMMANDS,
  SECRETS,
  SERVINGRUNTIMES,
} from '../../src/platform/cluster/resources.ts';
import { statement } from '../../src/platform/db/db.ts';
import { eventually } from '../support/eventually.ts';
import { aServingLab, type ServingLab } from '../support/serving.ts';

let lab: ServingLab;
beforeAll(async () => {
  lab = await aServingLab();
  await lab.register('vad', 2);
});
afterAll(() => lab.close());

const tables = statement<{ name: string }>(
  'tablesOfTest',
  `select table_name as name from information_schema.tables where table_schema = 'clops' and table_type = 'BASE TABLE'`,
);

async function everything(): Promise<Record<string, number>> {
  const { db } = lab.database;
  await lab.database.sequenced();
  const counts: Record<string, number> = {};
  for (const { name } of await db.read(tables)) {
    // What the controller observes goes on being told: it is nobody's answer.
    const observed =
      name === 'events' ? `where actor_id not in (select id from clops.actors where name = 'controller')` : '';
    const count = `select count(*) as n from clops."${name}" ${observed}`;
    const [row] = await db.read(statement<{ n: number }>(`count_${name}`, count));
    counts[name] = row?.n ?? -1;
  }
  for (const resource of [MODELDEPLOYMENTS, ROLLOUTCOMMANDS, SECRETS, NAMESPACES])
    counts[resource.kind] = (await lab.cluster.list(resource)).items.length;
  return counts;
}

const canary = (steps: object[], more: object = {}) => ({ strategy: { canary: { steps, ...more } } });
const gpus = (more: object) => ({ resources: more });

const REFUSED: [string, object, string, string[], string?][] = [
  ['a team that is not there', { team: 'nobody' }, 'NOT_FOUND', ['team']],
  ['a model that is not there', { model: 'none' }, 'NOT_FOUND', ['model']],
  ['a version that is not there', { version: { number: 99 } }, 'NOT_FOUND', ['version', 'number']],
  ['an alias that is not there', { version: { alias: 'champion' } }, 'NOT_FOUND', ['version', 'alias']],
  ['an id of something else', { version: { id: 'dep_1' } }, 'NOT_FOUND', ['version', 'id']],
  [
    'a digest of another form',
    { version: { digest: 'md5:1' } },
    'INVALID_INPUT',
    ['version', 'digest'],
    'invalid_format',
  ],
  ['version 0', { version: { number: 0 } }, 'INVALID_INPUT', ['version', 'number'], 'too_small'],
  ['an empty name', { name: '' }, 'INVALID_INPUT', ['name'], 'name'],
  ['a name with capitals', { name: 'Vad' }, 'INVALID_INPUT', ['name'], 'name'],
  ['a name that begins with a digit', { name: '1vad' }, 'INVALID_INPUT', ['name'], 'name'],
  ['a name that ends with a dash', { name: 'vad-' }, 'INVALID_INPUT', ['name'], 'name'],
  ['a name with a slash', { name: '../vad' }, 'INVALID_INPUT', ['name'], 'name'],
  ['a name of 53 characters', { name: 'v'.repeat(53) }, 'INVALID_INPUT', ['name'], 'name'],
  [
    'a weight of -1',
    canary([{ setWeight: -1 }]),
    'INVALID_INPUT',
    ['strategy', 'canary', 'steps', '0', 'setWeight'],
    'min',
  ],
  [
    'a weight of 101',
    canary([{ setWeight: 101 }]),
    'INVALID_INPUT',
    ['strategy', 'canary', 'steps', '0', 'setWeight'],
    'max',
  ],
  [
    'weights that fall',
    canary([{ setWeight: 50 }, { pause: {} }, { setWeight: 20 }]),
    'INVALID_INPUT',
    ['strategy', 'canary', 'steps', '2', 'setWeight'],
    'rising',
  ],
  ['no steps', canary([]), 'INVALID_INPUT', ['strategy', 'canary', 'steps'], 'min'],
  ['51 steps', canary(Array(51).fill({ setWeight: 1 })), 'INVALID_INPUT', ['strategy', 'canary', 'steps'], 'max'],
  [
    'a pause of 0 seconds',
    canary([{ pause: { seconds: 0 } }]),
    'INVALID_INPUT',
    ['strategy', 'canary', 'steps', '0', 'pause', 'seconds'],
    'min',
  ],
  [
    'a surge of -1',
    canary([{ setWeight: 1 }], { maxSurge: -1 }),
    'INVALID_INPUT',
    ['strategy', 'canary', 'maxSurge'],
    'min',
  ],
  [
    'a deadline of 0',
    canary([{ setWeight: 1 }], { progressDeadlineSeconds: 0 }),
    'INVALID_INPUT',
    ['strategy', 'canary', 'progressDeadlineSeconds'],
    'min',
  ],
  ['replicas of -1', { replicas: -1 }, 'INVALID_INPUT', ['replicas'], 'min'],
  ['100,000 replicas', { replicas: 100_000 }, 'INVALID_INPUT', ['replicas'], 'max'],
  ['a runtime that is not there', { runtime: 'none' }, 'NOT_FOUND', ['runtime']],
  ['a runtime that serves another format', { runtime: 'tgi' }, 'UNSUPPORTED', ['runtime']],
  ['a runtime with a slash', { runtime: 'a/b' }, 'INVALID_INPUT', ['runtime'], 'invalid_format'],
  ['cpu that is no quantity', gpus({ cpu: 'much' }), 'INVALID_INPUT', ['resources', 'cpu'], 'pattern'],
  ['memory below nothing', gpus({ memory: '-1Gi' }), 'INVALID_INPUT', ['resources', 'memory'], 'pattern'],
  [
    'a product without a count',
    gpus({ gpuProduct: 'NVIDIA-H200' }),
    'INVALID_INPUT',
    ['resources', 'gpus'],
    'required',
  ],
  [
    'a product with a space',
    gpus({ gpus: 1, gpuProduct: 'H 200' }),
    'INVALID_INPUT',
    ['resources', 'gpuProduct'],
    'invalid_format',
  ],
  [
    'a profile of another form',
    gpus({ gpus: 1, migProfile: '10g' }),
    'INVALID_INPUT',
    ['resources', 'migProfile'],
    'invalid_format',
  ],
  ['-1 GPUs', gpus({ gpus: -1 }), 'INVALID_INPUT', ['resources', 'gpus'], 'too_small'],
  ['a key that is too long', { idempotencyKey: 'k'.repeat(201) }, 'INVALID_INPUT', ['idempotencyKey'], 'too_big'],
];

test.each(REFUSED)('%s', async (_, given, code, path, constraint) => {
  if ('runtime' in given && given.runtime === 'tgi') await anotherRuntime();
  const before = await everything();
  const answer = await lab.deploy({ name: 'refused', version: { number: 1 }, ...given });
  expect(answer).toMatchObject({ deployment: null, rollout: null, operation: null });
  expect(answer.errors).toContainEqual(
    expect.objectContaining({ code, path, message: expect.stringMatching(/\w{3}/), ...(constraint && { constraint }) }),
  );
  expect(await everything()).toEqual(before);
});

async function anotherRuntime(): Promise<void> {
  const [onnx] = (await lab.cluster.list<ServingRuntime>(SERVINGRUNTIMES)).items;
  if (!onnx) throw new Error('there is no runtime');
  const { apiVersion, kind, spec } = onnx;
  const object = { apiVersion, kind, metadata: { name: 'tgi' }, spec: { ...spec, formats: ['SAFETENSORS'] } };
  await lab.cluster.apply(SERVINGRUNTIMES, object, { fieldManager: 'test' });
  await eventually(() => expect(lab.services.cluster.runtimes.get('tgi')).toBeDefined());
}

test('everything that is wrong is said at once', async () => {
  const wrong = {
    replicas: -1,
    resources: { cpu: 'x' },
    strategy: { canary: { steps: [{ setWeight: 101 }, { setWeight: -1 }] } },
  };
  const { errors } = await lab.deploy({ name: 'refused', version: { number: 1 }, ...wrong });
  expect(errors.map(({ path }) => path?.join('.'))).toEqual([
    'replicas',
    'resources.cpu',
    'strategy.canary.steps.0.setWeight',
    'strategy.canary.steps.1.setWeight',
  ]);
});

test.each([
  ['two members', { rolling: {}, canary: { steps: [{ setWeight: 1 }] } }],
  ['no member', {}],
])('a strategy with %s does not fit the schema', async (_, strategy) => {
  const before = await everything();
  const answer = await lab.send(
    'mutation ($input: DeployModelInput!) { deployModel(input: $input) { errors { message } } }',
    { input: { team: 'speech', name: 'refused', model: 'vad', version: { number: 1 }, strategy } },
  );
  expect(answer.errors?.[0]).toMatchObject({
    extensions: { code: 'BAD_USER_INPUT' },
    message: expect.stringContaining('StrategyInput'),
  });
  expect(await everything()).toEqual(before);
});

test('verbs on what is not there', async () => {
  for (const verb of ['promoteRollout', 'pauseRollout', 'rollbackDeployment', 'updateDeployment']) {
    const { errors } = await lab.drive(verb, 'rol_nothing');
    expect(errors).toMatchObject([{ code: 'NOT_FOUND' }]);
  }
});

test('a deployment keeps its model', async () => {
  await lab.deploy({ name: 'kept', version: { number: 1 } });
  await lab.untilPhase('kept', 'HEALTHY');
  await lab.register('other', 1);
  const before = await everything();
  const { errors } = await lab.deploy({ name: 'kept', model: 'other', version: { number: 1 } });
  expect(errors).toMatchObject([{ code: 'CONFLICT', path: ['model'] }]);
  const rollback = await lab.drive('rollbackDeployment', (await lab.deployment('kept')).id);
  expect(rollback.errors).toMatchObject([{ code: 'NOT_ALLOWED_NOW', path: ['deployment'] }]);
  expect(await everything()).toEqual(before);
});
