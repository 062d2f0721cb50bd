import { Arg, Args, Ctx as Context, FieldResolver, Float, Int, Query, Resolver, Root } from 'type-graphql';
import type { StepSpec as ContractStep, ResourcesSpec } from '../../../contract/modeldeployment.ts';
import { STRATEGY_DEFAULTS } from '../../../contract/modeldeployment.ts';
import { load } from '../../../graphql/batch.ts';
import { Condition, conditionValue } from '../../../graphql/condition.ts';
import type { Connection } from '../../../graphql/connection.ts';
import type { Ctx } from '../../../graphql/context.ts';
import { SafeInt } from '../../../graphql/scalars.ts';
import { Fault } from '../../../lib/fault.ts';
import { EventConnection, eventsAbout } from '../../audit/index.ts';
import { Actor, actorsById, ListArgs, Team, teamInWhere, teamsById } from '../../identity/index.ts';
import { Model, type ModelRow, ModelVersion, modelsById, type VersionRow, versionsById } from '../../registry/index.ts';
import { type MetricsValue, metricsOf } from '../metrics.ts';
import {
  deploymentsById,
  deploymentsByName,
  deploymentsPage,
  revisionsByDeployment,
  revisionsByHash,
  revisionsById,
  rolloutsByDeployment,
  rolloutsById,
  rolloutsPage,
  wereStable,
} from '../queries.ts';
import { type ReplicaValue, replicasById, replicasOfDeployment, replicasOfRevision } from '../replicas.ts';
import type { DeploymentRow, RevisionRow, RolloutRow } from '../tables.ts';
import { type Counted, countedFor, type Target, targetOf, targetsOf } from '../targets.ts';
import { verbsOf } from '../verbs.ts';
import { DeploymentsArgs, RolloutsArgs } from './inputs.ts';
import { runtimeValue, ServingRuntime } from './runtimes.ts';
import {
  Deployment,
  DeploymentConnection,
  DeploymentMetrics,
  Endpoint,
  Replica,
  Resources,
  Revision,
  RevisionConnection,
  Rollout,
  RolloutConnection,
  RolloutStep,
  RolloutVerb,
  Strategy,
  TrafficRole,
  TrafficTarget,
} from './types.ts';

const resourcesValue = ({ requests, gpus }: ResourcesSpec): Resources => ({
  cpu: requests?.cpu ?? null,
  memory: requests?.memory ?? null,
  gpus: gpus?.count ?? null,
  gpuProduct: gpus?.product ?? null,
  gpuMemoryMib: gpus?.memoryMib ?? null,
  migProfile: gpus?.migProfile ?? null,
});

const stepValue = ({ setWeight, pause }: ContractStep) => ({
  setWeight: setWeight ?? null,
  pause: pause ? { seconds: pause.seconds ?? null } : null,
});

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

export function windowOf(given: number | null | undefined, fallback: number): number {
  const seconds = given ?? fallback;
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 300)
    throw new Fault('BAD_USER_INPUT', 'windowSeconds must be a whole number from 1 to 300.');
  return seconds;
}

@Resolver(() => Revision)
export class RevisionResolver {
  @FieldResolver(() => Deployment, { description: 'The deployment it belongs to. Since: 0.1' })
  deployment(@Context() ctx: Ctx, @Root() row: RevisionRow): Promise<DeploymentRow | null> {
    return load(ctx, deploymentsById, row.deploymentId);
  }

  @FieldResolver(() => ModelVersion, { description: 'The version it serves. Since: 0.1' })
  version(@Context() ctx: Ctx, @Root() row: RevisionRow): Promise<VersionRow | null> {
    return load(ctx, versionsById, row.versionId);
  }

  @FieldResolver(() => ServingRuntime, { description: 'What turns the version into containers. Since: 0.1' })
  runtime(@Context() ctx: Ctx, @Root() row: RevisionRow): ServingRuntime {
    return runtimeValue(ctx, row.runtime);
  }

  @FieldResolver(() => Resources, { description: 'What each replica is given. Since: 0.1' })
  resources(@Root() row: RevisionRow): Resources {
    return resourcesValue(row.resources);
  }

