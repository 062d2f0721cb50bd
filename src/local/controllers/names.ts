/** Names and hashes that the controllers give: short, safe in labels, and free of words (no vowels). */
import { createHash, randomInt } from 'node:crypto';

const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** A hash of `text` in `length` characters, each one of 27. Ten are 47 bits: two templates do not meet by accident. */
export function shortHash(text: string, length = 10): string {
  const digest = createHash('sha256').update(text).digest();
  let value = digest.readBigUInt64BE();
  let hash = '';
  for (let i = 0; i < length; i++) {
    hash += ALPHABET[Number(value % 27n)];
    value /= 27n;
  }
  return hash;
}

/** What the server does with generateName: the base, cut so that the whole fits a host name, and five characters. */
export function generatedName(base: string): string {
  let suffix = '';
  for (let i = 0; i < 5; i++) suffix += ALPHABET[randomInt(ALPHABET.length)];
  return `${base.slice(0, 58)}${suffix}`;
}
