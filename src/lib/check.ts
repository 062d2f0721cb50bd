/**
 * Input checks as values: a zod schema in, the typed input or all of its problems out, each with the path and the rule
 * that was broken. An explicit null counts as "not given" (code generators send null for what was not set), except for
 * the keys a caller names and inside free JSON, where it is a value.
 */
import { z } from 'zod';
import { invalid, Problems, type Result } from './problem.ts';
import { unstorable } from './text.ts';

/** Characters of JSON that one free object may have. */
const MAX_JSON = 64 * 1024;

/** Objects in objects, of the whole input. What is deeper overflows a stack, here or in Postgres. */
const MAX_DEPTH = 64;

const UNSTORABLE = {
  no_nul: 'A NUL character cannot be stored: leave it out.',
  well_formed: 'Half of a surrogate pair cannot be stored: send whole characters.',
};

function isStored(value: unknown, context: z.RefinementCtx): void {
  const constraint = unstorable(value);
  if (constraint) context.addIssue({ code: 'custom', message: UNSTORABLE[constraint], params: { constraint } });
}

export const textRule = (max: number) => z.string().max(max).superRefine(isStored);

/** An id, or a name that is looked up. */
export const idRule = textRule(100);

/** A free object, kept as it was said: metrics. */
export const jsonRule = z
  .record(z.string().max(256), z.unknown())
  .refine((value) => JSON.stringify(value).length <= MAX_JSON, {
    message: `The object must be at most ${MAX_JSON} characters of JSON.`,
    params: { constraint: 'max_size' },
  })
  .superRefine(isStored);

/** Identities and seeds have up to 64 bits, of which a double keeps 53; beyond are only what doubles are for. */
const isRounded = (value: unknown): boolean =>
  typeof value === 'number'
    ? Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) <= 2 ** 64
    : value !== null && typeof value === 'object' && Object.values(value).some(isRounded);

/** A free object whose numbers say what a run was made with, and which: a rounded seed makes another run. */
export const parametersRule = jsonRule.superRefine((parameters, context) => {
  for (const [key, value] of Object.entries(parameters)) {
    if (!isRounded(value)) continue;
    const message = 'A whole number above 2^53 would be rounded: give it as a text.';
    context.addIssue({ code: 'custom', path: [key], message, params: { constraint: 'rounded' } });
  }
});

/** A free object of which a key that says null is not there. */
export const tagsRule = parametersRule.transform((tags) =>
  Object.fromEntries(Object.entries(tags).filter(([, value]) => value !== null)),
);

const FREE: ReadonlySet<unknown> = new Set([jsonRule, parametersRule, tagsRule]);

export function checked<S extends z.ZodType>(
  schema: S,
  input: object,
  options: { keepNull?: readonly string[] } = {},
): Result<z.output<S>> {
  const deep = Object.entries(input).filter(([, value]) => isDeeper(value, MAX_DEPTH));
  if (deep.length > 0) {
    const words = `Objects and lists may be nested ${MAX_DEPTH} levels deep at most.`;
    return new Problems(deep.map(([name]) => invalid([name], 'max_depth', words)));
  }
  const parsed = schema.safeParse(withoutNulls(input, new Set(options.keepNull), freeKeys(schema)));
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

const isDeeper = (value: unknown, levels: number): boolean =>
  value !== null &&
  typeof value === 'object' &&
  (levels === 0 || Object.values(value).some((entry) => isDeeper(entry, levels - 1)));

function freeKeys(schema: z.ZodType): ReadonlySet<string> {
  const rules = schema instanceof z.ZodObject ? Object.entries(schema.shape) : [];
  return new Set(rules.filter(([, rule]) => isFree(rule as z.ZodType)).map(([key]) => key));
}

function isFree(rule: unknown): boolean {
  if (rule instanceof z.ZodDefault || rule instanceof z.ZodOptional) return isFree(rule.unwrap());
  return FREE.has(rule);
}

/** Also drops keys that would reach a prototype: JSON keeps `__proto__` as an own key, a later merge would not. */
function withoutNulls(value: unknown, keep: ReadonlySet<string>, free: ReadonlySet<string> = new Set()): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item, keep));
  if (value === null || typeof value !== 'object' || value instanceof Date) return value;
  const result: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value)) {
    if (entry === null && !keep.has(key)) continue;
    if (key === '__proto__' || key === 'constructor' || key === 'prototype') continue;
    result[key] = free.has(key) ? entry : withoutNulls(entry, keep);
  }
  return result;
}
