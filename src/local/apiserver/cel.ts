/**
 * x-kubernetes-validations: rules in CEL beside a schema. Compiled when a CRD is written, so that a rule that is not
 * understood here is refused there and not skipped later; evaluated at every write of an object.
 */
import { Environment } from '@marcbachmann/cel-js';
import { correlated, isAtomicMap } from './fields.ts';
import { equal, isObject, type Plain } from './json.ts';
import type { FieldError, StructuralSchema } from './types.ts';

type Program = (context: Record<string, unknown>) => unknown;

interface Rule {
  program: Program;
  message: string;
  messageProgram?: Program;
  reason: FieldError['type'];
  fieldPath: string;
  /** Names oldSelf: holds for a change and not for a creation. */
  transition: boolean;
}

const compare = (a: unknown, b: unknown): number =>
  (a as string) < (b as string) ? -1 : (a as string) > (b as string) ? 1 : 0;
const add = (a: unknown, b: unknown): unknown =>
  typeof a === 'bigint' && typeof b === 'bigint' ? a + b : Number(a) + Number(b);
const extreme = (list: unknown[], sign: number): unknown => {
  if (list.length === 0) throw new Error('the list is empty');
  return list.reduce((best, one) => (compare(one, best) * sign > 0 ? one : best));
};

/** The functions that Kubernetes adds to CEL and rules here use. */
const environment = new Environment({
  homogeneousAggregateLiterals: false,
  limits: { maxAstNodes: 10_000, maxDepth: 100 },
})
  .registerVariable('self', 'dyn')
  .registerVariable('oldSelf', 'dyn')
  .registerFunction('list.isSorted(): bool', (list: unknown[]) =>
    list.every((one, index) => index === 0 || compare(list[index - 1], one) <= 0),
  )
  .registerFunction('list.sum(): dyn', (list: unknown[]) => list.reduce<unknown>((sum, one) => add(sum, one), 0n))
  .registerFunction('list.min(): dyn', (list: unknown[]) => extreme(list, -1))
  .registerFunction('list.max(): dyn', (list: unknown[]) => extreme(list, 1))
  .registerFunction(
    'string.find(string): string',
    (text: string, pattern: string) => new RegExp(pattern).exec(text)?.[0] ?? '',
  )
  .registerFunction('isURL(string): bool', (text: string) => URL.canParse(text));

const compiled = new WeakMap<StructuralSchema, Rule[]>();
const REASONS: Record<string, FieldError['type']> = {
  FieldValueForbidden: 'Forbidden',
  FieldValueRequired: 'Required',
  FieldValueDuplicate: 'Duplicate',
};

function rulesOf(schema: StructuralSchema): Rule[] {
  let rules = compiled.get(schema);
  if (!rules) {
    const given = schema['x-kubernetes-validations'];
    rules = Array.isArray(given) ? given.filter(isObject).map(compile) : [];
    compiled.set(schema, rules);
  }
  return rules;
}

function compile(given: Plain): Rule {
  const text = String(given.rule);
  const expression = typeof given.messageExpression === 'string' ? given.messageExpression : undefined;
  return {
    program: environment.parse(text),
    message: typeof given.message === 'string' && given.message !== '' ? given.message : `failed rule: ${text.trim()}`,
    ...(expression !== undefined && { messageProgram: environment.parse(expression) }),
    reason: REASONS[String(given.reason)] ?? 'Invalid',
    fieldPath: typeof given.fieldPath === 'string' ? given.fieldPath : '',
    transition: /\boldSelf\b/.test(text),
  };
}

/** What keeps the rules of a schema from being used here; `path` is where in the CRD the schema stands. */
export function ruleErrors(schema: StructuralSchema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const given = Array.isArray(schema['x-kubernetes-validations']) ? schema['x-kubernetes-validations'] : [];
  for (const [index, rule] of given.entries()) {
    const field = `${path}.x-kubernetes-validations[${index}].rule`;
    if (!isObject(rule) || typeof rule.rule !== 'string') errors.push({ type: 'Required', field, detail: '' });
    else {
      if (rule.optionalOldSelf === true)
        errors.push({
          type: 'Forbidden',
          field: `${path}.x-kubernetes-validations[${index}].optionalOldSelf`,
          detail: 'is not served by the local cluster',
        });
      const problem = problemOf(rule);
      if (problem) errors.push({ type: 'Invalid', field, value: rule.rule, detail: `compilation failed: ${problem}` });
    }
  }
  for (const [where, inner] of children(schema)) errors.push(...ruleErrors(inner, `${path}.${where}`));
  return errors;
}

