/** The fields of what receives traffic. */
import { Ctx as Context, FieldResolver, Float, Resolver, Root } from 'type-graphql';
import { load } from '../../../../graphql/batch.ts';
import type { Ctx } from '../../../../graphql/context.ts';
import { SafeInt } from '../../../../graphql/scalars.ts';
import { ModelVersion, type VersionRow, versionsById } from '../../../registry/index.ts';
import { revisionsByHash } from '../../queries.ts';
import type { RevisionRow } from '../../tables.ts';
import { type Counted, countedFor, type Target } from '../../targets.ts';
import { Revision } from '../types/revision.ts';
import { TrafficTarget } from '../types/traffic.ts';

@Resolver(() => TrafficTarget)
export class TrafficTargetResolver {
  @FieldResolver(() => Revision, {
    nullable: true,
    description: 'What receives the traffic; null for a moment when it was begun past the API. Since: 0.1',
  })
  revision(@Context() ctx: Ctx, @Root() target: Target): Promise<RevisionRow | null> {
    return load(ctx, revisionsByHash, { deploymentId: target.deployment.id, hash: target.hash });
  }

  @FieldResolver(() => ModelVersion, { nullable: true, description: 'The version that answers. Since: 0.1' })
  async version(@Context() ctx: Ctx, @Root() target: Target): Promise<VersionRow | null> {
    const revision = await load(ctx, revisionsByHash, { deploymentId: target.deployment.id, hash: target.hash });
    return revision ? load(ctx, versionsById, revision.versionId) : null;
  }

  @FieldResolver(() => Float, {
    nullable: true,
    description:
      'Share of the requests since the weights last changed, as the gateway counted, 0 to 1; null while there were none. Since: 0.1',
  })
  async observedShare(@Context() ctx: Ctx, @Root() target: Target): Promise<number | null> {
    return (await counted(ctx, target)).observedShare;
  }

  @FieldResolver(() => SafeInt, { nullable: true, description: 'Requests since the weights last changed. Since: 0.1' })
  async observedRequests(@Context() ctx: Ctx, @Root() target: Target): Promise<number | null> {
    return (await counted(ctx, target)).observedRequests;
  }
}

const counted = (ctx: Ctx, target: Target): Promise<Counted> => countedFor(ctx, target);
