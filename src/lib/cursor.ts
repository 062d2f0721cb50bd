/** Opaque positions in lists: a JSON tuple in base64url, with the name of the order it belongs to. */

/** `key` is the keyset tuple of the row, `order` names the ordering so that a cursor of another list is refused. */
export function encodeCursor(order: string, key: readonly (string | number | null)[]): string {
  return Buffer.from(JSON.stringify([order, ...key])).toString('base64url');
}

/** The keyset tuple, or null when the text is not a cursor of this ordering. */
export function decodeCursor(order: string, cursor: string): (string | number | null)[] | null {
  if (cursor.length > 1024) return null;
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (!Array.isArray(value) || value[0] !== order) return null;
    const key = value.slice(1);
    return key.every((part) => part === null || typeof part === 'string' || typeof part === 'number') ? key : null;
  } catch {
    return null;
  }
}
