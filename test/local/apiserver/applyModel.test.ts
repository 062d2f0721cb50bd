import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { apply } from '../../../src/local/apiserver/apply.ts';
import { writeOwnership } from '../../../src/local/apiserver/managed.ts';
import type { KubeObject } from '../../../src/platform/cluster/port.ts';

const SCHEMA = {
  properties: {
    items: {
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: { properties: { value: {} } },
    },
  },
};
const names = fc.constantFrom('a', 'b', 'c');
const anApply = fc.record({
  manager: fc.constantFrom('one', 'two', 'three'),
  fields: fc.dictionary(names, fc.integer({ min: 0, max: 2 })),
  items: fc.dictionary(names, fc.integer({ min: 0, max: 2 })),
});

/** What a person expects: a field is there while somebody wants it, with the value of who set it last. */
interface Wanted {
  value: number;
  by: Set<string>;
}

describe('server-side apply, forced, against a model', () => {
  it('a field or item stays exactly as long as a manager wants it', () => {
    fc.assert(
      fc.property(fc.array(anApply, { minLength: 1, maxLength: 12 }), (applies) => {
        let live: KubeObject | undefined;
        const model = new Map<string, Wanted>();
        for (const { manager, fields, items } of applies) {
          const wanted: KubeObject = {
            apiVersion: 'v1',
            kind: 'Thing',
            metadata: { name: 'x' },
            ...(Object.keys(fields).length > 0 && { fields }),
            ...(Object.keys(items).length > 0 && {
              items: Object.entries(items).map(([name, value]) => ({ name, value })),
            }),
          };
          const writer = { manager, operation: 'Apply' as const, apiVersion: 'v1' };
          const { object, owners } = apply({
            live,
            wanted,
            schema: SCHEMA,
            writer,
            force: true,
            part: 'all',
            custom: false,
          });
          object.metadata.managedFields = writeOwnership(owners, live?.metadata.managedFields, 'now');
          live = object;
          const there = Object.fromEntries(Object.keys(items).map((name) => [name, 0]));
          follow(model, manager, {
            ...prefixed('field', fields),
            ...prefixed('item', there),
            ...prefixed('value', items),
          });
          expect(seen(live)).toEqual(Object.fromEntries([...model].map(([key, { value }]) => [key, value])));
        }
      }),
      { numRuns: 200 },
    );
  });
});

const prefixed = (prefix: string, values: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [`${prefix}.${key}`, value]));

/** A forced change takes the field from the others. An item is nobody's alone: its value is a field of its own. */
function follow(model: Map<string, Wanted>, manager: string, wanted: Record<string, number>): void {
  for (const [key, entry] of model) {
    if (!(key in wanted)) entry.by.delete(manager);
    if (entry.by.size === 0) model.delete(key);
  }
  for (const [key, value] of Object.entries(wanted)) {
    const entry = model.get(key);
    if (entry?.value === value) entry.by.add(manager);
    else model.set(key, { value, by: new Set([manager]) });
  }
}

function seen(object: KubeObject): Record<string, unknown> {
  const items = (object['items'] ?? []) as { name: string; value?: number }[];
  const values = items.filter((item) => item.value !== undefined);
  return {
    ...prefixed('field', (object['fields'] ?? {}) as Record<string, number>),
    ...prefixed('item', Object.fromEntries(items.map(({ name }) => [name, 0]))),
    ...prefixed('value', Object.fromEntries(values.map(({ name, value }) => [name, value as number]))),
  };
}
