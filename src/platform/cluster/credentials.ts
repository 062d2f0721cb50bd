/**
 * Who we are to a Kubernetes API. A kubeconfig that carries a client certificate in itself, as the local cluster writes
 * it, is read here; everything else (tokens, files that rotate, exec plugins, service accounts) is client-node's, which
 * is loaded only then: it costs 87 MB of memory, in each process.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { dirname, resolve } from 'node:path';
import { parse, stringify } from 'yaml';

export interface Credentials {
  server: string;
  proxyUrl?: string | undefined;
  /** The program that is run for them, where one is. */
  plugin?: string | undefined;
  /** TLS material and headers as they are now; tokens and certificates may change while we run. */
  current(): Promise<RequestOptions>;
}

export interface CredentialsOptions {
  /** Path of a kubeconfig file. Without it and without `inCluster`: client-node's default places. */
  kubeconfig?: string;
  /** Use the pod's own service account. */
  inCluster?: boolean;
}

/** Throws when a kubeconfig cannot be read. Whether its server answers shows at the first call. */
export function loadCredentials(options: CredentialsOptions): () => Promise<Credentials> {
  const embedded = options.kubeconfig === undefined ? undefined : embeddedCertificate(options.kubeconfig);
  const found = embedded && Promise.resolve(embedded);
  let loading: Promise<Credentials> | undefined;
  return () => {
    loading ??= (found ?? throughClientNode(options)).catch((error: unknown) => {
      loading = undefined; // a file that is just being written is read again by the next call
      throw error;
    });
    return loading;
  };
}

interface KubeConfigFile {
  'current-context'?: string;
  contexts?: { name: string; context: { cluster: string; user: string } }[];
  clusters?: { name: string; cluster: Record<string, string | undefined> }[];
  users?: { name: string; user: Record<string, string | undefined> }[];
}

/** What the current context of a kubeconfig names. Throws when the file cannot be read. */
export function readCurrentContext(
  path: string,
): Record<'cluster' | 'user', Record<string, string | undefined> | undefined> {
  const file = parse(readFileSync(path, 'utf8')) as KubeConfigFile | null;
  const context = file?.contexts?.find(({ name }) => name === file['current-context'])?.context;
  return {
    cluster: file?.clusters?.find(({ name }) => name === context?.cluster)?.cluster,
    user: file?.users?.find(({ name }) => name === context?.user)?.user,
  };
}

/** Fields that name a file, beside the kubeconfig when they do not begin with `/`. */
const FILES = ['certificate-authority', 'client-certificate', 'client-key', 'tokenFile'];

/**
 * Writes a kubeconfig of the current context alone, for its owner alone: whoever reads it speaks to the same cluster after
 * `kubectl config use-context` has been used on the other.
 */
export function pinKubeconfig(from: string, to: string): void {
  const file = parse(readFileSync(from, 'utf8')) as KubeConfigFile;
  const context = file.contexts?.find(({ name }) => name === file['current-context']);
  const named = <T extends { name: string }>(list: T[] | undefined, name: string | undefined): T[] =>
    (list ?? []).filter((one) => one.name === name);
  const absolute = (fields: Record<string, string | undefined>): Record<string, string | undefined> =>
    Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [
        name,
        FILES.includes(name) && value ? resolve(dirname(from), value) : value,
      ]),
    );
  const clusters = named(file.clusters, context?.context.cluster);
  const users = named(file.users, context?.context.user);
  const pinned: KubeConfigFile = {
    ...file,
    contexts: context ? [context] : [],
    clusters: clusters.map(({ name, cluster }) => ({ name, cluster: absolute(cluster) })),
    users: users.map(({ name, user }) => ({ name, user: absolute(user) })),
  };
  writeFileSync(`${to}.new`, stringify(pinned, { lineWidth: 0 }), { mode: 0o600 });
  renameSync(`${to}.new`, to);
}

function embeddedCertificate(path: string): Credentials | undefined {
  const { cluster, user } = readCurrentContext(path);
  const [server, ca] = [cluster?.['server'], cluster?.['certificate-authority-data']];
  const [cert, key] = [user?.['client-certificate-data'], user?.['client-key-data']];
  const isAlone = (value: object | undefined, keys: number) => Object.keys(value ?? {}).length === keys;
  if (!server || !ca || !cert || !key || !isAlone(cluster, 2) || !isAlone(user, 2)) return undefined;
  const decoded = { ca: base64(ca), cert: base64(cert), key: base64(key) };
  return { server, current: async () => decoded };
}

const base64 = (text: string): Buffer => Buffer.from(text, 'base64');

async function throughClientNode({ kubeconfig, inCluster }: CredentialsOptions): Promise<Credentials> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  if (inCluster) config.loadFromCluster();
  else if (kubeconfig !== undefined) config.loadFromFile(kubeconfig);
  else config.loadFromDefault();
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new Error('The kubeconfig has no current context, so there is no cluster to ask.');
  return {
    server: cluster.server,
    proxyUrl: cluster.proxyUrl,
    plugin: config.getCurrentUser()?.exec?.command,
    async current() {
      const options: RequestOptions = { headers: {} };
      await config.applyToHTTPSOptions(options);
      return options;
    },
  };
}
