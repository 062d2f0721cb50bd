import { Arg, Args, Ctx as Context, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql';
import { load } from '../../../graphql/batch.ts';
import type { Connection } from '../../../graphql/connection.ts';
import type { Ctx } from '../../../graphql/context.ts';
import { answer, payloadOf } from '../../../graphql/payload.ts';
import { sized } from '../../../graphql/size.ts';
import { Fault } from '../../../lib/fault.ts';
import { Actor, actorsById, ListArgs, Team, type TeamRow, teamInWhere, teamsById } from '../../identity/index.ts';
import { createExperiment, createRun, finishRun, logRun } from '../commands.ts';
import {
  experimentsById,
  experimentsByName,
  experimentsByTeam,
  experimentsPage,
  latestMetricsByRun,
  MAX_POINTS,
  metricSeries,
  runsByExperiment,
  runsById,
} from '../queries.ts';
import type { ExperimentRow, RunMetricRow, RunRow } from '../tables.ts';
import {
  CreateExperimentInput,
  CreateRunInput,
  ExperimentsArgs,
  FinishRunInput,
  LogRunInput,
  type RunOrder,
  RunsArgs,
  SeriesArgs,
} from './inputs.ts';
import { Experiment, ExperimentConnection, Run, RunConnection, RunMetric } from './types.ts';

const ExperimentPayload = payloadOf('ExperimentPayload', { experiment: () => Experiment });
const RunPayload = payloadOf('RunPayload', { run: () => Run });

@Resolver(() => Experiment)
export class ExperimentResolver {
  @Query(() => Experiment, {
    nullable: true,
    description: 'One experiment by team and name. Requires: READ. Since: 0.1',
  })
  experiment(
    @Context() ctx: Ctx,
    @Arg('team', () => String, { description: 'Name of the team.' }) team: string,
    @Arg('name', () => String, { description: 'Name of the experiment.' }) name: string,
  ): Promise<ExperimentRow | null> {
    return load(ctx, experimentsByName, `${team}/${name}`);
  }

  @Query(() => ExperimentConnection, {
    description: 'Every experiment the viewer may see, by name. Requires: READ. Since: 0.1',
  })
  async experiments(
    @Context() ctx: Ctx,
    @Args(() => ExperimentsArgs) args: ExperimentsArgs,
  ): Promise<Connection<ExperimentRow>> {
    await teamInWhere(ctx, args.where?.team);
    return experimentsPage(ctx, { parentId: '', page: args, ordering: 'NAME_ASC', filter: { ...args.where } });
  }

  @FieldResolver(() => Team, { description: 'Its owner. Since: 0.1' })
  team(@Context() ctx: Ctx, @Root() experiment: ExperimentRow): Promise<TeamRow | null> {
    return load(ctx, teamsById, experiment.teamId);
  }

  @FieldResolver(() => RunConnection, {
    description: 'Its runs, newest first unless `orderBy` says otherwise. Since: 0.1',
  })
  runs(
    @Context() ctx: Ctx,
    @Root() experiment: ExperimentRow,
    @Args(() => RunsArgs) args: RunsArgs,
  ): Promise<Connection<RunRow>> {
    const { ordering, sortedBy } = orderOf(args.orderBy);
    const filter = { ...args.where, sortedBy };
    return runsByExperiment(ctx, { parentId: experiment.id, page: args, ordering, filter });
  }

  @Mutation(() => ExperimentPayload, { description: 'Creates an experiment. Requires: WRITE_EXPERIMENT. Since: 0.1' })
  createExperiment(
    @Context() ctx: Ctx,
    @Arg('input', () => CreateExperimentInput) input: CreateExperimentInput,
  ): Promise<object> {
    return answer(createExperiment(ctx, input), async ({ subject }) => ({
      experiment: await load(ctx, experimentsById, subject),
    }));
  }
}

function orderOf(order: RunOrder | null | undefined): { ordering: string; sortedBy: string | null } {
  if (order?.metric && order.startedAt)
    throw new Fault('BAD_USER_INPUT', 'orderBy takes metric or startedAt, not both.');
  if (order?.metric) return { ordering: `METRIC_${order.direction}`, sortedBy: order.metric };
  return { ordering: `STARTED_AT_${order?.direction ?? 'DESC'}`, sortedBy: null };
}

@Resolver(() => Run)
export class RunResolver {
  @FieldResolver(() => Experiment, { description: 'The experiment it belongs to. Since: 0.1' })
  experiment(@Context() ctx: Ctx, @Root() run: RunRow): Promise<ExperimentRow | null> {
    return load(ctx, experimentsById, run.experimentId);
  }

  @FieldResolver(() => Actor, { description: 'Who created it. Since: 0.1' })
  createdBy(@Context() ctx: Ctx, @Root() run: RunRow): Promise<object | null> {
    return load(ctx, actorsById, run.createdBy);
  }

  @sized(100)
  @FieldResolver(() => [RunMetric], {
    description: 'The value at the highest step of each metric, by name. Since: 0.1',
  })
  latestMetrics(@Context() ctx: Ctx, @Root() run: RunRow): Promise<RunMetricRow[]> {
    return load(ctx, latestMetricsByRun, run.id);
  }

  @FieldResolver(() => [RunMetric], {
    description: 'The series of one metric by step, first and last point always among them. Since: 0.1',
  })
  metric(
    @Context() ctx: Ctx,
    @Root() run: RunRow,
    @Args(() => SeriesArgs) { key, maxPoints: asked }: SeriesArgs,
  ): Promise<RunMetricRow[]> {
    const maxPoints = asked ?? 500;
    if (maxPoints < 2 || maxPoints > MAX_POINTS)
      throw new Fault('BAD_USER_INPUT', `maxPoints must be between 2 and ${MAX_POINTS}.`);
    // How many points an operation asks for in all the reader limits: a chart of a few runs wants thousands.
    return load(ctx, metricSeries, { runId: run.id, key, maxPoints });
  }

  @Mutation(() => RunPayload, { description: 'Begins a run. Requires: WRITE_EXPERIMENT. Since: 0.1' })
  createRun(@Context() ctx: Ctx, @Arg('input', () => CreateRunInput) input: CreateRunInput): Promise<object> {
    return answer(createRun(ctx, input), (accepted) => freshRun(ctx, accepted.subject));
  }

  @Mutation(() => RunPayload, {
    description:
      'Adds values of metrics, parameters and tags to a run that has not ended. Requires: WRITE_EXPERIMENT. Since: 0.1',
  })
  logRun(@Context() ctx: Ctx, @Arg('input', () => LogRunInput) input: LogRunInput): Promise<object> {
    return answer(logRun(ctx, input), (accepted) => freshRun(ctx, accepted.subject));
  }

  @Mutation(() => RunPayload, {
    description: 'Ends a run: from then on nothing of it changes. Requires: WRITE_EXPERIMENT. Since: 0.1',
  })
  finishRun(@Context() ctx: Ctx, @Arg('input', () => FinishRunInput) input: FinishRunInput): Promise<object> {
    return answer(finishRun(ctx, input), (accepted) => freshRun(ctx, accepted.subject));
  }
}

/** Read again: the command has loaded the row as it was before. */
async function freshRun(ctx: Ctx, id: string): Promise<{ run: RunRow | null }> {
  ctx.loaders.clear();
  return { run: await load(ctx, runsById, id) };
}

@Resolver(() => Team)
export class TeamExperimentsResolver {
  @FieldResolver(() => ExperimentConnection, { description: 'Its experiments, by name. Since: 0.1' })
  experiments(
    @Context() ctx: Ctx,
    @Root() team: TeamRow,
    @Args(() => ListArgs) args: ListArgs,
  ): Promise<Connection<ExperimentRow>> {
    return experimentsByTeam(ctx, { parentId: team.id, page: args, ordering: 'NAME_ASC', filter: {} });
  }
}

export const experimentNodes = { Experiment: experimentsById, Run: runsById };
