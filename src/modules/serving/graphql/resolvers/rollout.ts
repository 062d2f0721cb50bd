/** The fields of a rollout. */
import { Args, Ctx as Context, FieldResolver, Float, Int, Query, Resolver, Root } from 'type-graphql';
import { load } from '../../../../graphql/batch.ts';
import type { Connection } from '../../../../graphql/connection.ts';
import type { Ctx } from '../../../../graphql/context.ts';
import { EventConnection, eventsAbout } from '../../../audit/index.ts';
import { Actor, actorsById, ListArgs, teamInWhere } from '../../../identity/index.ts';
import { verbsOf } from '../../drive.ts';
import { deploymentsById, revisionsById, rolloutsPage } from '../../queries.ts';
import type { DeploymentRow, RevisionRow, RolloutRow } from '../../tables.ts';
import { countedFor, targetsOf } from '../../targets.ts';
import { RolloutsArgs } from '../inputs.ts';
import { Deployment } from '../types/deployment.ts';
import { Revision } from '../types/revision.ts';
import { Rollout, RolloutConnection, RolloutStep, RolloutVerb } from '../types/rollout.ts';
import { stepValue } from '../values.ts';

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

function stepState({ stepIndex, skippedSteps, outcome, stepTimes, abort }: RolloutRow, index: number): string {
  if (index < stepIndex) return skippedSteps.includes(index) ? 'SKIPPED' : 'DONE';
  if (abort || outcome === 'ABORTED') return index === stepIndex ? 'FAILED' : 'WAITING';
  if (outcome) return 'SKIPPED';
  return index === stepIndex && stepTimes[String(index)] ? 'ACTIVE' : 'WAITING';
}
