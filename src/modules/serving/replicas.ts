/** Pods as Replicas, from the informer cache. A pod whose deployment or revision is not in the graph has none. */
import { LABELS } from '../../contract/names.ts';
import { type BatchReader, load } from '../../graphql/batch.ts';
import { conditionValue } from '../../graphql/condition.ts';
import type { Ctx } from '../../graphql/context.ts';
import { namedId, partsOfId } from '../../lib/id.ts';
import { Unavailable } from '../../lib/problem.ts';
import type { ContainerStatus, Pod } from '../../platform/cluster/view.ts';
import { deploymentsById, deploymentsByResource, revisionsByHash } from './queries.ts';
import type { DeploymentRow, RevisionRow } from './tables.ts';

export interface ReplicaValue {
  id: string;
  name: string;
  phase: string;
  ready: boolean;
  restarts: number;
  createdAt: string | null;
  startedAt: string | null;
  address: string | null;
  conditions: object[];
  message: string | null;
  pod: Pod;
  deployment: DeploymentRow;
  revision: RevisionRow;
}

export function requirePods(ctx: Ctx): void {
  if (!ctx.cluster.pods.isSynced) throw new Unavailable('CLUSTER_UNAVAILABLE', 'The cluster has not been read yet.');
  if (!ctx.cluster.reachable())
    throw new Unavailable('CLUSTER_UNAVAILABLE', 'The cluster has not been heard for minutes; what runs is not known.');
}

export async function replicasOfDeployment(ctx: Ctx, deployment: DeploymentRow): Promise<ReplicaValue[]> {
  requirePods(ctx);
  return asReplicas(ctx, ctx.cluster.pods.by('deployment', `${deployment.namespace}/${deployment.name}`));
}

export async function replicasOfRevision(ctx: Ctx, revision: RevisionRow): Promise<ReplicaValue[]> {
  requirePods(ctx);
  const deployment = await load(ctx, deploymentsById, revision.deploymentId);
  if (!deployment || deployment.goneAt) return [];
  const pods = ctx.cluster.pods.by('revision', `${deployment.namespace}/${revision.hash}`);
  return asReplicas(
    ctx,
    pods.filter((pod) => pod.metadata.labels?.[LABELS.deployment] === deployment.name),
  );
}

/** In the order of their names. */
export async function asReplicas(ctx: Ctx, pods: readonly Pod[]): Promise<ReplicaValue[]> {
  const sorted = [...pods].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const found = await Promise.all(sorted.map((pod) => asReplica(ctx, pod)));
  return found.filter((replica) => replica !== null);
}

async function asReplica(ctx: Ctx, pod: Pod): Promise<ReplicaValue | null> {
  const { namespace = '', name, labels = {} } = pod.metadata;
  const deploymentName = labels[LABELS.deployment];
  const hash = labels[LABELS.revision];
  if (!deploymentName || !hash) return null;
  const deployment = await load(ctx, deploymentsByResource, `${namespace}/${deploymentName}`);
  const revision = deployment && (await load(ctx, revisionsByHash, { deploymentId: deployment.id, hash }));
  if (!revision) return null;
  const { status = {} } = pod;
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  const held = containers.find(
    ({ state }) =>
      state?.waiting?.reason &&
      state.waiting.reason !== 'PodInitializing' &&
      state.waiting.reason !== 'ContainerCreating',
  );
  return {
    id: namedId('Replica', namespace, name),
    name,
    phase: pod.metadata.deletionTimestamp ? 'Terminating' : (held?.state?.waiting?.reason ?? status.phase ?? 'Pending'),
    ready: status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false,
    restarts: containers.reduce((sum, { restartCount }) => sum + (restartCount ?? 0), 0),
    createdAt: pod.metadata.creationTimestamp ?? null,
    startedAt: status.startTime ?? null,
    address: status.podIP ?? null,
    conditions: (status.conditions ?? []).map(conditionValue),
    message: lastWords(containers) ?? unscheduled(pod) ?? status.message ?? null,
    pod,
    deployment,
    revision,
  };
}

function lastWords(containers: readonly ContainerStatus[]): string | null {
  for (const { ready, state, lastState } of containers) {
    if (ready || state?.terminated?.exitCode === 0) continue;
    const words = state?.terminated?.message ?? lastState?.terminated?.message ?? state?.waiting?.message;
    if (words) return words.slice(0, 2000);
  }
  return null;
}

const unscheduled = (pod: Pod): string | null =>
  pod.status?.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False')?.message ?? null;

/** Before the pods are known none is missing: who connects again to an API that has just started would be told so, and give up. */
export const replicasById: BatchReader<string, ReplicaValue | null> = async (ctx, ids) => {
  requirePods(ctx);
  return Promise.all(
    ids.map(async (id) => {
      const pod = ctx.cluster.pods.get(partsOfId(id).join('/'));
      return pod ? asReplica(ctx, pod) : null;
    }),
  );
};
