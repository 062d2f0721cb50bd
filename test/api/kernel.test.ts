/** The GraphQL kernel over real HTTP and WebSocket: authentication, errors, limits, idempotency, the event stream. */
import { auditServer } from 'graphql-http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeCursor } from '../../src/lib/cursor.ts';
import { anApi, type TestApi, TOKEN } from '../support/api.ts';

let t: TestApi;
beforeAll(async () => {
  t = await anApi();
});
afterAll(() => t.close());

const CREATE_TEAM = `mutation ($input: CreateTeamInput!) { createTeam(input: $input) {
  team { id name displayName namespace } operation { id name state } errors { __typename code message path ... on InvalidInputError { constraint } } } }`;

test('a stranger may read serverInfo and nothing else', async () => {
  const open = await t.send('{ serverInfo { version limits { maxPageSize } } }', {}, {});
  expect(open.data.serverInfo).toEqual({ version: '0.1.0', limits: { maxPageSize: 100 } });
  const closed = await t.send('{ teams { nodes { name } } }', {}, {});
  expect(closed.status).toBe(401);
  expect(closed.errors?.[0]?.extensions['code']).toBe('UNAUTHENTICATED');
  const wrong = await t.send('{ teams { nodes { name } } }', {}, { authorization: 'Bearer clops_wrong' });
  expect(wrong.status).toBe(401);
});

test('a team is created once however often its key is repeated, and named in the log', async () => {
  const input = { name: 'speech', displayName: 'Speech', idempotencyKey: 'k1' };
  const [first, second] = await Promise.all([t.ask(CREATE_TEAM, { input }), t.ask(CREATE_TEAM, { input })]);
  expect(first).toEqual(second);
  expect(await t.ask(CREATE_TEAM, { input })).toEqual(first);
  expect(first).toMatchObject({
    createTeam: { team: { name: 'speech', namespace: 'speech' }, operation: { state: 'SUCCEEDED' }, errors: [] },
  });
  const other = await t.ask(CREATE_TEAM, { input: { ...input, displayName: 'Other' } });
  expect(other).toMatchObject({ createTeam: { team: null, errors: [{ code: 'CONFLICT', path: ['idempotencyKey'] }] } });
});

test.each([
  ['Speech!', 'InvalidInputError', 'name'],
  ['x'.repeat(53), 'InvalidInputError', 'name'],
  ['kube-system', 'NameTakenError', undefined],
  ['default', 'NameTakenError', undefined],
  ['clops-system', 'NameTakenError', undefined],
])('createTeam refuses the name %s', async (name, type, constraint) => {
  const answer = await t.ask<{ createTeam: { team: unknown; errors: unknown[] } }>(CREATE_TEAM, { input: { name } });
  expect(answer.createTeam.team).toBeNull();
  expect(answer.createTeam.errors).toEqual([
    expect.objectContaining({ __typename: type, path: ['name'], ...(constraint && { constraint }) }),
  ]);
});

test('ids lead back to their things; unknown, foreign and garbage ids are null', async () => {
  const { team } = await t.ask<{ team: { id: string } }>('{ team(name: "speech") { id } }');
  const answer = await t.ask(`query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }`, {
    ids: [team.id, 'team_0', 'evt_1', 'x', '', 'a'.repeat(5000)],
  });
  expect(answer).toEqual({ nodes: [{ __typename: 'Team', id: team.id }, null, null, null, null, null] });
});

test('events arrive in order, live and after a cursor, nothing twice and nothing missing', async () => {
  const names = Array.from({ length: 30 }, (_, i) => `many-${i}`);
  const socket = t.socket();
  const stream = socket.iterate<{
    events: { kind: string; cursor: string; event: { subject: never; type: string; message: string } | null };
  }>({
    query: 'subscription { events(where: { types: ["team.*"] }) { kind cursor event { type message } } }',
  });
  expect((await stream.next()).value?.data?.events).toMatchObject({ kind: 'HEARTBEAT', event: null });
  await Promise.all(names.map((name) => t.ask(CREATE_TEAM, { input: { name } })));
  const live: Awaited<ReturnType<typeof stream.next>>['value'][] = [];
  while (live.length < names.length) live.push((await stream.next()).value);
  await stream.return?.();
  const cursors = live.map((message) => message?.data?.events.cursor as string);
  const resumed = socket.iterate<{ events: { cursor: string } }>({
    query: `subscription { events(after: "${cursors[9]}", where: { types: ["team.created"] }) { cursor } }`,
  });
  const rest: string[] = [];
  while (rest.length < 20) rest.push((await resumed.next()).value.data.events.cursor);
  await resumed.return?.();
  expect(rest).toEqual(cursors.slice(10));
  const page = await t.ask<{ events: { edges: { cursor: string }[] } }>(
    '{ events(last: 30, where: { types: ["team.created"] }) { edges { cursor } pageInfo { hasPreviousPage } } }',
  );
  expect(page.events.edges.map((edge) => edge.cursor)).toEqual(cursors);
  await socket.dispose();
});

