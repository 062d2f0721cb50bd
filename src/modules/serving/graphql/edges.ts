/** What serving adds to the types of earlier slices: every noun leads to what serves it, and back. */
import { Args, Ctx as Context, FieldResolver, Resolver, Root } from 'type-graphql';
import { type BatchReader, groupedByKey, load } from '../../../graphql/batch.ts';
import { type Connection, connection, pageOf } from '../../../graphql/connection.ts';
import type { Ctx } from '../../../graphql/context.ts';
import { columns, statement } from '../../../platform/db/db.ts';
import { ListArgs, Team, type TeamRow } from '../../identity/index.ts';
import { Model, type ModelRow, ModelVersion, type VersionRow } from '../../registry/index.ts';
import { deploymentsByModel, deploymentsByTeam, deploymentsByVersion } from '../queries.ts';
import { type ReplicaValue, replicasOfRevision, requirePods } from '../replicas.ts';
import { type DeploymentRow, type RevisionRow, revisions } from '../tables.ts';
import { TeamDeploymentsArgs } from './inputs.ts';
import { DeploymentConnection, ReplicaConnection } from './types.ts';

/** The newest revision of each hash that serves a version in a deployment that is there. */
const selectRevisionsByVersion = statement<RevisionRow>(
  'revisionsByVersion',
  `select distinct on (r.deployment_id, r.hash) ${columns(revisions, 'r')} from clops.revisions r
   join clops.deployments d on d.id = r.deployment_id and d.gone_at is null where r.version_id = any($1) order by r.deployment_id, r.hash, r.number desc`,
);
const revisionsByVersion: BatchReader<string, RevisionRow[]> = async (ctx, versionIds) =>
  groupedByKey(versionIds, await ctx.db.read(selectRevisionsByVersion, [versionIds]), (row) => row.versionId);

@Resolver(() => Team)
export class TeamDeploymentsResolver {
  @FieldResolver(() => DeploymentConnection, { description: 'Its deployments, by name. Since: 0.1' })
  deployments(
    @Context() ctx: Ctx,
    @Root() team: TeamRow,
    @Args(() => TeamDeploymentsArgs) args: TeamDeploymentsArgs,
  ): Promise<Connection<DeploymentRow>> {
    return deploymentsByTeam(ctx, { parentId: team.id, page: args, ordering: 'NAME_ASC', filter: { ...args.where } });
  }
}

@Resolver(() => Model)
export class ModelDeploymentsResolver {
  @FieldResolver(() => DeploymentConnection, {
    description: 'Deployments that serve its versions, by name. Since: 0.1',
  })
  deployments(
    @Context() ctx: Ctx,
    @Root() model: ModelRow,
    @Args(() => ListArgs) args: ListArgs,
  ): Promise<Connection<DeploymentRow>> {
    return deploymentsByModel(ctx, { parentId: model.id, page: args, ordering: 'NAME_ASC', filter: {} });
  }
}

@Resolver(() => ModelVersion)
export class VersionDeploymentsResolver {
  @FieldResolver(() => DeploymentConnection, {
    description: 'Deployments where it is wanted or still serves, by name. Since: 0.1',
  })
  deployments(
    @Context() ctx: Ctx,
    @Root() version: VersionRow,
    @Args(() => ListArgs) args: ListArgs,
  ): Promise<Connection<DeploymentRow>> {
    return deploymentsByVersion(ctx, { parentId: version.id, page: args, ordering: 'NAME_ASC', filter: {} });
  }

  @FieldResolver(() => ReplicaConnection, {
    nullable: true,
    description: 'Where it runs at this moment: replica → node → GPU. Since: 0.1',
  })
  async replicas(
    @Context() ctx: Ctx,
    @Root() version: VersionRow,
    @Args(() => ListArgs) args: ListArgs,
  ): Promise<Connection<ReplicaValue>> {
    requirePods(ctx);
    const page = pageOf('replicas', args);
    const rows = await load(ctx, revisionsByVersion, version.id);
    const all = (await Promise.all(rows.map((row) => replicasOfRevision(ctx, row))))
      .flat()
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    const [after] = page.after ?? [];
    const rest = typeof after === 'string' ? all.filter(({ id }) => id > after) : all;
    return connection(
      'replicas',
      page,
      rest.slice(0, page.limit + 1),
      (replica) => [replica.id],
      () => all.length,
    );
  }
}
