/**
 * The JSONPath of printer columns: `.status.conditions[?(@.type=="Ready")].status`, `.spec.a\.b`, `.x[0]`, `.x[*].y`.
 *
 * Not the package jsonpath-plus: it knows no escaped dot, which label keys need, and a path comes from whoever may write
 * a CRD, so nothing of it may ever be evaluated as code.
 */
type Step =
  | { kind: 'field'; name: string }
  | { kind: 'index'; index: number }
  | { kind: 'all' }
  | { kind: 'filter'; path: Step[]; equals: boolean; value: string | number | boolean | null };

const FIELD = /^\.((?:\\.|[^.[\\])+)/;
const QUOTED = /^\[(?:'([^']*)'|"([^"]*)")\]/;
const INDEX = /^\[(-?\d+)\]/;
const ALL = /^(?:\[\*\]|\.\*)/;
const FILTER = /^\[\?\(\s*@((?:\\.|[^=!\s])+)\s*(==|!=)\s*('[^']*'|"[^"]*"|-?[\d.]+|true|false|null)\s*\)\]/;

/** Compiled once. Throws a sentence for what is not of the forms above. */
export function compilePath(text: string): (object: unknown) => unknown[] {
  const steps = parse(text);
  return (object) =>
    steps.reduce<unknown[]>((values, step) => values.flatMap((value) => follow(value, step)), [object]);
}

function parse(text: string): Step[] {
  const steps: Step[] = [];
  let rest = text.replace(/^\{(.*)\}$/s, '$1').replace(/^\$/, '');
  if (rest !== '' && !rest.startsWith('.') && !rest.startsWith('[')) rest = `.${rest}`;
  while (rest !== '') {
    const [step, length] = next(rest, text);
    steps.push(step);
    rest = rest.slice(length);
  }
  return steps;
}

function next(rest: string, text: string): [Step, number] {
  let match = ALL.exec(rest);
  if (match) return [{ kind: 'all' }, match[0].length];
  match = FIELD.exec(rest);
  if (match) return [{ kind: 'field', name: (match[1] as string).replace(/\\(.)/g, '$1') }, match[0].length];
  match = QUOTED.exec(rest);
  if (match) return [{ kind: 'field', name: match[1] ?? match[2] ?? '' }, match[0].length];
  match = INDEX.exec(rest);
  if (match) return [{ kind: 'index', index: Number(match[1]) }, match[0].length];
  match = FILTER.exec(rest);
  if (match) {
    const literal = match[3] as string;
    const value = /^['"]/.test(literal) ? literal.slice(1, -1) : (JSON.parse(literal) as number | boolean | null);
    return [{ kind: 'filter', path: parse(match[1] as string), equals: match[2] === '==', value }, match[0].length];
  }
  throw new Error(`JSONPath ${JSON.stringify(text)} is not understood at ${JSON.stringify(rest)}`);
}

function follow(value: unknown, step: Step): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  switch (step.kind) {
    case 'field':
      return Object.hasOwn(value, step.name) ? [(value as Record<string, unknown>)[step.name]] : [];
    case 'index':
      return Array.isArray(value) && value.at(step.index) !== undefined ? [value.at(step.index)] : [];
    case 'all':
      return Object.values(value);
    case 'filter':
      return (Array.isArray(value) ? value : []).filter((item) => {
        const found = step.path.reduce<unknown[]>((values, inner) => values.flatMap((v) => follow(v, inner)), [item]);
        return found.some((one) => one === step.value) === step.equals;
      });
  }
}
