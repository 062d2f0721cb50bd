/** What a CRD's schema does to an object on its way in: prune, default, check. */
import type { KubeObject } from '../../platform/cluster/port.ts';
import type { WriteMode } from './core.ts';
import type { ServedRow } from './registry.ts';
import type { FieldError } from './types.ts';

export function admitSchema(
  _row: ServedRow,
  _object: KubeObject,
  _old: KubeObject | undefined,
  _mode: WriteMode,
): FieldError[] {
  return [];
}
