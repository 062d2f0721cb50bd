/**
 * Sets of field paths, as server-side apply counts them: every leaf of an object, with the items of keyed lists named by
 * their keys. Held flat (path text → value of the leaf), shown nested as `fieldsV1`.
 */
import { equal, isObject, type Plain } from './json.ts';
import type { StructuralSchema } from './types.ts';

/** Path elements as in fieldsV1: `f:name`, `k:{"name":"x"}`, `v:"x"`. */
export type Path = readonly string[];

/** Flat set. The value is the leaf's, or MEMBER for an item of a list that is there without a value of its own. */
export type Fields = Map<string, unknown>;

const SEPARATOR = '\u0001';
const MEMBER = Symbol('member');

const keyOfPath = (path: Path): string => path.join(SEPARATOR);
export const pathOfKey = (key: string): Path => key.split(SEPARATOR);

export type ListKind = { kind: 'atomic' } | { kind: 'set' } | { kind: 'map'; keys: readonly string[] };

export function listKind(schema: StructuralSchema): ListKind {
  if (schema['x-kubernetes-list-type'] === 'set') return { kind: 'set' };
  if (schema['x-kubernetes-list-type'] === 'map')
    return { kind: 'map', keys: (schema['x-kubernetes-list-map-keys'] ?? []) as string[] };
  return { kind: 'atomic' };
}

export const isAtomicMap = (schema: StructuralSchema): boolean => schema['x-kubernetes-map-type'] === 'atomic';

export function fieldSchema(schema: StructuralSchema, name: string): StructuralSchema {
  const properties = schema.properties;
  if (isObject(properties) && isObject(properties[name])) return properties[name];
  return isObject(schema.additionalProperties) ? schema.additionalProperties : {};
}

export const itemSchema = (schema: StructuralSchema): StructuralSchema => (isObject(schema.items) ? schema.items : {});

/** `k:{…}` or `v:…` of a list item. */
export function itemElement(item: unknown, list: ListKind, schema: StructuralSchema): string {
  if (list.kind !== 'map') return `v:${JSON.stringify(item)}`;
  const keys: Plain = {};
  for (const key of [...list.keys].sort()) {
    const value = isObject(item) ? item[key] : undefined;
    const used = value ?? fieldSchema(itemSchema(schema), key).default;
    if (used !== undefined) keys[key] = used;
  }
  return `k:${JSON.stringify(keys)}`;
}

/** The former item of a keyed list; items of other lists have no past. */
export function correlated(old: unknown, schema: StructuralSchema): (item: unknown) => unknown {
  const list = listKind(schema);
  if (list.kind !== 'map' || !Array.isArray(old)) return () => undefined;
  const byKey = new Map(old.map((item) => [itemElement(item, list, schema), item]));
  return (item) => byKey.get(itemElement(item, list, schema));
}

/** Every leaf of `object`. */
function fieldsOf(object: unknown, schema: StructuralSchema): Fields {
  const fields: Fields = new Map();
  collect(object, schema, [], fields);
  return fields;
}

function collect(value: unknown, schema: StructuralSchema, path: Path, into: Fields): void {
  if (isObject(value) && !isAtomicMap(schema)) {
    const names = Object.keys(value);
    if (names.length === 0 && path.length > 0) into.set(keyOfPath(path), {});
    for (const name of names) collect(value[name], fieldSchema(schema, name), [...path, `f:${name}`], into);
    return;
  }
  const list = Array.isArray(value) ? listKind(schema) : undefined;
  if (!Array.isArray(value) || !list || list.kind === 'atomic') {
    into.set(keyOfPath(path), value);
    return;
  }
  for (const item of value) {
    const at = [...path, itemElement(item, list, schema)];
    into.set(keyOfPath(at), MEMBER);
    if (list.kind === 'map') collect(item, itemSchema(schema), at, into);
  }
}

/** Fields that are the server's or name the object: nobody owns them. */
const NOBODYS = new Set(
  [
    ['f:apiVersion'],
    ['f:kind'],
    ...[
      'name',
      'namespace',
      'uid',
      'resourceVersion',
      'generation',
      'creationTimestamp',
      'selfLink',
      'managedFields',
      'generateName',
      'deletionTimestamp',
      'deletionGracePeriodSeconds',
    ].map((name) => ['f:metadata', `f:${name}`]),
  ].map(keyOfPath),
);

/** What a manager can own of an object: its leaves, without the server's, and without status or all but status. */
export function ownable(object: Plain, schema: StructuralSchema, part: 'main' | 'status' | 'all'): Fields {
  const { managedFields: _managed, ...metadata } = isObject(object.metadata) ? object.metadata : {};
  const fields = fieldsOf({ ...object, metadata }, schema);
  for (const key of fields.keys()) {
    const [first] = pathOfKey(key);
    const mine = part === 'all' || (first === 'f:status') === (part === 'status');
    const nobodys = NOBODYS.has(key) || NOBODYS.has(keyOfPath(pathOfKey(key).slice(0, 2))) || key === 'f:metadata';
    if (!mine || nobodys) fields.delete(key);
  }
  return fields;
}

