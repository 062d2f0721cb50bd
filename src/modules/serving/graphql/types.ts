import { Field, Float, Int, ObjectType, registerEnumType } from 'type-graphql';
import { Condition } from '../../../graphql/condition.ts';
import { connectionOf } from '../../../graphql/connection.ts';
import { Node } from '../../../graphql/node.ts';
import { DateTime, IntOrPercent, Quantity, SafeInt } from '../../../graphql/scalars.ts';

const enumOf = <const T extends string>(...values: T[]): Record<T, T> =>
  Object.fromEntries(values.map((value) => [value, value])) as Record<T, T>;

export const DeploymentPhase = enumOf('PENDING', 'PROGRESSING', 'HEALTHY', 'DEGRADED', 'PAUSED', 'STOPPED', 'DELETING');
registerEnumType(DeploymentPhase, {
  name: 'DeploymentPhase',
  description: 'A deployment in one word, derived from its conditions.',
  valuesConfig: {
    PENDING: { description: 'Nothing serves yet.' },
    PROGRESSING: { description: 'A rollout is on its way.' },
    HEALTHY: { description: 'What is wanted serves.' },
    DEGRADED: {
      description: 'Something is not as wanted; conditions and the rollout say what. Stable may well be serving.',
    },
    PAUSED: { description: 'A rollout waits for time or for somebody.' },
    STOPPED: { description: 'Scaled to nothing, as wanted.' },
    DELETING: { description: 'On its way out.' },
  },
});

export const RolloutPhase = enumOf(
  'PENDING',
  'PROGRESSING',
  'PAUSED',
  'VERIFYING',
  'PROMOTING',
  'HEALTHY',
  'ABORTING',
  'ABORTED',
  'DEGRADED',
  'SUPERSEDED',
);
registerEnumType(RolloutPhase, {
  name: 'RolloutPhase',
  description: 'Where a rollout stands.',
  valuesConfig: {
    PENDING: { description: 'Asked for; the controller has not begun it.' },
    PROGRESSING: { description: 'The canary gets its pods.' },
    PAUSED: { description: 'Waits for time or for somebody.' },
    VERIFYING: { description: 'The weight is set; its effect is being counted.' },
    PROMOTING: { description: 'All steps are done; everything moves over.' },
    HEALTHY: { description: 'Ended; what it brought is stable.' },
    ABORTING: { description: 'Traffic goes back to stable.' },
    ABORTED: { description: 'Ended; stable serves everything.' },
    DEGRADED: { description: 'Makes no progress.' },
    SUPERSEDED: { description: 'Ended; a newer rollout took its place.' },
  },
});

const RolloutOutcome = enumOf('PROMOTED', 'FAST_PROMOTED', 'ABORTED', 'SUPERSEDED', 'ROLLED_BACK', 'FAST_ROLLED_BACK');
registerEnumType(RolloutOutcome, {
  name: 'RolloutOutcome',
  description: 'How a rollout ended. FAST: without its steps.',
});

export const RolloutVerb = enumOf(
  'PROMOTE',
  'PROMOTE_FULL',
  'SKIP_STEP',
  'PAUSE',
  'RESUME',
  'ABORT',
  'RETRY',
  'ROLLBACK',
);
registerEnumType(RolloutVerb, { name: 'RolloutVerb', description: 'What can be done to a rollout.' });

export const TrafficRole = enumOf('STABLE', 'CANARY');
registerEnumType(TrafficRole, { name: 'TrafficRole', description: 'Why something receives traffic.' });

const StepState = enumOf('WAITING', 'ACTIVE', 'DONE', 'SKIPPED', 'FAILED');
registerEnumType(StepState, { name: 'StepState', description: 'How far a step is.' });

const ServingForm = enumOf('REALTIME');
registerEnumType(ServingForm, { name: 'ServingForm', description: 'How a model can be asked.' });

