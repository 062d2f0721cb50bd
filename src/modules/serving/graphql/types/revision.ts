/** What was wanted once, and can be gone back to. */
import { Field, Int, ObjectType } from 'type-graphql';
import { connectionOf } from '../../../../graphql/connection.ts';
import { Node } from '../../../../graphql/node.ts';
import { DateTime } from '../../../../graphql/scalars.ts';

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

export const RevisionConnection = connectionOf('Revision', () => Revision);
