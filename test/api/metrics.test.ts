/** What `/metrics` counts, by labels that callers cannot make up, and that it goes on when the database is away. */
import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createMetricsServer } from '../../src/api/metricsServer.ts';
import { encodeCursor } from '../../src/lib/cursor.ts';
import { aCuttable, type Cuttable } from '../client/cuttable.ts';
import { anApi, type TestApi, TOKEN } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';

let t: TestApi;
let url: string;
let stop: () => Promise<void>;
beforeAll(async () => {
  t = await anApi();
  const app = createMetricsServer(t.metrics);
  await app.listen({ port: 0, host: '127.0.0.1' });
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/metrics`;
  stop = () => app.close();
});
afterAll(async () => {
  await stop();
  await t.close();
});

/** The value of a series, NaN when there is none. */
async function read(series: string): Promise<number> {
  const text = await (await fetch(url)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? Number.NaN);
}
const count = (labels: string): Promise<number> => read(`clops_api_operations_total{${labels}}`);

test('operations by the field at their root, whatever they and their fragments are called', async () => {
  await t.ask('query NamedByACaller { teams { nodes { name } } }');
  await t.ask(
    'fragment F on Query { teams { nodes { name } } } query X { ...F ... on Query { teams { pageInfo { hasNextPage } } } }',
  );
  await t.ask('{ a: teams { nodes { name } } models { nodes { name } } }');
  await t.send('{ noSuchField }');
  await t.send('not GraphQL');
  await t.send('{ viewer { actor { id } } }', {}, {});
  expect(await count('type="query",field="teams",code="OK"')).toBe(2);
  expect(await count('type="query",field="several",code="OK"')).toBe(1);
  expect(await read('clops_api_operation_duration_seconds_count{type="query",field="teams"}')).toBe(2);
  expect(await count('type="invalid",field="",code="GRAPHQL_VALIDATION_FAILED"')).toBe(1);
  expect(await count('type="invalid",field="",code="GRAPHQL_PARSE_FAILED"')).toBe(1);
  const text = await (await fetch(url)).text();
  expect(text).toContain('code="UNAUTHENTICATED"');
  for (const made of ['NamedByACaller', 'noSuchField', TOKEN]) expect(text).not.toContain(made);
});

test('subscriptions while they are open, also those whose socket breaks', async () => {
  const open = (): Promise<number> => read('clops_api_subscriptions{field="events"}');
  const query = 'subscription { events { __typename } }';
  const [first, second] = [t.socket(), t.socket()];
  const sink = { next() {}, error() {}, complete() {} };
  const end = first.subscribe({ query }, sink);
  first.subscribe({ query }, sink);
  second.subscribe({ query }, sink);
  await eventually(async () => expect(await open()).toBe(3));
  const ended = (): Promise<number> => count('type="subscription",field="events",code="OK"');
  expect(await ended()).toBeNaN();
  end();
  await eventually(async () => expect(await open()).toBe(2));
  expect(await ended()).toBe(1);
  second.terminate();
  await eventually(async () => expect(await open()).toBe(1));
  await first.dispose();
  await eventually(async () => expect(await open()).toBe(0));
  expect(await ended()).toBe(3);
});

test('subscriptions that are refused, or cannot begin, with their code', async () => {
  const socket = t.socket();
  const told = (query: string): Promise<unknown> =>
    new Promise((resolve) => {
      socket.subscribe({ query }, { next: ({ errors = [] }) => resolve(errors[0]), error: resolve, complete() {} });
    });
  const refused = await count('type="invalid",field="",code="GRAPHQL_VALIDATION_FAILED"');
  const begun = await count('type="subscription",field="events",code="OK"');
  await told('subscription { noSuchField }');
  expect(await count('type="invalid",field="",code="GRAPHQL_VALIDATION_FAILED"')).toBe(refused + 1);
  await told('{ teams { nodes { name } } }');
  expect(await count('type="invalid",field="",code="OPERATION_NOT_SUPPORTED"')).toBe(1);
  expect(await told('subscription { events(where: { team: "not-there" }) { __typename } }')).toMatchObject({
    extensions: { code: 'NOT_FOUND' },
  });
  await eventually(async () => expect(await count('type="subscription",field="events",code="NOT_FOUND"')).toBe(1));
  expect(await count('type="subscription",field="events",code="OK"')).toBe(begun);
  await socket.dispose();
});

test('what is asked often asks the database once', async () => {
  let asked = 0;
  const stop = t.services.db.onStatement((name) => name === 'oldestUnpublished' && asked++);
  await Promise.all(Array.from({ length: 20 }, () => t.metrics.text()));
  stop();
  expect(asked).toBeLessThanOrEqual(1);
});

test('artifacts by method and status', async () => {
  const at = `${t.api.url}/artifacts/sha256:${'0'.repeat(64)}`;
  await fetch(at, { headers: { authorization: `Bearer ${TOKEN}` } });
  await fetch(at, { method: 'PUT', body: 'x' });
  await eventually(async () => {
    expect(await read('clops_api_artifact_requests_total{method="GET",code="404"}')).toBe(1);
    expect(await read('clops_api_artifact_requests_total{method="PUT",code="401"}')).toBe(1);
  });
});

test('alerts and dashboards of the chart ask for what is there', async () => {
  const text = await (await fetch(url)).text();
  const chart = ['templates/monitoring.yaml', 'dashboards/platform.json'].map((file) =>
    readFileSync(join('deploy', 'chart', file), 'utf8'),
  );
  const asked = new Set(chart.join().match(/\b(clops_(api|event|unpublished|database)|process)_\w+/g));
  expect(asked.size).toBeGreaterThan(6);
  for (const name of asked) expect(text).toMatch(new RegExp(`^# TYPE ${name.replace(/_bucket$/, '')} `, 'm'));
});

