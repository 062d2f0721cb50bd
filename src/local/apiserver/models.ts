/** client-node's models, read one file at a time: names and types of the built-in kinds' fields. */
import { createRequire } from 'node:module';
import type { ResourceRow } from './types.ts';

export interface Attribute {
  baseName: string;
  type: string;
  format: string;
}

// Not import(): a patch is read, decoded and written with nothing in between.
const require = createRequire(import.meta.url);
const read = new Map<string, readonly Attribute[] | undefined>();

/** Fields of a model, undefined when there is none of that name. The package's index would load all 880 at once. */
export function attributesOf(model: string): readonly Attribute[] | undefined {
  if (!/^[A-Z][A-Za-z0-9]+$/.test(model)) return undefined;
  if (!read.has(model)) read.set(model, attributesIn(model));
  return read.get(model);
}

function attributesIn(model: string): readonly Attribute[] | undefined {
  try {
    const loaded = require(`@kubernetes/client-node/dist/gen/models/${model}.js`) as Record<
      string,
      { attributeTypeMap?: readonly Attribute[] } | undefined
    >;
    return loaded[model]?.attributeTypeMap;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** The model of a built-in kind: `V1Pod`; two groups have an Event. */
export function modelOf(row: Pick<ResourceRow, 'version' | 'kind' | 'group'>): string {
  const name = `${row.version.charAt(0).toUpperCase()}${row.version.slice(1)}${row.kind}`;
  if (row.kind !== 'Event') return name;
  return row.group === '' ? `Core${name}` : `Events${name}`;
}