describe('a page of the log', () => {
  const TYPES = 'types: ["team.created"]';
  const page = async (args: string) => {
    const { events } = await t.ask<{
      events: { edges: { cursor: string }[]; pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean } };
    }>(`{ events(${args}, where: { ${TYPES} }) { edges { cursor } pageInfo { hasNextPage hasPreviousPage } } }`);
    return { cursors: events.edges.map(({ cursor }) => cursor), pageInfo: events.pageInfo };
  };

  test('lies between both cursors, from whichever end it is read', async () => {
    const { cursors } = await page('last: 10');
    const [after, before] = [cursors[2], cursors[7]];
    const between = cursors.slice(3, 7);
    expect(await page(`first: 5, after: "${after}", before: "${before}"`)).toEqual({
      cursors: between,
      pageInfo: { hasNextPage: false, hasPreviousPage: true },
    });
    expect((await page(`last: 5, after: "${after}", before: "${before}"`)).cursors).toEqual(between);
    expect(await page(`first: 2, after: "${after}", before: "${before}"`)).toEqual({
      cursors: between.slice(0, 2),
      pageInfo: { hasNextPage: true, hasPreviousPage: true },
    });
    expect((await page(`last: 2, after: "${after}", before: "${before}"`)).cursors).toEqual(between.slice(2));
    expect((await page(`last: 3, after: "${after}"`)).cursors).toEqual(cursors.slice(7));
    expect((await page(`first: 100, before: "${before}"`)).cursors.at(-1)).toBe(cursors[6]);
  });

  test.each([['x'], [1.5], [null], [2 ** 60]])(
    'or a stream from a place that there is not is refused: %s',
    async (seq) => {
      const cursor = encodeCursor('log', [seq]);
      const { operation } = (
        await t.ask<{ createTeam: { operation: { id: string } } }>(CREATE_TEAM, {
          input: { name: 'paged', idempotencyKey: 'paged' },
        })
      ).createTeam;
      for (const query of [
        `{ events(first: 1, after: "${cursor}") { nodes { id } } }`,
        `{ events(last: 1, before: "${cursor}") { nodes { id } } }`,
        `{ events(last: 1, after: "${cursor}") { nodes { id } } }`,
        `{ operation(id: "${operation.id}") { events(after: "${cursor}") { nodes { id } } } }`,
      ]) {
        expect((await t.send(query)).errors, query).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
      }
      const socket = t.socket();
      const stream = socket.iterate({ query: `subscription { events(after: "${cursor}") { kind } }` });
      expect((await stream.next()).value).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
      await socket.dispose();
    },
  );
});

test('the socket takes subscriptions only, and a syntax error costs one operation, not the socket', async () => {
  const socket = t.socket();
  const codeOf = async (query: string) => {
    try {
      for await (const result of socket.iterate({ query })) return result.errors?.[0]?.extensions?.code ?? 'a result';
      return 'nothing';
    } catch (errors) {
      return (errors as { extensions?: { code?: string } }[])[0]?.extensions?.code;
    }
  };
  expect(await codeOf('{ teams { nodes { name } } }')).toBe('OPERATION_NOT_SUPPORTED');
  expect(await codeOf('subscription {')).toBe('GRAPHQL_PARSE_FAILED');
  expect(await codeOf('subscription { nothing }')).toBe('GRAPHQL_VALIDATION_FAILED');
  expect(await codeOf('subscription { events(after: "bm9wZQ") { kind } }')).toBe('BAD_USER_INPUT');
  await socket.dispose();
});

test('a team that is not there is a fault with its name in every list and stream, and no empty list', async () => {
  const words = 'There is no team "nope" (where.team). The list `teams` has those that there are.';
  for (const list of ['models', 'deployments', 'rollouts', 'experiments', 'events']) {
    const { data, errors } = await t.send(`{ ${list}(where: { team: "nope" }) { nodes { id } } }`);
    expect([data, errors], list).toEqual([
      null,
      [
        expect.objectContaining({
          message: words,
          path: [list],
          extensions: expect.objectContaining({ code: 'NOT_FOUND' }),
        }),
      ],
    ]);
    expect((await t.send(`{ ${list}(where: { team: null }) { nodes { id } } }`)).errors, list).toBeUndefined();
  }
  const socket = t.socket();
  const stream = socket.iterate({ query: 'subscription { events(where: { team: "nope" }) { kind } }' });
  expect((await stream.next()).value).toMatchObject({
    errors: [{ message: words, extensions: { code: 'NOT_FOUND' } }],
  });
  await socket.dispose();
});

