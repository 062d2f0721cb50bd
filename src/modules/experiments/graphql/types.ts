import { Field, Float, ObjectType, registerEnumType } from 'type-graphql';
import { connectionOf } from '../../../graphql/connection.ts';
import { Node } from '../../../graphql/node.ts';
import { DateTime, JSONObject, SafeInt } from '../../../graphql/scalars.ts';

export const RunState = { RUNNING: 'RUNNING', FINISHED: 'FINISHED', FAILED: 'FAILED', KILLED: 'KILLED' } as const;
registerEnumType(RunState, {
  name: 'RunState',
  description: 'How far a run has come.',
  valuesConfig: {
    RUNNING: { description: 'It may still log.' },
    FINISHED: { description: 'It came to its end.' },
    FAILED: { description: 'It broke off by itself.' },
    KILLED: { description: 'It was ended from outside.' },
  },
});

@ObjectType({ simpleResolvers: true, description: 'The source revision that a version or a run was made from.' })
export class Source {
  @Field(() => String, { description: 'Repository, as its people name it. Since: 0.1' })
  repository!: string;
  @Field(() => String, { description: 'Commit or release. Since: 0.1' })
  commit!: string;
  @Field(() => String, { nullable: true, description: 'Path inside the repository. Since: 0.1' })
  path!: string | null;
}

@ObjectType({ simpleResolvers: true, description: 'Data that a run was made with.' })
export class Dataset {
  @Field(() => String, { description: 'Its name, for people. Since: 0.1' })
  name!: string;
  @Field(() => String, { description: 'What tells its content apart, as whoever logged it computes it. Since: 0.1' })
  digest!: string;
  @Field(() => String, { nullable: true, description: 'Where it lies. Since: 0.1' })
  uri!: string | null;
}

@ObjectType({ simpleResolvers: true, description: 'One value of one metric of a run.' })
export class RunMetric {
  @Field(() => String, { description: 'Name of the metric: `loss`. Since: 0.1' })
  key!: string;
  @Field(() => SafeInt, { description: 'Step of the training that it belongs to. Since: 0.1' })
  step!: number;
  @Field(() => Float, {
    nullable: true,
    description: 'The value, in the unit of whoever logged it; null is NaN. Since: 0.1',
  })
  value!: number | null;
  @Field(() => DateTime, { description: 'When it was measured; when it was logged, if nobody said. Since: 0.1' })
  at!: Date;
}

@ObjectType('Experiment', {
  implements: Node,
  simpleResolvers: true,
  description: 'A question with the runs that try to answer it.',
})
export class Experiment extends Node {
  @Field(() => String, { description: 'Unique in its team; never changes. Since: 0.1' })
  name!: string;
  @Field(() => String, { description: 'What it is about, in Markdown. Since: 0.1' })
  description!: string;
  @Field(() => JSONObject, { description: 'Free key-value pairs. Since: 0.1' })
  tags!: Record<string, unknown>;
  @Field(() => DateTime, { description: 'When it was created. Since: 0.1' })
  createdAt!: Date;
}

@ObjectType('Run', {
  implements: Node,
  simpleResolvers: true,
  description: 'One training with what went in and what was measured. Nothing of it changes once it has ended.',
})
export class Run extends Node {
  @Field(() => String, { description: 'Name for people; its id when none was given. Not unique. Since: 0.1' })
  name!: string;
  @Field(() => RunState, { description: 'How far it has come. Since: 0.1' })
  state!: string;
  @Field(() => DateTime, { description: 'When it was created. Since: 0.1' })
  startedAt!: Date;
  @Field(() => DateTime, { nullable: true, description: 'When it ended; null while it runs. Since: 0.1' })
  finishedAt!: Date | null;
  @Field(() => JSONObject, { description: 'What it is made with. A value that was given stays. Since: 0.1' })
  parameters!: Record<string, unknown>;
  @Field(() => JSONObject, { description: 'Free key-value pairs. Since: 0.1' })
  tags!: Record<string, unknown>;
  @Field(() => Source, { nullable: true, description: 'The source revision it is made from. Since: 0.1' })
  source!: Source | null;
  @Field(() => [Dataset], { description: 'The data it is made with. Since: 0.1' })
  datasets!: Dataset[];
}

export const ExperimentConnection = connectionOf('Experiment', () => Experiment);
export const RunConnection = connectionOf('Run', () => Run);
