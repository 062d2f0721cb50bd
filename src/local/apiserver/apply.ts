/**
 * Server-side apply, pure: live object + what a manager wants → the object that should be, and who owns what.
 * The rules are those of Kubernetes' structured-merge-diff; nothing here reads or writes the store.
 */
import type { KubeObject, Status } from '../../platform/cluster/port.ts';
import {
  compare,
  fieldSchema,
  isAtomicMap,
  itemElement,
  itemSchema,
  type ListKind,
  listKind,
  ownable,
  type Path,
  pathOfKey,
  readablePath,
} from './fields.ts';
import { clone, isObject, type Plain } from './json.ts';
import { type Ownership, others, ownedBy, readOwnership, type Writer, without } from './managed.ts';
import { Refusal } from './status.ts';
import type { StructuralSchema } from './types.ts';

export interface Applied {
  object: KubeObject;
  owners: Ownership[];
}

interface Input {
  live: KubeObject | undefined;
  wanted: KubeObject;
  schema: StructuralSchema;
  writer: Writer;
  force: boolean;
  part: 'main' | 'status' | 'all';
  custom: boolean;
}

/** Throws 409 with one cause per conflict unless `force`. */
export function apply({ live, wanted, schema, writer, force, part, custom }: Input): Applied {
  // A custom resource's null is a value, which its schema then refuses or takes for absent.
  const config = custom ? wanted : (dropNulls(wanted) as KubeObject);
  const owners = readOwnership(live, schema);
  const keys = new Set(ownable(config, schema, part).keys());
  const before = live ? ownable(live, schema, part) : new Map<string, unknown>();
  const merged = live ? (merge(live, config, schema) as KubeObject) : config;
  const rest = others(owners, writer);
  const object = clone(merged);
  prune(object, ownedBy(owners, writer)?.keys ?? new Set(), keys, rest, schema);

  const change = compare(before, ownable(object, schema, part));
  const taken = new Set([...change.added, ...change.modified]);
  const conflicts = rest.flatMap((one) =>
    [...one.keys].filter((key) => taken.has(key)).map((key) => ({ writer: one.writer, key })),
  );
  if (conflicts.length > 0 && !force) throw refusal(conflicts);
  const left = without(rest, new Set([...taken, ...change.removed]));
  return { object, owners: keys.size === 0 ? left : [...left, { writer, keys }] };
}

function dropNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(dropNulls);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, dropNulls(inner)]),
  );
}

function merge(live: unknown, wanted: unknown, schema: StructuralSchema): unknown {
  if (isObject(live) && isObject(wanted) && !isAtomicMap(schema)) {
    const result: Plain = { ...live };
    for (const [name, value] of Object.entries(wanted))
      result[name] = merge(live[name], value, fieldSchema(schema, name));
    return result;
  }
  if (Array.isArray(live) && Array.isArray(wanted)) {
    const list = listKind(schema);
    if (list.kind !== 'atomic') return mergeLists(live, wanted, list, schema);
  }
  return wanted;
}

/** Items come in the order they are wanted in; those of others keep their place before what follows them. */
function mergeLists(live: unknown[], wanted: unknown[], list: ListKind, schema: StructuralSchema): unknown[] {
  const named = (items: unknown[]) => new Map(items.map((item) => [itemElement(item, list, schema), item]));
  const left = named(live);
  const right = named(wanted);
  const result: unknown[] = [];
  const standing = [...left.keys()];
  const passOthers = (): void => {
    for (let next = standing[0]; next !== undefined && !right.has(next); next = standing[0]) {
      result.push(left.get(next));
      standing.shift();
    }
  };
  for (const [name, item] of right) {
    passOthers();
    result.push(left.has(name) ? merge(left.get(name), item, itemSchema(schema)) : item);
    const place = standing.indexOf(name);
    if (place >= 0) standing.splice(place, 1);
  }
  passOthers();
  return result;
}

/** Takes away what the manager set before, does not set now, and nobody else owns. */
function prune(
  object: Plain,
  last: ReadonlySet<string>,
  now: ReadonlySet<string>,
  rest: readonly Ownership[],
  schema: StructuralSchema,
): void {
  const kept = (key: string): boolean => owns(now, key) || rest.some((one) => owns(one.keys, key));
  const gone = [...last].filter((key) => !kept(key)).map(pathOfKey);
  const names = (path: Path): boolean => isKeyOf(path.at(-2) ?? '', path.at(-1) ?? '');
  // Shorter paths first: an item that goes takes its keys along, one that stays for another owner keeps them.
  for (const path of gone.sort((a, b) => a.length - b.length)) if (!names(path)) removeAt(object, path, schema);
}

const isKeyOf = (item: string, field: string): boolean =>
  item.startsWith('k:') && field.slice(2) in (JSON.parse(item.slice(2)) as Plain);

/** An owner of something inside a field keeps the field. */
const owns = (keys: ReadonlySet<string>, key: string): boolean => {
  if (keys.has(key)) return true;
  const prefix = `${key}\u0001`;
  for (const one of keys) if (one.startsWith(prefix)) return true;
  return false;
};

/** Removes the value and the maps and lists that are empty without it. Returns true when `node` became empty. */
function removeAt(node: unknown, path: Path, schema: StructuralSchema): boolean {
  const [element = '', ...inner] = path;
  if (element.startsWith('f:')) {
    if (!isObject(node)) return false;
    const name = element.slice(2);
    if (!(name in node)) return false;
    if (inner.length === 0 || removeAt(node[name], inner, fieldSchema(schema, name))) delete node[name];
    return Object.keys(node).length === 0;
  }
  if (!Array.isArray(node)) return false;
  const list = listKind(schema);
  const at = node.findIndex((item) => itemElement(item, list, schema) === element);
  if (at < 0) return false;
  if (inner.length === 0 || removeAt(node[at], inner, itemSchema(schema))) node.splice(at, 1);
  return node.length === 0;
}

interface Conflict {
  writer: Writer;
  key: string;
}

function refusal(conflicts: readonly Conflict[]): Refusal {
  const causes = conflicts.map(({ writer, key }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${nameOf(writer)}`,
    field: readablePath(pathOfKey(key)),
  }));
  const byManager = new Map<string, string[]>();
  for (const { writer, key } of conflicts) {
    const name = nameOf(writer);
    byManager.set(name, [...(byManager.get(name) ?? []), readablePath(pathOfKey(key))]);
  }
  const lines = [...byManager].flatMap(([name, fields]) => [
    `conflicts with ${name}:`,
    ...fields.map((field) => `- ${field}`),
  ]);
  const first = causes[0] as { message: string; field: string };
  const status: Status = {
    code: 409,
    reason: 'Conflict',
    message:
      causes.length === 1
        ? `Apply failed with 1 conflict: ${first.message}: ${first.field}`
        : `Apply failed with ${causes.length} conflicts: ${lines.join('\n')}`,
    details: { causes },
  };
  return new Refusal(status);
}

function nameOf(writer: Writer): string {
  const sub = writer.subresource ? ` with subresource "${writer.subresource}"` : '';
  const using = writer.operation === 'Update' ? ` using ${writer.apiVersion}` : '';
  return `"${writer.manager}"${sub}${using}`;
}
