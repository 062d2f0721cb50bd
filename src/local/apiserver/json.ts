/** Small helpers over plain JSON. Nothing here knows Kubernetes. */
import { isDeepStrictEqual } from 'node:util';

export type Plain = Record<string, unknown>;

export const isObject = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const clone = <T>(value: T): T => (value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T));

export const equal = (a: unknown, b: unknown): boolean => isDeepStrictEqual(a, b);

/** Stored objects are shared by every reader: a caller that forgets to copy must fail at once and not corrupt the store. */
export function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) freeze(inner);
  return value;
}

/** The child object named `key`, or an empty one: for reading, never for writing. */
export function objectAt(value: unknown, key: string): Plain {
  const inner = isObject(value) ? value[key] : undefined;
  return isObject(inner) ? inner : {};
}

export function listAt(value: unknown, key: string): unknown[] {
  const inner = isObject(value) ? value[key] : undefined;
  return Array.isArray(inner) ? inner : [];
}

/** Reads `.spec.replicas`. */
export function readPath(value: unknown, path: string): unknown {
  let current = value;
  for (const part of path.split('.').filter(Boolean)) current = isObject(current) ? current[part] : undefined;
  return current;
}

/** Writes `.spec.replicas`, making the objects on the way. */
export function writePath(object: Plain, path: string, value: unknown): void {
  const parts = path.split('.').filter(Boolean);
  const last = parts.pop() as string;
  let current = object;
  for (const part of parts) {
    const next = current[part];
    if (isObject(next)) current = next;
    else {
      const made: Plain = {};
      current[part] = made;
      current = made;
    }
  }
  current[last] = value;
}

/** RFC 7386. The target is not changed. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Plain = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}
