/** What a CRD's schema does to an object on its way in: prune, default, check. */
import type { KubeObject, ObjectMeta } from '../../platform/cluster/port.ts';
import { decodeMetadata, strictError, undeclared, unknownFields } from './builtin.ts';
import { checkRules, hasRules } from './cel.ts';
import type { WriteMode } from './core.ts';
import { isObject } from './json.ts';
import type { ServedRow } from './registry.ts';
import { applyDefaults, prune, validate } from './structural.ts';
import type { FieldError } from './types.ts';

const BLOCKING = new Set<FieldError['type']>(['Required', 'TypeInvalid', 'NotSupported', 'TooLong', 'TooMany']);

/** Changes the object in place. Throws 400 for unknown fields when validation is strict. */
export function admitSchema(
  row: ServedRow,
  object: KubeObject,
  old: KubeObject | undefined,
  mode: WriteMode,
): FieldError[] {
  const schema = row.schema ?? {};
  const metadata = decodeMetadata(row, object.metadata);
  object.metadata = metadata.body as ObjectMeta;
  const unknown = [...metadata.unknown, ...prune(object, schema)];
  if (unknown.length > 0 && mode.validation === 'Strict') throw strictError(row, unknown);
  if (mode.validation === 'Warn') mode.warnings.push(...unknownFields(unknown));
  applyDefaults(object, schema);
  const errors = [...validate(object, schema, '', old), ...scaleErrors(row, object)];
  if (!hasRules(schema)) return errors;
  if (!errors.some(({ type }) => BLOCKING.has(type))) return [...errors, ...checkRules(object, old, schema)];
  const detail =
    'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';
  return [...errors, { type: 'Invalid', field: '<nil>', value: null, detail }];
}

/** What the scale subresource reads must be numbers and text, also where the schema says less. */
function scaleErrors(row: ServedRow, object: KubeObject): FieldError[] {
  const paths = row.subresources.scale;
  if (!paths) return [];
  const replicas = [paths.specReplicasPath, paths.statusReplicasPath].flatMap((path) => {
    const { value, trouble } = accessed(object, path, 'int64');
    const count = typeof value === 'number' ? value : 0;
    if (trouble) return [{ path, value: 0, detail: trouble }];
    if (count < 0) return [{ path, value, detail: 'should be a non-negative integer' }];
    return count > MAX_INT32 ? [{ path, value, detail: `should be less than or equal to ${MAX_INT32}` }] : [];
  });
  const selector = paths.labelSelectorPath ? accessed(object, paths.labelSelectorPath, 'string').trouble : undefined;
  return [...replicas, ...(selector ? [{ path: paths.labelSelectorPath, value: '', detail: selector }] : [])].map(
    ({ path, value, detail }) => ({ type: 'Invalid', field: path as string, value, detail }),
  );
}

const MAX_INT32 = 2 ** 31 - 1;

/** As Go reads a nested field: absent is fine, another type on the way or at the end is trouble. */
function accessed(object: KubeObject, path: string, wanted: 'int64' | 'string'): { value?: unknown; trouble?: string } {
  let value: unknown = object;
  for (const key of path.split('.').filter(Boolean)) {
    if (value === undefined || value === null) return {};
    if (!isObject(value)) return { trouble: wrongType(path, value, 'map[string]interface{}') };
    value = value[key];
  }
  if (value === undefined) return {};
  return goTypeOf(value) === wanted ? { value } : { trouble: wrongType(path, value, wanted) };
}

const wrongType = (path: string, value: unknown, wanted: string): string =>
  `${path} accessor error: ${typeof value === 'object' ? JSON.stringify(value) : String(value)} is of the type ${goTypeOf(value)}, expected ${wanted}`;

function goTypeOf(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  if (typeof value === 'boolean') return 'bool';
  if (Array.isArray(value)) return '[]interface {}';
  return isObject(value) ? 'map[string]interface {}' : 'string';
}

/** An apply that names a field which the schema does not know is refused as a whole, in whatever validation mode. */
export function refuseUndeclared(row: ServedRow, wanted: KubeObject, body: unknown): void {
  const [first] = prune(structuredClone(wanted), row.schema ?? {});
  if (first !== undefined) throw undeclared(row, body, first);
}
