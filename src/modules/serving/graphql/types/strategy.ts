/** How a new version takes over. */
import { Field, Int, ObjectType } from 'type-graphql';
import { IntOrPercent } from '../../../../graphql/scalars.ts';

@ObjectType({ simpleResolvers: true, description: 'Wait. Without seconds: until somebody promotes.' })
export class PauseSpec {
  @Field(() => Int, { nullable: true, description: 'How long, in seconds. Since: 0.1' })
  seconds!: number | null;
}

@ObjectType({ simpleResolvers: true, description: 'One step of a canary. Exactly one field is set.' })
export class StepSpec {
  @Field(() => Int, {
    nullable: true,
    description: 'Give the canary this share of the traffic, in percent. Since: 0.1',
  })
  setWeight!: number | null;
  @Field(() => PauseSpec, { nullable: true, description: 'Wait. Since: 0.1' })
  pause!: PauseSpec | null;
}

@ObjectType({ simpleResolvers: true, description: 'Replace pods little by little, without steps.' })
export class RollingStrategy {
  @Field(() => IntOrPercent, { description: 'Pods beyond the wanted number. Since: 0.1' })
  maxSurge!: number | string;
  @Field(() => IntOrPercent, { description: 'Pods below the wanted number. Since: 0.1' })
  maxUnavailable!: number | string;
}

@ObjectType({ simpleResolvers: true, description: 'Give the new version a growing share of the traffic.' })
export class CanaryStrategy {
  @Field(() => [StepSpec], { description: 'In this order. Since: 0.1' })
  steps!: StepSpec[];
  @Field(() => IntOrPercent, {
    description:
      'Pods beyond the wanted number while they are restarted. Those of the new version come on top: half as many again at 50 %, twice as many at the end. Since: 0.1',
  })
  maxSurge!: number | string;
  @Field(() => IntOrPercent, { description: 'Pods below the wanted number. Since: 0.1' })
  maxUnavailable!: number | string;
  @Field(() => Boolean, {
    description: 'Whether a rollout without progress is aborted, or only shown as degraded. Since: 0.1',
  })
  abortOnDeadline!: boolean;
  @Field(() => Int, {
    description: 'Seconds without progress after which the deadline is passed; pauses do not count. Since: 0.1',
  })
  progressDeadlineSeconds!: number;
  @Field(() => Int, { description: 'Seconds that pods without traffic are kept. Since: 0.1' })
  scaleDownDelaySeconds!: number;
}

@ObjectType({ simpleResolvers: true, description: 'How a new version takes over. Exactly one field is set.' })
export class Strategy {
  @Field(() => RollingStrategy, { nullable: true, description: 'Without steps. Since: 0.1' })
  rolling!: RollingStrategy | null;
  @Field(() => CanaryStrategy, { nullable: true, description: 'With steps. Since: 0.1' })
  canary!: CanaryStrategy | null;
}
