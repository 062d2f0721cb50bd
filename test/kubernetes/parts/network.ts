/**
 * The network of a cluster with nodes: a namespace with a bridge, which a link joins to the machine's own network, so that
 * tests outside reach what is inside by its address. There is no way further out. Cluster number N (the first whose
 * link is free) has 10.250.N.0/24 for its nodes, 10.(160+N).0.0/16 for pods and 10.96.N.0/24 for Services.
 */
import { run } from './run.ts';

export interface Network {
  namespace: string;
  number: number;
}

const MOST = 64;

const hostLink = (number: number): string => `clops${number}`;
export const namespaceOf = (cluster: string): string => `clops-${cluster}`;
export const addressOf = ({ number }: Network, node: number): string => `10.250.${number}.${node + 1}`;
export const servicesOf = ({ number }: Network): string => `10.96.${number}.0/24`;
export const podsOf = ({ number }: Network, node: number): string => `10.${160 + number}.${node}.0/24`;
export const podRangeOf = ({ number }: Network): string => `10.${160 + number}.0.0/16`;
/** `ip netns exec` would hide the cgroups behind a /sys of its own. */
export const into = (namespace: string): string[] => ['nsenter', `--net=/run/netns/${namespace}`, '--'];
/** The first node lives in the cluster's own namespace, beside the control plane. */
export const nodeNamespace = ({ namespace }: Network, node: number): string =>
  node === 1 ? namespace : `${namespace}-${node}`;

const ip = (...args: string[]): Promise<string> => run(['ip', ...args]);

/** `number` makes a network again that a restart of the machine took away. */
export async function makeNetwork(cluster: string, number?: number): Promise<Network> {
  const namespace = namespaceOf(cluster);
  return inNew(namespace, async () => {
    const network = { namespace, number: await joinHost(namespace, number) };
    await configure(network);
    return network;
  });
}

/** Whole or not there: the next start takes one that is there for whole. Links go with the namespace that holds an end. */
async function inNew<T>(namespace: string, configured: () => Promise<T>): Promise<T> {
  await ip('netns', 'add', namespace);
  try {
    return await configured();
  } catch (error) {
    await ip('netns', 'del', namespace);
    throw error;
  }
}

async function configure(network: Network): Promise<void> {
  const { namespace } = network;
  const link = hostLink(network.number);
  const address = addressOf(network, 1);
  await ip('addr', 'add', `${addressOf(network, 0)}/24`, 'dev', link);
  await ip('link', 'set', link, 'up');
  await inside(network, ['link', 'add', 'node0', 'type', 'bridge']);
  await inside(network, ['addr', 'add', `${address}/24`, 'dev', 'node0']);
  for (const link of ['lo', 'node0']) await inside(network, ['link', 'set', link, 'up']);
  await inside(network, ['link', 'set', 'host0', 'master', 'node0', 'up']);
  await inside(network, ['route', 'add', 'default', 'via', addressOf(network, 0)]);
  await forward(namespace);
  for (const range of [podRangeOf(network), servicesOf(network)]) await ip('route', 'add', range, 'via', address);
}

/** A namespace for each node after the first, joined to the bridge. */
export async function joinNode(network: Network, node: number): Promise<void> {
  if (node === 1 || (await namespaces()).includes(nodeNamespace(network, node))) return;
  const [namespace, link] = [nodeNamespace(network, node), `node${node}`];
  const at = (...args: string[]): Promise<string> => run([...into(namespace), 'ip', ...args]);
  await inNew(namespace, async () => {
    await inside(network, ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace]);
    await inside(network, ['link', 'set', link, 'master', 'node0', 'up']);
    await at('link', 'set', 'lo', 'up');
    await at('addr', 'add', `${addressOf(network, node)}/24`, 'dev', 'eth0');
    await at('link', 'set', 'eth0', 'up');
    await at('route', 'add', 'default', 'via', addressOf(network, 1));
    await forward(namespace);
    await inside(network, ['route', 'add', podsOf(network, node), 'via', addressOf(network, node)]);
  });
}

/** Also of a cluster whose start broke off: by name. */
export async function removeNetwork(cluster: string): Promise<void> {
  const mine = new RegExp(`^${namespaceOf(cluster)}(-\\d+)?$`);
  for (const namespace of (await namespaces()).filter((name) => mine.test(name))) await ip('netns', 'del', namespace);
}

export async function namespaces(): Promise<string[]> {
  const lines = (await ip('netns', 'list')).trim().split('\n');
  return lines.map((line) => line.split(' ')[0] ?? '').filter(Boolean);
}

async function joinHost(namespace: string, only?: number): Promise<number> {
  for (let number = only ?? 0; number <= (only ?? MOST - 1); number++) {
    try {
      await ip('link', 'add', hostLink(number), 'type', 'veth', 'peer', 'name', 'host0', 'netns', namespace);
      return number;
    } catch (error) {
      if (!String(error).includes('File exists')) throw error;
    }
  }
  const which = only === undefined ? `all ${MOST} links` : `the link ${hostLink(only)}`;
  throw new Error(`Other clusters with nodes have ${which}: \`npm run kubernetes:down -- --name=…\` ends one.`);
}

const inside = ({ namespace }: Network, args: string[]): Promise<string> => run([...into(namespace), 'ip', ...args]);

const forward = (namespace: string): Promise<string> =>
  run([...into(namespace), 'sysctl', '-qw', 'net.ipv4.ip_forward=1']);