describe('while the database is away', () => {
  let line: Cuttable;
  let other: TestApi;
  beforeAll(async () => {
    other = await anApi({
      async databaseThrough(address) {
        const target = new URL(address);
        line = await aCuttable(`http://${target.host}`);
        target.port = new URL(line.url).port;
        return target.href;
      },
    });
    expect(await other.metrics.text()).toMatch(/^clops_unpublished_seconds 0$/m);
    line.accepts = false;
    line.cut();
  });
  afterAll(async () => {
    line.accepts = true;
    await other.close();
    await line.close();
  });

  test('what that alone knows is no number, and the rest goes on', () =>
    eventually(async () => {
      const text = await other.metrics.text();
      expect(text).toMatch(/^clops_unpublished_seconds Nan$/im);
      expect(text).toMatch(/^clops_event_log_lag_seconds \d/m);
    }));

  test('a subscription that fails after it has begun counts once, with that', async () => {
    const socket = other.socket();
    const query = `subscription { events(after: "${encodeCursor('log', [0])}") { cursor } }`;
    const told = await new Promise((resolve) => {
      socket.subscribe({ query }, { next: resolve, error: resolve, complete() {} });
    });
    expect(told).toMatchObject([{ extensions: { code: 'DATABASE_UNAVAILABLE' } }]);
    await eventually(async () => {
      const text = await other.metrics.text();
      expect(text.match(/^clops_api_operations_total\{type="subscription".*$/gm)).toEqual([
        'clops_api_operations_total{type="subscription",field="events",code="DATABASE_UNAVAILABLE"} 1',
      ]);
    });
    await socket.dispose();
  });
});

test('the event log, what waits for the relay, and the pool', async () => {
  await eventually(async () => expect(await read('clops_event_log_lag_seconds')).toBeLessThan(5));
  const before = await read('clops_event_log_position');
  await t.ask('mutation { createTeam(input: { name: "counted" }) { team { id } } }');
  await eventually(async () => expect(await read('clops_event_log_position')).toBeGreaterThan(before));
  expect(await read('clops_unpublished_seconds')).toBe(0);
  expect(await read('clops_database_connections{state="idle"}')).toBeGreaterThan(0);
  expect(await read('clops_database_connections{state="waiting"}')).toBe(0);
  expect(await read('process_cpu_seconds_total')).toBeGreaterThan(0);
});
