/** One match of a rule, compiled: which requests it takes, and how specific it is. Pure. */
import { compilePattern } from './pattern.ts';
import type { RouteMatch, ValueMatch } from './types.ts';

export interface Match {
  readonly exact: boolean;
  /** The path for an exact match, else the prefix without a slash at its end. */
  readonly path: string;
  readonly method: string | undefined;
  /** Names are lower case. */
  readonly headers: readonly ValueTest[];
  readonly query: readonly ValueTest[];
}

interface ValueTest {
  readonly name: string;
  test(value: string): boolean;
}

export interface Question {
  host: string;
  method: string;
  path: string;
  /** After the `?`; empty without one. */
  search: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** A string says why the match is not served. It then takes no request: one that took too many would be worse. */
export function compileMatch(match: RouteMatch): Match | string {
  const { type = 'PathPrefix', value = '/' } = match.path ?? {};
  if (type !== 'PathPrefix' && type !== 'Exact')
    return `path match ${type} is not served here: use Exact or PathPrefix`;
  const headers = compileTests(match.headers ?? [], (name) => name.toLowerCase());
  if (typeof headers === 'string') return headers;
  const query = compileTests(match.queryParams ?? [], (name) => name);
  if (typeof query === 'string') return query;
  const exact = type === 'Exact';
  return { exact, path: exact ? value : value.replace(/\/+$/, ''), method: match.method, headers, query };
}

function compileTests(matches: readonly ValueMatch[], nameOf: (name: string) => string): ValueTest[] | string {
  const tests = new Map<string, ValueTest>();
  for (const { type = 'Exact', name, value } of matches) {
    const key = nameOf(name);
    if (tests.has(key)) continue; // of entries with equivalent names only the first counts
    if (type === 'Exact') tests.set(key, { name: key, test: (given) => given === value });
    else if (type === 'RegularExpression') {
      const test = compilePattern(value);
      if (typeof test === 'string') return test;
      tests.set(key, { name: key, test });
    } else return `match type ${type} is not served here: use Exact or RegularExpression`;
  }
  return [...tests.values()];
}

/** Everything but host and path, which the table has looked up. */
export function takes(match: Match, question: Question): boolean {
  if (match.method !== undefined && match.method !== question.method) return false;
  for (const { name, test } of match.headers) {
    const value = question.headers[name];
    if (value === undefined || !test(typeof value === 'string' ? value : value.join(', '))) return false;
  }
  if (match.query.length === 0) return true;
  const given = new URLSearchParams(question.search);
  return match.query.every(({ name, test }) => {
    const value = given.get(name);
    return value !== null && test(value);
  });
}

/** For sorting: method, then number of headers, then number of query parameters. */
export function moreSpecificFirst(a: Match, b: Match): number {
  const byMethod = Number(b.method !== undefined) - Number(a.method !== undefined);
  return byMethod || b.headers.length - a.headers.length || b.query.length - a.query.length;
}
