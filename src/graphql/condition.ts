/** Conditions as Kubernetes has them, for every slice that shows some. */
import { Field, Int, ObjectType, registerEnumType } from 'type-graphql';
import { DateTime } from './scalars.ts';

const ConditionStatus = { TRUE: 'TRUE', FALSE: 'FALSE', UNKNOWN: 'UNKNOWN' } as const;
registerEnumType(ConditionStatus, { name: 'ConditionStatus', description: 'True, false, or not known.' });

@ObjectType({ simpleResolvers: true, description: 'As in Kubernetes: what is the case, since when and why.' })
export class Condition {
  @Field(() => String, { description: 'What it is about: `Ready`. Since: 0.1' })
  type!: string;
  @Field(() => ConditionStatus, { description: 'Whether it is the case. Since: 0.1' })
  status!: string;
  @Field(() => String, { description: 'Why, in one CamelCase word for programs. Since: 0.1' })
  reason!: string;
  @Field(() => String, { description: 'Why, for people. Since: 0.1' })
  message!: string;
  @Field(() => DateTime, { description: 'Since when the status is this. Since: 0.1' })
  lastTransitionAt!: string;
  @Field(() => Int, { nullable: true, description: 'The generation that was looked at. Since: 0.1' })
  observedGeneration!: number | null;
}

export interface KubeCondition {
  type: string;
  status: string;
  reason?: string | undefined;
  message?: string | undefined;
  lastTransitionTime?: string | undefined;
  observedGeneration?: number | undefined;
}

export const conditionValue = (c: KubeCondition): Condition => ({
  type: c.type,
  status: c.status.toUpperCase(),
  reason: c.reason ?? '',
  message: c.message ?? '',
  lastTransitionAt: c.lastTransitionTime ?? new Date(0).toISOString(),
  observedGeneration: c.observedGeneration ?? null,
});
