/** The same rule and the same words in GraphQL's checks and in the CRD. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelDeployment, ModelDeploymentSpec } from '../../src/contract/modeldeployment.ts';
import { NAME_RULE } from '../../src/contract/names.ts';
import { resolveIntOrPercent, strategyOf } from '../../src/contract/strategy.ts';
import { checkName, checkSpec, checkSteps } from '../../src/contract/validation.ts';
import { install } from '../../src/controller/install.ts';
import { MODELDEPLOYMENTS, ROLLOUTCOMMANDS, SERVINGRUNTIMES } from '../../src/platform/cluster/resources.ts';
import { aModelDeployment } from '../controller/lab.ts';
import { startCore, type TestCore } from '../local/apiserver/harness.ts';

let core: TestCore;
beforeAll(async () => {
  core = await startCore();
  await install(core.cluster, { gateway: true });
});
afterAll(() => core.close());

const at = { ...aModelDeployment(1), metadata: { name: 'vad', namespace: 'default' } };
const withSpec = (change: Partial<ModelDeploymentSpec>): ModelDeployment => ({
  ...at,
  spec: { ...at.spec, ...change },
});
const create = (object: ModelDeployment) => core.cluster.create(MODELDEPLOYMENTS, object, { dryRun: true });
const problemsOf = ({ spec, metadata }: ModelDeployment): string[] =>
  checkSpec(spec, { name: metadata.name, namespace: metadata.namespace ?? '' }).map(({ message }) => message);

describe('a ModelDeployment', () => {
  it('that is right is taken by both', async () => {
    expect(problemsOf(at)).toEqual([]);
    expect((await create(at)).spec.replicas).toBe(2);
  });

  const { model } = at.spec;
  const long = Array.from({ length: 51 }, () => ({ setWeight: 1 }));
  it.each<[string, ModelDeployment, RegExp, RegExp]>([
    [
      'falling weights',
      withSpec({ strategy: { canary: { steps: [{ setWeight: 50 }, { setWeight: 10 }] } } }),
      /weights must rise/i,
      /weights must rise/,
    ],
    [
      'two strategies',
      withSpec({ strategy: { rolling: {}, canary: { steps: [{ setWeight: 1 }] } } }),
      /exactly one of rolling and canary/i,
      /exactly one of rolling and canary must be set/,
    ],
    [
      'a step of two kinds',
      withSpec({ strategy: { canary: { steps: [{ setWeight: 1, pause: {} }] } } }),
      /exactly one of setWeight and pause/,
      /exactly one of setWeight and pause/,
    ],
    [
      'an empty step',
      withSpec({ strategy: { canary: { steps: [{}] } } }),
      /exactly one of setWeight and pause/,
      /exactly one of setWeight and pause/,
    ],
    [
      'a weight of 101',
      withSpec({ strategy: { canary: { steps: [{ setWeight: 101 }] } } }),
      /from 0 to 100/,
      /less than or equal to 100/,
    ],
    ['51 steps', withSpec({ strategy: { canary: { steps: long } } }), /at most 50 steps/, /at most 50 items|Too many/i],
    ['1001 replicas', withSpec({ replicas: 1001 }), /from 0 to 1000/, /less than or equal to 1000/],
    ['a surge of words', withSpec({ strategy: { rolling: { maxSurge: 'many' } } }), /percentage/, /maxSurge/],
    [
      'a digest that is none',
      withSpec({ model: { ...model, artifact: { ...model.artifact, digest: 'sha256:1' } } }),
      /64 hex digits/,
      /digest/,
    ],
    [
      'another path',
      withSpec({ endpoint: { path: '/default/other' } }),
      /must be \/\{namespace\}\/\{name\}/,
      /must be \/\{namespace\}\/\{name\}/,
    ],
    ['a bad quantity', withSpec({ resources: { requests: { cpu: 'much' } } }), /quantity/, /cpu/],
    [
      'a name that is none',
      { ...at, metadata: { name: '1vad', namespace: 'default' } },
      /lower-case letters/,
      /lower-case letters/,
    ],
  ])('with %s is refused by both', async (_, object, ours, theirs) => {
    expect(problemsOf(object).join('\n')).toMatch(ours);
    await expect(create(object)).rejects.toMatchObject({ code: 422, message: expect.stringMatching(theirs) });
  });

  it('says where it is wrong, and everything that is', () => {
    const problems = checkSteps([{ setWeight: 20 }, { setWeight: 10 }, { pause: { seconds: 0 } }], ['input', 'steps']);
    expect(problems).toMatchObject([
      { path: ['input', 'steps', '1', 'setWeight'], details: { constraint: 'rising' } },
      { path: ['input', 'steps', '2', 'pause', 'seconds'], details: { constraint: 'min' } },
    ]);
    expect(checkName('A', ['name'])[0]?.message).toContain(NAME_RULE);
  });
});

it('a command cannot be changed, and only Promote says where to', async () => {
  const command = {
    apiVersion: 'serving.clops.dev/v1alpha1',
    kind: 'RolloutCommand',
    metadata: { name: 'op-1', namespace: 'default' },
    spec: { deployment: 'vad', rollout: 1, verb: 'Promote' },
  };
  await core.cluster.create(ROLLOUTCOMMANDS, command);
  const change = core.cluster.patch(ROLLOUTCOMMANDS, 'op-1', 'default', 'merge', { spec: { verb: 'Abort' } });
  await expect(change).rejects.toMatchObject({ code: 422, message: expect.stringContaining('spec cannot be changed') });
  const wrong = {
    ...command,
    metadata: { ...command.metadata, name: 'op-2' },
    spec: { ...command.spec, verb: 'Abort', to: 'End' },
  };
  await expect(core.cluster.create(ROLLOUTCOMMANDS, wrong)).rejects.toMatchObject({ code: 422 });
});

it('a runtime with a placeholder that is not known is refused', async () => {
  const runtime = await core.cluster.get<import('../../src/contract/servingruntime.ts').ServingRuntime>(
    SERVINGRUNTIMES,
    'onnx',
  );
  const { container } = runtime.spec;
  const wrong = {
    apiVersion: runtime.apiVersion,
    kind: runtime.kind,
    metadata: { name: 'mine' },
    spec: { ...runtime.spec, container: { ...container, args: ['--x={{model.nmae}}'] } },
  };
  const refused = { code: 422, message: expect.stringContaining('placeholder that is not known') };
  await expect(core.cluster.create(SERVINGRUNTIMES, wrong)).rejects.toMatchObject(refused);
});

it('installing twice changes nothing', async () => {
  const before = await core.cluster.get(SERVINGRUNTIMES, 'onnx');
  await install(core.cluster, { gateway: true });
  const after = await core.cluster.get(SERVINGRUNTIMES, 'onnx');
  expect(after.metadata.resourceVersion).toBe(before.metadata.resourceVersion);
});

describe('defaults', () => {
  it.each([
    ['25%', 4, 'up', 1],
    ['25%', 5, 'up', 2],
    ['25%', 3, 'down', 0],
    [2, 9, 'up', 2],
  ] as const)('%s of %i rounded %s is %i', (value, of, round, is) => {
    expect(resolveIntOrPercent(value, of, round)).toBe(is);
  });
  it('never let nothing move', () => {
    expect(strategyOf(withSpec({ strategy: { rolling: { maxSurge: 0, maxUnavailable: 0 } } }).spec)).toMatchObject({
      surge: 0,
      unavailable: 1,
    });
  });
});
