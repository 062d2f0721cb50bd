/** What happens to header fields between client and backend: which ones end here, and what filters change. */
import type { HeaderChange } from './types.ts';

/** Fields of one connection (RFC 9110 §7.6.1), and `expect`, which Node's server has answered already. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
]);

const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export interface HeaderEdit {
  set: readonly (readonly [string, string])[];
  add: readonly (readonly [string, string])[];
  /** Names that are taken out: those removed and those set anew. Lower case. */
  drop: ReadonlySet<string>;
}

/** Compiles a filter. A string is a sentence that says why it is not served. */
export function compileHeaderEdit(change: HeaderChange | undefined): HeaderEdit | string {
  const { set = [], add = [], remove = [] } = change ?? {};
  const names = [...set, ...add].map((entry) => entry.name).concat(remove);
  for (const name of names) {
    const lower = name.toLowerCase();
    if (!FIELD_NAME.test(name)) return `${JSON.stringify(name)} is not a header name`;
    if (HOP_BY_HOP.has(lower) || lower === 'content-length' || lower === 'host')
      return `the header ${name} frames or routes the message and cannot be changed by a header filter`;
  }
  for (const { name, value } of [...set, ...add])
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return `the value for header ${name} holds a control character`;
  return {
    set: set.map(({ name, value }) => [name.toLowerCase(), value] as const),
    add: add.map(({ name, value }) => [name.toLowerCase(), value] as const),
    drop: new Set([...set.map(({ name }) => name.toLowerCase()), ...remove.map((name) => name.toLowerCase())]),
  };
}

/** Flat name, value list in place. `add` appends to what is there, as a field of its own. */
function edited(fields: string[], edits: readonly HeaderEdit[]): string[] {
  let result = fields;
  for (const edit of edits) {
    if (edit.drop.size > 0) {
      const kept: string[] = [];
      for (let i = 0; i < result.length; i += 2)
        if (!edit.drop.has(result[i]!.toLowerCase())) kept.push(result[i]!, result[i + 1]!);
      result = kept;
    }
    for (const [name, value] of edit.set) result.push(name, value);
    for (const [name, value] of edit.add) result.push(name, value);
  }
  return result;
}

export interface Forwarded {
  /** Host as the backend is to see it. */
  host: string;
  remoteAddress: string;
  hasBody: boolean;
}

/**
 * Request fields for the backend as a flat list. Undefined when the request names its host twice, which two parsers in
 * a row could read differently.
 */
export function requestFields(
  raw: readonly string[],
  connection: string | undefined,
  edits: readonly HeaderEdit[],
  forwarded: Forwarded,
): string[] | undefined {
  const named = listedIn(connection);
  const fields: string[] = ['host', forwarded.host];
  let hosts = 0;
  let chain = '';
  let proto = 'http';
  let forwardedHost: string | undefined;
  let originalHost = '';
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!;
    const value = raw[i + 1]!;
    const lower = name.toLowerCase();
    if (lower === 'host') {
      hosts++;
      originalHost = value;
    } else if (lower === 'x-forwarded-for') chain = chain === '' ? `${value}, ` : `${chain}${value}, `;
    else if (lower === 'x-forwarded-proto') proto = value;
    else if (lower === 'x-forwarded-host') forwardedHost = value;
    else if (HOP_BY_HOP.has(lower) || (lower === 'content-length' && !forwarded.hasBody) || named?.has(lower)) continue;
    else fields.push(name, value);
  }
  if (hosts > 1) return undefined;
  fields.push('x-forwarded-for', chain + forwarded.remoteAddress, 'x-forwarded-proto', proto);
  fields.push('x-forwarded-host', forwardedHost ?? originalHost);
  return edits.length === 0 ? fields : edited(fields, edits);
}

/** Response fields for the client as a flat list. */
export function responseFields(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  edits: readonly HeaderEdit[],
): string[] {
  const { connection } = headers;
  const named = listedIn(typeof connection === 'string' ? connection : connection?.join(','));
  const fields: string[] = [];
  for (const name in headers) {
    if (HOP_BY_HOP.has(name) || named?.has(name)) continue;
    const value = headers[name];
    if (typeof value === 'string') fields.push(name, value);
    else if (value) for (const one of value) fields.push(name, one);
  }
  return edits.length === 0 ? fields : edited(fields, edits);
}

/** Names that `Connection` lists beside its own words; undefined, nearly always, when there are none. */
function listedIn(connection: string | undefined): Set<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  return new Set(connection.toLowerCase().split(/[\s,]+/));
}
