/** The fields of a revision. */
import { Ctx as Context, FieldResolver, Resolver, Root } from 'type-graphql';
import { load } from '../../../../graphql/batch.ts';
import type { Ctx } from '../../../../graphql/context.ts';
import { REPLICAS, sized } from '../../../../graphql/size.ts';
import { Actor, actorsById } from '../../../identity/index.ts';
import { ModelVersion, type VersionRow, versionsById } from '../../../registry/index.ts';
import { deploymentsById, wereStable } from '../../queries.ts';
import { type ReplicaValue, replicasOfRevision } from '../../replicas.ts';
import type { DeploymentRow, RevisionRow } from '../../tables.ts';
import { runtimeValue, ServingRuntime } from '../runtimes.ts';
import { Deployment, Resources } from '../types/deployment.ts';
import { Replica } from '../types/replica.ts';
import { Revision } from '../types/revision.ts';
import { resourcesValue } from '../values.ts';

@Resolver(() => Revision)
export class RevisionResolver {
  @FieldResolver(() => Deployment, { description: 'The deployment it belongs to. Since: 0.1' })
  deployment(@Context() ctx: Ctx, @Root() row: RevisionRow): Promise<DeploymentRow | null> {
    return load(ctx, deploymentsById, row.deploymentId);
  }

  @FieldResolver(() => ModelVersion, { description: 'The version it serves. Since: 0.1' })
  version(@Context() ctx: Ctx, @Root() row: RevisionRow): Promise<VersionRow | null> {
    return load(ctx, versionsById, row.versionId);
  }

  @FieldResolver(() => ServingRuntime, { description: 'What turns the version into containers. Since: 0.1' })
  runtime(@Context() ctx: Ctx, @Root() row: RevisionRow): ServingRuntime {
    return runtimeValue(ctx, row.runtime);
  }

  @FieldResolver(() => Resources, { description: 'What each replica is given. Since: 0.1' })
  resources(@Root() row: RevisionRow): Resources {
    return resourcesValue(row.resources);
  }

  @FieldResolver(() => Actor, { description: 'Who wanted it. Since: 0.1' })
  createdBy(@Context() ctx: Ctx, @Root() row: RevisionRow): Promise<object | null> {
    return load(ctx, actorsById, row.createdBy);
  }

  @sized(REPLICAS)
  @FieldResolver(() => [Replica], { nullable: true, description: 'Its pods at this moment. Since: 0.1' })
  replicas(@Context() ctx: Ctx, @Root() row: RevisionRow): Promise<ReplicaValue[]> {
    return replicasOfRevision(ctx, row);
  }

  @FieldResolver(() => Boolean, {
    description: 'Whether a rollout to it was ever promoted: only then can one go back to it. Since: 0.1',
  })
  wasStable(@Context() ctx: Ctx, @Root() row: RevisionRow): Promise<boolean> {
    return load(ctx, wereStable, row.id);
  }
}
