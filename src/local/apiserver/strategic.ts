/**
 * Strategic merge patch, which kubectl sends for built-in kinds: cordon, taint, rollout restart, set image, apply. A merge
 * patch that knows its lists: those with a key are merged by it, sets are united, every other list is replaced; and with
 * `$patch`, `$retainKeys`, `$setElementOrder/…` and `$deleteFromPrimitiveList/…` it says what a merge cannot. Pure.
 */
import { equal, isObject, type Plain } from './json.ts';
import { badRequest } from './status.ts';
import type { StructuralSchema } from './types.ts';

const ORDER = '$setElementOrder/';
const DELETE = '$deleteFromPrimitiveList/';

type Schema = StructuralSchema | undefined;

/** @throws 400 for a directive that is not known or an element without its key. The target is not changed. */
export function strategicMergePatch(target: unknown, patch: unknown, schema: Schema): Plain {
  if (!isObject(patch)) throw badRequest('a strategic merge patch must be an object');
  return mergeMaps(isObject(target) ? target : {}, patch, schema, '');
}

function mergeMaps(target: Plain, patch: Plain, schema: Schema, path: string): Plain {
  const directive = patch['$patch'];
  if (directive === 'delete') return {};
  if (directive === 'replace') return bare(patch);
  if (directive !== undefined && directive !== 'merge') throw badRequest(`Unknown patch type: ${String(directive)}`);
  const retained = patch['$retainKeys'];
  const result: Plain = Array.isArray(retained)
    ? Object.fromEntries(Object.entries(target).filter(([key]) => retained.includes(key)))
    : { ...target };
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith(DELETE)) {
      const field = name.slice(DELETE.length);
      const gone = listOf(value, name);
      if (Array.isArray(result[field])) result[field] = result[field].filter((one) => !gone.includes(one));
    } else if (name.startsWith(ORDER) && !(name.slice(ORDER.length) in patch)) {
      const field = name.slice(ORDER.length);
      const { key } = kindOf(fieldOf(schema, field));
      if (Array.isArray(result[field])) result[field] = ordered(result[field], listOf(value, name), key);
    } else if (!name.startsWith('$')) {
      if (value === null) delete result[name];
      else {
        const order = patch[`${ORDER}${name}`];
        const at = path === '' ? name : `${path}.${name}`;
        result[name] = mergeValues(result[name], value, fieldOf(schema, name), order, at);
      }
    }
  }
  return result;
}

function mergeValues(target: unknown, value: unknown, schema: Schema, order: unknown, path: string): unknown {
  if (isObject(value)) return mergeMaps(isObject(target) ? target : {}, value, schema, path);
  if (!Array.isArray(value)) return value;
  const { key, isSet } = kindOf(schema);
  const before = Array.isArray(target) ? target : [];
  let merged: unknown[];
  if (key !== undefined) merged = mergeByKey(before, value, key, schema?.items as Schema, path);
  else if (isSet) merged = [...before, ...value.filter((one) => !before.includes(one))];
  else return value;
  return order === undefined ? merged : ordered(merged, listOf(order, `${ORDER}${path}`), key);
}

function mergeByKey(before: readonly unknown[], patch: readonly unknown[], key: string, items: Schema, path: string) {
  if (patch.some((one) => isObject(one) && one['$patch'] === 'replace' && one[key] === undefined)) {
    return patch.filter((one) => !(isObject(one) && one['$patch'] === 'replace'));
  }
  const merged = [...before];
  const named = patch.map((one) => (isObject(one) ? one[key] : undefined));
  for (const one of patch) {
    if (!isObject(one) || one[key] === undefined) {
      throw badRequest(`${path}: an element does not contain the declared merge key: ${key}`);
    }
    const at = merged.findIndex((other) => isObject(other) && equal(other[key], one[key]));
    if (one['$patch'] === 'delete') {
      if (at >= 0) merged.splice(at, 1);
    } else if (at >= 0) merged[at] = mergeMaps(merged[at] as Plain, one, items, path);
    else merged.push(mergeMaps({}, one, items, path));
  }
  return inPatchOrder(merged, before, named, key);
}

/** The patch's elements in its order; one that it does not name stays before one that it followed. */
function inPatchOrder(
  merged: readonly unknown[],
  before: readonly unknown[],
  named: readonly unknown[],
  key: string,
): unknown[] {
  const nameOf = (one: unknown): unknown => (isObject(one) ? one[key] : undefined);
  const patched = merged.filter((one) => named.includes(nameOf(one)));
  patched.sort((a, b) => named.indexOf(nameOf(a)) - named.indexOf(nameOf(b)));
  const rest = merged.filter((one) => !patched.includes(one));
  const placeOf = (one: unknown): number => before.findIndex((other) => equal(nameOf(other), nameOf(one)));
  const result: unknown[] = [];
  while (rest.length > 0 && patched.length > 0) {
    const [left, right] = [placeOf(rest[0]), placeOf(patched[0])];
    result.push(left >= 0 && right >= 0 && left < right ? rest.shift() : patched.shift());
  }
  return [...result, ...rest, ...patched];
}

/** As the order says; an element that it does not name stays behind the one that it followed. */
function ordered(list: readonly unknown[], order: readonly unknown[], key: string | undefined): unknown[] {
  const nameOf = (one: unknown): unknown => (key !== undefined && isObject(one) ? one[key] : one);
  const names = order.map(nameOf);
  const placeOf = (one: unknown): number => names.findIndex((name) => equal(name, nameOf(one)));
  const result = list.filter((one) => placeOf(one) >= 0).sort((a, b) => placeOf(a) - placeOf(b));
  let previous: unknown;
  for (const one of list) {
    if (placeOf(one) < 0) result.splice(result.indexOf(previous) + 1, 0, one);
    previous = one;
  }
  return result;
}

/** The key of a list that is merged by one: of several, as server-side apply has them, strategic merge knows the first. */
function kindOf(schema: Schema): { key: string | undefined; isSet: boolean } {
  const type = schema?.['x-kubernetes-list-type'];
  const keys = schema?.['x-kubernetes-list-map-keys'];
  return { key: type === 'map' && Array.isArray(keys) ? String(keys[0]) : undefined, isSet: type === 'set' };
}

function fieldOf(schema: Schema, name: string): Schema {
  const field = isObject(schema?.properties) ? schema.properties[name] : undefined;
  return isObject(field) ? (field as StructuralSchema) : undefined;
}

const bare = (patch: Plain): Plain =>
  Object.fromEntries(Object.entries(patch).filter(([name]) => !name.startsWith('$')));

function listOf(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw badRequest(`${name} must be a list`);
  return value;
}