@ObjectType({ simpleResolvers: true, description: 'Where a deployment is asked.' })
export class Endpoint {
  @Field(() => String, { description: 'Base URL; `/v2/models/<model>/infer` follows. Since: 0.1' })
  url!: string;
  @Field(() => String, { description: 'The protocol spoken there: `OPEN_INFERENCE_V2`. Since: 0.1' })
  protocol!: string;
  @Field(() => [ServingForm], { description: 'How it can be asked. Since: 0.1' })
  forms!: string[];
}

@ObjectType({ simpleResolvers: true, description: 'What each replica is given. Null: the default of the runtime.' })
export class Resources {
  @Field(() => Quantity, { nullable: true, description: 'CPU: `500m`, `2`. Since: 0.1' })
  cpu!: string | null;
  @Field(() => Quantity, { nullable: true, description: 'Memory: `512Mi`. Since: 0.1' })
  memory!: string | null;
  @Field(() => Int, { nullable: true, description: 'GPUs per replica. Since: 0.1' })
  gpus!: number | null;
  @Field(() => String, {
    nullable: true,
    description: 'Wanted product, as GPU feature discovery labels it. Since: 0.1',
  })
  gpuProduct!: string | null;
  @Field(() => Int, { nullable: true, description: 'Wanted memory per GPU, in MiB. Since: 0.1' })
  gpuMemoryMib!: number | null;
  @Field(() => String, { nullable: true, description: 'Wanted MIG profile: `1g.10gb`. Since: 0.1' })
  migProfile!: string | null;
}

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
  @Field(() => IntOrPercent, { description: 'Pods beyond the wanted number. Since: 0.1' })
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

@ObjectType('Deployment', { implements: Node, simpleResolvers: true, description: 'A model served at an endpoint.' })
export class Deployment extends Node {
  @Field(() => String, { description: 'Unique in its team; part of the endpoint. Since: 0.1' })
  name!: string;
  @Field(() => DateTime, { description: 'When it was first asked for. Since: 0.1' })
  createdAt!: Date;
  @Field(() => Int, { description: 'Counts changes of what is wanted; give it as `expectedGeneration`. Since: 0.1' })
  generation!: number;
  @Field(() => Int, { description: 'Wanted replicas of what is stable. Since: 0.1' })
  replicas!: number;
  @Field(() => DeploymentPhase, { description: 'In one word. Since: 0.1' })
  phase!: string;
  @Field(() => Boolean, { description: 'Whether rollouts are held by somebody. Since: 0.1' })
  paused!: boolean;
}

@ObjectType('Revision', {
  implements: Node,
  simpleResolvers: true,
  description: 'Immutable snapshot of what runs: version, runtime, resources.',
})
export class Revision extends Node {
  @Field(() => Int, { description: 'Counts from 1; going back makes a new one. Since: 0.1' })
  number!: number;
  @Field(() => String, { description: 'Names its objects in the cluster: `<deployment>-<hash>`. Since: 0.1' })
  hash!: string;
  @Field(() => DateTime, { description: 'When it was first wanted. Since: 0.1' })
  createdAt!: Date;
}

@ObjectType({ simpleResolvers: true, description: 'One step of a rollout and how far it is.' })
export class RolloutStep {
  @Field(() => Int, { description: 'Counts from 0. Since: 0.1' })
  index!: number;
  @Field(() => StepSpec, { description: 'What it does. Since: 0.1' })
  spec!: StepSpec;
  @Field(() => StepState, { description: 'How far it is. Since: 0.1' })
  state!: string;
  @Field(() => DateTime, { nullable: true, description: 'When it was entered. Since: 0.1' })
  startedAt!: string | null;
  @Field(() => DateTime, { nullable: true, description: 'When the next one was entered. Since: 0.1' })
  finishedAt!: string | null;
}

@ObjectType({ simpleResolvers: true, description: 'Who or what aborted, and why.' })
export class AbortRecord {
  @Field(() => DateTime, { description: 'When. Since: 0.1' })
  at!: string;
  @Field(() => String, { description: 'Why, in words. Since: 0.1' })
  reason!: string;
}