/** `.spec.ports: duplicate entries for key [port=80,protocol="TCP"]`, or undefined. */
export function duplicateIn(value: unknown, schema: StructuralSchema, path: Path = []): string | undefined {
  if (isObject(value)) {
    for (const [name, inner] of Object.entries(value)) {
      const found = duplicateIn(inner, fieldSchema(schema, name), [...path, `f:${name}`]);
      if (found) return found;
    }
    return undefined;
  }
  const list = Array.isArray(value) ? listKind(schema) : undefined;
  if (!Array.isArray(value) || !list || list.kind === 'atomic') return undefined;
  const seen = new Set<string>();
  for (const item of value) {
    const element = itemElement(item, list, schema);
    if (seen.has(element)) return `${readablePath(path)}: duplicate entries for key ${readablePath([element])}`;
    seen.add(element);
    const found = duplicateIn(item, itemSchema(schema), [...path, element]);
    if (found) return found;
  }
  return undefined;
}

export interface Comparison {
  added: Set<string>;
  removed: Set<string>;
  modified: Set<string>;
}

/** With the maps around the leaves: one that comes or goes is a change of its own. */
function withMaps(fields: Fields): Set<string> {
  const keys = new Set(fields.keys());
  for (const key of fields.keys())
    for (let end = key.lastIndexOf(SEPARATOR); end > 0; end = key.lastIndexOf(SEPARATOR, end - 1)) {
      const map = key.slice(0, end);
      if (keys.has(map) || map === 'f:metadata') break;
      keys.add(map);
    }
  return keys;
}

export function compare(before: Fields, after: Fields): Comparison {
  const result: Comparison = { added: new Set(), removed: new Set(), modified: new Set() };
  const [old, now] = [withMaps(before), withMaps(after)];
  for (const key of now) if (!old.has(key)) result.added.add(key);
  for (const key of old) if (!now.has(key)) result.removed.add(key);
  for (const [key, value] of after) if (before.has(key) && !equal(before.get(key), value)) result.modified.add(key);
  return result;
}

/** Flat → nested. */
export function toFieldsV1(keys: Iterable<string>): Plain {
  const root: Plain = {};
  const all = [...keys].sort();
  for (const key of all) {
    let node = root;
    for (const element of pathOfKey(key)) {
      node[element] = isObject(node[element]) ? node[element] : {};
      node = node[element] as Plain;
    }
    node['.'] = {};
  }
  return withoutLeafDots(root);
}

/** A leaf is written `{}`, and only a member that has children of its own carries a dot. */
function withoutLeafDots(node: Plain): Plain {
  const names = Object.keys(node);
  if (names.length === 1 && names[0] === '.') return {};
  const ordered = names.sort();
  return Object.fromEntries(ordered.map((name) => [name, name === '.' ? {} : withoutLeafDots(node[name] as Plain)]));
}

/** Nested → flat. */
export function fromFieldsV1(nested: Plain): Set<string> {
  const keys = new Set<string>();
  const walk = (node: Plain, path: Path): void => {
    const names = Object.keys(node);
    if (path.length > 0 && (names.length === 0 || '.' in node)) keys.add(keyOfPath(path));
    for (const name of names) if (name !== '.' && isObject(node[name])) walk(node[name], [...path, name]);
  };
  walk(nested, []);
  return keys;
}

/** Of what a schema has made atomic since, whoever owned a part owns all. */
export function withWholes(keys: ReadonlySet<string>, schema: StructuralSchema): Set<string> {
  return new Set([...keys].map((key) => keyOfPath(wholeOf(pathOfKey(key), schema))));
}

function wholeOf(path: Path, schema: StructuralSchema): Path {
  let node = schema;
  for (const [at, element] of path.entries()) {
    const isField = element.startsWith('f:');
    if (isField ? isAtomicMap(node) : listKind(node).kind === 'atomic') return path.slice(0, at);
    node = isField ? fieldSchema(node, element.slice(2)) : itemSchema(node);
  }
  return path;
}

/** `.spec.containers[name="x"].image`, as messages name it. */
export function readablePath(path: Path): string {
  return path
    .map((element) => {
      const body = element.slice(2);
      if (element.startsWith('f:')) return `.${body}`;
      if (element.startsWith('v:')) return `[=${body}]`;
      const keys = JSON.parse(body) as Plain;
      return `[${Object.entries(keys)
        .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
        .join(',')}]`;
    })
    .join('');
}
