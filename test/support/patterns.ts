/** A pattern in an expected object is matched. Without this `toMatchObject({ err: /x/ })` holds for any text: a RegExp has no keys. */
import { expect } from 'vitest';

expect.addEqualityTesters([
  (found, expected) => (expected instanceof RegExp && typeof found === 'string' ? expected.test(found) : undefined),
]);
