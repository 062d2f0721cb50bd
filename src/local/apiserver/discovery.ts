/**
 * What is served here, in the documents of `/api` and `/apis`. Only the old form: a client that asks for aggregated
 * discovery gets these and falls back, as with servers older than 1.26.
 */
import { apiVersionOf } from '../../platform/cluster/port.ts';
import type { ResourceRow } from './types.ts';

/** Of custom resources, in the order in which a real server names them. */
const CUSTOM_VERBS = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];
const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** The document at `path`, or undefined when it is none of discovery's. */
export function discovery(path: string, rows: readonly ResourceRow[]): object | undefined {
  const parts = path.split('/').filter(Boolean);
  if (parts.length === 0) return { paths: rootPaths(rows) };
  if (parts[0] === 'api') {
    if (parts.length === 1) return coreVersions(rows);
    return parts.length === 2 ? resourceList('', parts[1] as string, rows) : undefined;
  }
  if (parts[0] !== 'apis') return undefined;
  if (parts.length === 1) return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups(rows).map(groupDocument) };
  const group = groups(rows).find(({ name }) => name === parts[1]);
  if (!group) return undefined;
  if (parts.length === 2) return { kind: 'APIGroup', apiVersion: 'v1', ...groupDocument(group) };
  return parts.length === 3 ? resourceList(group.name, parts[2] as string, rows) : undefined;
}

interface Group {
  name: string;
  versions: string[];
}

/** In the order of the rows: what is built in comes first. */
function groups(rows: readonly ResourceRow[]): Group[] {
  const byName = new Map<string, Set<string>>();
  for (const row of rows) {
    if (row.group === '') continue;
    const versions = byName.get(row.group) ?? new Set();
    byName.set(row.group, versions.add(row.version));
  }
  return [...byName].map(([name, versions]) => ({ name, versions: [...versions] }));
}

function groupDocument({ name, versions }: Group): object {
  const all = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: all, preferredVersion: all[0] };
}

function coreVersions(rows: readonly ResourceRow[]): object {
  const versions = new Set(rows.filter((row) => row.group === '').map((row) => row.version));
  return { kind: 'APIVersions', versions: [...versions], serverAddressByClientCIDRs: [] };
}

function rootPaths(rows: readonly ResourceRow[]): string[] {
  const versions = rows.map((row) => `${row.group === '' ? '/api' : '/apis'}/${apiVersionOf(row)}`);
  const known = new Set(['/api', '/apis', ...versions, '/healthz', '/livez', '/openapi/v3', '/readyz', '/version']);
  return [...known].sort();
}

function resourceList(group: string, version: string, rows: readonly ResourceRow[]): object | undefined {
  const served = rows.filter((row) => row.group === group && row.version === version);
  if (served.length === 0) return undefined;
  const groupVersion = group === '' ? version : `${group}/${version}`;
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: served.flatMap(resources) };
}

function resources(row: ResourceRow): object[] {
  const { plural, singular, kind, namespaced, shortNames, categories, subresources } = row;
  const part = (name: string, verbs: string[], more: object = {}): object => ({
    name: `${plural}/${name}`,
    singularName: '',
    namespaced,
    kind,
    verbs,
    ...more,
  });
  const status = subresources.status ? [part('status', ['get', 'patch', 'update'])] : [];
  const scale = subresources.scale
    ? [part('scale', ['get', 'patch', 'update'], { group: 'autoscaling', version: 'v1', kind: 'Scale' })]
    : [];
  return [
    {
      name: plural,
      singularName: singular,
      namespaced,
      kind,
      verbs: row.custom ? CUSTOM_VERBS : VERBS,
      ...(shortNames.length > 0 && { shortNames }),
      ...(categories.length > 0 && { categories }),
    },
    ...(subresources.log ? [part('log', ['get'])] : []),
    ...(row.custom ? [...status, ...scale] : [...scale, ...status]),
  ];
}
