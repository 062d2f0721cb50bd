/**
 * Unknown fields and wrong types in the body of a built-in kind, as Kubernetes' decoder finds them. Only for clients
 * that ask for `fieldValidation` (kubectl does): controllers of this process have their types from the compiler.
 */
import { isQuantity } from '../../contract/quantity.ts';
import { isObject, type Plain } from './json.ts';
import { attributesOf, modelOf } from './models.ts';
import { badRequest, Refusal, unforeseen } from './status.ts';
import type { ResourceRow } from './types.ts';

export interface Decoded {
  body: unknown;
  /** Paths of fields that the kind does not have; they are not in `body`. */
  unknown: string[];
}

interface Findings {
  unknown: string[];
  /** In a strategic merge patch: `$patch` and its like are no fields. */
  directives: boolean;
}

/** Throws 400 for a value of another type. Kinds without a model are taken as they are. */
export function decodeBuiltIn(row: ResourceRow, body: unknown, directives = false): Decoded {
  const found: Findings = { unknown: [], directives };
  if (!isObject(body)) return { body, unknown: [] };
  const decoded = decodeModel(body, modelOf(row), '', found, row);
  return { body: decoded ?? body, unknown: found.unknown };
}

/** The same for what custom resources have of Kubernetes. */
export function decodeMetadata(row: ResourceRow, metadata: unknown): Decoded {
  if (!isObject(metadata))
    throw cannotHandle(row, `json: cannot unmarshal ${kindOf(metadata)} into Go value of type v1.ObjectMeta`);
  const found: Findings = { unknown: [], directives: false };
  const body = decodeModel(metadata, 'V1ObjectMeta', '', found, row);
  return { body, unknown: found.unknown.map((path) => `metadata.${path}`) };
}

/** What is wrong with an apply is that it cannot be typed, for which a real server has no reason. */
export function typed<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw error instanceof Refusal ? unforeseen(error.status.message) : error;
  }
}

export const strictError = (row: ResourceRow, unknown: readonly string[]): Refusal =>
  cannotHandle(row, `strict decoding error: ${unknownFields(unknown).join(', ')}`);

export const unknownFields = (paths: readonly string[]): string[] => paths.map((path) => `unknown field "${path}"`);

export function undeclared(row: ResourceRow, body: unknown, path: string): Refusal {
  return untypable(row, body, `.${path}: field not declared in schema`);
}

/** What the merge of an apply cannot read; a real server has no reason for it. */
export function untypable(row: ResourceRow, body: unknown, why: string): Refusal {
  const { namespace = '', name = '' } = isObject(body) && isObject(body.metadata) ? body.metadata : {};
  return unforeseen(
    `failed to create typed patch object (${namespace}/${name}; ${row.group}/${row.version}, Kind=${row.kind}): ${why}`,
  );
}

function decodeModel(value: Plain, model: string, path: string, found: Findings, row: ResourceRow): Plain | undefined {
  const attributes = attributesOf(model);
  if (!attributes) return undefined;
  const known = new Map(attributes.map((one) => [one.baseName, one]));
  const result: Plain = {};
  for (const [key, inner] of Object.entries(value)) {
    const at = path === '' ? key : `${path}.${key}`;
    const attribute = known.get(key);
    if (found.directives && key.startsWith('$')) result[key] = inner;
    else if (!attribute) found.unknown.push(at);
    else
      result[key] = decodeValue(inner, attribute.type, {
        path: at,
        model,
        found,
        row,
        format: attribute.format,
      });
  }
  return result;
}

interface Place {
  path: string;
  model: string;
  found: Findings;
  row: ResourceRow;
  format: string;
  /** Path of the outermost map on the way: messages name no keys. */
  map?: string;
}

function decodeValue(value: unknown, type: string, place: Place): unknown {
  if (value === null) return null;
  const { path, found, row } = place;
  const list = /^Array<(.+)>$/.exec(type)?.[1];
  if (list) {
    if (!Array.isArray(value)) throw wrongType(value, `[]${goType(list, '')}`, place);
    const items: unknown[] = [];
    for (const [index, item] of value.entries())
      items.push(decodeValue(item, list, { ...place, path: `${path}[${index}]`, format: '' }));
    return items;
  }
  const map = /^\{ \[key: string\]: (.+); \}$/.exec(type)?.[1];
  if (map) {
    if (!isObject(value)) throw wrongType(value, `map[string]${goType(map, '')}`, place);
    const result: Plain = {};
    for (const [key, inner] of Object.entries(value))
      result[key] = decodeValue(inner, map, { ...place, path: `${path}.${key}`, map: place.map ?? path });
    return result;
  }
  if (type === 'string' || type === 'number' || type === 'boolean') {
    // Quantities are strings in the models and may be numbers in JSON.
    const quantity =
      type === 'string' &&
      /(limits|requests|capacity|allocatable|hard)$/.test(place.map ?? '') &&
      ['string', 'number'].includes(typeof value);
    if (quantity && !isQuantity(String(value)))
      throw cannotHandle(
        row,
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
      );
    if (typeof value !== type && !quantity) throw wrongType(value, goType(type, place.format), place);
    if (typeof value === 'number' && !fits(value, place.format)) throw wrongType(value, place.format, place);
    if (place.format === 'byte' && !BASE64.test(String(value)))
      throw cannotHandle(row, `illegal base64 data at input byte ${String(value).search(/[^A-Za-z0-9+/]|$/)}`);
    return quantity ? String(value) : value;
  }
  if (type === 'IntOrString') {
    if (typeof value === 'string' || (typeof value === 'number' && fits(value, 'int32'))) return value;
    throw wrongType(value, 'int32', place);
  }
  if (!/^V\d/.test(type) && !/^(Core|Events)V\d/.test(type)) return value;
  if (type === 'V1MicroTime') {
    if (typeof value === 'string' && !/\.\d{6}/.test(value)) throw badTime(value, row);
    return value;
  }
  if (!isObject(value)) throw wrongType(value, `v1.${goType(type, '')}`, place);
  return decodeModel(value, type, path, found, row) ?? value;
}

const BASE64 = /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const cannotHandle = (row: ResourceRow, why: string): Refusal =>
  badRequest(`${row.kind} in version "${row.version}" cannot be handled as a ${row.kind}: ${why}`);

const badTime = (value: string, row: ResourceRow): Refusal =>
  cannotHandle(
    row,
    `parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"`,
  );

function goType(type: string, format: string): string {
  if (type === 'number') return format || 'float64';
  if (type === 'boolean') return 'bool';
  return type.replace(/^[A-Za-z]*?V\d+(alpha\d+|beta\d+)?/, '');
}

const BITS: Record<string, number> = { int32: 31, int64: 63 };

function fits(value: number, format: string): boolean {
  const bits = BITS[format];
  return bits === undefined || (Number.isInteger(value) && value >= -(2 ** bits) && value < 2 ** bits);
}

/** A number is named where numbers are allowed. */
function kindOf(value: unknown, wanted = ''): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number' && wanted in BITS) return `number ${value}`;
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function wrongType(value: unknown, wanted: string, { path, map = path, model, row }: Place): Refusal {
  const field = `${goType(model, '')}.${map.replace(/\[\d+\]/g, '')}`;
  return cannotHandle(
    row,
    `json: cannot unmarshal ${kindOf(value, wanted)} into Go struct field ${field} of type ${wanted}`,
  );
}
