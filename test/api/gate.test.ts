/** What the gate counts of an operation, by its text alone: our own pass, and lists without pages are not taken for ten. */
import 'reflect-metadata';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DocumentNode, Kind, parse, print, validate } from 'graphql';
import { expect, test } from 'vitest';
import { WORKLOADS } from '../../bench/queries/workloads.ts';
import { buildApiSchema } from '../../src/api/schema.ts';
import { checkLimits } from '../../src/graphql/gate.ts';
import { GRAPHIQL_TABS } from '../../src/start/tabs.ts';

const root = join(import.meta.dirname, '..', '..');
const schema = buildApiSchema();
const words = (query: string | DocumentNode, variables: Record<string, unknown> = {}, name?: string): string[] =>
  checkLimits(schema, typeof query === 'string' ? parse(query) : query, name, variables).map(({ message }) => message);

test('all that the command line asks passes with the largest page', () => {
  const folder = join(root, 'schema', 'operations');
  const text = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
  const document = parse(text.join('\n'));
  const names = document.definitions.flatMap((one) =>
    one.kind === Kind.OPERATION_DEFINITION && one.name ? [one.name.value] : [],
  );
  expect(names.length).toBeGreaterThan(30);
  for (const name of names) expect(words(document, { first: 100, last: 100 }, name), name).toEqual([]);
});

test('so does what README, GraphiQL and the benchmarks ask', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const shown = [...readme.matchAll(/```graphql\n(.*?)```/gs)].flatMap(([, text = '']) =>
    parse(text).definitions.map(print),
  );
  expect(shown.length).toBeGreaterThan(0);
  const queries = [...shown, ...[...GRAPHIQL_TABS, ...WORKLOADS].map(({ query }) => query)];
  for (const query of queries) {
    expect(validate(schema, parse(query)), query).toEqual([]);
    expect(words(query), query).toEqual([]);
  }
});

const IDS =
  'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Experiment { runs(first: 100) { nodes { experiment { name } } } } } }';
const ids = (count: number): object => ({ ids: Array.from({ length: count }, (_, n) => `exp_${n}`) });
const RUNS = (experiments: number, runs: number, what: string): string =>
  `{ experiments(first: ${experiments}) { nodes { runs(first: ${runs}) { nodes { ${what} } } } } }`;

test.each([
  ['metrics of many runs', RUNS(16, 100, 'latestMetrics { key value }'), {}],
  [
    'replicas of many deployments',
    '{ models(first: 20) { nodes { deployments { nodes { currentReplicas { name } } } } } }',
    {},
  ],
  ['many ids', IDS, ids(100)],
  [
    'many ids inline',
    `{ nodes(ids: ${JSON.stringify(Array(100).fill('exp_1'))}) { ... on Experiment { runs(first: 100) { nodes { experiment { name } } } } } }`,
    {},
  ],
])('%s are refused', (_, query, variables) => {
  expect(validate(schema, parse(query))).toEqual([]);
  expect(words(query, variables as Record<string, unknown>)).toEqual([
    expect.stringMatching(/^The operation is too large: \d+ objects at most .*, allowed are 20000\.$/),
  ]);
});

test.each([
  ['the metrics of a page of runs', RUNS(1, 100, 'latestMetrics { key value }'), {}],
  [
    'the replicas of a page of deployments',
    '{ deployments(first: 100) { nodes { currentReplicas { name revision { number } } } } }',
    {},
  ],
  ['few ids', IDS, ids(10)],
])('%s are not', (_, query, variables) => {
  expect(validate(schema, parse(query))).toEqual([]);
  expect(words(query, variables as Record<string, unknown>)).toEqual([]);
});
