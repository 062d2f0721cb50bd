/** What a CRD's schema does to an object on its way in: prune, default, check. */
import type { KubeObject } from '../../platform/cluster/port.ts';
import { strictError, undeclared } from './builtin.ts';
import { checkRules, hasRules } from './cel.ts';
import type { WriteMode } from './core.ts';
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
  const unknown = prune(object, schema);
  if (unknown.length > 0 && mode.validation === 'Strict') throw strictError(row, unknown);
  if (mode.validation === 'Warn') mode.warnings.push(...unknown.map((path) => `unknown field "${path}"`));
  applyDefaults(object, schema);
  const errors = validate(object, schema);
  if (!hasRules(schema)) return errors;
  if (!errors.some(({ type }) => BLOCKING.has(type))) return [...errors, ...checkRules(object, old, schema)];
  const detail =
    'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';
  return [...errors, { type: 'Invalid', field: '<nil>', value: null, detail }];
}

/** An apply that names a field which the schema does not know is refused as a whole, in whatever validation mode. */
export function refuseUndeclared(row: ServedRow, wanted: KubeObject): void {
  const [first] = prune(structuredClone(wanted), row.schema ?? {});
  if (first !== undefined) throw undeclared(row, wanted, first);
}
