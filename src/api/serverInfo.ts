/** `serverInfo`: the one thing a stranger may read, so it leads nowhere. */
import { Ctx as Context, Field, Int, ObjectType, Query, Resolver } from 'type-graphql';
import { LIMITS as NAMES } from '../contract/names.ts';
import { MAX_PAGE } from '../graphql/connection.ts';
import type { Ctx } from '../graphql/context.ts';
import { LIMITS } from '../graphql/gate.ts';
import { SafeInt } from '../graphql/scalars.ts';

@ObjectType({ simpleResolvers: true, description: 'What an operation or an input may be at most.' })
class Limits {
  @Field(() => Int, { description: 'Lexical tokens of a document.' })
  maxTokens!: number;
  @Field(() => Int, { description: 'Levels of nested fields.' })
  maxDepth!: number;
  @Field(() => Int, { description: 'Aliases in an operation.' })
  maxAliases!: number;
  @Field(() => Int, {
    description:
      'Objects an operation may ask for, a list counted as `first`, or the size that such lists have, times what is in it.',
  })
  maxCost!: number;
  @Field(() => Int, { description: 'Largest `first`.' })
  maxPageSize!: number;
  @Field(() => Int, { description: 'Subscriptions open at once on one WebSocket.' })
  maxSubscriptionsPerSocket!: number;
  @Field(() => SafeInt, { description: 'Bytes of one artifact.' })
  maxArtifactBytes!: number;
  @Field(() => Int, { description: 'Replicas of one deployment.' })
  maxReplicas!: number;
}

@ObjectType({ simpleResolvers: true, description: 'The server itself: readable without a token.' })
class ServerInfo {
  @Field(() => String, { description: 'Version of the server. Since: 0.1' })
  version!: string;
  @Field(() => String, { description: 'Version of this schema; fields carry `Since`. Since: 0.1' })
  schemaVersion!: string;
  @Field(() => [String], {
    description: 'What this server can do, for clients that work with several versions. Since: 0.1',
  })
  features!: string[];
  @Field(() => String, { description: 'Where artifacts are put and got: `PUT <artifactsUrl>/<digest>`. Since: 0.1' })
  artifactsUrl!: string;
  @Field(() => Limits, { description: 'Limits of operations and inputs. Since: 0.1' })
  limits!: Limits;
}

@Resolver()
export class ServerInfoResolver {
  @Query(() => ServerInfo, { description: 'Versions, features and limits. Needs no token. Since: 0.1' })
  serverInfo(@Context() { settings }: Ctx): ServerInfo {
    return {
      version: settings.version,
      schemaVersion: settings.version.split('.').slice(0, 2).join('.'),
      features: ['rolling', 'canary', 'resumable-subscriptions', 'idempotency-keys', 'experiments'],
      artifactsUrl: settings.artifactsUrl,
      limits: {
        maxTokens: LIMITS.maxTokens,
        maxDepth: LIMITS.maxDepth,
        maxAliases: LIMITS.maxAliases,
        maxCost: LIMITS.maxCost,
        maxPageSize: MAX_PAGE,
        maxSubscriptionsPerSocket: LIMITS.maxSubscriptionsPerSocket,
        maxArtifactBytes: settings.maxArtifactBytes,
        maxReplicas: NAMES.maxReplicas,
      },
    };
  }
}
