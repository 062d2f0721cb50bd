/** Small steps that strategies are made of. */
import { isObject, type Plain, readPath } from './json.ts';

export const text = (object: unknown, path: string): string => String(readPath(object, path) ?? '');

/** Sets `object[key]` when it is absent. */
export function fill(object: unknown, key: string, value: unknown): void {
  if (isObject(object) && (object[key] === undefined || object[key] === null)) object[key] = value;
}

export function child(object: unknown, key: string): Plain {
  if (!isObject(object)) return {};
  fill(object, key, {});
  return object[key] as Plain;
}

/** Keys in order, so that two values compare as text. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  );
}