test('before the pods are known a replica is not missing: that passes, and clients try again', async () => {
  const passes = [{ extensions: { code: 'CLUSTER_UNAVAILABLE', retryable: true } }];
  const id = 'rep_speech/vad-1';
  const socket = t.socket();
  const stream = socket.iterate({ query: `subscription { replicaLogs(replica: "${id}") { line } }` });
  await expect(stream.next()).rejects.toMatchObject(passes);
  await socket.dispose();
  expect(await t.send(`{ node(id: "${id}") { id } }`)).toMatchObject({ data: { node: null }, errors: passes });
});

test.each([
  ['too many aliases', `{ ${Array.from({ length: 31 }, (_, i) => `a${i}: serverInfo { version }`).join(' ')} }`],
  ['too many tokens', `{ ${'serverInfo { version } '.repeat(600)} }`],
  ['a page too large', '{ teams(first: 1000) { nodes { name } } }'],
])('%s is refused with 400 and a code, never 500', async (_, query) => {
  const answer = await t.send(
    query,
    {},
    { authorization: `Bearer ${TOKEN}`, accept: 'application/graphql-response+json' },
  );
  expect(answer.status).toBeLessThan(500);
  expect(['LIMIT_EXCEEDED', 'GRAPHQL_PARSE_FAILED', 'BAD_USER_INPUT']).toContain(
    answer.errors?.[0]?.extensions['code'],
  );
});

const BOMB = (levels: number) =>
  `{ ...F0 } ${Array.from({ length: levels }, (_, i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`).join(' ')} fragment F${levels} on Query { serverInfo { version } }`;

test.each([
  ['with a token', { authorization: `Bearer ${TOKEN}` }],
  ['of a stranger', {}],
])('a fragment bomb %s is refused at once', async (_, headers) => {
  const started = performance.now();
  const answer = await t.send(BOMB(100), {}, headers as Record<string, string>);
  expect(['LIMIT_EXCEEDED', 'UNAUTHENTICATED', 'GRAPHQL_VALIDATION_FAILED']).toContain(
    answer.errors?.[0]?.extensions['code'],
  );
  // Not a measurement: expanded, it would take longer than the sun has.
  expect(performance.now() - started).toBeLessThan(10_000);
});

test.each([
  [
    'through a fragment',
    '{ teams(first: 100) { ...A } } fragment A on TeamConnection { nodes { models(first: 100) { nodes { versions(first: 100) { nodes { id } } } } } }',
  ],
  [
    'by the default of a variable',
    'query ($n: Int = 100) { teams(first: $n) { nodes { models(first: $n) { nodes { versions(first: $n) { nodes { id } } } } } } }',
  ],
  ['without first', '{ teams { nodes { models { nodes { versions { nodes { deployments { nodes { id } } } } } } } } }'],
])('a million objects %s are refused', async (_, query) => {
  expect((await t.send(query)).errors?.[0]?.extensions['code']).toBe('LIMIT_EXCEEDED');
});

test.each([
  ['models', { name: { in: Array.from({ length: 101 }, (_, n) => `m-${n}`) } }],
  ['deployments', { name: { in: Array.from({ length: 101 }, (_, n) => `m-${n}`) } }],
  ['experiments', { name: { in: Array.from({ length: 101 }, (_, n) => `m-${n}`) } }],
])('%s among more names than may be named are refused, and not found among the first of them', async (list, where) => {
  const ask = (given: object) =>
    t.send(
      `query ($where: ${list[0]?.toUpperCase()}${list.slice(1, -1)}Where) { ${list}(where: $where) { nodes { id } } }`,
      {
        where: given,
      },
    );
  expect((await ask(where)).errors).toMatchObject([
    {
      message: 'in takes at most 100 texts, and has 101. Ask in several parts.',
      extensions: { code: 'BAD_USER_INPUT' },
    },
  ]);
  expect((await ask({ name: { in: where.name.in.slice(1) } })).errors).toBeUndefined();
});

test('GraphQL over HTTP: every audit of graphql-http passes', async () => {
  const results = await auditServer({
    url: `${t.api.url}/graphql`,
    fetchFn: (url: string, init: RequestInit = {}) =>
      fetch(url, {
        ...init,
        headers: { ...init.headers, 'apollo-require-preflight': '1', authorization: `Bearer ${TOKEN}` },
      }),
  });
  const bad = results.filter((result) => result.status !== 'ok');
  for (const result of results) if ('response' in result) await result.response.body?.cancel().catch(() => {});
  expect(bad.map((result) => `${result.id} ${result.name}`)).toEqual([]);
});

test('health answers as Kubernetes does', async () => {
  const live = await fetch(`${t.api.url}/livez`);
  expect([live.status, await live.text()]).toEqual([200, 'ok']);
  const ready = await fetch(`${t.api.url}/readyz?verbose`);
  expect(ready.status).toBe(500);
  const text = await ready.text();
  expect(text).toContain('[-]informers failed');
  expect(text).toContain('[!]cluster: it does not answer (does not make it unready)');
});
