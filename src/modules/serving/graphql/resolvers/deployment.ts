/** The fields of a deployment. */
import { Arg, Args, Ctx as Context, FieldResolver, Int, Query, Resolver, Root } from 'type-graphql';
import { STRATEGY_DEFAULTS } from '../../../../contract/modeldeployment.ts';
import { load } from '../../../../graphql/batch.ts';
import { Condition, conditionValue } from '../../../../graphql/condition.ts';
import type { Connection } from '../../../../graphql/connection.ts';
import type { Ctx } from '../../../../graphql/context.ts';
import { REPLICAS, sized } from '../../../../graphql/size.ts';
import { EventConnection, eventsAbout } from '../../../audit/index.ts';
import { Actor, actorsById, ListArgs, Team, teamInWhere, teamsById } from '../../../identity/index.ts';
import {
  Model,
  type ModelRow,
  ModelVersion,
  modelsById,
  type VersionRow,
  versionsById,
} from '../../../registry/index.ts';
import { type MetricsValue, metricsOf } from '../../metrics.ts';
import {
  deploymentsByName,
  deploymentsPage,
  revisionsByDeployment,
  rolloutsByDeployment,
  rolloutsById,
} from '../../queries.ts';
import { type ReplicaValue, replicasOfDeployment } from '../../replicas.ts';
import type { DeploymentRow, RevisionRow, RolloutRow } from '../../tables.ts';
import { type Target, targetOf, targetsOf } from '../../targets.ts';
import { DeploymentsArgs } from '../inputs.ts';
import { runtimeValue, ServingRuntime } from '../runtimes.ts';
import { Deployment, DeploymentConnection, Endpoint, Resources } from '../types/deployment.ts';
import { DeploymentMetrics } from '../types/metrics.ts';
import { Replica } from '../types/replica.ts';
import { RevisionConnection } from '../types/revision.ts';
import { Rollout, RolloutConnection } from '../types/rollout.ts';
import { Strategy } from '../types/strategy.ts';
import { TrafficTarget } from '../types/traffic.ts';
import { resourcesValue, stepValue } from '../values.ts';
import { windowOf } from '../window.ts';

@Resolver(() => Deployment)
export class DeploymentResolver {
  @Query(() => Deployment, {
    nullable: true,
    description: 'One deployment by team and name. Requires: READ. Since: 0.1',
  })
  deployment(
    @Context() ctx: Ctx,
    @Arg('team', () => String, { description: 'Name of the team.' }) team: string,
    @Arg('name', () => String, { description: 'Name of the deployment.' }) name: string,
  ): Promise<DeploymentRow | null> {
    return load(ctx, deploymentsByName, `${team}/${name}`);
  }

  @Query(() => DeploymentConnection, { description: 'Every deployment the viewer may see. Requires: READ. Since: 0.1' })
  async deployments(
    @Context() ctx: Ctx,
    @Args(() => DeploymentsArgs) args: DeploymentsArgs,
  ): Promise<Connection<DeploymentRow>> {
    const ordering = args.orderBy ? `${args.orderBy.field}_${args.orderBy.direction}` : 'NAME_ASC';
    await teamInWhere(ctx, args.where?.team);
    return deploymentsPage(ctx, { parentId: '', page: args, ordering, filter: { ...args.where } });
  }

  @FieldResolver(() => Team, { description: 'Its owner. Since: 0.1' })
  team(@Context() ctx: Ctx, @Root() row: DeploymentRow): Promise<object | null> {
    return load(ctx, teamsById, row.teamId);
  }

  @FieldResolver(() => Model, { description: 'What it serves versions of. Since: 0.1' })
  model(@Context() ctx: Ctx, @Root() row: DeploymentRow): Promise<ModelRow | null> {
    return load(ctx, modelsById, row.modelId);
  }

  @FieldResolver(() => ModelVersion, { description: 'The version that is wanted. Since: 0.1' })
  version(@Context() ctx: Ctx, @Root() row: DeploymentRow): Promise<VersionRow | null> {
    return load(ctx, versionsById, row.versionId);
  }

  @FieldResolver(() => Actor, { description: 'Who first asked for it. Since: 0.1' })
  createdBy(@Context() ctx: Ctx, @Root() row: DeploymentRow): Promise<object | null> {
    return load(ctx, actorsById, row.createdBy);
  }

  @FieldResolver(() => ServingRuntime, { description: 'What turns the version into containers. Since: 0.1' })
  runtime(@Context() ctx: Ctx, @Root() row: DeploymentRow): ServingRuntime {
    return runtimeValue(ctx, row.runtime);
  }

  @FieldResolver(() => Resources, { description: 'What each replica is given. Since: 0.1' })
  resources(@Root() row: DeploymentRow): Resources {
    return resourcesValue(row.resources);
  }

