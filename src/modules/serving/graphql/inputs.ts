import { ArgsType, Field, ID, InputType, Int, registerEnumType } from 'type-graphql';
import { SortDirection, StringFilter } from '../../../graphql/filters.ts';
import { IntOrPercent, Quantity } from '../../../graphql/scalars.ts';
import { ListArgs } from '../../identity/index.ts';
import { VersionSelector } from '../../registry/index.ts';
import { DeploymentPhase } from './types/deployment.ts';
import { RolloutPhase } from './types/rollout.ts';

const KEY = 'Makes the mutation safe to repeat: same key and input, same answer, one effect.';
const GENERATION = 'Refuse with a ConflictError when the deployment is not at this generation.';

@InputType({
  description:
    'What each replica is given. What is not given, or null, stays as it is, field by field; the first time it has the default of the runtime.',
})
export class ResourcesInput {
  @Field(() => Quantity, { nullable: true, description: 'CPU: `500m`, `2`.' })
  cpu?: string | null;
  @Field(() => Quantity, { nullable: true, description: 'Memory: `512Mi`.' })
  memory?: string | null;
  @Field(() => Int, { nullable: true, description: 'GPUs per replica. With 0 goes what was said of them, too.' })
  gpus?: number | null;
  @Field(() => String, {
    nullable: true,
    description: 'Wanted product, as GPU feature discovery labels it: `NVIDIA-H200`.',
  })
  gpuProduct?: string | null;
  @Field(() => Int, { nullable: true, description: 'Wanted memory per GPU, in MiB.' })
  gpuMemoryMib?: number | null;
  @Field(() => String, { nullable: true, description: 'Wanted MIG profile: `1g.10gb`.' })
  migProfile?: string | null;
}

@InputType({ description: 'Wait. Without seconds: until somebody promotes.' })
export class PauseInput {
  @Field(() => Int, { nullable: true, description: 'How long, in seconds.' })
  seconds?: number | null;
}

@InputType({ description: 'One step of a canary: exactly one field is set.' })
export class StepInput {
  @Field(() => Int, {
    nullable: true,
    description: 'Share of the traffic for the new version, 0 to 100; never falling.',
  })
  setWeight?: number | null;
  @Field(() => PauseInput, { nullable: true, description: 'Wait.' })
  pause?: PauseInput | null;
}

@InputType({ description: 'Replace pods little by little, without steps.' })
export class RollingInput {
  @Field(() => IntOrPercent, { nullable: true, description: 'Pods beyond the wanted number. Default 25%.' })
  maxSurge?: number | string | null;
  @Field(() => IntOrPercent, { nullable: true, description: 'Pods below the wanted number. Default 25%.' })
  maxUnavailable?: number | string | null;
}

@InputType({ description: 'Give the new version a growing share of the traffic.' })
export class CanaryInput {
  @Field(() => [StepInput], { description: 'At least one, at most 50.' })
  steps!: StepInput[];
  @Field(() => IntOrPercent, {
    nullable: true,
    description:
      'Pods beyond the wanted number while they are restarted. Those of the new version come on top: half as many again at 50 %, twice as many at the end. Default 25%.',
  })
  maxSurge?: number | string | null;
  @Field(() => IntOrPercent, { nullable: true, description: 'Pods below the wanted number. Default 25%.' })
  maxUnavailable?: number | string | null;
  @Field(() => Boolean, {
    nullable: true,
    description: 'Abort when the deadline is passed, instead of only showing it. Default false.',
  })
  abortOnDeadline?: boolean | null;
  @Field(() => Int, { nullable: true, description: 'Seconds without progress, pauses not counted. Default 600.' })
  progressDeadlineSeconds?: number | null;
  @Field(() => Int, { nullable: true, description: 'Seconds that pods without traffic are kept. Default 30.' })
  scaleDownDelaySeconds?: number | null;
}

@InputType({ description: 'How a new version takes over: exactly one field is set.' })
export class StrategyInput {
  @Field(() => RollingInput, { nullable: true, description: 'Without steps.' })
  rolling?: RollingInput | null;
  @Field(() => CanaryInput, { nullable: true, description: 'With steps.' })
  canary?: CanaryInput | null;
}

@InputType({
  description: 'What is to be served where. What is not given stays as it is, or has its default the first time.',
})
export class DeployModelInput {
  @Field(() => String, { description: 'Name of the team.' })
  team!: string;
  @Field(() => String, {
    description: 'Name of the deployment; made when it is new. At most 52 lower-case letters, digits and "-".',
  })
  name!: string;
  @Field(() => String, { description: 'Name of a model of the team.' })
  model!: string;
  @Field(() => VersionSelector, { description: 'Which version of it.' })
  version!: VersionSelector;
  @Field(() => String, { nullable: true, description: 'A ServingRuntime. Default: one that serves the format.' })
  runtime?: string | null;
  @Field(() => Int, { nullable: true, description: '0 to 1000. Default 1.' })
  replicas?: number | null;
  @Field(() => ResourcesInput, { nullable: true, description: 'What each replica is given.' })
  resources?: ResourcesInput | null;
  @Field(() => StrategyInput, { nullable: true, description: 'How a new version takes over. Default rolling.' })
  strategy?: StrategyInput | null;
  @Field(() => Int, { nullable: true, description: GENERATION })
  expectedGeneration?: number | null;
  @Field(() => String, { nullable: true, description: KEY })
  idempotencyKey?: string | null;
}

