/**
 * `npm run manifests`: renders deploy/base, for people who apply with kustomize, from the chart, which is the one source.
 * `--check` says whether it is what the chart makes now. Rendering wants Helm; the check compares digests of the chart
 * and of what was rendered, which the file carries, and wants nothing.
 *
 * What Helm does by hooks is done there by the same Job, without its annotations; what belongs to `helm rollback`,
 * `helm uninstall` and `helm test` is left out.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

const CHART = 'deploy/chart';
const TARGET = 'deploy/base/platform.yaml';
const HELM = process.argv.find((word) => word.startsWith('--helm='))?.slice(7) ?? 'helm';
/** Of a release named `clops` in `clops-system`, with the Secret that deploy/base/kustomization.yaml describes. */
const ARGS = ['--namespace=clops-system', '--kube-version=1.34.0', '--set=database.existingSecret=clops-database'];

interface Manifest {
  kind: string;
  metadata: { name: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: { template?: Manifest };
}

/** Of everything that decides what comes out. */
function digestOfChart(): string {
  const hash = createHash('sha256').update(ARGS.join(' '));
  const files = readdirSync(CHART, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.md'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const file of files) hash.update(`\n${file}\n`).update(readFileSync(file));
  return hash.digest('hex');
}

function render(): string {
  const text = execFileSync(HELM, ['template', 'clops', CHART, ...ARGS], { encoding: 'utf8' });
  const kept = parseAllDocuments(text)
    .filter((document) => document.contents !== null)
    .filter((document) => !isOfHelm(document.toJS() as Manifest));
  for (const document of kept) {
    for (const path of [['metadata'], ['spec', 'template', 'metadata']]) {
      if (!document.hasIn(path)) continue;
      for (const key of hookKeys(document.getIn([...path, 'annotations'])))
        document.deleteIn([...path, 'annotations', key]);
      if (isEmpty(document.getIn([...path, 'annotations']))) document.deleteIn([...path, 'annotations']);
      if (document.getIn([...path, 'labels', 'app.kubernetes.io/managed-by']) === 'Helm')
        document.setIn([...path, 'labels', 'app.kubernetes.io/managed-by'], 'clops');
    }
    document.commentBefore = null;
  }
  const body = kept.map((document) => `---\n${document.toString({ lineWidth: 0 }).replace(/^---\n/, '')}`).join('');
  return `# Written by \`npm run manifests\` from ${CHART}. Do not edit.\n# chart: ${digestOfChart()}\n# rest: ${digestOf(body)}\n${body}`;
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

const isOfHelm = ({ metadata }: Manifest): boolean =>
  /^pre-rollback$|pre-delete|test/.test(metadata.annotations?.['helm.sh/hook'] ?? '');

const hookKeys = (annotations: unknown): string[] =>
  Object.keys(toObject(annotations)).filter((key) => key.startsWith('helm.sh/'));
const isEmpty = (annotations: unknown): boolean =>
  annotations !== undefined && Object.keys(toObject(annotations)).length === 0;
const toObject = (node: unknown): object =>
  typeof node === 'object' && node !== null && 'toJSON' in node && typeof node.toJSON === 'function'
    ? (node.toJSON() as object)
    : {};

if (process.argv.includes('--check')) {
  const [, chart, rest, body = ''] =
    /^.*\n# chart: (\w+)\n# rest: (\w+)\n([\s\S]*)$/.exec(readFileSync(TARGET, 'utf8')) ?? [];
  if (chart !== digestOfChart() || rest !== digestOf(body)) {
    console.error(`${TARGET} is not what ${CHART} makes now.`);
    process.exitCode = 1;
  }
} else writeFileSync(TARGET, render());
