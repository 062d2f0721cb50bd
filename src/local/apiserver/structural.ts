/**
 * A CRD's structural schema at work: unknown fields go, defaults come, and what is left is checked, in the order and
 * the words of Kubernetes. Rules in CEL are in cel.ts.
 */
import { correlated, isAtomicMap } from './fields.ts';
import { equal, isObject, type Plain } from './json.ts';
import type { FieldError, StructuralSchema } from './types.ts';

const ROOT_FIELDS = new Set(['apiVersion', 'kind', 'metadata']);

const propertiesOf = (schema: StructuralSchema): Plain => (isObject(schema.properties) ? schema.properties : {});
const schemaAt = (owner: Plain, key: string): StructuralSchema | undefined => {
  const found = owner[key];
  return isObject(found) ? found : undefined;
};

/** Removes what the schema does not name; returns the paths removed, `spec.foo`, `spec.steps[1].bar`. */
export function prune(object: Plain, schema: StructuralSchema): string[] {
  const gone: string[] = [];
  pruneValue(object, schema, '', gone);
  return gone;
}

function pruneValue(value: unknown, schema: StructuralSchema, path: string, gone: string[]): void {
  if (Array.isArray(value)) {
    const items = schemaAt(schema, 'items');
    if (items) for (const [index, item] of value.entries()) pruneValue(item, items, `${path}[${index}]`, gone);
    return;
  }
  if (!isObject(value)) return;
  const properties = propertiesOf(schema);
  const additional = schema.additionalProperties;
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true || additional === true;
  for (const key of Object.keys(value)) {
    if (path === '' && ROOT_FIELDS.has(key)) continue;
    const at = path === '' ? key : `${path}.${key}`;
    const known = schemaAt(properties, key) ?? (isObject(additional) ? additional : undefined);
    if (known) pruneValue(value[key], known, at, gone);
    else if (!open) {
      delete value[key];
      gone.push(at);
    }
  }
}

/** Fills in defaults. A null where the schema allows none counts as absent. */
export function applyDefaults(value: unknown, schema: StructuralSchema): void {
  if (Array.isArray(value)) {
    const items = schemaAt(schema, 'items');
    if (items) for (const item of value) applyDefaults(item, items);
    return;
  }
  if (!isObject(value)) return;
  const properties = propertiesOf(schema);
  for (const key of Object.keys(properties)) {
    const property = properties[key] as StructuralSchema;
    if (value[key] === null && property.nullable !== true) delete value[key];
    if (!(key in value) && property.default !== undefined) value[key] = JSON.parse(JSON.stringify(property.default));
    applyDefaults(value[key], property);
  }
  const additional = schema.additionalProperties;
  if (isObject(additional))
    for (const [key, inner] of Object.entries(value)) if (!(key in properties)) applyDefaults(inner, additional);
}

/**
 * Everything that is wrong with `value`. `path` is empty for the root. What stands there unchanged may stay, or a definition
 * that takes less than before would keep everybody from writing as much as the status of an older object.
 */
export function validate(value: unknown, schema: StructuralSchema, path = '', old?: unknown): FieldError[] {
  if (old !== undefined && equal(value, old)) return [];
  const type = typeError(value, schema, path);
  if (type) return [type];
  if (value === null) return [];
  return [
    ...enumErrors(value, schema, path),
    ...(typeof value === 'string' ? stringErrors(value, schema, path) : []),
    ...(typeof value === 'number' ? numberErrors(value, schema, path) : []),
    ...(Array.isArray(value) ? listErrors(value, schema, path, old) : []),
    ...(isObject(value) ? mapErrors(value, schema, path, old) : []),
    ...combinedErrors(value, schema, path),
  ];
}

const kindOf = (value: unknown): string => {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
};

function typeError(value: unknown, schema: StructuralSchema, path: string): FieldError | undefined {
  const kind = kindOf(value);
  if (kind === 'null' && schema.nullable === true) return undefined;
  const wanted = schema['x-kubernetes-int-or-string'] === true ? ['integer', 'string'] : [schema.type];
  if (wanted[0] === undefined || wanted.includes(kind) || (kind === 'integer' && wanted.includes('number')))
    return undefined;
  const detail = `${path} in body must be of type ${wanted.join(',')}: "${kind}"`;
  return { type: 'TypeInvalid', field: path, value: kind, detail };
}

function enumErrors(value: unknown, schema: StructuralSchema, path: string): FieldError[] {
  if (!Array.isArray(schema.enum) || schema.enum.some((one) => equal(one, value))) return [];
  const supported = schema.enum.map((one) => JSON.stringify(one)).join(', ');
  return [{ type: 'NotSupported', field: path, value, detail: `supported values: ${supported}` }];
}

const limit = (schema: StructuralSchema, key: string): number | undefined => {
  const value = schema[key];
  return typeof value === 'number' ? value : undefined;
};

function stringErrors(value: string, schema: StructuralSchema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const wrong = (detail: string): void =>
    void errors.push({ type: 'Invalid', field: path, value, detail: `${path} in body ${detail}` });
  const longest = limit(schema, 'maxLength');
  const shortest = limit(schema, 'minLength');
  const length = [...value].length;
  if (longest !== undefined && length > longest)
    errors.push({ type: 'TooLong', field: path, detail: `may not be more than ${longest} bytes` });
  if (shortest !== undefined && length < shortest) wrong(`should be at least ${shortest} chars long`);
  if (typeof schema.pattern === 'string' && !regexOf(schema.pattern).test(value))
    wrong(`should match '${schema.pattern}'`);
  const format = typeof schema.format === 'string' ? FORMATS[schema.format] : undefined;
  if (format && !format(value)) {
    const detail = `${path.split('.').at(-1)} in body must be of type ${schema.format}: ${JSON.stringify(value)}`;
    errors.push({ type: 'TypeInvalid', field: path, value, detail });
  }
  return errors;
}

