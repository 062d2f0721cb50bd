/** The fields of a replica. */
import { Ctx as Context, FieldResolver, Resolver, Root } from 'type-graphql';
import { load } from '../../../../graphql/batch.ts';
import type { Ctx } from '../../../../graphql/context.ts';
import { ModelVersion, type VersionRow, versionsById } from '../../../registry/index.ts';
import type { ReplicaValue } from '../../replicas.ts';
import type { DeploymentRow, RevisionRow } from '../../tables.ts';
import { targetsOf } from '../../targets.ts';
import { Deployment } from '../types/deployment.ts';
import { Replica } from '../types/replica.ts';
import { Revision } from '../types/revision.ts';
import { TrafficRole } from '../types/traffic.ts';

@Resolver(() => Replica)
export class ReplicaResolver {
  @FieldResolver(() => Deployment, { description: 'What it is a replica of. Since: 0.1' })
  deployment(@Root() replica: ReplicaValue): DeploymentRow {
    return replica.deployment;
  }

  @FieldResolver(() => Revision, { description: 'The revision it runs. Since: 0.1' })
  revision(@Root() replica: ReplicaValue): RevisionRow {
    return replica.revision;
  }

  @FieldResolver(() => ModelVersion, { description: 'The version it serves. Since: 0.1' })
  version(@Context() ctx: Ctx, @Root() replica: ReplicaValue): Promise<VersionRow | null> {
    return load(ctx, versionsById, replica.revision.versionId);
  }

  @FieldResolver(() => TrafficRole, {
    nullable: true,
    description: 'Why it receives traffic; null when it does not. Since: 0.1',
  })
  role(@Root() { deployment, revision }: ReplicaValue): string | null {
    return targetsOf(deployment).find(({ hash }) => hash === revision.hash)?.role ?? null;
  }
}
