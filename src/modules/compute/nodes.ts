/** Clusters, nodes and GPUs as values, from the informer caches. Nothing of them is in Postgres. */
import { isDevice } from '../../contract/devices.ts';
import { GATEWAY_METRICS_ANNOTATION, LABELS } from '../../contract/names.ts';
import type { BatchReader } from '../../graphql/batch.ts';
import { conditionValue } from '../../graphql/condition.ts';
import { type Connection, connection, type PageArgs, pageOf } from '../../graphql/connection.ts';
import type { Ctx } from '../../graphql/context.ts';
import { matchesTag, type StringFilter, stringMatcher, type TagFilter } from '../../graphql/filters.ts';
import { namedId, partsOfId } from '../../lib/id.ts';
import { Unavailable } from '../../lib/problem.ts';
import { type Amounts, amountsOf, podRequests, sumOf } from '../../platform/cluster/requests.ts';
import type { KubeNode } from '../../platform/cluster/view.ts';
import { GPU, gpuCount, gpuKind, podsOnNode } from './devices.ts';

export interface ClusterValue {
  id: string;
  name: string;
  reachable: boolean;
  lag: number | null;
  gateway: string | null;
  capabilities: string[];
}

export interface ResourcesValue {
  cpu: number;
  memoryBytes: number;
  pods: number;
  gpus: number;
  extended: Record<string, number>;
}

export interface NodeValue {
  id: string;
  name: string;
  ready: boolean;
  schedulable: boolean;
  labels: Record<string, string>;
  taints: { key: string; value?: string; effect: string }[];
  capacity: ResourcesValue;
  allocatable: ResourcesValue;
  product: string | null;
  memoryMib: number | null;
  conditions: object[];
  node: KubeNode;
}

export interface GpuValue {
  id: string;
  index: number;
  uuid: null;
  product: string | null;
  memoryMib: number | null;
  healthy: boolean | null;
  node: NodeValue;
}

export interface NodeFilter {
  product?: StringFilter | null;
  ready?: boolean | null;
  hasFreeGpu?: boolean | null;
  label?: TagFilter | null;
}

/** Nodes without their pods would seem empty, so both caches must have been filled. */
function requireNodes(ctx: Ctx): void {
  if (!ctx.cluster.nodes.isSynced || !ctx.cluster.pods.isSynced)
    throw new Unavailable('CLUSTER_UNAVAILABLE', 'The cluster has not been read yet.');
}

export function clusterValue(ctx: Ctx): ClusterValue {
  const { nodes, pods, gateways } = ctx.cluster;
  const { clusterName: name, gateway: wanted } = ctx.settings;
  const gateway = gateways.get(`${wanted.namespace}/${wanted.name}`);
  const lagMs = Math.max(nodes.lagMs(), pods.lagMs());
  const all = nodes.list();
  const capabilities = [
    gateway && 'GATEWAY',
    gateway?.metadata.annotations?.[GATEWAY_METRICS_ANNOTATION] && 'COUNTED_TRAFFIC',
    all.some(({ status }) => Number(status?.capacity?.[GPU] ?? 0) > 0) && 'GPU',
    all.some(({ metadata }) => metadata.labels?.[LABELS.simulated] === 'true') && 'SIMULATED_NODES',
  ];
  return {
    id: namedId('Cluster', name),
    name,
    reachable: ctx.cluster.reachable(),
    lag: Number.isFinite(lagMs) ? Math.max(0, lagMs) / 1000 : null,
    gateway: (gateway?.spec as { gatewayClassName?: string } | undefined)?.gatewayClassName ?? null,
    capabilities: capabilities.filter((one) => typeof one === 'string'),
  };
}

/** One question to the cluster for a whole operation. */
export const kubernetesVersions: BatchReader<string, string> = async (ctx, names) => {
  const { gitVersion } = await ctx.cluster.port.version({ signal: AbortSignal.timeout(2_000) });
  return names.map(() => gitVersion);
};

const gpuId = (nodeName: string, index: number): string => namedId('Gpu', nodeName, String(index));

