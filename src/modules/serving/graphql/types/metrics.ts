/** Numbers of a window. */
import { Field, Float, Int, ObjectType } from 'type-graphql';
import { DateTime, SafeInt } from '../../../../graphql/scalars.ts';
import { TrafficTarget } from './traffic.ts';

@ObjectType({ simpleResolvers: true, description: 'Normalised numbers; null means not measured, never zero.' })
export class MetricValues {
  @Field(() => Float, { nullable: true, description: 'Requests per second. Since: 0.1' })
  requestRate!: number | null;
  @Field(() => Float, { nullable: true, description: 'Share of requests answered with 5xx, 0 to 1. Since: 0.1' })
  errorRatio!: number | null;
  @Field(() => Float, { nullable: true, description: 'Median latency at the gateway, in milliseconds. Since: 0.1' })
  latencyP50Ms!: number | null;
  @Field(() => Float, { nullable: true, description: '95th percentile of latency, in milliseconds. Since: 0.1' })
  latencyP95Ms!: number | null;
  @Field(() => Float, { nullable: true, description: '99th percentile of latency, in milliseconds. Since: 0.1' })
  latencyP99Ms!: number | null;
  @Field(() => SafeInt, { nullable: true, description: 'Requests in the window. Since: 0.1' })
  samples!: number | null;
}

@ObjectType({ simpleResolvers: true, description: 'Numbers of one target.' })
export class TargetMetrics {
  @Field(() => TrafficTarget, { description: 'What they are of. Since: 0.1' })
  target!: object;
  @Field(() => MetricValues, { description: 'The numbers. Since: 0.1' })
  values!: MetricValues;
}

@ObjectType({ simpleResolvers: true, description: 'Numbers of a deployment over a window that ends at `at`.' })
export class DeploymentMetrics {
  @Field(() => DateTime, { description: 'End of the window. Since: 0.1' })
  at!: Date;
  @Field(() => Int, {
    description: 'Length of the window, in seconds. Shorter than asked for while the counting is young. Since: 0.1',
  })
  windowSeconds!: number;
  @Field(() => Boolean, { description: 'The gateway did not answer just now; these are the last numbers. Since: 0.1' })
  stale!: boolean;
  @Field(() => MetricValues, { description: 'Over all targets. Since: 0.1' })
  total!: MetricValues;
  @Field(() => [TargetMetrics], { description: 'For each target. Since: 0.1' })
  targets!: TargetMetrics[];
}
