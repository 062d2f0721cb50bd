/** Texts that Postgres does not store, a NUL or half of a surrogate pair: from the cluster they are mended, from a caller refused. */
import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RolloutCommand } from '../../src/contract/rolloutcommand.ts';
import { idToName } from '../../src/lib/id.ts';
import { startRelay } from '../../src/modules/serving/index.ts';
import { ApiError, type ClusterPort } from '../../src/platform/cluster/port.ts';
import { MODELDEPLOYMENTS, ROLLOUTCOMMANDS } from '../../src/platform/cluster/resources.ts';
import { TOKEN } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { aServingLab, type ServingLab } from '../support/serving.ts';

let lab: ServingLab;
beforeAll(async () => {
  lab = await aServingLab();
  await lab.register('vad', 2);
});
afterAll(() => lab.close());

const NUL = '\0';
const HALF = '\ud83d';
const BAD = `a${NUL}b${HALF}c`;
const MENDED = 'a\ufffdb\ufffdc';

describe('the cluster says it', () => {
  test('in a status: the deployment is taken in, with what can be stored', async () => {
    const { deployment } = await lab.deploy({ name: 'spoken', version: { number: 1 } });
    await lab.untilPhase('spoken', 'HEALTHY');
    await lab.stopController();
    const { status } = await lab.resource('spoken');
    const conditions = status?.conditions?.map((one) =>
      one.type === 'Ready' ? { ...one, status: 'False', reason: 'Error', message: BAD } : one,
    );
    const patch = { status: { ...status, phase: 'Degraded', conditions } };
    await lab.cluster.patch(MODELDEPLOYMENTS, 'spoken', 'speech', 'merge', patch, { subresource: 'status' });
    await lab.untilPhase('spoken', 'DEGRADED');
    const { node } = await lab.ask<{ node: { conditions: { type: string; message: string }[] } }>(
      'query ($id: ID!) { node(id: $id) { ... on Deployment { conditions { type message } } } }',
      { id: deployment?.id },
    );
    expect(node.conditions.find(({ type }) => type === 'Ready')?.message).toBe(MENDED);
    lab.startController();
    await lab.untilPhase('spoken', 'HEALTHY');
  });

  test('in the answer to a command: the operation ends with it', async () => {
    await lab.deploy({ name: 'answered', version: { number: 1 } });
    await lab.untilPhase('answered', 'HEALTHY');
    const { rollout } = await lab.deploy({ name: 'answered', version: { number: 2 } });
    await lab.untilRollout('answered', 'PAUSED', 1);
    await lab.stopController();
    const { operation } = await lab.drive('promoteRollout', rollout?.id ?? '');
    const name = idToName(operation?.id ?? '');
    await eventually(() => lab.cluster.get<RolloutCommand>(ROLLOUTCOMMANDS, name, 'speech'));
    const patch = { status: { state: 'Refused', message: BAD, handledAt: new Date().toISOString() } };
    await lab.cluster.patch(ROLLOUTCOMMANDS, name, 'speech', 'merge', patch, { subresource: 'status' });
    expect(await lab.untilOperation(operation?.id ?? '', 'FAILED')).toMatchObject({ error: MENDED });
    lab.startController();
  });

  test('refusing what is published: the operation says so', async () => {
    await lab.stopRelay();
    const refuse: ClusterPort['apply'] = async () => {
      throw new ApiError({ kind: 'Status', status: 'Failure', code: 422, reason: 'Invalid', message: BAD } as never);
    };
    const { cluster } = lab.services;
    const services = { ...lab.services, cluster: { ...cluster, port: { ...cluster.port, apply: refuse } } };
    const refused = await startRelay({ ...lab, services });
    try {
      const { operation } = await lab.deploy({ name: 'refused', version: { number: 1 } });
      expect(await lab.untilOperation(operation?.id ?? '', 'FAILED')).toMatchObject({ error: MENDED });
    } finally {
      await refused.close();
      await lab.startRelay();
    }
  });
});

describe('a caller says it', () => {
  const TYPED = '{ errors { __typename path ... on InvalidInputError { constraint } } }';
  const mutation = (name: string, type: string) => `mutation ($input: ${type}!) { ${name}(input: $input) ${TYPED} }`;
  const INPUTS: [string, string, string, object, string[]][] = [
    ['a display name', 'createTeam', 'CreateTeamInput', { name: 'other', displayName: '*' }, ['displayName']],
    ['a key', 'createTeam', 'CreateTeamInput', { name: 'other', idempotencyKey: '*' }, ['idempotencyKey']],
    ['a reason', 'abortRollout', 'RolloutInput', { rollout: 'rol_1', reason: '*' }, ['reason']],
    ['an id', 'abortRollout', 'RolloutInput', { rollout: 'rol_*' }, ['rollout']],
    ['a team', 'createModel', 'CreateModelInput', { team: '*', name: 'other' }, ['team']],
    [
      'a value of an object',
      'createModel',
      'CreateModelInput',
      { team: 'speech', name: 'o', tags: { a: ['*'] } },
      ['tags'],
    ],
    [
      'a key of an object',
      'createModel',
      'CreateModelInput',
      { team: 'speech', name: 'o', tags: { '*': 1 } },
      ['tags'],
    ],
    ['a model', 'deleteModel', 'DeleteModelInput', { model: 'mdl_*' }, ['model']],
    ['a run', 'finishRun', 'FinishRunInput', { run: 'run_*', state: 'FINISHED' }, ['run']],
  ];

  test.each(INPUTS)('in %s', async (_, name, type, input, path) => {
    for (const [text, constraint] of [
      [NUL, 'no_nul'],
      [HALF, 'well_formed'],
    ] as const) {
      const told = JSON.parse(JSON.stringify(input).replaceAll('*', JSON.stringify(text).slice(1, -1)));
      const answer = await lab.send(mutation(name, type), { input: told });
      expect(answer.errors).toBeUndefined();
      const error = { __typename: 'InvalidInputError', path, constraint };
      expect(answer.data[name].errors).toEqual([error]);
    }
  });

  test('in an id: there is no such thing', async () => {
    const ids = [`dep_${NUL}`, `team_${NUL}`, `run_${HALF}`];
    const answer = await lab.send('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids });
    expect(answer).toMatchObject({ data: { nodes: [null, null, null] } });
    expect(answer.errors).toBeUndefined();
  });

  test.each([
    ['models(where: { name: { contains: $text } }) { nodes { id } }'],
    ['deployments(where: { name: { eq: $text } }) { nodes { id } }'],
    ['deployment(team: "speech", name: $text) { id }'],
    ['events(where: { subject: $text }) { nodes { id } }'],
  ])('in a condition: the request is refused in words: %s', async (field) => {
    const answer = await lab.send(`{ ${field.replace('$text', '"a\\u0000"')} }`);
    expect(answer.errors).toMatchObject([{ message: /NUL/, extensions: { code: 'BAD_USER_INPUT' } }]);
  });

  test('objects in objects without an end are refused', async () => {
    for (const levels of [100, 50_000]) {
      const tags = `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`; // JSON.stringify would overflow
      const query = JSON.stringify(mutation('createModel', 'CreateModelInput'));
      const response = await fetch(`${lab.api.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
        body: `{"query":${query},"variables":{"input":{"team":"speech","name":"deep","tags":${tags}}}}`,
      });
      const errors = [{ __typename: 'InvalidInputError', path: ['tags'], constraint: 'max_depth' }];
      expect(await response.json()).toEqual({ data: { createModel: { errors } } });
    }
  });
});