  @FieldResolver(() => Actor, { description: 'Who wanted it. Since: 0.1' })
  createdBy(@Context() ctx: Ctx, @Root() row: RevisionRow): Promise<object | null> {
    return load(ctx, actorsById, row.createdBy);
  }

  @FieldResolver(() => [Replica], { nullable: true, description: 'Its pods at this moment. Since: 0.1' })
  replicas(@Context() ctx: Ctx, @Root() row: RevisionRow): Promise<ReplicaValue[]> {
    return replicasOfRevision(ctx, row);
  }

  @FieldResolver(() => Boolean, {
    description: 'Whether a rollout to it was ever promoted: only then can one go back to it. Since: 0.1',
  })
  wasStable(@Context() ctx: Ctx, @Root() row: RevisionRow): Promise<boolean> {
    return load(ctx, wereStable, row.id);
  }
}

@Resolver(() => Rollout)
export class RolloutResolver {
  @Query(() => RolloutConnection, {
    description: 'Rollouts of every deployment the viewer may see, newest first. Requires: READ. Since: 0.1',
  })
  async rollouts(@Context() ctx: Ctx, @Args(() => RolloutsArgs) args: RolloutsArgs): Promise<Connection<RolloutRow>> {
    await teamInWhere(ctx, args.where?.team);
    return rolloutsPage(ctx, { parentId: '', page: args, ordering: 'STARTED_DESC', filter: { ...args.where } });
  }

  @FieldResolver(() => Deployment, { description: 'Whose rollout it is. Since: 0.1' })
  deployment(@Context() ctx: Ctx, @Root() row: RolloutRow): Promise<DeploymentRow | null> {
    return load(ctx, deploymentsById, row.deploymentId);
  }

  @FieldResolver(() => Revision, {
    nullable: true,
    description: 'Where it started from; null for the first. Since: 0.1',
  })
  from(@Context() ctx: Ctx, @Root() row: RolloutRow): Promise<RevisionRow | null> | null {
    return row.fromRevisionId ? load(ctx, revisionsById, row.fromRevisionId) : null;
  }

  @FieldResolver(() => Revision, { description: 'Where it leads. Since: 0.1' })
  to(@Context() ctx: Ctx, @Root() row: RolloutRow): Promise<RevisionRow | null> {
    return load(ctx, revisionsById, row.toRevisionId);
  }

  @FieldResolver(() => Actor, { description: 'Who asked for it. Since: 0.1' })
  startedBy(@Context() ctx: Ctx, @Root() row: RolloutRow): Promise<object | null> {
    return load(ctx, actorsById, row.startedBy);
  }

  @FieldResolver(() => [RolloutStep], { description: 'Its steps and how far each is. Since: 0.1' })
  steps(@Root() row: RolloutRow): object[] {
    return row.steps.map((spec, index) => ({
      index,
      spec: stepValue(spec),
      state: stepState(row, index),
      startedAt: row.stepTimes[String(index)] ?? null,
      finishedAt: index < row.stepIndex ? (row.stepTimes[String(index + 1)] ?? null) : null,
    }));
  }

  @FieldResolver(() => [RolloutVerb], { description: 'What can be done to it now. Since: 0.1' })
  async allowed(@Context() ctx: Ctx, @Root() row: RolloutRow): Promise<string[]> {
    const deployment = await load(ctx, deploymentsById, row.deploymentId);
    return deployment ? verbsOf(deployment, row) : [];
  }

  @FieldResolver(() => Int, { description: 'Seconds it has been paused in all. Since: 0.1' })
  pausedSeconds(@Context() { clock }: Ctx, @Root() row: RolloutRow): number {
    const running =
      row.pausedAt && !row.outcome ? Math.max(0, Math.round((clock.now() - row.pausedAt.getTime()) / 1000)) : 0;
    return row.pausedBeforeSeconds + running;
  }

