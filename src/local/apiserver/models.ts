/** client-node's models, read one file at a time: names and types of the built-in kinds' fields. */
import { isObject, type Plain } from './json.ts';
import type { ResourceRow } from './types.ts';

export interface Attribute {
  baseName: string;
  type: string;
  format: string;
}

/** Fields of a model, undefined when there is none of that name. The package's index would load all 880 at once. */
export async function attributesOf(model: string): Promise<readonly Attribute[] | undefined> {
  if (!/^[A-Z][A-Za-z0-9]+$/.test(model)) return undefined;
  try {
    const loaded: unknown = await import(`@kubernetes/client-node/dist/gen/models/${model}.js`);
    const type = isObject(loaded) || typeof loaded === 'object' ? (loaded as Plain)[model] : undefined;
    return typeof type === 'function'
      ? (type as { attributeTypeMap?: readonly Attribute[] }).attributeTypeMap
      : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** The model of a built-in kind: `V1Pod`; two groups have an Event. */
export function modelOf(row: Pick<ResourceRow, 'version' | 'kind' | 'group'>): string {
  const name = `${row.version.charAt(0).toUpperCase()}${row.version.slice(1)}${row.kind}`;
  if (row.kind !== 'Event') return name;
  return row.group === '' ? `Core${name}` : `Events${name}`;
}
