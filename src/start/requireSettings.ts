/**
 * Settings that do not fit each other, or the role. Apart from reading them, since the command line reads the same ones and
 * needs none of this. Whether what they name is there is asked by main's preflight.
 */
import { type Config, ConfigError } from '../config.ts';

/** What a role cannot begin without. */
export type Need = 'database' | 'cluster' | 'folder' | 'pods';

/** @throws ConfigError */
export function requireSettings(config: Config, needs: readonly Need[]): void {
  const { production, cluster, demo, databaseUrl, kubeconfig, inPod, objectStore, hasUrl } = config;
  const external = needs.includes('cluster') && cluster === 'external';
  const joins = needs.includes('cluster') && isJoining(config);
  if (needs.includes('database')) {
    if (production && databaseUrl === undefined) {
      throw new ConfigError(
        'NODE_ENV=production needs DATABASE_URL: the embedded Postgres is not for production, set it to a Postgres 15 or newer.',
      );
    }
    if (production && demo !== 'off') {
      throw new ConfigError(
        `CLOPS_DEMO=${demo} is not for NODE_ENV=production: the demo would deploy its own model there. Leave out one of the two.`,
      );
    }
    if (external && !joins && demo !== 'off') {
      throw new ConfigError(`CLOPS_DEMO=${demo} serves its model on this machine: ${JOIN}, or leave out CLOPS_DEMO.`);
    }
    if (objectStore && !objectStore.keys && objectStore.credentialsFile === undefined) {
      throw new ConfigError(
        `CLOPS_ARTIFACTS=${objectStore.address} needs keys: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE.`,
      );
    }
    if (external && !joins && !hasUrl) {
      throw new ConfigError(
        'CLOPS_CLUSTER=external needs CLOPS_URL: the address at which pods of that cluster reach this API for their artifacts.',
      );
    }
  }
  if (external && !joins && needs.includes('pods')) {
    throw new ConfigError(`CLOPS_CLUSTER=external needs the addresses of a node: ${JOIN}.`);
  }
  if (external && kubeconfig === undefined && !inPod) {
    throw new ConfigError(
      'CLOPS_CLUSTER=external needs KUBECONFIG, the file that names the cluster: outside a pod there is no service account.',
    );
  }
}

const ADDRESS = 'an address of this machine that the API server of that cluster reaches';
const RANGE = "a range for pods that is this machine's own";
const JOIN = `set CLOPS_NODE_ADDRESS to ${ADDRESS}, and CLOPS_POD_CIDR to ${RANGE}`;

/** Whether this machine is to be nodes of an external cluster. @throws ConfigError when it cannot be, whatever the machine has. */
function isJoining({ production, cluster, nodeAddress, podCidr, joined }: Config): boolean {
  const both = { CLOPS_NODE_ADDRESS: nodeAddress, CLOPS_POD_CIDR: podCidr };
  const given = Object.entries(both).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
  const [first] = given;
  if (first === undefined) return false;
  const setting = `${first.name}=${first.value}`;
  if (production) {
    throw new ConfigError(
      `${setting} is not for NODE_ENV=production: a machine that joins a cluster runs its pods as plain processes. Leave out one of the two.`,
    );
  }
  if (cluster === 'local') {
    throw new ConfigError(
      `${setting} joins this machine to a cluster of your own: set CLOPS_CLUSTER=external and KUBECONFIG as well, or leave it out.`,
    );
  }
  if (joined === undefined) {
    const lacking =
      nodeAddress === undefined
        ? `CLOPS_NODE_ADDRESS as well: ${ADDRESS}`
        : `CLOPS_POD_CIDR as well: ${RANGE}, such as 10.99.0.0/23`;
    throw new ConfigError(`${setting} needs ${lacking}.`);
  }
  for (const { name, value } of given) {
    if (!value.startsWith('127.')) continue;
    throw new ConfigError(
      `${name}=${value} is loopback, where every machine finds itself: set it to what others reach this machine by.`,
    );
  }
  return true;
}