function nodeValue(node: KubeNode): NodeValue {
  const { metadata, spec = {}, status = {} } = node;
  return {
    id: namedId('GpuNode', metadata.name),
    name: metadata.name,
    ready: status.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false,
    schedulable: !spec.unschedulable,
    labels: metadata.labels ?? {},
    taints: spec.taints ?? [],
    capacity: resourcesValue(amountsOf(status.capacity)),
    allocatable: resourcesValue(amountsOf(status.allocatable)),
    ...gpuKind(node),
    conditions: (status.conditions ?? []).map(conditionValue),
    node,
  };
}

function resourcesValue(amounts: Amounts): ResourcesValue {
  const of = (resource: string): number => amounts.get(resource) ?? 0;
  return {
    cpu: of('cpu') / 1000,
    memoryBytes: of('memory'),
    pods: of('pods'),
    gpus: of(GPU),
    extended: Object.fromEntries([...amounts].filter(([resource]) => isDevice(resource))),
  };
}

export function allocatedOn(ctx: Ctx, nodeName: string): ResourcesValue {
  const pods = podsOnNode(ctx, nodeName);
  return { ...resourcesValue(sumOf(pods, podRequests)), pods: pods.length };
}

export function nodeByName(ctx: Ctx, name: string): NodeValue | null {
  requireNodes(ctx);
  const node = ctx.cluster.nodes.get(name);
  return node ? nodeValue(node) : null;
}

/** By name. */
export function nodesPage(ctx: Ctx, filter: NodeFilter, args: PageArgs): Connection<NodeValue> {
  const page = pageOf('gpuNodes', args);
  requireNodes(ctx);
  const ofProduct = stringMatcher(filter.product);
  const all = ctx.cluster.nodes
    .list()
    .map(nodeValue)
    .filter((node) => ofProduct(node.product) && fits(ctx, node, filter))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const [after] = page.after ?? [];
  const rest = typeof after === 'string' ? all.filter(({ name }) => name > after) : all;
  return connection(
    'gpuNodes',
    page,
    rest.slice(0, page.limit + 1),
    (node) => [node.name],
    () => all.length,
  );
}

function fits(ctx: Ctx, node: NodeValue, { ready, hasFreeGpu, label }: NodeFilter): boolean {
  return (
    matchesTag(label, node.labels) &&
    (ready ?? node.ready) === node.ready &&
    ((hasFreeGpu ?? null) === null || hasFreeGpu === node.allocatable.gpus > allocatedOn(ctx, node.name).gpus)
  );
}

export function gpusOf(node: NodeValue): GpuValue[] {
  const { product, memoryMib, capacity, allocatable, ready } = node;
  // A node counts its unhealthy devices in its capacity and not in what is allocatable; which they are it does not say.
  const known = ready && capacity.gpus > 0;
  const healthy = known && allocatable.gpus >= capacity.gpus ? true : known && allocatable.gpus === 0 ? false : null;
  return Array.from({ length: gpuCount(node.node, capacity.gpus) }, (_, index) => ({
    id: gpuId(node.name, index),
    index,
    uuid: null,
    product,
    memoryMib,
    healthy,
    node,
  }));
}

const nodesById: BatchReader<string, NodeValue | null> = async (ctx, ids) =>
  ids.map((id) => nodeByName(ctx, partsOfId(id).join('/')));

const gpusById: BatchReader<string, GpuValue | null> = async (ctx, ids) =>
  ids.map((id) => {
    const [name = ''] = partsOfId(id);
    const node = nodeByName(ctx, name);
    return (node && gpusOf(node).find((gpu) => gpu.id === id)) ?? null;
  });

const clustersById: BatchReader<string, ClusterValue | null> = async (ctx, ids) =>
  ids.map((id) => (id === namedId('Cluster', ctx.settings.clusterName) ? clusterValue(ctx) : null));

export const computeNodes = { Cluster: clustersById, GpuNode: nodesById, Gpu: gpusById };
