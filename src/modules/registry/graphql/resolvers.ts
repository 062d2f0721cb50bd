import { Arg, Args, Ctx as Context, FieldResolver, ID, Int, Mutation, Query, Resolver, Root } from 'type-graphql';
import { load } from '../../../graphql/batch.ts';
import type { Connection } from '../../../graphql/connection.ts';
import type { Ctx } from '../../../graphql/context.ts';
import { answer, payloadOf } from '../../../graphql/payload.ts';
import { Run, type RunRow, runsById } from '../../experiments/index.ts';
import type { TeamRow } from '../../identity/index.ts';
import { Actor, actorsById, Team, teamInWhere, teamsById } from '../../identity/index.ts';
import { deleteAlias, setAlias } from '../aliasCommands.ts';
import { createModel, createModelVersion, deleteModel, updateModel, updateModelVersion } from '../commands.ts';
import {
  aliasesByModel,
  aliasesByVersion,
  latestVersions,
  modelsById,
  modelsByName,
  modelsByTeam,
  modelsPage,
  versionsByAlias,
  versionsById,
  versionsByModel,
  versionsByNumber,
  versionsByRun,
} from '../queries.ts';
import type { AliasRow, ModelRow, VersionRow } from '../tables.ts';
import {
  CreateModelInput,
  CreateModelVersionInput,
  DeleteAliasInput,
  DeleteModelInput,
  ModelsArgs,
  SetAliasInput,
  TeamModelsArgs,
  UpdateModelInput,
  UpdateModelVersionInput,
  VersionsArgs,
} from './inputs.ts';
import { Alias, Artifact, Model, ModelConnection, ModelVersion, ModelVersionConnection } from './types.ts';

const ModelPayload = payloadOf('ModelPayload', { model: () => Model });
const ModelVersionPayload = payloadOf('ModelVersionPayload', { version: () => ModelVersion });
export const DeletePayload = payloadOf('DeletePayload', { deletedId: () => ID });

@Resolver(() => Model)
export class ModelResolver {
  @Query(() => Model, { nullable: true, description: 'One model by team and name. Requires: READ. Since: 0.1' })
  model(
    @Context() ctx: Ctx,
    @Arg('team', () => String, { description: 'Name of the team.' }) team: string,
    @Arg('name', () => String, { description: 'Name of the model.' }) name: string,
  ): Promise<ModelRow | null> {
    return load(ctx, modelsByName, `${team}/${name}`);
  }

  @Query(() => ModelConnection, { description: 'Every model the viewer may see. Requires: READ. Since: 0.1' })
  async models(@Context() ctx: Ctx, @Args(() => ModelsArgs) args: ModelsArgs): Promise<Connection<ModelRow>> {
    const ordering = args.orderBy ? `${args.orderBy.field}_${args.orderBy.direction}` : 'NAME_ASC';
    await teamInWhere(ctx, args.where?.team);
    return modelsPage(ctx, { parentId: '', page: args, ordering, filter: { ...args.where } });
  }

  @FieldResolver(() => Team, { description: 'Its owner. Since: 0.1' })
  team(@Context() ctx: Ctx, @Root() model: ModelRow): Promise<TeamRow | null> {
    return load(ctx, teamsById, model.teamId);
  }

  @FieldResolver(() => Actor, { description: 'Who created it. Since: 0.1' })
  createdBy(@Context() ctx: Ctx, @Root() model: ModelRow): Promise<object | null> {
    return load(ctx, actorsById, model.createdBy);
  }

  @FieldResolver(() => ModelVersionConnection, { description: 'Its versions, newest first. Since: 0.1' })
  versions(
    @Context() ctx: Ctx,
    @Root() model: ModelRow,
    @Args(() => VersionsArgs) args: VersionsArgs,
  ): Promise<Connection<VersionRow>> {
    return versionsByModel(ctx, { parentId: model.id, page: args, ordering: 'NUMBER_DESC', filter: { ...args.where } });
  }

