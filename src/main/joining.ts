/**
 * May this machine become nodes of the cluster that KUBECONFIG names? Asked before anything is started or written: whether
 * the addresses are its own, and whether that cluster has what is needed and nothing that would be taken over. A cluster is
 * somebody's, and what is not ours there stays as it is.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { type Config, ConfigError } from '../config.ts';
import { ANNOTATIONS, GATEWAY_CLASS, GATEWAY_NAME, LABELS, SYSTEM_NAMESPACE } from '../contract/names.ts';
import type { ServingRuntime } from '../contract/servingruntime.ts';
import { blocksOf } from '../local/agent/pod/addresses.ts';
import { OWN_IMAGE, readDeclaration } from '../local/declaration.ts';
import { agentIdentity } from '../local/joined.ts';
import { conditionOf, type Node } from '../local/kinds.ts';
import { type ClusterPort, isNotFound, type KubeObject, type Resource } from '../platform/cluster/port.ts';
import { GATEWAYS, HTTPROUTES, NAMESPACES, NODES, SERVINGRUNTIMES } from '../platform/cluster/resources.ts';
import { Refusal } from '../start/report.ts';
import { JOINED_FILE } from './claim.ts';
import { clusterOf } from './clusterOf.ts';
import { MAIN } from './here.ts';

const GATEWAY_API = 'https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.4.1/standard-install.yaml';

/** @throws ConfigError when an address is not this machine's, or the range has too few. */
export async function checkMachine(config: Config): Promise<void> {
  if (config.joined === undefined) return;
  const { nodeAddress, podCidr } = config.joined;
  if (!(await isOurs(nodeAddress))) {
    throw new ConfigError(
      `CLOPS_NODE_ADDRESS=${nodeAddress} is no address of this machine, which has ${addressesHere()}: name the one that the cluster's API server reaches.`,
    );
  }
  const names = await nodeNames(config);
  const blocks = blocksOf(podCidr).slice(0, names.length);
  if (blocks.length < names.length) {
    const length = 24 - Math.ceil(Math.log2(names.length));
    throw new ConfigError(
      `CLOPS_POD_CIDR=${podCidr} is too small for ${names.length} nodes (${names.join(', ')}), each of which takes a /24: name a /${length} or larger, or declare fewer nodes in the file that CLOPS_LOCAL_CONFIG names.`,
    );
  }
  const last = blocksOf(podCidr).at(-1);
  for (const address of [...blocks.map((block) => `${block}.2`), `${last}.254`]) {
    if (await isOurs(address)) continue;
    const range = `${blocks[0]}.0/${podCidr.split('/')[1]}`;
    throw new ConfigError(
      `CLOPS_POD_CIDR=${podCidr} is not this machine's: ${address} cannot be listened on. \`sudo ip route add local ${range} dev lo\` makes it so until the machine restarts, if nobody else uses that range; or name one that it has.`,
    );
  }
}

/** @throws Refusal when the cluster lacks what is needed, or has what this start would take over. */
export async function checkPlace(config: Config): Promise<void> {
  if (config.joined === undefined) return;
  const cluster = await clusterOf(config, 'clops-start');
  try {
    if (existsSync(join(config.dataDir, 'cluster'))) {
      throw new Refusal(
        `CLOPS_DATA_DIR=${config.dataDir} belongs to a local cluster: choose another folder for the one that KUBECONFIG names.`,
      );
    }
    const kube = await uidOf(cluster);
    const before = readIfThere(join(config.dataDir, JOINED_FILE));
    if (before !== undefined && before !== kube && config.newCluster !== kube) {
      throw new Refusal(
        `KUBECONFIG=${config.kubeconfig ?? ''} names another cluster than the one that ${config.dataDir} belongs to: choose its context, or another folder with CLOPS_DATA_DIR. If that one is gone, CLOPS_NEW_CLUSTER=${kube} puts this one in its place.`,
      );
    }
    const why = await troubleWithPlace(cluster, {
      names: await nodeNames(config),
      identity: agentIdentity(config.dataDir),
    });
    if (why !== undefined) throw new Refusal(`KUBECONFIG=${config.kubeconfig ?? ''} names a cluster ${why}`);
  } finally {
    await cluster.close();
  }
}

const uidOf = async (cluster: ClusterPort): Promise<string> =>
  (await cluster.get(NAMESPACES, 'kube-system')).metadata.uid ?? '';

/** From now on this data folder belongs to that cluster. The database knows as well, but only a relay may ask it. */
export async function rememberPlace({ dataDir }: Config, cluster: ClusterPort): Promise<void> {
  writeFileSync(join(dataDir, JOINED_FILE), `${await uidOf(cluster)}\n`);
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}

async function troubleWithPlace(
  cluster: ClusterPort,
  { names, identity }: { names: readonly string[]; identity: string },
): Promise<string | undefined> {
  const find = <T extends KubeObject>(resource: Resource, name: string, namespace?: string): Promise<T | undefined> =>
    cluster.get<T>(resource, name, namespace).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
  const [route, runtime, gateway] = await Promise.all([
    cluster.list(HTTPROUTES, { fieldSelector: 'metadata.name=none' }).then(() => true, isNotFoundOrThrow),
    find<ServingRuntime>(SERVINGRUNTIMES, 'onnx'),
    find<KubeObject & { spec: { gatewayClassName: string } }>(GATEWAYS, GATEWAY_NAME, SYSTEM_NAMESPACE),
  ]);
  if (!route) {
    return `without the Gateway API: install it (\`kubectl apply --server-side -f ${GATEWAY_API}\`), and start again.`;
  }
  const image = runtime?.spec.container.image;
  if (image !== undefined && image !== OWN_IMAGE) {
    return `in which CLOps is installed: its ServingRuntime onnx has the image ${image}, which this start would replace. Take another cluster; or, if it is left over, \`kubectl delete servingruntime onnx\`, and start again.`;
  }
  if (gateway && gateway.spec.gatewayClassName !== GATEWAY_CLASS) {
    return `that has a Gateway ${SYSTEM_NAMESPACE}/${GATEWAY_NAME} of class ${gateway.spec.gatewayClassName}, which this start would replace. Take another cluster; or, if nobody needs it, \`kubectl -n ${SYSTEM_NAMESPACE} delete gateway ${GATEWAY_NAME}\`, and start again.`;
  }
  const nodes = await Promise.all(names.map((name) => find<Node>(NODES, name)));
  for (const node of nodes.filter((found) => found !== undefined)) {
    const { name, labels = {}, annotations = {} } = node.metadata;
    const others = 'declare nodes of other names in the file that CLOPS_LOCAL_CONFIG names';
    if (labels[LABELS.local] !== 'true') return `that has a node ${name} of its own: ${others}.`;
    const agent = annotations[ANNOTATIONS.agent];
    if (agent !== identity && conditionOf(node, 'Ready')?.status === 'True') {
      return `whose node ${name} is run by another CLOps (${agent}): stop that one, or ${others}.`;
    }
  }
  return undefined;
}

function isNotFoundOrThrow(error: unknown): false {
  if (isNotFound(error)) return false;
  throw error;
}

async function nodeNames({ localConfigFile }: Config): Promise<string[]> {
  const { nodes } = await readDeclaration({ file: localConfigFile, mainJs: MAIN });
  return nodes.map(({ name }) => name);
}

/** An address may be listened on when it is this machine's, also one of a range that only a route makes so. */
function isOurs(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: address, port: 0, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function addressesHere(): string {
  const all = Object.values(networkInterfaces()).flatMap((links) => links ?? []);
  const found = all.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address);
  return found.length === 0 ? 'none but loopback' : found.join(', ');
}
