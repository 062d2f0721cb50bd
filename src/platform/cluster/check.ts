/**
 * Is this a kubeconfig that names a cluster, and does that cluster answer us? Asked before anything depends on it: the
 * answers are the rest of a sentence that begins with the setting and its value.
 */
import { existsSync, readFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { parse } from 'yaml';
import { ApiError, type ClusterPort, isNotFound, kindWords } from './port.ts';
import { GATEWAYS, HTTPROUTES, MODELDEPLOYMENTS, ROLLOUTCOMMANDS, SERVINGRUNTIMES } from './resources.ts';

const WITHIN_MS = 5_000;
const NOT_KUBERNETES = 'names a server that is no Kubernetes API: put right its address.';

/** What waiting does not mend. */
export function troubleWithKubeconfig(path: string): string | undefined {
  if (!existsSync(path) && path.includes(delimiter)) {
    return 'names several files, of which CLOps reads none: write one with `kubectl config view --flatten`, and name that.';
  }
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'ENOENT') return 'is not there: name a file that is.';
    if (code === 'EISDIR') return 'is a folder: name the file in it.';
    return `cannot be read by this user (${code}).`;
  }
  let file: unknown;
  try {
    file = parse(text);
  } catch (error) {
    return `is no valid YAML (${error instanceof Error ? error.message.split('\n')[0] : String(error)}): put it right.`;
  }
  const context = nameIn(file, 'current-context');
  if (context === undefined) return 'has no current-context: choose one with `kubectl config use-context`.';
  const chosen = entry(file, 'contexts', context, 'context');
  if (chosen === undefined) return `has the current-context "${context}", which is not among its contexts.`;
  const cluster = nameIn(chosen, 'cluster');
  if (nameIn(entry(file, 'clusters', cluster, 'cluster'), 'server') === undefined) {
    return `has a context "${context}" whose cluster "${cluster ?? ''}" is not there or has no server.`;
  }
  const user = nameIn(chosen, 'user');
  if (user !== undefined && entry(file, 'users', user, 'user') === undefined) {
    return `has a context "${context}" whose user "${user}" is not there.`;
  }
  return undefined;
}

/** Asks for its version, which any authenticated user may. */
export async function troubleWithCluster(cluster: ClusterPort): Promise<string | undefined> {
  try {
    const answer: unknown = await cluster.version({ signal: AbortSignal.timeout(WITHIN_MS) });
    if (nameIn(answer, 'gitVersion') !== undefined) return undefined;
    return NOT_KUBERNETES;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof ApiError && error.code === 401)
      return `names a cluster that does not know us (${message}): renew the credentials.`;
    if (error instanceof ApiError && error.code === 403)
      return `names a cluster that allows us nothing (${message}): give this user its role.`;
    if (error instanceof ApiError && error.code === 404) return NOT_KUBERNETES;
    return `names a cluster that does not answer (${message.replace(/\.$/, '')}): start it, or put right its address.`;
  }
}

const NEEDED = [MODELDEPLOYMENTS, ROLLOUTCOMMANDS, SERVINGRUNTIMES, GATEWAYS, HTTPROUTES];

/** The kinds we need whose custom resources this cluster does not have. What it does not answer is not said to be missing. */
export async function missingKinds(cluster: Pick<ClusterPort, 'list'>): Promise<string[]> {
  const nobody = { fieldSelector: 'metadata.name=none', signal: AbortSignal.timeout(WITHIN_MS) };
  const asked = NEEDED.map((resource) => cluster.list(resource, nobody).then(() => false, isNotFound));
  const isMissing = await Promise.all(asked);
  return NEEDED.filter((_, i) => isMissing[i]).map(kindWords);
}

const fieldsOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};

function nameIn(value: unknown, key: string): string | undefined {
  const found = fieldsOf(value)[key];
  return typeof found === 'string' && found !== '' ? found : undefined;
}

/** `contexts: [{ name, context }]`, and the same of clusters and users. */
function entry(file: unknown, list: string, name: string | undefined, what: string): unknown {
  const all = fieldsOf(file)[list];
  return Array.isArray(all) ? fieldsOf(all.find((one) => nameIn(one, 'name') === name))[what] : undefined;
}