@InputType({
  description: 'What changes of a deployment. What is not given stays. Changed resources or runtime start a rollout.',
})
export class UpdateDeploymentInput {
  @Field(() => ID, { description: 'The deployment.' })
  deployment!: string;
  @Field(() => Int, { nullable: true, description: '0 to 1000.' })
  replicas?: number | null;
  @Field(() => ResourcesInput, { nullable: true, description: 'What each replica is given.' })
  resources?: ResourcesInput | null;
  @Field(() => StrategyInput, { nullable: true, description: 'How a new version takes over.' })
  strategy?: StrategyInput | null;
  @Field(() => String, { nullable: true, description: 'A ServingRuntime.' })
  runtime?: string | null;
  @Field(() => Int, { nullable: true, description: GENERATION })
  expectedGeneration?: number | null;
  @Field(() => String, { nullable: true, description: KEY })
  idempotencyKey?: string | null;
}

@InputType({ description: 'The deployment to delete.' })
export class DeleteDeploymentInput {
  @Field(() => ID, { description: 'The deployment.' })
  deployment!: string;
  @Field(() => Int, { nullable: true, description: GENERATION })
  expectedGeneration?: number | null;
  @Field(() => String, { nullable: true, description: KEY })
  idempotencyKey?: string | null;
}

@InputType({ description: 'A rollout, and why.' })
export class RolloutInput {
  @Field(() => ID, { description: 'The rollout.' })
  rollout!: string;
  @Field(() => String, { nullable: true, description: 'Why, for the log.' })
  reason?: string | null;
  @Field(() => String, { nullable: true, description: `${KEY} For two quick verbs use two keys.` })
  idempotencyKey?: string | null;
}

const PromoteTo = { NEXT_STEP: 'NEXT_STEP', END: 'END', FULL: 'FULL' } as const;
registerEnumType(PromoteTo, {
  name: 'PromoteTo',
  description: 'How far to promote.',
  valuesConfig: {
    NEXT_STEP: { description: 'End the present pause.' },
    END: { description: 'Leave out all remaining steps.' },
    FULL: { description: 'Move everything as soon as there are pods for it.' },
  },
});

@InputType({ description: 'A rollout to promote.' })
export class PromoteRolloutInput extends RolloutInput {
  @Field(() => PromoteTo, { nullable: true, description: 'How far. Default NEXT_STEP.' })
  to?: string | null;
  @Field(() => Int, {
    nullable: true,
    description: 'The step that was seen, from 0: NOT_ALLOWED_NOW when the rollout stands elsewhere by now.',
  })
  step?: number | null;
}

@InputType({ description: 'A deployment to take back.' })
export class RollbackDeploymentInput {
  @Field(() => ID, { description: 'The deployment.' })
  deployment!: string;
  @Field(() => Int, {
    nullable: true,
    description:
      'Number of a revision that was stable (`wasStable`), else NOT_ALLOWED_NOW. Default: the last before the present.',
  })
  toRevision?: number | null;
  @Field(() => String, { nullable: true, description: 'Why, for the log.' })
  reason?: string | null;
  @Field(() => String, { nullable: true, description: KEY })
  idempotencyKey?: string | null;
}

@InputType({ description: 'Narrows a list of deployments. All given fields must hold.' })
export class DeploymentWhere {
  @Field(() => String, { nullable: true, description: 'Name of a team. One that is not there is a fault: NOT_FOUND.' })
  team?: string | null;
  @Field(() => StringFilter, { nullable: true, description: 'Its name.' })
  name?: StringFilter | null;
  @Field(() => [DeploymentPhase], { nullable: true, description: 'Is in one of these phases.' })
  phase?: string[] | null;
  @Field(() => ID, { nullable: true, description: 'Serves this model.' })
  model?: string | null;
}

const DeploymentOrderField = { NAME: 'NAME', CREATED_AT: 'CREATED_AT', UPDATED_AT: 'UPDATED_AT' } as const;
registerEnumType(DeploymentOrderField, {
  name: 'DeploymentOrderField',
  description: 'What deployments can be ordered by.',
});

@InputType({ description: 'How deployments are ordered.' })
export class DeploymentOrder {
  @Field(() => DeploymentOrderField, { description: 'By what.' })
  field!: string;
  @Field(() => SortDirection, { description: 'Which way.' })
  direction!: string;
}

@InputType({ description: 'Narrows a list of rollouts. All given fields must hold.' })
export class RolloutWhere {
  @Field(() => String, { nullable: true, description: 'Name of a team. One that is not there is a fault: NOT_FOUND.' })
  team?: string | null;
  @Field(() => ID, { nullable: true, description: 'Of this deployment.' })
  deployment?: string | null;
  @Field(() => [RolloutPhase], { nullable: true, description: 'Is in one of these phases.' })
  phase?: string[] | null;
  @Field(() => Boolean, { nullable: true, description: 'Still runs, or has ended.' })
  active?: boolean | null;
}

@ArgsType()
export class DeploymentsArgs extends ListArgs {
  @Field(() => DeploymentWhere, { nullable: true, description: 'Only these.' })
  where?: DeploymentWhere | null;
  @Field(() => DeploymentOrder, { nullable: true, description: 'Default: by name.' })
  orderBy?: DeploymentOrder | null;
}

@ArgsType()
export class TeamDeploymentsArgs extends ListArgs {
  @Field(() => DeploymentWhere, { nullable: true, description: 'Only these.' })
  where?: DeploymentWhere | null;
}

@ArgsType()
export class RolloutsArgs extends ListArgs {
  @Field(() => RolloutWhere, { nullable: true, description: 'Only these.' })
  where?: RolloutWhere | null;
}
