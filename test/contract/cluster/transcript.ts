/**
 * Requests and what was answered, as text in which two clusters can be compared: what differs from run to run (uids,
 * versions, times, names that were made up) is replaced by a word, and so is the order of causes, which is random on a
 * real server.
 */
import { stringify } from 'yaml';
import type { Answer, Asked, Lab } from './lab.ts';

export interface Step extends Asked {
  /** `POST /api/v1/namespaces/NS/configmaps?dryRun=All`: NS is the topic's namespace. */
  line: string;
  /** From the answers so far, when a body needs a uid or a version of one of them. */
  of?: (answers: readonly Answer[]) => unknown;
  /** What of the answer is compared: paths such as `spec.replicas`. Default: all of it but `metadata.managedFields`. */
  show?: readonly string[];
  note?: string;
  /** False where a refusal's words name types of Go: then only code and reason are compared. */
  words?: false;
}

export async function transcript(lab: Lab, namespace: string, steps: readonly Step[]): Promise<string> {
  const answers: Answer[] = [];
  const parts: string[] = [];
  for (const step of steps) {
    const [method = '', path = ''] = step.line.replaceAll('NS', namespace).split(' ');
    const body = step.of ? step.of(answers) : step.body;
    const answer = await lab.ask(method, path, { ...step, body: named(body, namespace) });
    answers.push(answer);
    parts.push(render(step, answer, namespace));
  }
  return parts.join('\n');
}

/** The placeholder NS in bodies. */
const named = (body: unknown, namespace: string): unknown =>
  body === undefined ? undefined : JSON.parse(JSON.stringify(body).replaceAll('"NS"', JSON.stringify(namespace)));

function render(step: Step, answer: Answer, namespace: string): string {
  const head = `## ${step.note ? `${step.note}: ` : ''}${step.line}${step.type && step.type !== 'json' ? ` (${step.type})` : ''}`;
  const shown = { code: answer.code, ...(answer.warnings.length > 0 && { warnings: answer.warnings }) };
  const body = comparable(step, answer);
  const text = stringify(
    { ...shown, answer: ordered(body) },
    { lineWidth: 0, sortMapEntries: true, aliasDuplicateObjects: false },
  );
  return `${head}\n${normalised(text, namespace)}`;
}

function comparable({ show, words }: Step, { code, body }: Answer): unknown {
  if (code >= 300 && words === false) return picked(body, ['reason']);
  return show && code < 300 ? picked(body, show) : withoutOwners(tabled(byName(body)));
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function readAt(value: unknown, path: string): unknown {
  let at = value;
  for (const key of path.split('.')) {
    if (Array.isArray(at)) at = at[Number(key)];
    else at = isObject(at) ? at[key] : undefined;
  }
  return at;
}

const picked = (body: unknown, paths: readonly string[]): unknown =>
  Object.fromEntries(paths.map((path) => [path, sorted(readAt(body, path)) ?? null]));

/** Entries of managedFields are ordered by time, in whole seconds. */
function sorted(value: unknown): unknown {
  if (!Array.isArray(value) || !value.every((one) => isObject(one) && 'fieldsV1' in one)) return value;
  const key = (one: Record<string, unknown>): string =>
    [one['operation'], one['manager'], one['subresource']].join(' ');
  return (value as Record<string, unknown>[])
    .map(({ time: _, ...entry }) => entry)
    .sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

function withoutOwners(body: unknown): unknown {
  if (!isObject(body) || !isObject(body['metadata'])) return body;
  const { managedFields: _, ...metadata } = body['metadata'];
  return { ...body, metadata };
}

/** Columns in a line each; their descriptions are the API documentation's, and kubectl shows none of them. */
function tabled(body: unknown): unknown {
  if (!isObject(body) || body['kind'] !== 'Table' || !Array.isArray(body['columnDefinitions'])) return body;
  const columns = (body['columnDefinitions'] as Record<string, unknown>[]).map(
    ({ description: _, ...column }) => column,
  );
  return { ...body, columnDefinitions: columns.map((column) => JSON.stringify(column)) };
}

/** Kinds of a group by name: a real server names those of definitions in any order. */
function byName(body: unknown): unknown {
  if (!isObject(body) || !Array.isArray(body['resources'])) return body;
  const resources = [...(body['resources'] as { name: string }[])].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { ...body, resources };
}

/** Causes by field, and the message's list of them accordingly. */
function ordered(body: unknown): unknown {
  if (!isObject(body) || body['kind'] !== 'Status' || !isObject(body['details'])) return body;
  const { details } = body;
  if (!Array.isArray(details['causes']) || details['causes'].length < 2) return body;
  const texts = new Set(details['causes'].map((cause) => JSON.stringify(cause))); // some are there twice
  const causes = [...texts].sort().map((text) => JSON.parse(text) as { field?: string; message?: string });
  if (causes.length < 2) return { ...body, details: { ...details, causes } };
  let message = String(body['message']);
  for (const cause of causes) message = message.replace(`${cause.field}: ${cause.message}`, '…');
  return { ...body, message, details: { ...details, causes } };
}

export function normalised(text: string, namespace: string): string {
  return text
    .replaceAll(namespace, 'NS')
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'TIME')
    .replace(/(resourceVersion"?): "?\d+"?/g, '$1: RV')
    .replace(/ current: \d+/, ' current: RV')
    .replace(/too old resource version: \d+ \(\d+\)/g, 'too old resource version: RV (RV)')
    .replace(/in record \(\d+\)/g, 'in record (RV)')
    .replace(/^ *storageVersionHash: .*\n/gm, '');
}
