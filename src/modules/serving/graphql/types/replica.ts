/** One pod. */
import { Field, Int, ObjectType } from 'type-graphql';
import { Condition } from '../../../../graphql/condition.ts';
import { connectionOf } from '../../../../graphql/connection.ts';
import { Node } from '../../../../graphql/node.ts';
import { DateTime } from '../../../../graphql/scalars.ts';

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

export const ReplicaConnection = connectionOf('Replica', () => Replica);
