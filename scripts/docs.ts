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
sentence that names it, with exit code 2.

| Setting | Default | Meaning |
| --- | --- | --- |
${settings()
  .map(({ name, fallback, meaning }) => `| \`${name}\` | ${fallback && `\`${fallback}\``} | ${meaning} |`)
  .join('\n')}
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
  /\b(?:type:|Promoted:|Aborted:|Superseded:|RolledBack:|Promote:|Abort:|Retry:|add\(|happening\() ?'([a-z]+\.[a-z_]+)'/g,
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
