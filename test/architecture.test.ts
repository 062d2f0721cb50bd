/**
 * What keeps the house as it is drawn: which room may import which, how a slice is entered, what only one place does,
 * how long a file may be. Reads the text of all imports, those of types included: knowing a name is already a dependency.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

/** A room (the longest that fits a file) and what it may import besides itself. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  'main.ts': ['main', 'start'],
  main: [''],
  'config.ts': ['contract/names.ts'],
  lib: [],
  contract: ['lib', 'platform/cluster/port.ts'],
  'platform/cluster': ['lib', 'contract'],
  'platform/metrics': ['lib', 'contract', 'platform/cluster'],
  'platform/artifacts': ['lib'],
  'platform/process': ['lib'],
  'platform/db': ['lib', 'platform/process'],
  'platform/events': ['lib', 'platform/db'],
  graphql: ['lib', 'platform/cluster', 'platform/metrics', 'platform/artifacts', 'platform/db', 'platform/events'],
  modules: [
    'lib',
    'contract',
    'graphql',
    'platform/cluster',
    'platform/metrics',
    'platform/artifacts',
    'platform/db',
    'platform/events',
  ],
  api: ['lib', 'contract', 'graphql', 'modules', 'platform/artifacts'],
  controller: ['lib', 'contract', 'platform/cluster', 'platform/metrics'],
  local: ['lib', 'contract', 'platform/cluster'],
  modelserver: ['lib'],
  client: ['lib'],
  cli: ['lib', 'client', 'config.ts'],
  demo: ['lib', 'client'],
  start: ['lib', 'config.ts', 'platform/process', 'api/graphiql.ts'],
};

/** Slices from left to right: each knows those before it, by their index.ts. */
const SLICES = ['identity', 'audit', 'compute', 'experiments', 'registry', 'serving', 'abtests'];

/** Packages that are a technology, and the only rooms that speak it. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  aws4fetch: ['platform/artifacts'],
  pg: ['platform/db', 'platform/events'],
  'drizzle-orm': ['platform/db', 'platform/events', 'modules'],
  '@kubernetes/client-node': ['platform/cluster', 'local'],
  '@apollo/server': ['api'],
  fastify: ['api'],
  'type-graphql': ['api', 'graphql', 'modules'],
  'onnxruntime-node': ['modelserver'],
  'prom-client': ['api', 'modelserver'],
};

/** What one place does, so that it can be found, tested and ended in order. */
const ONLY: readonly [what: RegExp, where: string][] = [
  [/\bprocess\.env\b(?!\.ORT_DISABLE_TELEMETRY = )/, 'config.ts'],
  [/\bprocess\.(exit|abort|reallyExit)\b/, 'main.ts'],
  [
    /(?<!function )\bcreate(Db|EventLog|ClusterView|ClientNodeCluster|FileArtifacts|S3Artifacts|UrlSigner|TrafficCounts|LiveTraffic)\(/,
    'main',
  ],
];

const [MAX_LINES, MOST_LINES] = [300, 450];
/** Files that may be longer than MAX_LINES, never than MOST_LINES, and why. One that has become short must leave the list. */
const LONG: Readonly<Record<string, string>> = {
  'config.ts': 'declarations and what they mean, which are the manual; the one reader of the environment',
  'local/agent/container/container.ts': 'one life cycle with private state; its parts are files of their own already',
  'platform/events/log.ts': 'one tail with its ring, its wake-up and its streams',
};

const FILES = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .sort();
const TEXTS = new Map(FILES.map((file) => [file, readFileSync(join('src', file), 'utf8')]));
const TARGETS = FILES.flatMap((from) =>
  [...(TEXTS.get(from) ?? '').matchAll(/\b(?:from|import|require)\s*\(?\s*'([^'\n]+)'/g)].map(([, to = '']) => ({
    from,
    to,
  })),
);
const IMPORTS = TARGETS.filter(({ to }) => to.startsWith('.')).map(({ from, to }) => ({
  from,
  to: normalize(join(dirname(from), to)),
}));
const NEXT = Map.groupBy(IMPORTS, ({ from }) => from);