  @FieldResolver(() => ModelVersion, {
    nullable: true,
    description: 'The newest version; null when there is none. Since: 0.1',
  })
  latestVersion(@Context() ctx: Ctx, @Root() model: ModelRow): Promise<VersionRow | null> {
    return load(ctx, latestVersions, model.id);
  }

  @FieldResolver(() => ModelVersion, {
    nullable: true,
    description: 'One version by number or alias; the newest when neither is given. Since: 0.1',
  })
  version(
    @Context() ctx: Ctx,
    @Root() model: ModelRow,
    @Arg('number', () => Int, { nullable: true, description: 'Its number.' }) number?: number | null,
    @Arg('alias', () => String, { nullable: true, description: 'An alias on it.' }) alias?: string | null,
  ): Promise<VersionRow | null> {
    if (typeof number === 'number') return load(ctx, versionsByNumber, { modelId: model.id, number });
    if (typeof alias === 'string') return load(ctx, versionsByAlias, { modelId: model.id, alias });
    return load(ctx, latestVersions, model.id);
  }

  @FieldResolver(() => [Alias], { description: 'Its aliases, by name. Since: 0.1' })
  aliases(@Context() ctx: Ctx, @Root() model: ModelRow): Promise<AliasRow[]> {
    return load(ctx, aliasesByModel, model.id);
  }

  @Mutation(() => ModelPayload, { description: 'Creates a model. Requires: WRITE_MODEL. Since: 0.1' })
  createModel(@Context() ctx: Ctx, @Arg('input', () => CreateModelInput) input: CreateModelInput): Promise<object> {
    return answer(createModel(ctx, input), async ({ subject }) => ({ model: await load(ctx, modelsById, subject) }));
  }

  @Mutation(() => ModelPayload, { description: 'Changes description and tags. Requires: WRITE_MODEL. Since: 0.1' })
  updateModel(@Context() ctx: Ctx, @Arg('input', () => UpdateModelInput) input: UpdateModelInput): Promise<object> {
    return answer(updateModel(ctx, input), (accepted) => freshModel(ctx, accepted.subject));
  }

  @Mutation(() => DeletePayload, {
    description: 'Deletes a model that is not deployed, with its versions. Requires: WRITE_MODEL. Since: 0.1',
  })
  deleteModel(@Context() ctx: Ctx, @Arg('input', () => DeleteModelInput) input: DeleteModelInput): Promise<object> {
    return answer(deleteModel(ctx, input), ({ subject }) => ({ deletedId: subject }));
  }

  @Mutation(() => ModelPayload, { description: 'Removes an alias. Requires: WRITE_MODEL. Since: 0.1' })
  deleteAlias(@Context() ctx: Ctx, @Arg('input', () => DeleteAliasInput) input: DeleteAliasInput): Promise<object> {
    return answer(deleteAlias(ctx, input), (accepted) => freshModel(ctx, accepted.subject));
  }
}

/** Read again: the command has loaded the row as it was before. */
async function freshModel(ctx: Ctx, id: string): Promise<{ model: ModelRow | null }> {
  ctx.loaders.clear();
  return { model: await load(ctx, modelsById, id) };
}

@Resolver(() => ModelVersion)
export class ModelVersionResolver {
  @FieldResolver(() => Model, { description: 'The model it is a version of. Since: 0.1' })
  model(@Context() ctx: Ctx, @Root() version: VersionRow): Promise<ModelRow | null> {
    return load(ctx, modelsById, version.modelId);
  }

  @FieldResolver(() => Artifact, { description: 'Its bytes. Since: 0.1' })
  artifact(@Context() { settings }: Ctx, @Root() { digest, originUri, sizeBytes }: VersionRow): Artifact {
    const downloadUrl = `${settings.artifactsUrl}/${digest}`;
    return { uri: originUri ?? downloadUrl, digest, sizeBytes, downloadUrl };
  }