  @FieldResolver(() => Float, {
    nullable: true,
    description:
      'Share of requests that what it brings really had since the weights last changed, 0 to 1; null while none were counted. Since: 0.1',
  })
  async observedShare(@Context() ctx: Ctx, @Root() row: RolloutRow): Promise<number | null> {
    const [deployment, to] = await Promise.all([
      load(ctx, deploymentsById, row.deploymentId),
      load(ctx, revisionsById, row.toRevisionId),
    ]);
    const target = deployment && targetsOf(deployment).find(({ hash }) => hash === to?.hash);
    return target ? (await countedFor(ctx, target)).observedShare : null;
  }

  @FieldResolver(() => EventConnection, { description: 'Everything that happened in it, oldest first. Since: 0.1' })
  events(@Context() ctx: Ctx, @Root() row: RolloutRow, @Args(() => ListArgs) args: ListArgs): Promise<object> {
    return eventsAbout(ctx, row.id, args);
  }
}

function stepState({ stepIndex, outcome, stepTimes, abort }: RolloutRow, index: number): string {
  if (index < stepIndex) return stepTimes[String(index)] ? 'DONE' : 'SKIPPED';
  if (abort || outcome === 'ABORTED') return index === stepIndex ? 'FAILED' : 'WAITING';
  if (outcome) return 'SKIPPED';
  return index === stepIndex && stepTimes[String(index)] ? 'ACTIVE' : 'WAITING';
}

@Resolver(() => TrafficTarget)
export class TrafficTargetResolver {
  @FieldResolver(() => Revision, {
    nullable: true,
    description: 'What receives the traffic; null for a moment when it was begun past the API. Since: 0.1',
  })
  revision(@Context() ctx: Ctx, @Root() target: Target): Promise<RevisionRow | null> {
    return load(ctx, revisionsByHash, { deploymentId: target.deployment.id, hash: target.hash });
  }

  @FieldResolver(() => ModelVersion, { nullable: true, description: 'The version that answers. Since: 0.1' })
  async version(@Context() ctx: Ctx, @Root() target: Target): Promise<VersionRow | null> {
    const revision = await load(ctx, revisionsByHash, { deploymentId: target.deployment.id, hash: target.hash });
    return revision ? load(ctx, versionsById, revision.versionId) : null;
  }

  @FieldResolver(() => Float, {
    nullable: true,
    description:
      'Share of the requests since the weights last changed, as the gateway counted, 0 to 1; null while there were none. Since: 0.1',
  })
  async observedShare(@Context() ctx: Ctx, @Root() target: Target): Promise<number | null> {
    return (await counted(ctx, target)).observedShare;
  }

  @FieldResolver(() => SafeInt, { nullable: true, description: 'Requests since the weights last changed. Since: 0.1' })
  async observedRequests(@Context() ctx: Ctx, @Root() target: Target): Promise<number | null> {
    return (await counted(ctx, target)).observedRequests;
  }
}

const counted = (ctx: Ctx, target: Target): Promise<Counted> => countedFor(ctx, target);

@Resolver(() => Replica)
export class ReplicaResolver {
  @FieldResolver(() => Deployment, { description: 'What it is a replica of. Since: 0.1' })
  deployment(@Root() replica: ReplicaValue): DeploymentRow {
    return replica.deployment;
  }

  @FieldResolver(() => Revision, { description: 'The revision it runs. Since: 0.1' })
  revision(@Root() replica: ReplicaValue): RevisionRow {
    return replica.revision;
  }

  @FieldResolver(() => ModelVersion, { description: 'The version it serves. Since: 0.1' })
  version(@Context() ctx: Ctx, @Root() replica: ReplicaValue): Promise<VersionRow | null> {
    return load(ctx, versionsById, replica.revision.versionId);
  }

  @FieldResolver(() => TrafficRole, {
    nullable: true,
    description: 'Why it receives traffic; null when it does not. Since: 0.1',
  })
  role(@Root() { deployment, revision }: ReplicaValue): string | null {
    return targetsOf(deployment).find(({ hash }) => hash === revision.hash)?.role ?? null;
  }
}

export const servingNodes = {
  Deployment: deploymentsById,
  Revision: revisionsById,
  Rollout: rolloutsById,
  Replica: replicasById,
};
