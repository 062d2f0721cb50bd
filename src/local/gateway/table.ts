/**
 * Which rule does a request belong to? Built whole from objects, never changed, exchanged in one assignment. Pure.
 *
 * Precedence is Gateway API's: longer host name, exact path, longer prefix, method, number of headers, number of query
 * parameters, older route, name, earlier rule. Lookups go by maps, so that their cost does not grow with the routes.
 */
import { type Match, moreSpecificFirst, type Question, takes } from './match.ts';
import type { CompiledRoute, Rule } from './rule.ts';
import type { HttpRoute } from './types.ts';

/** What a table is made from: a route, compiled, and the host names under which a listener serves it ('' is any). */
export interface ServedRoute {
  route: HttpRoute;
  compiled: CompiledRoute;
  hostnames: readonly string[];
}

export interface Entry {
  readonly rule: Rule;
  readonly match: Match;
}

interface HostTable {
  readonly exact: Map<string, Entry[]>;
  readonly prefixes: Map<string, Entry[]>;
  longestPrefix: number;
}

export interface Table {
  readonly rules: readonly Rule[];
  /** By exact name, by `*.suffix`, and '' for any. */
  readonly hosts: ReadonlyMap<string, HostTable>;
}

export const EMPTY_TABLE: Table = { rules: [], hosts: new Map() };
const LONGEST_HOST = 253;

export function buildTable(served: readonly ServedRoute[]): Table {
  const hosts = new Map<string, HostTable>();
  const rules: Rule[] = [];
  for (const { compiled, hostnames } of [...served].sort(olderFirst)) {
    for (const rule of compiled.rules) {
      rules.push(rule);
      for (const match of rule.matches)
        for (const hostname of hostnames) addEntry(hostTable(hosts, hostname), { rule, match });
    }
  }
  // Array sort is stable: among equals the order of routes and rules stands.
  for (const host of hosts.values())
    for (const entries of [...host.exact.values(), ...host.prefixes.values()])
      entries.sort((a, b) => moreSpecificFirst(a.match, b.match));
  return { rules, hosts };
}

function olderFirst({ route: a }: ServedRoute, { route: b }: ServedRoute): number {
  const [ageA, ageB] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  if (ageA !== ageB) return ageA < ageB ? -1 : 1;
  const [nameA, nameB] = [`${a.metadata.namespace}/${a.metadata.name}`, `${b.metadata.namespace}/${b.metadata.name}`];
  return nameA < nameB ? -1 : nameA > nameB ? 1 : 0;
}

function hostTable(hosts: Map<string, HostTable>, hostname: string): HostTable {
  let host = hosts.get(hostname);
  if (!host) {
    host = { exact: new Map(), prefixes: new Map(), longestPrefix: 0 };
    hosts.set(hostname, host);
  }
  return host;
}

function addEntry(host: HostTable, entry: Entry): void {
  const { exact, path } = entry.match;
  const map = exact ? host.exact : host.prefixes;
  const entries = map.get(path);
  if (entries) entries.push(entry);
  else map.set(path, [entry]);
  if (!exact) host.longestPrefix = Math.max(host.longestPrefix, path.length);
}

export function lookup(table: Table, question: Question): Entry | undefined {
  const { hosts } = table;
  const { host } = question;
  if (hosts.size > 1 || !hosts.has('')) {
    const named = hosts.get(host);
    const found = named && lookupPath(named, question);
    if (found) return found;
    if (host.length <= LONGEST_HOST) {
      for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
        const wildcard = hosts.get(`*${host.slice(dot)}`);
        const under = wildcard && lookupPath(wildcard, question);
        if (under) return under;
      }
    }
  }
  const any = hosts.get('');
  return any && lookupPath(any, question);
}

/** From the longest prefix that some route names, down by whole path elements: a long path costs no more than a short one. */
function lookupPath(host: HostTable, question: Question): Entry | undefined {
  const { path } = question;
  const exact = firstThatTakes(host.exact.get(path), question);
  if (exact) return exact;
  let prefix = path;
  if (prefix.length > host.longestPrefix)
    prefix = path.slice(0, Math.max(0, path.lastIndexOf('/', host.longestPrefix)));
  for (;;) {
    const found = firstThatTakes(host.prefixes.get(prefix), question);
    if (found || prefix === '') return found;
    prefix = prefix.slice(0, Math.max(0, prefix.lastIndexOf('/')));
  }
}

function firstThatTakes(entries: readonly Entry[] | undefined, question: Question): Entry | undefined {
  if (entries) for (const entry of entries) if (takes(entry.match, question)) return entry;
  return undefined;
}
