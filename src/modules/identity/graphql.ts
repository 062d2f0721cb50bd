import {
  Arg,
  Args,
  ArgsType,
  Ctx as Context,
  Field,
  InputType,
  Int,
  InterfaceType,
  Mutation,
  ObjectType,
  Query,
  Resolver,
} from 'type-graphql';
import { load } from '../../graphql/batch.ts';
import { type Connection, connectionOf, type PageArgs } from '../../graphql/connection.ts';
import type { Ctx } from '../../graphql/context.ts';
import { Node } from '../../graphql/node.ts';
import { answer, payloadOf } from '../../graphql/payload.ts';
import { Cursor, DateTime } from '../../graphql/scalars.ts';
import { typeOfId } from '../../lib/id.ts';
import { createTeam } from './commands.ts';
import { actorsById, allTeams, teamsById, teamsByName } from './queries.ts';
import type { TeamRow } from './tables.ts';

@InterfaceType('Actor', {
  implements: Node,
  description: 'Whoever did something: a person, a service account or the platform itself.',
  resolveType: (value: { id: string }) => typeOfId(value.id) ?? undefined,
})
export abstract class Actor extends Node {
  @Field(() => String, { description: 'Name for people. Since: 0.1' })
  name!: string;
}

@ObjectType({ implements: [Node, Actor], simpleResolvers: true, description: 'A person.' })
export class Person extends Actor {
  @Field(() => Boolean, { description: 'May do everything on this platform. Since: 0.1' })
  isPlatformAdmin!: boolean;
  @Field(() => DateTime, { description: 'First seen. Since: 0.1' })
  createdAt!: Date;
}

@ObjectType({
  implements: [Node, Actor],
  simpleResolvers: true,
  description: 'The platform itself, or a program such as kubectl that changed a resource directly.',
})
export class SystemActor extends Actor {}

@ObjectType('Team', {
  implements: Node,
  simpleResolvers: true,
  description: 'Owner of models and deployments; one Kubernetes namespace.',
})
export class Team extends Node {
  @Field(() => String, { description: 'Unique, never changes; also the name in URLs. Since: 0.1' })
  name!: string;
  @Field(() => String, { description: 'Name for people. Since: 0.1' })
  displayName!: string;
  @Field(() => String, { description: 'Its Kubernetes namespace. Since: 0.1' })
  namespace!: string;
}

@ObjectType({ description: 'Whoever sent this request.' })
class Viewer {
  @Field(() => Actor, { description: 'The account behind the token. Since: 0.1' })
  actor!: Actor;
}

@ArgsType()
export class ListArgs implements PageArgs {
  @Field(() => Int, { nullable: true, description: 'How many, 1 to 100. Default 20.' })
  first?: number | null;
  @Field(() => Cursor, { nullable: true, description: 'Begin after this cursor.' })
  after?: string | null;
}

export const TeamConnection = connectionOf('Team', () => Team);

@InputType({ description: 'What a new team is called.' })
export class CreateTeamInput {
  @Field(() => String, {
    description: 'At most 52 characters: lower-case letters, digits and "-". Becomes the namespace.',
  })
  name!: string;
  @Field(() => String, { nullable: true, description: 'Name for people. Default: the name.' })
  displayName?: string | null;
  @Field(() => String, {
    nullable: true,
    description: 'Makes the mutation safe to repeat: same key and input, same answer, one effect.',
  })
  idempotencyKey?: string | null;
}

const TeamPayload = payloadOf('TeamPayload', { team: () => Team });

@Resolver()
export class IdentityResolver {
  @Query(() => Viewer, { description: 'Whoever sent this request. Since: 0.1' })
  async viewer(@Context() ctx: Ctx): Promise<object> {
    return { actor: await load(ctx, actorsById, ctx.principal.actorId) };
  }

  @Query(() => Team, { nullable: true, description: 'One team by its name. Requires: READ. Since: 0.1' })
  team(
    @Context() ctx: Ctx,
    @Arg('name', () => String, { description: 'Its unique name.' }) name: string,
  ): Promise<TeamRow | null> {
    return load(ctx, teamsByName, name);
  }

  @Query(() => TeamConnection, { description: 'Every team the viewer may see, by name. Requires: READ. Since: 0.1' })
  teams(@Context() ctx: Ctx, @Args(() => ListArgs) args: ListArgs): Promise<Connection<TeamRow>> {
    return allTeams(ctx, args);
  }

  @Mutation(() => TeamPayload, {
    description:
      'Makes a team and, when something is first deployed in it, its namespace. Requires: MANAGE_PLATFORM. Since: 0.1',
  })
  createTeam(@Context() ctx: Ctx, @Arg('input', () => CreateTeamInput) input: CreateTeamInput): Promise<object> {
    return answer(createTeam(ctx, input), async ({ subject }) => ({ team: await load(ctx, teamsById, subject) }));
  }
}

export const identityNodes = { Team: teamsById, Person: actorsById, SystemActor: actorsById };
