/**
 * Texts as a database can keep them. Postgres stores no NUL, and in JSON no half of a surrogate pair; both come in what
 * others write, and the second comes of cutting a text at a number of UTF-16 units.
 */

const REPLACEMENT = '\ufffd';

/** The value, with U+FFFD for each character in it that cannot be stored. */
export function storable<T>(value: T): T;
export function storable(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed().replaceAll('\0', REPLACEMENT);
  if (Array.isArray(value)) return value.map((item) => storable(item));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [storable(key), storable(entry)]));
}

/** What keeps the value from being stored: somewhere in it stands a NUL, or half of a pair. */
export function unstorable(value: unknown): 'no_nul' | 'well_formed' | undefined {
  if (typeof value === 'string') {
    if (value.includes('\0')) return 'no_nul';
    return value.isWellFormed() ? undefined : 'well_formed';
  }
  if (value === null || typeof value !== 'object') return undefined;
  for (const [key, entry] of Object.entries(value)) {
    const found = unstorable(key) ?? unstorable(entry);
    if (found) return found;
  }
  return undefined;
}

/** The first `max` units, without half a pair at their end. */
export const startOf = (text: string, max: number): string => text.slice(0, max).replace(/[\ud800-\udbff]$/, '');

/** The last `max` units, without half a pair at their beginning. */
export const endOf = (text: string, max: number): string => text.slice(-max).replace(/^[\udc00-\udfff]/, '');
