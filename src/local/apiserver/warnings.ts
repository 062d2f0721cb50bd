/** Warnings as a header carries them: in the words, the bytes and the limits of Kubernetes. */

/** In characters. Where all of them are more than the first, each is cut to the second. */
const ALL = 4 * 1024;
const EACH = 256;

/** Undefined when there is nothing to say. */
export function warningHeader(given: readonly string[]): string | undefined {
  const texts = [...new Set(given)].filter((text) => !/\p{Cc}/u.test(text)).map((text) => [...text]);
  const tooLong = texts.reduce((sum, text) => sum + text.length, 0) > ALL;
  const shown: string[] = [];
  let length = 0;
  for (const text of texts) {
    if (length >= ALL) break;
    const cut = tooLong ? text.slice(0, EACH) : text;
    length += cut.length;
    shown.push(`299 - "${cut.join('').replace(/["\\]/g, '\\$&')}"`);
  }
  // Node writes a header's characters as bytes, and refuses what is more than one.
  return shown.length > 0 ? Buffer.from(shown.join(', ')).toString('latin1') : undefined;
}
