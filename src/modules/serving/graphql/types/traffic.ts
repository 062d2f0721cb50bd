/** Who receives the requests. */
import { Field, Int, ObjectType, registerEnumType } from 'type-graphql';
import { enumOf } from './enums.ts';

export const TrafficRole = enumOf('STABLE', 'CANARY');
registerEnumType(TrafficRole, { name: 'TrafficRole', description: 'Why something receives traffic.' });

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
