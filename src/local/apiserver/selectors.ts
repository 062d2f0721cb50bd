/** Label and field selectors: text → predicate, in Kubernetes' grammar. */
import type { KubeObject, Resource } from '../../platform/cluster/port.ts';
import { badRequest } from './status.ts';
import type { ResourceRow } from './types.ts';

type Predicate = (object: KubeObject) => boolean;

const KEY = /^([a-z0-9A-Z]([-a-z0-9A-Z.]*[a-z0-9A-Z])?\/)?[a-z0-9A-Z]([-a-z0-9A-Z_.]*[a-z0-9A-Z])?$/;

/** `a=b,c!=d,e in (f,g),h notin (i),j,!k,n>1`. Empty text selects everything. */
function labelSelector(text: string): Predicate {
  const terms = splitTerms(text).map(labelTerm);
  return (object) => {
    const labels = object.metadata.labels ?? {};
    return terms.every((term) => term(labels));
  };
}

function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let depth = 0;
  let term = '';
  for (const char of text) {
    if (char === '(') depth++;
    if (char === ')') depth--;
    if (char === ',' && depth === 0) {
      terms.push(term);
      term = '';
    } else term += char;
  }
  if (terms.length > 0 || term.trim() !== '') terms.push(term);
  return terms.map((one) => one.trim());
}

function labelTerm(text: string): (labels: Record<string, string>) => boolean {
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(text);
  if (set) {
    const [, key = '', operator, list = ''] = set;
    checkKey(key, text);
    const values = new Set(list.split(',').map((value) => value.trim()));
    return operator === 'in'
      ? (labels) => key in labels && values.has(labels[key] as string)
      : (labels) => !(key in labels) || !values.has(labels[key] as string);
  }
  const compare = /^([^\s=!<>]+)\s*(==|=|!=|>|<)\s*(.*)$/.exec(text);
  if (compare) {
    const [, key = '', operator, value = ''] = compare;
    checkKey(key, text);
    const end = value.search(/[=!<>]/);
    if (end >= 0) throw badRequest(`found '${value.slice(end, end + 1)}', expected: ',' or 'end of string'`);
    if (value.length > 63)
      throw badRequest(
        `unable to parse requirement: values[0][${key}]: Invalid value: "${value}": must be no more than 63 characters`,
      );
    if (operator === '!=') return (labels) => labels[key] !== value;
    if (operator === '>' || operator === '<') {
      const limit = Number(value);
      if (!Number.isInteger(limit))
        throw badRequest(
          `unable to parse requirement: values[0]: Invalid value: "${value}": for 'Gt', 'Lt' operators, the value must be an integer`,
        );
      return (labels) =>
        key in labels && (operator === '>' ? Number(labels[key]) > limit : Number(labels[key]) < limit);
    }
    return (labels) => key in labels && labels[key] === value;
  }
  const absent = text.startsWith('!');
  const key = (absent ? text.slice(1) : text).trim();
  checkKey(key, text);
  return (labels) => key in labels !== absent;
}

const unable = (text: string) => badRequest(`unable to parse requirement: found '${text}', expected: a label selector`);

function checkKey(key: string, text: string): void {
  if (!KEY.test(key)) throw unable(text);
}

/** `a=b,c!=d` over the few paths that the row supports; another path is 400 as on a real server. */
function fieldSelector(text: string, row: ResourceRow): Predicate {
  const terms = text
    .split(',')
    .filter((term) => term.trim() !== '')
    .map((term) => {
      const match = /^([^=!]+)(==|=|!=)(.*)$/.exec(term.trim());
      if (!match) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
      const [, path = '', operator, value = ''] = match;
      return { path, value, negated: operator === '!=' };
    });
  if (terms.length === 0) return () => true;
  const supported = fieldsOf(row, { apiVersion: '', kind: row.kind, metadata: { name: '' } });
  for (const { path } of terms)
    if (!(path in supported))
      throw badRequest(
        row.custom || row.strategy?.fields
          ? `field label not supported: ${path}`
          : `"${path}" is not a known field selector: only "metadata.name", "metadata.namespace"`,
      );
  return (object) => {
    const fields = fieldsOf(row, object);
    return terms.every(({ path, value, negated }) => (fields[path] === value) !== negated);
  };
}

function fieldsOf(row: ResourceRow, object: KubeObject): Record<string, string> {
  return {
    'metadata.name': object.metadata.name,
    ...(row.namespaced && { 'metadata.namespace': object.metadata.namespace ?? '' }),
    ...row.strategy?.fields?.(object),
  };
}

export function predicateOf(row: ResourceRow & Resource, query: URLSearchParams): Predicate {
  const byLabel = labelSelector(query.get('labelSelector') ?? '');
  const byField = fieldSelector(query.get('fieldSelector') ?? '', row);
  return (object) => byLabel(object) && byField(object);
}
