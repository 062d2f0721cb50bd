/**
 * How objects look in `kubectl get`: a Table from a row's printer columns, or metadata alone. Also inside a watch, where
 * every event holds a Table of one row and only the first names its columns.
 */
import { jsonLines } from '../../platform/cluster/lines.ts';
import { isObject, type Plain } from './json.ts';
import { compilePath } from './jsonpath.ts';
import type { Form } from './negotiate.ts';
import type { PrinterColumn, ResourceRow } from './types.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface Shape {
  form: Form;
  includeObject: IncludeObject;
  /** Rows served now. */
  rows: readonly ResourceRow[];
  /** Milliseconds since the epoch, for ages. */
  now: number;
}

const AGE: PrinterColumn = { name: 'Age', type: 'date', declared: 'string', value: '.metadata.creationTimestamp' };
const NAME: PrinterColumn = { name: 'Name', type: 'string', format: 'name', value: '.metadata.name' };

/** An object or list in the form that was asked for; a Status stays what it is. */
export function shaped(body: unknown, shape: Shape, headers = true): unknown {
  if (shape.form === 'plain' || !isObject(body) || body['kind'] === 'Status' || !isObject(body['metadata']))
    return body;
  const list = Array.isArray(body['items']) ? (body['items'] as Plain[]) : undefined;
  const metadata = body['metadata'] as Plain;
  if (shape.form === 'metadata') {
    if (!list) return metadataOf(body);
    const { continue: _end, ...rest } = metadata;
    return {
      kind: 'PartialObjectMetadataList',
      apiVersion: 'meta.k8s.io/v1',
      metadata: rest,
      items: list.map(metadataOf),
    };
  }
  const row = rowFor(body, shape.rows, list !== undefined);
  const columns = columnsOf(row);
  const cellsOf = (item: Plain) => columns.map((column) => cell(item, column, shape.now));
  const rows = (list ?? [body]).map((item) => ({
    cells: cellsOf(row?.view ? row.view.toStored(item) : item),
    ...included(item, shape.includeObject),
  }));
  const { resourceVersion, ...more } = metadata;
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: list ? { resourceVersion, ...pick(more, ['remainingItemCount']) } : { resourceVersion },
    columnDefinitions: headers ? columns.map(definition) : null,
    rows,
  };
}

/** A watch's lines, each shaped. */
export async function* shapedEvents(
  chunks: AsyncIterable<Uint8Array>,
  shape: () => Shape,
): AsyncGenerator<Uint8Array, void, undefined> {
  const encoder = new TextEncoder();
  let headers = true;
  for await (const line of jsonLines(chunks)) {
    const { type, object } = line as { type: string; object: unknown };
    yield encoder.encode(`${JSON.stringify({ type, object: shaped(object, shape(), headers) })}\n`);
    headers &&= type === 'ERROR';
  }
}

/** `5s`, `2m10s`, `3h`, `4d`: apimachinery's HumanDuration. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return two(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (days < 8) return two(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  return years < 8 ? two(years, 'y', days % 365, 'd') : `${years}y`;
}

const two = (large: number, unit: string, small: number, smallUnit: string): string =>
  small === 0 ? `${large}${unit}` : `${large}${unit}${small}${smallUnit}`;

function rowFor(body: Plain, rows: readonly ResourceRow[], list: boolean): ResourceRow | undefined {
  return rows.find(
    (row) =>
      body['kind'] === (list ? row.listKind : row.kind) &&
      body['apiVersion'] === (row.group === '' ? row.version : `${row.group}/${row.version}`),
  );
}

function columnsOf(row: ResourceRow | undefined): readonly PrinterColumn[] {
  const columns = row && row.columns.length > 0 ? row.columns : [AGE];
  return columns.some(({ name }) => name === 'Name') ? columns : [NAME, ...columns];
}

const definition = ({ name, type, declared, format, description, priority }: PrinterColumn): Plain => ({
  name,
  type: declared ?? type,
  format: format ?? (name === 'Name' ? 'name' : ''),
  description: description ?? '',
  priority: priority ?? 0,
});

const compiled = new Map<string, (object: unknown) => unknown[]>();

function find(object: Plain, path: string): unknown {
  let lookup = compiled.get(path);
  if (!lookup) {
    lookup = compile(path);
    if (compiled.size >= 1000) compiled.clear();
    compiled.set(path, lookup);
  }
  return lookup(object)[0];
}

/** One column that is not understood must not keep the others from being shown. */
function compile(path: string): (object: unknown) => unknown[] {
  try {
    return compilePath(path);
  } catch {
    return () => [];
  }
}

function cell(object: Plain, { value, type }: PrinterColumn, now: number): string | number | boolean | null {
  const found = typeof value === 'function' ? value(object) : find(object, value);
  if (found === undefined || found === null) return type === 'date' && value === AGE.value ? '<unknown>' : null;
  switch (type) {
    case 'string':
      return typeof found === 'object' ? JSON.stringify(found) : String(found);
    case 'date':
      return typeof found === 'string' ? age(found, now) : '<invalid>';
    case 'integer':
      return typeof found === 'number' ? Math.trunc(found) : null;
    case 'number':
      return typeof found === 'number' ? found : null;
    case 'boolean':
      return typeof found === 'boolean' ? found : null;
  }
}

function age(timestamp: string, now: number): string {
  const at = Date.parse(timestamp);
  return Number.isNaN(at) ? '<invalid>' : humanDuration(now - at);
}

function included(object: Plain, include: IncludeObject): Plain {
  if (include === 'None') return { object: null };
  return { object: include === 'Object' ? object : metadataOf(object) };
}

const metadataOf = (object: Plain): Plain => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata: object['metadata'],
});

const pick = (object: Plain, keys: readonly string[]): Plain =>
  Object.fromEntries(keys.filter((key) => key in object).map((key) => [key, object[key]]));