const within = (file: string, place: string): boolean => place === '' || file === place || file.startsWith(`${place}/`);
const roomOf = (file: string): string =>
  Object.keys(ROOMS)
    .filter((room) => within(file, room))
    .sort((a, b) => b.length - a.length)[0] ?? '';
const sliceOf = (file: string): string | undefined => /^modules\/([^/]+)\//.exec(file)?.[1];
const shown = (imports: readonly { from: string; to: string }[]): string[] =>
  imports.map(({ from, to }) => `${from} imports ${to}`);

describe('the dependency rule', () => {
  test('the scan sees every file and every import', () => {
    expect(FILES.filter((file) => roomOf(file) === '')).toEqual([]);
    expect(FILES.filter((file) => !SLICES.includes(sliceOf(file) ?? 'identity'))).toEqual([]);
    expect(shown(IMPORTS.filter(({ to }) => !TEXTS.has(to)))).toEqual([]);
    expect(IMPORTS.length).toBeGreaterThan(1_000);
  });

  test('a room imports only what its row names', () => {
    const wrong = IMPORTS.filter(({ from, to }) => {
      const room = roomOf(from);
      return room !== roomOf(to) && !ROOMS[room]?.some((allowed) => within(to, allowed));
    });
    expect(shown(wrong)).toEqual([]);
  });

  test('a slice knows those to its left, by their index.ts; a tables.ts may know their tables.ts', () => {
    const wrong = IMPORTS.filter(({ from, to }) => {
      const [own, other] = [sliceOf(from), sliceOf(to)];
      if (!other || own === other) return false;
      const door = to === `modules/${other}/index.ts` || (from.endsWith('/tables.ts') && to.endsWith('/tables.ts'));
      return !door || (own !== undefined && SLICES.indexOf(other) > SLICES.indexOf(own));
    });
    expect(shown(wrong)).toEqual([]);
  });

  test('no file reaches itself through another folder', () => {
    const across = IMPORTS.filter(({ from, to }) => dirname(from) !== dirname(to));
    const cycles = across.flatMap(({ from, to }) => pathsBack(to, from)).sort((a, b) => a.length - b.length);
    expect(cycles[0]?.join(' → ')).toBeUndefined();
  });

  test('a technology is spoken only where its row says', () => {
    const wrong = TARGETS.filter(({ from, to }) =>
      Object.entries(PACKAGES).some(([name, rooms]) => within(to, name) && !rooms.some((room) => within(from, room))),
    );
    expect(shown(wrong)).toEqual([]);
  });
});

test.each(ONLY)('%s only in %s', (what, where) => {
  const places = [...TEXTS].filter(([, text]) => what.test(text)).map(([file]) => (within(file, where) ? where : file));
  expect([...new Set(places)]).toEqual([where]);
});

test(`a file has at most ${MAX_LINES} lines, or a reason`, () => {
  const written = [...TEXTS].filter(([file]) => !file.includes('/generated/'));
  const lines = written.map(([file, text]) => [file, text.split('\n').length - 1] as const);
  expect(lines.filter(([, count]) => count > MAX_LINES).map(([file]) => file)).toEqual(Object.keys(LONG).sort());
  expect(lines.filter(([, count]) => count > MOST_LINES)).toEqual([]);
});

/** The shortest way along imports, if there is one: what a person must cut somewhere. */
function pathsBack(start: string, end: string): string[][] {
  const ways = new Map([[start, [end, start]]]);
  for (const [file, way] of ways) {
    if (file === end) return [way];
    for (const { to } of NEXT.get(file) ?? []) if (!ways.has(to)) ways.set(to, [...way, to]);
  }
  return [];
}
