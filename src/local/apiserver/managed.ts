/** metadata.managedFields: who owns which fields, kept by every write. */
import type { KubeObject, ManagedFieldsEntry } from '../../platform/cluster/port.ts';
import { type Comparison, fromFieldsV1, toFieldsV1, withWholes } from './fields.ts';
import { equal } from './json.ts';
import type { StructuralSchema } from './types.ts';

export interface Writer {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  subresource?: string;
}

export interface Ownership {
  writer: Writer;
  keys: Set<string>;
  time?: string;
}

const same = (a: Writer, b: Writer): boolean =>
  a.manager === b.manager &&
  a.operation === b.operation &&
  (a.subresource ?? '') === (b.subresource ?? '') &&
  a.apiVersion === b.apiVersion;

export function readOwnership(object: KubeObject | undefined, schema: StructuralSchema): Ownership[] {
  return (object?.metadata.managedFields ?? []).map((entry) => ({
    writer: {
      manager: entry.manager,
      operation: entry.operation,
      apiVersion: entry.apiVersion,
      ...(entry.subresource && { subresource: entry.subresource }),
    },
    keys: withWholes(fromFieldsV1(entry.fieldsV1), schema),
    ...(entry.time && { time: entry.time }),
  }));
}

export function ownedBy(owners: readonly Ownership[], writer: Writer): Ownership | undefined {
  return owners.find((one) => same(one.writer, writer));
}

export const others = (owners: readonly Ownership[], writer: Writer): Ownership[] =>
  owners.filter((one) => !same(one.writer, writer));

/** After an update: what changed is the writer's, what is gone is nobody's. */
export function afterUpdate(owners: readonly Ownership[], writer: Writer, change: Comparison): Ownership[] {
  const taken = new Set([...change.added, ...change.modified]);
  const left = without(others(owners, writer), new Set([...taken, ...change.removed]));
  const before = ownedBy(owners, writer);
  const keys = new Set([...(before?.keys ?? [])].filter((key) => !change.removed.has(key)));
  for (const key of taken) keys.add(key);
  return keys.size === 0 ? left : [...left, { writer, keys }];
}

/** Others' claims, less `keys`; an owner of nothing disappears. */
export function without(owners: readonly Ownership[], keys: ReadonlySet<string>): Ownership[] {
  return owners
    .map((one) => {
      const kept = new Set([...one.keys].filter((key) => !keys.has(key)));
      return kept.size === one.keys.size ? one : { writer: one.writer, keys: kept };
    })
    .filter((one) => one.keys.size > 0);
}

/** Entries whose set did not change keep their time, so that a write that changes nothing is seen as one. */
export function writeOwnership(
  owners: readonly Ownership[],
  before: readonly ManagedFieldsEntry[] | undefined,
  now: string,
): ManagedFieldsEntry[] {
  const entries = owners.map(({ writer, keys }): ManagedFieldsEntry => {
    const fieldsV1 = toFieldsV1(keys);
    const old = before?.find((entry) => same(entry, writer));
    const time = old && equal(old.fieldsV1, fieldsV1) ? (old.time ?? now) : now;
    const { manager, operation, apiVersion, subresource } = writer;
    return {
      manager,
      operation,
      apiVersion,
      time,
      fieldsType: 'FieldsV1',
      fieldsV1,
      ...(subresource && { subresource }),
    };
  });
  return entries.sort(
    (a, b) =>
      order(a.operation, b.operation) ||
      order(a.time ?? '', b.time ?? '') ||
      order(a.manager, b.manager) ||
      order(a.subresource ?? '', b.subresource ?? ''),
  );
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
