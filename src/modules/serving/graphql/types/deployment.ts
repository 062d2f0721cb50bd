/** A deployment as the graph shows it: what is wanted of it and where it is asked. */
import { Field, Int, ObjectType, registerEnumType } from 'type-graphql';
import { connectionOf } from '../../../../graphql/connection.ts';
import { Node } from '../../../../graphql/node.ts';
import { DateTime, Quantity } from '../../../../graphql/scalars.ts';
import { enumOf } from './enums.ts';

export const DeploymentPhase = enumOf('PENDING', 'PROGRESSING', 'HEALTHY', 'DEGRADED', 'PAUSED', 'STOPPED', 'DELETING');
registerEnumType(DeploymentPhase, {
  name: 'DeploymentPhase',
  description: 'A deployment in one word, derived from its conditions.',
  valuesConfig: {
    PENDING: { description: 'Nothing serves yet.' },
    PROGRESSING: { description: 'A rollout is on its way, or pods are: it was scaled, or some are replaced.' },
    HEALTHY: { description: 'What is wanted serves.' },
    DEGRADED: {
      description: 'Something is not as wanted; conditions and the rollout say what. Stable may well be serving.',
    },
    PAUSED: { description: 'A rollout waits for time or for somebody.' },
    STOPPED: { description: 'Scaled to nothing, as wanted.' },
    DELETING: { description: 'On its way out.' },
  },
});

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

export const DeploymentConnection = connectionOf('Deployment', () => Deployment);