  @FieldResolver(() => Actor, { description: 'Who registered it. Since: 0.1' })
  createdBy(@Context() ctx: Ctx, @Root() version: VersionRow): Promise<object | null> {
    return load(ctx, actorsById, version.createdBy);
  }

  @FieldResolver(() => [Alias], { description: 'The aliases that name it now. Since: 0.1' })
  aliases(@Context() ctx: Ctx, @Root() version: VersionRow): Promise<AliasRow[]> {
    return load(ctx, aliasesByVersion, version.id);
  }

  @FieldResolver(() => Run, { nullable: true, description: 'The run it came from, if one was named. Since: 0.1' })
  run(@Context() ctx: Ctx, @Root() version: VersionRow): Promise<RunRow | null> | null {
    return version.runId === null ? null : load(ctx, runsById, version.runId);
  }

  @Mutation(() => ModelVersionPayload, {
    description:
      'Registers a version. Bytes go to `PUT /artifacts/<digest>` first (resumable, verified); then the version names the digest. Requires: WRITE_MODEL. Since: 0.1',
  })
  createModelVersion(
    @Context() ctx: Ctx,
    @Arg('input', () => CreateModelVersionInput) input: CreateModelVersionInput,
  ): Promise<object> {
    return answer(createModelVersion(ctx, input), (accepted) => freshVersion(ctx, accepted.subject));
  }

  @Mutation(() => ModelVersionPayload, {
    description: 'Description and tags; everything else of a version is immutable. Requires: WRITE_MODEL. Since: 0.1',
  })
  updateModelVersion(
    @Context() ctx: Ctx,
    @Arg('input', () => UpdateModelVersionInput) input: UpdateModelVersionInput,
  ): Promise<object> {
    return answer(updateModelVersion(ctx, input), (accepted) => freshVersion(ctx, accepted.subject));
  }

  @Mutation(() => ModelVersionPayload, {
    description: 'Points an alias to a version. Requires: WRITE_MODEL. Since: 0.1',
  })
  setAlias(@Context() ctx: Ctx, @Arg('input', () => SetAliasInput) input: SetAliasInput): Promise<object> {
    return answer(setAlias(ctx, input), (accepted) => freshVersion(ctx, accepted.subject));
  }
}

async function freshVersion(ctx: Ctx, id: string): Promise<{ version: VersionRow | null }> {
  ctx.loaders.clear();
  return { version: await load(ctx, versionsById, id) };
}

@Resolver(() => Alias)
export class AliasResolver {
  @FieldResolver(() => ModelVersion, { description: 'The version it names now. Since: 0.1' })
  version(@Context() ctx: Ctx, @Root() alias: AliasRow): Promise<VersionRow | null> {
    return load(ctx, versionsById, alias.versionId);
  }

  @FieldResolver(() => Actor, { description: 'Who last moved it. Since: 0.1' })
  movedBy(@Context() ctx: Ctx, @Root() alias: AliasRow): Promise<object | null> {
    return load(ctx, actorsById, alias.movedBy);
  }
}

@Resolver(() => Run)
export class RunVersionsResolver {
  @FieldResolver(() => [ModelVersion], { description: 'The versions that were made of it, oldest first. Since: 0.1' })
  versions(@Context() ctx: Ctx, @Root() run: RunRow): Promise<VersionRow[]> {
    return load(ctx, versionsByRun, run.id);
  }
}

@Resolver(() => Team)
export class TeamModelsResolver {
  @FieldResolver(() => ModelConnection, { description: 'Its models, by name. Since: 0.1' })
  models(
    @Context() ctx: Ctx,
    @Root() team: TeamRow,
    @Args(() => TeamModelsArgs) args: TeamModelsArgs,
  ): Promise<Connection<ModelRow>> {
    return modelsByTeam(ctx, { parentId: team.id, page: args, ordering: 'NAME_ASC', filter: { ...args.where } });
  }
}

export const registryNodes = { Model: modelsById, ModelVersion: versionsById };