function problemOf(rule: Plain): string | undefined {
  try {
    compile(rule);
    const checked = environment.check(String(rule.rule));
    return checked.valid ? undefined : checked.error?.message.split('\n')[0];
  } catch (error) {
    return (error as Error).message.split('\n')[0];
  }
}

function* children(schema: StructuralSchema): Generator<[string, StructuralSchema]> {
  if (isObject(schema.properties))
    for (const [name, inner] of Object.entries(schema.properties))
      if (isObject(inner)) yield [`properties[${name}]`, inner];
  if (isObject(schema.items)) yield ['items', schema.items];
  if (isObject(schema.additionalProperties)) yield ['additionalProperties', schema.additionalProperties];
}

const bearing = new WeakMap<StructuralSchema, boolean>();

/** Whether the schema or one below it has rules: most of an object need not be walked. */
export function hasRules(schema: StructuralSchema): boolean {
  let has = bearing.get(schema);
  if (has === undefined) {
    has = rulesOf(schema).length > 0 || [...children(schema)].some(([, inner]) => hasRules(inner));
    bearing.set(schema, has);
  }
  return has;
}

/**
 * The rules that `value` breaks. `old` is what stood there before, when it can be told; where that is the same, only what
 * a rule says of changes is checked.
 */
export function checkRules(
  value: unknown,
  old: unknown,
  schema: StructuralSchema,
  path = '',
  unchanged = false,
): FieldError[] {
  if (value === undefined || value === null || !hasRules(schema)) return [];
  const same = unchanged || equal(value, old);
  const rules = rulesOf(schema);
  const errors: FieldError[] = [];
  if (rules.length > 0) {
    const context: Plain = { self: toCel(value, schema), ...(old !== undefined && { oldSelf: toCel(old, schema) }) };
    for (const rule of rules) {
      if (rule.transition ? old === undefined : same) continue;
      const error = evaluate(rule, context, schema, path);
      if (error) errors.push(error);
    }
  }
  return [...errors, ...checkBelow(value, old, schema, path, same)];
}

function checkBelow(value: unknown, old: unknown, schema: StructuralSchema, path: string, same: boolean): FieldError[] {
  if (Array.isArray(value) && isObject(schema.items)) {
    const items = schema.items;
    const before = correlated(old, schema);
    return value.flatMap((item, index) => checkRules(item, before(item), items, `${path}[${index}]`, same));
  }
  if (!isObject(value)) return [];
  const previous = isObject(old) && !isAtomicMap(schema) ? old : {};
  const properties = isObject(schema.properties) ? schema.properties : {};
  return Object.entries(value).flatMap(([key, inner]) => {
    const below = properties[key] ?? schema.additionalProperties;
    return isObject(below) ? checkRules(inner, previous[key], below, path === '' ? key : `${path}.${key}`, same) : [];
  });
}

function evaluate(rule: Rule, context: Plain, schema: StructuralSchema, path: string): FieldError | undefined {
  const field = `${path}${rule.fieldPath}`.replace(/^\./, '') || '<nil>';
  const value = typeof schema.type === 'string' ? schema.type : 'object';
  try {
    if (rule.program(context) === true) return undefined;
    const words = rule.messageProgram?.(context);
    return {
      type: rule.reason,
      field,
      value,
      detail: typeof words === 'string' && words !== '' ? words : rule.message,
    };
  } catch (error) {
    const detail = `${rule.message}: rule evaluation error: ${(error as Error).message.split('\n')[0]}`;
    return { type: 'Invalid', field, value, detail };
  }
}

/** JSON as CEL sees it through the schema: integers are ints, whatever JSON says. */
function toCel(value: unknown, schema: StructuralSchema): unknown {
  if (typeof value === 'number')
    return Number.isSafeInteger(value) && (schema.type === 'integer' || schema['x-kubernetes-int-or-string'] === true)
      ? BigInt(value)
      : value;
  if (Array.isArray(value)) return value.map((item) => toCel(item, isObject(schema.items) ? schema.items : {}));
  if (!isObject(value)) return value;
  const properties = isObject(schema.properties) ? schema.properties : {};
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const below = properties[key] ?? schema.additionalProperties;
      return [key, toCel(inner, isObject(below) ? below : {})];
    }),
  );
}