  @FieldResolver(() => Strategy, { description: 'How a new version takes over. Since: 0.1' })
  strategy(@Root() { strategy }: DeploymentRow): object {
    const { maxSurge, maxUnavailable } = STRATEGY_DEFAULTS;
    if (strategy?.canary)
      return {
        rolling: null,
        canary: { ...STRATEGY_DEFAULTS, ...strategy.canary, steps: strategy.canary.steps.map(stepValue) },
      };
    return { rolling: { maxSurge, maxUnavailable, ...strategy?.rolling }, canary: null };
  }

  @FieldResolver(() => [Condition], {
    description: 'What is the case, as the controller last said; Ready is the one to look at. Since: 0.1',
  })
  conditions(@Root() row: DeploymentRow): object[] {
    return (row.status.conditions ?? []).map(conditionValue);
  }

  @FieldResolver(() => Boolean, { description: 'Condition Ready is true: what is stable serves, verified. Since: 0.1' })
  ready(@Root() row: DeploymentRow): boolean {
    return row.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
  }

  @FieldResolver(() => Endpoint, {
    nullable: true,
    description: 'Where it is asked; null until its route is there. Since: 0.1',
  })
  endpoint(@Root() { status }: DeploymentRow): object | null {
    return status.url ? { url: status.url, protocol: 'OPEN_INFERENCE_V2', forms: ['REALTIME'] } : null;
  }

  @FieldResolver(() => TrafficTarget, { nullable: true, description: 'What serves for certain. Since: 0.1' })
  stable(@Root() row: DeploymentRow): Target | null {
    return targetOf(row, 'STABLE');
  }

  @FieldResolver(() => TrafficTarget, {
    nullable: true,
    description: 'What is being tried, during a rollout. Since: 0.1',
  })
  canary(@Root() row: DeploymentRow): Target | null {
    return targetOf(row, 'CANARY');
  }

  @FieldResolver(() => [TrafficTarget], {
    description: 'Everything that receives traffic, with intended weight and counted share. Since: 0.1',
  })
  traffic(@Root() row: DeploymentRow): Target[] {
    return targetsOf(row);
  }

  @FieldResolver(() => Rollout, { nullable: true, description: 'The present rollout, or the last one. Since: 0.1' })
  rollout(@Context() ctx: Ctx, @Root() row: DeploymentRow): Promise<RolloutRow | null> | null {
    return row.rolloutId ? load(ctx, rolloutsById, row.rolloutId) : null;
  }

  @FieldResolver(() => RolloutConnection, { description: 'All its rollouts, newest first. Since: 0.1' })
  rollouts(
    @Context() ctx: Ctx,
    @Root() row: DeploymentRow,
    @Args(() => ListArgs) args: ListArgs,
  ): Promise<Connection<RolloutRow>> {
    return rolloutsByDeployment(ctx, { parentId: row.id, page: args, ordering: 'STARTED_DESC', filter: {} });
  }

  @FieldResolver(() => RevisionConnection, { description: 'All its revisions, newest first. Since: 0.1' })
  revisions(
    @Context() ctx: Ctx,
    @Root() row: DeploymentRow,
    @Args(() => ListArgs) args: ListArgs,
  ): Promise<Connection<RevisionRow>> {
    return revisionsByDeployment(ctx, { parentId: row.id, page: args, ordering: 'NUMBER_DESC', filter: {} });
  }

  @sized(REPLICAS)
  @FieldResolver(() => [Replica], {
    nullable: true,
    description: 'Its pods, by name; null with CLUSTER_UNAVAILABLE while the cluster cannot be read. Since: 0.1',
  })
  currentReplicas(@Context() ctx: Ctx, @Root() row: DeploymentRow): Promise<ReplicaValue[]> {
    return replicasOfDeployment(ctx, row);
  }

  @FieldResolver(() => DeploymentMetrics, {
    nullable: true,
    description: 'Numbers of the last seconds, as the gateway counted them. Since: 0.1',
  })
  metrics(
    @Context() ctx: Ctx,
    @Root() row: DeploymentRow,
    @Arg('windowSeconds', () => Int, { defaultValue: 60, description: 'Length of the window, 1 to 300.' })
    windowSeconds: number | null,
  ): Promise<MetricsValue | null> {
    return metricsOf(ctx, row, windowOf(windowSeconds, 60));
  }

  @FieldResolver(() => EventConnection, {
    description: 'Everything that happened to it and its rollouts, oldest first. Since: 0.1',
  })
  events(@Context() ctx: Ctx, @Root() row: DeploymentRow, @Args(() => ListArgs) args: ListArgs): Promise<object> {
    return eventsAbout(ctx, row.id, args);
  }
}
