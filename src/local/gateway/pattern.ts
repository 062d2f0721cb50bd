/**
 * Regular expressions of routes, in time linear in the length of the value. They come from everybody who may write an
 * HTTPRoute and run on every request, so JavaScript's backtracking engine would let `(a+)+$` stop the gateway. V8 has a
 * linear engine of its own: it refuses what it cannot run in linear time (back references, look-around, counted
 * repetition), and so do we.
 */
import { setFlagsFromString } from 'node:v8';

const MAX_PATTERN = 256;
const MAX_VALUE = 4096;

let enabled = false;

/** A test for the whole value, or a sentence that says why the pattern is not served. */
export function compilePattern(pattern: string): ((value: string) => boolean) | string {
  if (pattern.length > MAX_PATTERN)
    return `the regular expression is longer than ${MAX_PATTERN} characters: shorten it or match Exact`;
  if (!enabled) {
    setFlagsFromString('--enable-experimental-regexp-engine');
    enabled = true;
  }
  try {
    const compiled = new RegExp(`^(?:${pattern})$`, 'l');
    return (value) => value.length <= MAX_VALUE && compiled.test(value);
  } catch {
    return `the regular expression ${JSON.stringify(pattern)} is malformed or cannot run in linear time: use no back references, look-around or counted repetition`;
  }
}
