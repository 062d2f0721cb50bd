import {
  Arg,
  Args,
  ArgsType,
  Ctx as Context,
  Field,
  FieldResolver,
  ID,
  InputType,
  Int,
  ObjectType,
  Query,
  Resolver,
  Root,
  registerEnumType,
  Subscription,
} from 'type-graphql';
import { load } from '../../graphql/batch.ts';
import { type Connection, connectionOf } from '../../graphql/connection.ts';
import type { Ctx } from '../../graphql/context.ts';
import { Node } from '../../graphql/node.ts';
import { Operation } from '../../graphql/payload.ts';
import { Cursor, DateTime, JSONObject } from '../../graphql/scalars.ts';
import { placeOf } from '../../platform/events/place.ts';
import type { EventRow, OperationRow } from '../../platform/events/tables.ts';
import { Actor, actorsById, ListArgs, Team, teamsById } from '../identity/index.ts';
import { logCursor } from './cursor.ts';
import { eventsById, eventsPage, operationsById } from './queries.ts';
import { filterOf, followEvents } from './stream.ts';

@ObjectType('Event', {
  implements: Node,
  simpleResolvers: true,
  description:
    'One entry of the ordered log. Types are dotted and past tense: `deployment.created`, `rollout.step_completed`, `rollout.paused`, `alias.moved`.',
})
export class Event extends Node {
  @Field(() => String, { description: 'What happened: `rollout.paused`. Since: 0.1' })
  type!: string;
  @Field(() => DateTime, { description: 'When it was true. Since: 0.1' })
  at!: Date;
  @Field(() => DateTime, {
    description: 'When it entered the log; later than `at` when the cluster reported late. Since: 0.1',
  })
  recordedAt!: Date;
  @Field(() => String, { description: 'One sentence for people. Since: 0.1' })
  message!: string;
  @Field(() => JSONObject, { description: 'Facts of this type of event, machine-readable. Since: 0.1' })
  data!: Record<string, unknown>;
}

export const EventConnection = connectionOf('Event', () => Event);

@InputType({ description: 'Narrows the log. All given fields must hold.' })
export class EventWhere {
  @Field(() => String, { nullable: true, description: 'Name of a team. One that is not there is a fault: NOT_FOUND.' })
  team?: string | null;
  @Field(() => [String], { nullable: true, description: 'Types; each may end in a wildcard: `rollout.*`. At most 20.' })
  types?: string[] | null;
  @Field(() => ID, {
    nullable: true,
    description: 'Id of anything the event is about: a deployment gives its rollouts’ events too.',
  })
  subject?: string | null;
  @Field(() => ID, { nullable: true, description: 'Id of the operation that caused it.' })
  operation?: string | null;
}

@ArgsType()
class EventArgs extends ListArgs {
  @Field(() => Int, { nullable: true, description: 'The last so many instead of the first, 1 to 100.' })
  last?: number | null;
  @Field(() => Cursor, { nullable: true, description: 'End before this cursor.' })
  before?: string | null;
  @Field(() => EventWhere, { nullable: true, description: 'Only these.' })
  where?: EventWhere | null;
}

export const StreamMessageKind = {
  SNAPSHOT: 'SNAPSHOT',
  EVENT: 'EVENT',
  HEARTBEAT: 'HEARTBEAT',
  RESYNC_REQUIRED: 'RESYNC_REQUIRED',
} as const;
registerEnumType(StreamMessageKind, {
  name: 'StreamMessageKind',
  description: 'What a message of a stream is.',
  valuesConfig: {
    SNAPSHOT: { description: 'The state as it is; first message of streams that show one thing.' },
    EVENT: { description: 'Something happened; `event` says what.' },
    HEARTBEAT: { description: 'Nothing happened; only the cursor reached.' },
    RESYNC_REQUIRED: {
      description: '`after` is older than what is kept, or not of this log: read again, then go on from `cursor`.',
    },
  },
});

@ObjectType({ simpleResolvers: true, description: 'A message of the `events` stream.' })
export class EventMessage {
  @Field(() => StreamMessageKind, { description: 'What this message is. Since: 0.1' })
  kind!: string;
  @Field(() => Cursor, { description: 'Give it as `after` to go on behind this message. Since: 0.1' })
  cursor!: string;
  @Field(() => Event, { nullable: true, description: 'The event, when kind is EVENT. Since: 0.1' })
  event!: EventRow | null;
}

@Resolver(() => Event)
export class EventResolver {
  @FieldResolver(() => Cursor, { description: 'Its place in the log: give it as `after`. Since: 0.1' })
  cursor(@Root() event: EventRow): string {
    return logCursor(placeOf(event));
  }

  @FieldResolver(() => Team, { nullable: true, description: 'The team it concerns. Since: 0.1' })
  team(@Context() ctx: Ctx, @Root() event: EventRow): Promise<object | null> | null {
    return event.teamId ? load(ctx, teamsById, event.teamId) : null;
  }

  @FieldResolver(() => Actor, { description: 'Who caused it. Since: 0.1' })
  actor(@Context() ctx: Ctx, @Root() event: EventRow): Promise<object | null> {
    return load(ctx, actorsById, event.actorId);
  }

  @FieldResolver(() => Operation, {
    nullable: true,
    description: 'The mutation that caused it, if one did. Since: 0.1',
  })
  operation(@Context() ctx: Ctx, @Root() event: EventRow): Promise<object | null> | null {
    return event.operationId ? load(ctx, operationsById, event.operationId) : null;
  }

  @Query(() => EventConnection, {
    description: 'In log order, oldest first; `last`/`before` read from the newest end. Requires: READ. Since: 0.1',
  })
  async events(@Context() ctx: Ctx, @Args(() => EventArgs) args: EventArgs): Promise<Connection<EventRow>> {
    return eventsPage(ctx, await filterOf(ctx, args.where), args);
  }

  @Query(() => Operation, {
    name: 'operation',
    nullable: true,
    description: 'One operation by its id. Requires: READ. Since: 0.1',
  })
  operationById(@Context() ctx: Ctx, @Arg('id', () => ID) id: string): Promise<object | null> {
    return load(ctx, operationsById, id);
  }

  @Subscription(() => EventMessage, {
    name: 'events',
    description:
      'Everything the viewer may see, in order. Without `after`: from now on, and the first message is a HEARTBEAT that says where that is. With it: everything since, then live; nothing twice, nothing missing. Requires: READ. Since: 0.1',
    subscribe: ({ args, context }) =>
      followEvents(context as Ctx, args as { after?: string | null; where?: EventWhere | null }),
  })
  eventStream(
    @Root() message: EventMessage,
    @Arg('after', () => Cursor, { nullable: true, description: 'Go on behind this cursor.' }) _after?: string,
    @Arg('where', () => EventWhere, { nullable: true, description: 'Only these.' }) _where?: EventWhere,
  ): EventMessage {
    return message;
  }
}

@Resolver(() => Operation)
export class OperationResolver {
  @FieldResolver(() => Actor, { description: 'Who asked for it. Since: 0.1' })
  actor(@Context() ctx: Ctx, @Root() operation: OperationRow): Promise<object | null> {
    return load(ctx, actorsById, operation.actorId);
  }

  @FieldResolver(() => EventConnection, { description: 'Everything it caused, in order. Since: 0.1' })
  events(
    @Context() ctx: Ctx,
    @Root() operation: OperationRow,
    @Args(() => ListArgs) args: ListArgs,
  ): Promise<Connection<EventRow>> {
    return eventsPage(ctx, { operationId: operation.id }, args);
  }
}

export const auditNodes = { Event: eventsById, Operation: operationsById };
