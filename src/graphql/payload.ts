/** What a mutation answers: the thing, the operation that was accepted, and expected outcomes as `errors`. */
import { type ClassType, Field, ObjectType, registerEnumType } from 'type-graphql';
import { isProblems, type Result } from '../lib/problem.ts';
import type { Accepted } from '../platform/events/operations.ts';
import { Node } from './node.ts';
import { UserError, userErrors } from './problems.ts';
import { DateTime } from './scalars.ts';

const OperationState = {
  ACCEPTED: 'ACCEPTED',
  PUBLISHED: 'PUBLISHED',
  SUCCEEDED: 'SUCCEEDED',
  FAILED: 'FAILED',
} as const;
registerEnumType(OperationState, {
  name: 'OperationState',
  description: 'How far a mutation has come.',
  valuesConfig: {
    ACCEPTED: { description: 'Committed; the cluster has not been told yet.' },
    PUBLISHED: { description: 'The cluster has been told and has not yet answered.' },
    SUCCEEDED: { description: 'Done.' },
    FAILED: {
      description:
        'Refused by the cluster; `error` says why. What a deployment wants is tried again: taken after all, it goes on.',
    },
  },
});

@ObjectType('Operation', {
  implements: Node,
  simpleResolvers: true,
  description: 'One accepted mutation with everything that it caused.',
})
export class Operation extends Node {
  @Field(() => String, { description: 'The mutation: `deployModel`. Since: 0.1' })
  name!: string;
  @Field(() => DateTime, { description: 'When it was accepted. Since: 0.1' })
  at!: Date;
  @Field(() => String, { nullable: true, description: 'The key that makes it safe to repeat. Since: 0.1' })
  idempotencyKey!: string | null;
  @Field(() => OperationState, { description: 'How far it has come. Since: 0.1' })
  state!: string;
  @Field(() => String, { nullable: true, description: 'Why it failed, in words. Since: 0.1' })
  error!: string | null;
}

/** The type `<name>` with the given nullable things, `operation` and `errors`. */
export function payloadOf(name: string, things: Record<string, () => object>): ClassType<object> {
  @ObjectType(name, { simpleResolvers: true, description: 'What the mutation answers.' })
  class Payload {
    @Field(() => Operation, { nullable: true, description: 'What was accepted; null when nothing was.' })
    operation!: Operation | null;
    @Field(() => [UserError], { description: 'Why nothing was done; empty on success.' })
    errors!: UserError[];
  }
  for (const [key, type] of Object.entries(things)) {
    Field(type as () => ClassType<object>, { nullable: true, description: 'The result; null when there are errors.' })(
      Payload.prototype,
      key,
    );
  }
  return Payload;
}

/** A command's result as a payload. `things` loads what the mutation made or changed, by the operation's subject. */
export async function answer(
  result: Result<Accepted> | Promise<Result<Accepted>>,
  things: (accepted: Accepted) => Promise<Record<string, unknown>> | Record<string, unknown>,
): Promise<object> {
  const outcome = await result;
  if (isProblems(outcome)) return { operation: null, errors: userErrors(outcome.list) };
  return { ...(await things(outcome)), operation: outcome.operation, errors: [] };
}
