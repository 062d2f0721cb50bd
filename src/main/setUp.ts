/**
 * What is done once for an installation in a cluster, by jobs of the chart: `install` before its pods, `uninstall` before
 * they go. Both may be repeated.
 */

import type { Log } from '../lib/log.ts';
import { readFlags } from '../modelserver/flags.ts';
import type { KubeObject } from '../platform/cluster/port.ts';
import { clusterOf } from './clusterOf.ts';

const INSTALL_FLAGS = {
  image: { meaning: 'the image of the built-in runtime', fallback: undefined },
  'image-pull-policy': {
    meaning: 'Always, IfNotPresent or Never',
    fallback: undefined,
    pattern: /^(Always|IfNotPresent|Never)$/,
  },
  'image-pull-secrets': {
    meaning: 'names of Secrets in the namespaces of teams, separated by commas',
    fallback: undefined,
  },
  'run-as-user': {
    meaning: 'who the built-in runtime is run by: fixed (the user of the image), or any (the cluster gives one)',
    fallback: 'fixed',
    pattern: /^(fixed|any)$/,
  },
  'runtimes-only': {
    meaning: 'true: the custom resources are left as they are',
    fallback: 'false',
    pattern: /^(true|false)$/,
  },
  secret: { meaning: 'the Secret to make with the token and the signing key, unless it is there', fallback: undefined },
} as const;

/** Applies the custom resources and the runtimes; makes the platform's Secret when there is none. */
export async function installProgram(argv: readonly string[], log: Log): Promise<undefined> {
  const flags = readFlags('install', INSTALL_FLAGS, argv);
  const [{ readConfig }, { install }] = await Promise.all([import('../config.ts'), import('../controller/install.ts')]);
  const config = readConfig();
  const cluster = await clusterOf(config, 'clops-install');
  await refuseSecond(cluster, config.namespace);
  const secret = flags.optional('secret');
  if (secret !== undefined && (await makeSecret(cluster, config.namespace, secret)))
    log.info({ secret }, 'made the Secret');
  const [image, pullPolicy, pullSecrets] = [
    flags.optional('image'),
    flags.optional('image-pull-policy'),
    flags.optional('image-pull-secrets')?.split(','),
  ];
  const isAnyUser = flags.text('run-as-user') === 'any';
  await install(cluster, {
    gateway: false,
    runtimesOnly: flags.text('runtimes-only') === 'true',
    ...(image && {
      runtimes: { image, isAnyUser, ...(pullPolicy && { pullPolicy }), ...(pullSecrets && { pullSecrets }) },
    }),
  });
  log.info('custom resources and runtimes are installed');
}

/** Whatever installs (`helm template`, Argo CD and kustomize ask no cluster): who holds the lease of another namespace works. */
async function refuseSecond(cluster: Cluster, namespace: string): Promise<void> {
  const { otherInstallation } = await import('../controller/install.ts');
  const other = await otherInstallation(cluster, namespace);
  if (other !== undefined)
    throw new Error(
      `CLOps is installed in this cluster already: its controller runs in namespace ${other}. One installation looks after every team; remove that one first.`,
    );
}

/** False when it is there already: who has the token keeps it. */
async function makeSecret(cluster: Cluster, namespace: string, name: string): Promise<boolean> {
  const [{ isAlreadyExists }, { SECRETS }, { newToken }, { newSigningKey }] = await Promise.all([
    import('../platform/cluster/port.ts'),
    import('../platform/cluster/resources.ts'),
    import('../lib/token.ts'),
    import('../start/secrets.ts'),
  ]);
  const secret: KubeObject = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace, labels: { 'app.kubernetes.io/managed-by': 'clops' } },
    type: 'Opaque',
    data: { token: base64(newToken()), 'signing.key': base64(newSigningKey()) },
  };
  try {
    await cluster.create(SECRETS, secret, { fieldManager: 'clops-install' });
    return true;
  } catch (error) {
    if (isAlreadyExists(error)) return false;
    throw error;
  }
}

type Cluster = Awaited<ReturnType<typeof clusterOf>>;

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** Deletes every deployment and waits until its pods are gone, while relay and controller still run and take note of it. */
export async function uninstallProgram(argv: readonly string[], log: Log): Promise<undefined> {
  const flags = readFlags(
    'uninstall',
    { 'timeout-seconds': { meaning: 'how long pods may take to end', fallback: '240', range: [1, 86_400] } },
    argv,
  );
  const [{ readConfig }, { deleteModels }] = await Promise.all([
    import('../config.ts'),
    import('../controller/uninstall.ts'),
  ]);
  const cluster = await clusterOf(readConfig(), 'clops-uninstall');
  const deleted = await deleteModels(cluster, flags.number('timeout-seconds') * 1000);
  log.info({ deleted }, 'no deployment is left');
}
