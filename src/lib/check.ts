/**
 * Input checks as values: a zod schema in, the typed input or all of its problems out, each with the path and the rule
 * that was broken. An explicit null counts as "not given" (code generators send null for what was not set), except for
 * the keys a caller names.
 */
import { z } from 'zod';
import { invalid, Problems, type Result } from './problem.ts';

/** Characters of JSON that one free object may have. */
const MAX_JSON = 64 * 1024;

/** Postgres refuses NUL, and nobody means it. */
export const textRule = (max: number) =>
  z
    .string()
    .max(max)
    .refine((text) => !text.includes('\u0000'), {
      message: 'The text holds a NUL character.',
      params: { constraint: 'no_nul' },
    });

/** A free object: tags, parameters. */
export const jsonRule = z
  .record(z.string().max(256), z.unknown())
  .refine((value) => JSON.stringify(value).length <= MAX_JSON && !JSON.stringify(value).includes('\\u0000'), {
    message: `The object must be at most ${MAX_JSON} characters of JSON, without NUL characters.`,
    params: { constraint: 'max_size' },
  });

export function checked<S extends z.ZodType>(
  schema: S,
  input: unknown,
  options: { keepNull?: readonly string[] } = {},
): Result<z.output<S>> {
  const parsed = schema.safeParse(withoutNulls(input, new Set(options.keepNull)));
  if (parsed.success) return parsed.data;
  return new Problems(
    parsed.error.issues.slice(0, 20).map((issue) => {
      const path = issue.path.map(String);
      const rule =
        'params' in issue && issue.params && typeof issue.params['constraint'] === 'string'
          ? issue.params['constraint']
          : issue.code;
      return invalid(path, rule, issue.message);
    }),
  );
}

/** Also drops keys that would reach a prototype: JSON keeps `__proto__` as an own key, a later merge would not. */
function withoutNulls(value: unknown, keep: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item, keep));
  if (value === null || typeof value !== 'object' || value instanceof Date) return value;
  const result: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value)) {
    if (entry === null && !keep.has(key)) continue;
    if (key === '__proto__' || key === 'constructor' || key === 'prototype') continue;
    result[key] = withoutNulls(entry, keep);
  }
  return result;
}
