import { Arg, Args, Ctx as Context, FieldResolver, Query, Resolver, Root } from 'type-graphql';
import { load } from '../../../graphql/batch.ts';
import type { Connection } from '../../../graphql/connection.ts';
import type { Ctx } from '../../../graphql/context.ts';
import { ListArgs } from '../../identity/index.ts';
import {
  allocatedOn,
  type ClusterValue,
  clusterValue,
  type GpuValue,
  gpusOf,
  kubernetesVersions,
  type NodeValue,
  nodeByName,
  nodesPage,
  type ResourcesValue,
} from '../nodes.ts';
import { Cluster, Gpu, GpuNode, GpuNodeConnection, GpuNodesArgs, NodeResources } from './types.ts';

@Resolver(() => Cluster)
export class ClusterResolver {
  @Query(() => [Cluster], { description: 'The clusters of this platform. Requires: READ. Since: 0.1' })
  clusters(@Context() ctx: Ctx): ClusterValue[] {
    return [clusterValue(ctx)];
  }

  @FieldResolver(() => String, { nullable: true, description: 'Version of its Kubernetes: `v1.34.1`. Since: 0.1' })
  kubernetesVersion(@Context() ctx: Ctx, @Root() { name }: ClusterValue): Promise<string> {
    return load(ctx, kubernetesVersions, name);
  }

  @FieldResolver(() => GpuNodeConnection, { nullable: true, description: 'Its nodes, by name. Since: 0.1' })
  nodes(@Context() ctx: Ctx, @Args(() => ListArgs) args: ListArgs): Connection<NodeValue> {
    return nodesPage(ctx, {}, args);
  }
}

@Resolver(() => GpuNode)
export class GpuNodeResolver {
  @Query(() => GpuNodeConnection, {
    nullable: true,
    description: 'The nodes of the cluster by name, those without GPUs too. Requires: READ. Since: 0.1',
  })
  gpuNodes(@Context() ctx: Ctx, @Args(() => GpuNodesArgs) args: GpuNodesArgs): Connection<NodeValue> {
    return nodesPage(ctx, { ...args.where }, args);
  }

  @Query(() => GpuNode, { nullable: true, description: 'One node by its name. Requires: READ. Since: 0.1' })
  gpuNode(
    @Context() ctx: Ctx,
    @Arg('name', () => String, { description: 'Its name in the cluster.' }) name: string,
    @Arg('cluster', () => String, { nullable: true, description: 'Name of the cluster. Default: the only one.' })
    cluster?: string | null,
  ): NodeValue | null {
    return (cluster ?? ctx.settings.clusterName) === ctx.settings.clusterName ? nodeByName(ctx, name) : null;
  }

  @FieldResolver(() => Cluster, { description: 'The cluster it belongs to. Since: 0.1' })
  cluster(@Context() ctx: Ctx): ClusterValue {
    return clusterValue(ctx);
  }

  @FieldResolver(() => NodeResources, {
    description: 'What the pods on it have asked for, those that have finished left out. Since: 0.1',
  })
  allocated(@Context() ctx: Ctx, @Root() node: NodeValue): ResourcesValue {
    return allocatedOn(ctx, node.name);
  }

  @FieldResolver(() => [Gpu], { description: 'Its devices by number; empty when it has none. Since: 0.1' })
  gpus(@Root() node: NodeValue): GpuValue[] {
    return gpusOf(node);
  }
}

@Resolver(() => Gpu)
export class GpuResolver {
  @FieldResolver(() => GpuNode, { description: 'The node it is in. Since: 0.1' })
  node(@Root() gpu: GpuValue): NodeValue {
    return gpu.node;
  }
}
