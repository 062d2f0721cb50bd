/** Values as text with sorted keys, so that equal ones read alike, whoever wrote them and in whatever order. */

/** Which members of objects count as absent: those that JSON leaves out, null too, or `{}` and `[]` as well. */
export type Absent = 'undefined' | 'null' | 'empty';

/** JSON with sorted keys. A Date is its JSON; elements of arrays are never absent; `undefined` by itself stays apart from null. */
export function canonical(value: unknown, absent: Absent = 'undefined'): string {
  if (value === undefined) return 'undefined';
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item ?? null, absent)).join(',')}]`;
  // Has no entries of its own: any two would look alike.
  if (value === null || typeof value !== 'object' || value instanceof Date) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, member]) => !isAbsent(member, absent));
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member, absent)}`).join(',')}}`;
}

/** Equal as JSON, whatever the order of keys. */
export const sameJson = (a: unknown, b: unknown): boolean => canonical(a) === canonical(b);

function isAbsent(value: unknown, absent: Absent): boolean {
  if (value === undefined) return true;
  if (absent === 'undefined') return false;
  if (value === null) return true;
  const isThing = typeof value === 'object' && !(value instanceof Date);
  return absent === 'empty' && isThing && Object.keys(value).length === 0;
}
