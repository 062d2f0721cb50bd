/** Path → what it names. Only here are paths taken apart. */
import type { Target } from './core.ts';
import type { Registry } from './registry.ts';
import { BUILTIN_ROWS } from './resources.ts';
import { notServed, pageNotFound } from './status.ts';

/** Groups that are the server's own on a real one too: there the Gateway API comes by its definitions. */
const OWN_GROUPS = new Set(
  ['', ...BUILTIN_ROWS.map(({ group }) => group)].filter((group) => !/\.x?networking\.k8s\.io$/.test(group)),
);
export const isOwnGroup = (group: string): boolean => OWN_GROUPS.has(group);

const NAMESPACE_PARTS = new Set(['status', 'finalize']);

/** Throws 404 for everything that no row serves. */
export function route(path: string, registry: Registry): Target {
  const parts = path.split('/').filter(Boolean).map(decode);
  const [root, ...rest] = parts;
  if (root !== 'api' && root !== 'apis') throw pageNotFound();
  const group = root === 'api' ? '' : (rest.shift() ?? '');
  const version = rest.shift() ?? '';
  let namespace: string | undefined;
  if (rest[0] === 'namespaces' && rest.length >= 3 && !NAMESPACE_PARTS.has(rest[2] as string)) {
    namespace = rest[1] as string;
    rest.splice(0, 2);
  }
  const [plural = '', name, subresource, ...more] = rest;
  const row = registry.find(group, version, plural);
  if (!row || more.length > 0 || row.namespaced !== (namespace !== undefined || (row.namespaced && name === undefined)))
    throw isOwnGroup(group) ? notServed() : pageNotFound();
  return {
    row,
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(subresource !== undefined && { subresource }),
  };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw notServed();
  }
}