const FORMATS: Record<string, (value: string) => boolean> = {
  'date-time': (value) =>
    /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(value) && !Number.isNaN(Date.parse(value)),
  date: (value) => /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value)),
  uri: (value) => URL.canParse(value),
  uuid: (value) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(value),
  byte: (value) => /^[A-Za-z0-9+/]*={0,2}$/.test(value) && value.length % 4 === 0,
};

const regexes = new Map<string, RegExp>();

/** Compiled once; a CRD whose pattern does not compile was refused. */
export function regexOf(pattern: string): RegExp {
  let regex = regexes.get(pattern);
  if (!regex) {
    regex = new RegExp(pattern, 'u');
    if (regexes.size >= 1000) regexes.clear();
    regexes.set(pattern, regex);
  }
  return regex;
}

function numberErrors(value: number, schema: StructuralSchema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const wrong = (detail: string): void =>
    void errors.push({ type: 'Invalid', field: path, value, detail: `${path} in body ${detail}` });
  const least = limit(schema, 'minimum');
  const most = limit(schema, 'maximum');
  const step = limit(schema, 'multipleOf');
  if (least !== undefined && (schema.exclusiveMinimum === true ? value <= least : value < least))
    wrong(`should be greater than ${schema.exclusiveMinimum === true ? '' : 'or equal to '}${least}`);
  if (most !== undefined && (schema.exclusiveMaximum === true ? value >= most : value > most))
    wrong(`should be less than ${schema.exclusiveMaximum === true ? '' : 'or equal to '}${most}`);
  if (step !== undefined && !Number.isInteger(value / step)) wrong(`should be a multiple of ${step}`);
  if (schema.format === 'int32' && Math.abs(value) > 2 ** 31) wrong('must be of type int32');
  return errors;
}

function listErrors(value: unknown[], schema: StructuralSchema, path: string, old: unknown): FieldError[] {
  const errors: FieldError[] = [];
  const most = limit(schema, 'maxItems');
  const least = limit(schema, 'minItems');
  // A list that is too long is not looked into: the answer must stay small and the work bounded.
  if (most !== undefined && value.length > most)
    return [{ type: 'TooMany', field: path, value: value.length, detail: `must have at most ${most} items` }];
  if (least !== undefined && value.length < least)
    errors.push({
      type: 'Invalid',
      field: path,
      value: value.length,
      detail: `${path} in body should have at least ${least} items`,
    });
  const items = schemaAt(schema, 'items');
  const before = correlated(old, schema);
  if (items)
    for (const [index, item] of value.entries())
      errors.push(...validate(item, items, `${path}[${index}]`, before(item)));
  return [...errors, ...duplicateErrors(value, schema, path)];
}

function duplicateErrors(value: unknown[], schema: StructuralSchema, path: string): FieldError[] {
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'set' && type !== 'map') return [];
  const keys = Array.isArray(schema['x-kubernetes-list-map-keys']) ? schema['x-kubernetes-list-map-keys'] : [];
  const identity = (item: unknown): unknown =>
    type === 'map' && isObject(item) ? Object.fromEntries(keys.map((key) => [key, item[String(key)]])) : item;
  const seen = new Set<string>();
  return value.flatMap((item, index): FieldError[] => {
    const id = JSON.stringify(identity(item));
    const again = seen.has(id);
    seen.add(id);
    return again ? [{ type: 'Duplicate', field: `${path}[${index}]`, value: identity(item), detail: '' }] : [];
  });
}

function mapErrors(value: Plain, schema: StructuralSchema, path: string, old: unknown): FieldError[] {
  const errors: FieldError[] = [];
  const properties = propertiesOf(schema);
  const before = isObject(old) && !isAtomicMap(schema) ? old : {};
  const at = (key: string): string => (path === '' ? key : `${path}.${key}`);
  const names = Object.keys(value);
  const most = limit(schema, 'maxProperties');
  const least = limit(schema, 'minProperties');
  if (most !== undefined && names.length > most)
    errors.push({ type: 'TooMany', field: path, value: names.length, detail: `must have at most ${most} items` });
  if (least !== undefined && names.length < least)
    errors.push({
      type: 'Invalid',
      field: path,
      value: names.length,
      detail: `${path} in body should have at least ${least} properties`,
    });
  for (const key of Array.isArray(schema.required) ? schema.required.map(String) : [])
    if (!(key in value)) errors.push({ type: 'Required', field: at(key), detail: '' });
  for (const key of names) {
    if (path === '' && ROOT_FIELDS.has(key)) continue;
    const known = schemaAt(properties, key);
    const additional = schema.additionalProperties;
    if (known) errors.push(...validate(value[key], known, at(key), before[key]));
    else if (isObject(additional)) errors.push(...validate(value[key], additional, at(key), before[key]));
  }
  return errors;
}

function combinedErrors(value: unknown, schema: StructuralSchema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const wrong = (words: string): void =>
    void errors.push({ type: 'Invalid', field: path, value, detail: `${path} in body ${words}` });
  const fits = (one: unknown): boolean => isObject(one) && validate(value, one, path).length === 0;
  if (Array.isArray(schema.allOf))
    for (const one of schema.allOf) if (isObject(one)) errors.push(...validate(value, one, path));
  if (Array.isArray(schema.anyOf) && !schema.anyOf.some(fits)) wrong('must validate at least one schema (anyOf)');
  if (Array.isArray(schema.oneOf) && schema.oneOf.filter(fits).length !== 1)
    wrong('must validate one and only one schema (oneOf)');
  if (isObject(schema.not) && fits(schema.not)) wrong('must not validate the schema (not)');
  return errors;
}
