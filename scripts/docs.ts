/**
 * `npm run docs` writes the pages that are made from the code; with `--check` it fails when one differs. The page of
 * events is written by hand, since their data is known only where they are told: it is compared with the names in the
 * sources, so that none is missing and none is made up.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { settings } from '../src/config.ts';
import { ERROR_CODES } from '../src/graphql/errors.ts';

const MADE = '<!-- Written by `npm run docs`. Do not edit. -->';

const configuration = `# Configuration

${MADE}

Settings are environment variables. An empty one counts as absent. One that is not valid is refused at the start, in a
sentence that names it, with exit code 2: also settings that do not fit each other, a data folder that cannot be written, a
kubeconfig without a usable context, a \`DATABASE_URL\` whose Postgres refuses the user, lacks the database or is too old.

What a setting names may merely be away. \`npm start\` refuses that at once, with exit code 1, before any process is started.
With \`NODE_ENV=production\`, and in the roles \`api\`, \`relay\` and \`controller\`, where everything may be restarted at the
same time, a Postgres is waited for during 30 seconds and then refused; a cluster and an object store are not waited for: the
role starts, says what is away, and goes on by itself once it answers.

| Setting | Values | Default | Meaning |
| --- | --- | --- | --- |
${settings()
  .map(({ name, values, fallback, meaning }) => `| \`${name}\` | ${values} | ${fallback} | ${meaning} |`)
  .join('\n')}

The command line reads CLOPS_URL, CLOPS_TOKEN, CLOPS_DATA_DIR and CLOPS_HTTP_PORT of these, and \`NO_COLOR\`, \`FORCE_COLOR\` and
\`XDG_CONFIG_HOME\` as other programs do.
`;

const errors = `# Error codes

${MADE}

Faults are top-level \`errors\` of the answer, the same over HTTP and WebSocket. \`extensions.code\` is one
of these; \`extensions.requestId\` finds the whole error in the log; \`extensions.retryable\` is true where repeating later
may help. What is not one of these is masked as \`INTERNAL_SERVER_ERROR\`.

What a mutation may expect to go wrong (a name that is taken, a version that does not exist) is no fault: it comes as typed
\`errors\` in the mutation's payload, described in the schema.

| Code | Meaning |
| --- | --- |
${Object.entries(ERROR_CODES)
  .map(([code, meaning]) => `| \`${code}\` | ${meaning} |`)
  .join('\n')}
`;

const check = process.argv.includes('--check');
for (const [path, text] of [
  ['docs/configuration.md', configuration],
  ['docs/errors.md', errors],
] as const) {
  if (!check) writeFileSync(path, text);
  else if (read(path) !== text) complain(`${path} is not what the code makes: run \`npm run docs\`.`);
}

const told = namesIn(
  'src',
  /\b(?:type:|Promoted:|Aborted:|Superseded:|RolledBack:|Promote:|Abort:|Retry:|add\(|happening\(|row,)\s*'([a-z]+\.[a-z_]+)'/g,
);
const described = new Set(
  [...read('docs/events.md').matchAll(/^\| `([a-z]+\.[a-z_]+)`/gm)].map(([, name = '']) => name),
);
for (const name of told) if (!described.has(name)) complain(`docs/events.md does not describe ${name}.`);
for (const name of described) if (!told.has(name)) complain(`docs/events.md describes ${name}, which nothing tells.`);

function namesIn(folder: string, pattern: RegExp): Set<string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const texts = files.map((file) => read(`${folder}/${file}`));
  return new Set(texts.flatMap((text) => [...text.matchAll(pattern)].map(([, name = '']) => name)));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function complain(sentence: string): void {
  console.error(sentence);
  process.exitCode = 1;
}
