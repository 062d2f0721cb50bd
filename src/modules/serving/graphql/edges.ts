/** What serving adds to the types of earlier slices: every noun leads to what serves it, and back. */
import { Args, Ctx as Context, FieldResolver, Resolver, Root } from 'type-graphql';
import { type BatchReader, groupedByKey, load } from '../../../graphql/batch.ts';
import { type Connection, connection, pageOf } from '../../../graphql/connection.ts';
import type { Ctx } from '../../../graphql/context.ts';
import { columns, statement } from '../../../platform/db/db.ts';
import {
  Cluster,
  type ClusterValue,
  clusterValue,
  devicesOfPod,
  Gpu,
  GpuNode,
  type GpuValue,
  gpusOf,
  type NodeValue,
  nodeByName,
  podsOnGpu,
  podsOnNode,
} from '../../compute/index.ts';
import { ListArgs, Team, type TeamRow } from '../../identity/index.ts';
import { Model, type ModelRow, ModelVersion, type VersionRow } from '../../registry/index.ts';
import { deploymentsByModel, deploymentsByTeam, deploymentsByVersion } from '../queries.ts';
import { asReplicas, type ReplicaValue, replicasOfRevision, requirePods } from '../replicas.ts';
import { type DeploymentRow, type RevisionRow, revisions } from '../tables.ts';
import { TeamDeploymentsArgs } from './inputs.ts';
import { Deployment, DeploymentConnection } from './types/deployment.ts';
import { Replica, ReplicaConnection } from './types/replica.ts';

/** The newest revision of each hash that serves a version in a deployment that is there. */
const selectRevisionsByVersion = statement<RevisionRow>(
  'revisionsByVersion',
  `select distinct on (r.deployment_id, r.hash) ${columns(revisions, 'r')} from clops.revisions r
   join clops.deployments d on d.id = r.deployment_id and d.gone_at is null where r.version_id = any($1) order by r.deployment_id, r.hash, r.number desc`,
);
const revisionsByVersion: BatchReader<string, RevisionRow[]> = async (ctx, versionIds) =>
  groupedByKey(versionIds, await ctx.db.read(selectRevisionsByVersion, [versionIds]), (row) => row.versionId);

@Resolver(() => Team)
export class TeamDeploymentsResolver {
  @FieldResolver(() => DeploymentConnection, { description: 'Its deployments, by name. Since: 0.1' })
  deployments(
    @Context() ctx: Ctx,
    @Root() team: TeamRow,
    @Args(() => TeamDeploymentsArgs) args: TeamDeploymentsArgs,
  ): Promise<Connection<DeploymentRow>> {
    return deploymentsByTeam(ctx, { parentId: team.id, page: args, ordering: 'NAME_ASC', filter: { ...args.where } });
  }
}

@Resolver(() => Model)
export class ModelDeploymentsResolver {
  @FieldResolver(() => DeploymentConnection, {
    description: 'Deployments that serve its versions, by name. Since: 0.1',
  })
  deployments(
    @Context() ctx: Ctx,
    @Root() model: ModelRow,
    @Args(() => ListArgs) args: ListArgs,
  ): Promise<Connection<DeploymentRow>> {
    return deploymentsByModel(ctx, { parentId: model.id, page: args, ordering: 'NAME_ASC', filter: {} });
  }
}

@Resolver(() => ModelVersion)
export class VersionDeploymentsResolver {
  @FieldResolver(() => DeploymentConnection, {
    description: 'Deployments where it is wanted or still serves, by name. Since: 0.1',
  })
  deployments(
    @Context() ctx: Ctx,
    @Root() version: VersionRow,
    @Args(() => ListArgs) args: ListArgs,
  ): Promise<Connection<DeploymentRow>> {
    return deploymentsByVersion(ctx, { parentId: version.id, page: args, ordering: 'NAME_ASC', filter: {} });
  }

  @FieldResolver(() => ReplicaConnection, {
    nullable: true,
    description: 'Where it runs at this moment: replica → node → GPU. Since: 0.1',
  })
  async replicas(
    @Context() ctx: Ctx,
    @Root() version: VersionRow,
    @Args(() => ListArgs) args: ListArgs,
  ): Promise<Connection<ReplicaValue>> {
    requirePods(ctx);
    const rows = await load(ctx, revisionsByVersion, version.id);
    return replicaPage(args, (await Promise.all(rows.map((row) => replicasOfRevision(ctx, row)))).flat());
  }
}

/** By namespace and name. All are in memory, so a page is a slice. */
function replicaPage(args: ListArgs, found: readonly ReplicaValue[]): Connection<ReplicaValue> {
  const page = pageOf('replicas', args);
  const all = [...found].sort((a, b) => (a.id < b.id ? -1 : 1));
  const [after] = page.after ?? [];
  const rest = typeof after === 'string' ? all.filter(({ id }) => id > after) : all;
  const key = (replica: ReplicaValue) => [replica.id];
  return connection('replicas', page, rest.slice(0, page.limit + 1), key, () => all.length);
}

@Resolver(() => GpuNode)
export class NodeReplicasResolver {
  @FieldResolver(() => ReplicaConnection, { nullable: true, description: 'Replicas that run on it. Since: 0.1' })
  async replicas(
    @Context() ctx: Ctx,
    @Root() node: NodeValue,
    @Args(() => ListArgs) args: ListArgs,
  ): Promise<Connection<ReplicaValue>> {
    requirePods(ctx);
    return replicaPage(args, await asReplicas(ctx, podsOnNode(ctx, node.name)));
  }
}

@Resolver(() => Gpu)
export class GpuHoldersResolver {
  @FieldResolver(() => [Replica], {
    nullable: true,
    description:
      'Replicas that were given it. Null when not known: outside dynamic resource allocation the Kubernetes API does not say which device a pod holds; simulated nodes state it. Since: 0.1',
  })
  async holders(@Context() ctx: Ctx, @Root() gpu: GpuValue): Promise<ReplicaValue[] | null> {
    requirePods(ctx);
    const pods = podsOnGpu(ctx, gpu.node.name, gpu.index);
    return pods && asReplicas(ctx, pods);
  }
}

@Resolver(() => Deployment)
export class DeploymentClusterResolver {
  @FieldResolver(() => Cluster, { description: 'Where it runs. Since: 0.1' })
  cluster(@Context() ctx: Ctx): ClusterValue {
    return clusterValue(ctx);
  }
}

@Resolver(() => Replica)
export class ReplicaPlaceResolver {
  @FieldResolver(() => GpuNode, {
    nullable: true,
    description: 'The node it runs on; null until it has one. Since: 0.1',
  })
  node(@Context() ctx: Ctx, @Root() { pod }: ReplicaValue): NodeValue | null {
    return pod.spec.nodeName ? nodeByName(ctx, pod.spec.nodeName) : null;
  }

  @FieldResolver(() => [Gpu], {
    nullable: true,
    description:
      'GPUs that it was given; empty when it has none, null when it has some and nobody says which. Since: 0.1',
  })
  gpus(@Context() ctx: Ctx, @Root() { pod }: ReplicaValue): GpuValue[] | null {
    const indexes = devicesOfPod(pod);
    if (!indexes || indexes.length === 0) return indexes && [];
    const node = pod.spec.nodeName ? nodeByName(ctx, pod.spec.nodeName) : null;
    return node && gpusOf(node).filter(({ index }) => indexes.includes(index));
  }
}