@ObjectType('Rollout', {
  implements: Node,
  simpleResolvers: true,
  description: 'The passage from one stable revision to another.',
})
export class Rollout extends Node {
  @Field(() => Int, {
    nullable: true,
    description: 'Counts the rollouts of a deployment; null until it has begun. Since: 0.1',
  })
  number!: number | null;
  @Field(() => DateTime, { description: 'When it began, or was asked for. Since: 0.1' })
  startedAt!: Date;
  @Field(() => DateTime, { nullable: true, description: 'When it ended. Since: 0.1' })
  finishedAt!: Date | null;
  @Field(() => RolloutPhase, { description: 'Where it stands. Since: 0.1' })
  phase!: string;
  @Field(() => RolloutOutcome, { nullable: true, description: 'How it ended; null while it runs. Since: 0.1' })
  outcome!: string | null;
  @Field(() => String, { description: 'What it waits for or how it ended, in words. Since: 0.1' })
  message!: string;
  @Field(() => String, { nullable: true, description: 'Why it was asked for, as its starter said. Since: 0.1' })
  reason!: string | null;
  @Field(() => Int, { description: 'The step it stands at, from 0; the number of steps when all are done. Since: 0.1' })
  stepIndex!: number;
  @Field(() => Int, { description: 'Share of the traffic that what it brings is meant to have, 0 to 100. Since: 0.1' })
  weight!: number;
  @Field(() => AbortRecord, { nullable: true, description: 'Set when it was aborted. Since: 0.1' })
  abort!: AbortRecord | null;
}

@ObjectType({
  simpleResolvers: true,
  description: 'Something that receives traffic, with intended weight and counted share.',
})
export class TrafficTarget {
  @Field(() => TrafficRole, { description: 'Why it receives traffic. Since: 0.1' })
  role!: string;
  @Field(() => Int, { description: 'Intended share, 0 to 100. Since: 0.1' })
  weight!: number;
  @Field(() => Int, { description: 'Its pods. Since: 0.1' })
  replicas!: number;
  @Field(() => Int, { description: 'Its pods that are ready. Since: 0.1' })
  readyReplicas!: number;
}

@ObjectType('Replica', {
  implements: Node,
  simpleResolvers: true,
  description: 'One pod of a revision. Pods of a deployment that the registry does not know have no Replica.',
})
export class Replica extends Node {
  @Field(() => String, { description: 'Name of the pod. Since: 0.1' })
  name!: string;
  @Field(() => String, { description: 'Phase of the pod, or what holds it: `Running`, `CrashLoopBackOff`. Since: 0.1' })
  phase!: string;
  @Field(() => Boolean, { description: 'Ready to be asked. Since: 0.1' })
  ready!: boolean;
  @Field(() => Int, { description: 'Restarts of its containers. Since: 0.1' })
  restarts!: number;
  @Field(() => DateTime, {
    nullable: true,
    description: 'When the pod was made, which is its age in kubectl. Since: 0.1',
  })
  createdAt!: string | null;
  @Field(() => DateTime, { nullable: true, description: 'When its node took it; null until then. Since: 0.1' })
  startedAt!: string | null;
  @Field(() => String, { nullable: true, description: 'Address of the pod inside the cluster. Since: 0.1' })
  address!: string | null;
  @Field(() => [Condition], { description: 'Conditions of the pod. Since: 0.1' })
  conditions!: Condition[];
  @Field(() => String, {
    nullable: true,
    description: 'The last words of what failed, or why it does not fit anywhere. Since: 0.1',
  })
  message!: string | null;
}

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

export const DeploymentConnection = connectionOf('Deployment', () => Deployment);
export const RevisionConnection = connectionOf('Revision', () => Revision);
export const RolloutConnection = connectionOf('Rollout', () => Rollout);
export const ReplicaConnection = connectionOf('Replica', () => Replica);
