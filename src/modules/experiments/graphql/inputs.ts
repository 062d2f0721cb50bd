import { ArgsType, Field, Float, ID, InputType, Int } from 'type-graphql';
import { SortDirection, StringFilter, TagFilter } from '../../../graphql/filters.ts';
import { DateTime, JSONObject, SafeInt } from '../../../graphql/scalars.ts';
import { ListArgs } from '../../identity/index.ts';
import { RunState } from './types.ts';

const KEY = 'Makes the mutation safe to repeat: same key and input, same answer, one effect.';

@InputType({ description: 'A source revision.' })
export class SourceInput {
  @Field(() => String, { description: 'Repository.' })
  repository!: string;
  @Field(() => String, { description: 'Commit or release.' })
  commit!: string;
  @Field(() => String, { nullable: true, description: 'Path inside it.' })
  path?: string | null;
}

@InputType({ description: 'Narrows a list of experiments. All given fields must hold.' })
export class ExperimentWhere {
  @Field(() => String, { nullable: true, description: 'Name of a team. One that is not there is a fault: NOT_FOUND.' })
  team?: string | null;
  @Field(() => StringFilter, { nullable: true, description: 'Its name.' })
  name?: StringFilter | null;
}

@InputType({ description: 'A metric, and where its latest value lies. NaN lies nowhere.' })
export class MetricFilter {
  @Field(() => String, { description: 'Name of the metric. Alone: the run has logged it.' })
  key!: string;
  @Field(() => Float, { nullable: true, description: 'Less than this.' })
  lt?: number | null;
  @Field(() => Float, { nullable: true, description: 'Greater than this.' })
  gt?: number | null;
}

@InputType({ description: 'Narrows a list of runs. All given fields must hold.' })
export class RunWhere {
  @Field(() => [RunState], { nullable: true, description: 'In one of these states.' })
  state?: string[] | null;
  @Field(() => TagFilter, { nullable: true, description: 'Made with this parameter; numbers are written as in JSON.' })
  parameter?: TagFilter | null;
  @Field(() => MetricFilter, { nullable: true, description: 'The latest value of a metric.' })
  metric?: MetricFilter | null;
}

@InputType({ description: 'How runs are ordered: by one metric or by their start.' })
export class RunOrder {
  @Field(() => String, {
    nullable: true,
    description: 'By the latest value of this metric. Runs without it, or with NaN, stand at the end.',
  })
  metric?: string | null;
  @Field(() => Boolean, { nullable: true, description: 'By when they started.' })
  startedAt?: boolean | null;
  @Field(() => SortDirection, { description: 'Which way.' })
  direction!: string;
}

@ArgsType()
export class ExperimentsArgs extends ListArgs {
  @Field(() => ExperimentWhere, { nullable: true, description: 'Only these.' })
  where?: ExperimentWhere | null;
}

@ArgsType()
export class RunsArgs extends ListArgs {
  @Field(() => RunWhere, { nullable: true, description: 'Only these.' })
  where?: RunWhere | null;
  @Field(() => RunOrder, { nullable: true, description: 'Default: newest first.' })
  orderBy?: RunOrder | null;
}

@ArgsType()
export class SeriesArgs {
  @Field(() => String, { description: 'Name of the metric.' })
  key!: string;
  @Field(() => Int, {
    nullable: true,
    description: 'How many points at most, 2 to 5,000. Default 500. Of more, evenly many are left out.',
  })
  maxPoints?: number | null;
}

@InputType({ description: 'A new experiment.' })
export class CreateExperimentInput {
  @Field(() => String, { description: 'Name of the team that owns it.' })
  team!: string;
  @Field(() => String, { description: 'At most 52 characters: lower-case letters, digits and "-".' })
  name!: string;
  @Field(() => String, { nullable: true, description: 'What it is about, in Markdown.' })
  description?: string | null;
  @Field(() => JSONObject, { nullable: true, description: 'Free key-value pairs.' })
  tags?: Record<string, unknown> | null;
  @Field(() => String, { nullable: true, description: KEY })
  idempotencyKey?: string | null;
}

@InputType({ description: 'Data that a run is made with.' })
export class DatasetInput {
  @Field(() => String, { description: 'Its name, for people.' })
  name!: string;
  @Field(() => String, { description: 'What tells its content apart: a checksum, a version.' })
  digest!: string;
  @Field(() => String, { nullable: true, description: 'Where it lies.' })
  uri?: string | null;
}

@InputType({ description: 'A new run. It may log until it is finished.' })
export class CreateRunInput {
  @Field(() => ID, { description: 'The experiment it belongs to.' })
  experiment!: string;
  @Field(() => String, { nullable: true, description: 'Name for people. Default: its id.' })
  name?: string | null;
  @Field(() => JSONObject, { nullable: true, description: 'What it is made with.' })
  parameters?: Record<string, unknown> | null;
  @Field(() => JSONObject, { nullable: true, description: 'Free key-value pairs.' })
  tags?: Record<string, unknown> | null;
  @Field(() => SourceInput, { nullable: true, description: 'The source revision it is made from.' })
  source?: SourceInput | null;
  @Field(() => [DatasetInput], { nullable: true, description: 'The data it is made with. At most 100.' })
  datasets?: DatasetInput[] | null;
  @Field(() => String, { nullable: true, description: KEY })
  idempotencyKey?: string | null;
}

@InputType({ description: 'One value of one metric.' })
export class RunMetricInput {
  @Field(() => String, { description: 'Name of the metric, at most 250 characters.' })
  key!: string;
  @Field(() => SafeInt, { description: 'Step of the training. Another value for the same step replaces the first.' })
  step!: number;
  @Field(() => Float, { nullable: true, description: 'The value; null is NaN.' })
  value?: number | null;
  @Field(() => DateTime, { nullable: true, description: 'When it was measured. Default: now.' })
  at?: Date | null;
}

@InputType({ description: 'What a run has to say. Sent again, it changes nothing.' })
export class LogRunInput {
  @Field(() => ID, { description: 'The run.' })
  run!: string;
  @Field(() => [RunMetricInput], {
    nullable: true,
    description: 'At most 1,000 values a call, of at most 500 different metrics a run.',
  })
  metrics?: RunMetricInput[] | null;
  @Field(() => JSONObject, {
    nullable: true,
    description: 'Further parameters. One that has a value keeps it: another value is a ConflictError.',
  })
  parameters?: Record<string, unknown> | null;
  @Field(() => JSONObject, { nullable: true, description: 'Further tags, or new values of present ones.' })
  tags?: Record<string, unknown> | null;
  @Field(() => [String], {
    nullable: true,
    description: 'Keys of tags that go. One that is not there is gone already. Not one that `tags` gives as well.',
  })
  removeTags?: string[] | null;
  @Field(() => String, { nullable: true, description: KEY })
  idempotencyKey?: string | null;
}

@InputType({ description: 'How a run ended.' })
export class FinishRunInput {
  @Field(() => ID, { description: 'The run.' })
  run!: string;
  @Field(() => RunState, { description: 'FINISHED, FAILED or KILLED.' })
  state!: string;
  @Field(() => String, { nullable: true, description: KEY })
  idempotencyKey?: string | null;
}
