import { type BatchReader, groupedByKey, inKeyOrder } from '../../graphql/batch.ts';
import {
  type StringFilter,
  stringCondition,
  stringParams,
  type TagFilter,
  tagCondition,
  tagParams,
} from '../../graphql/filters.ts';
import { pagedReader } from '../../graphql/paged.ts';
import { columns, statement } from '../../platform/db/db.ts';
import { type AliasRow, aliases, type ModelRow, models, modelVersions, type VersionRow } from './tables.ts';

const M = columns(models, 'm');
const V = columns(modelVersions, 'v');
const A = columns(aliases, 'a');

const selectModelsById = statement<ModelRow>('modelsById', `select ${M} from clops.models m where m.id = any($1)`);
const selectModelsByName = statement<ModelRow & { key: string }>(
  'modelsByName',
  `select ${M}, k.key from unnest($1::text[], $2::text[], $3::text[]) as k(key, team, name)
   join clops.teams t on t.name = k.team join clops.models m on m.team_id = t.id and m.name = k.name`,
);
const selectVersionsById = statement<VersionRow>(
  'versionsById',
  `select ${V} from clops.model_versions v where v.id = any($1)`,
);
const selectVersionsByNumber = statement<VersionRow>(
  'versionsByNumber',
  `select ${V} from unnest($1::text[], $2::int[]) as k(model, number) join clops.model_versions v on v.model_id = k.model and v.number = k.number`,
);
const selectVersionsByAlias = statement<VersionRow & { alias: string }>(
  'versionsByAlias',
  `select ${V}, a.name as alias from unnest($1::text[], $2::text[]) as k(model, alias)
   join clops.aliases a on a.model_id = k.model and a.name = k.alias join clops.model_versions v on v.id = a.version_id`,
);
const selectVersionsByDigest = statement<VersionRow>(
  'versionsByDigest',
  `select distinct on (v.model_id, v.digest) ${V} from unnest($1::text[], $2::text[]) as k(model, digest)
   join clops.model_versions v on v.model_id = k.model and v.digest = k.digest order by v.model_id, v.digest, v.number desc`,
);
const selectLatestVersions = statement<VersionRow>(
  'latestVersions',
  `select ${V} from clops.models m join clops.model_versions v on v.model_id = m.id and v.number = m.last_version where m.id = any($1)`,
);
const selectVersionsByRun = statement<VersionRow>(
  'versionsByRun',
  `select ${V} from clops.model_versions v where v.run_id = any($1) order by v.created_at, v.id`,
);
const selectAliasesByModel = statement<AliasRow>(
  'aliasesByModel',
  `select ${A} from clops.aliases a where a.model_id = any($1) order by a.name`,
);
const selectAliasesByVersion = statement<AliasRow>(
  'aliasesByVersion',
  `select ${A} from clops.aliases a where a.version_id = any($1) order by a.name`,
);

export const modelsById: BatchReader<string, ModelRow | null> = async (ctx, ids) =>
  inKeyOrder(ids, await ctx.db.read(selectModelsById, [ids]), (row) => row.id);

/** By `team/name`. */
export const modelsByName: BatchReader<string, ModelRow | null> = async (ctx, keys) => {
  const parts = keys.map((key) => [key.slice(0, key.indexOf('/')), key.slice(key.indexOf('/') + 1)] as const);
  const rows = await ctx.db.read(selectModelsByName, [
    keys,
    parts.map(([team]) => team),
    parts.map(([, name]) => name),
  ]);
  return inKeyOrder(keys, rows, (row) => row.key);
};

export const versionsById: BatchReader<string, VersionRow | null> = async (ctx, ids) =>
  inKeyOrder(ids, await ctx.db.read(selectVersionsById, [ids]), (row) => row.id);

export const versionsByNumber: BatchReader<{ modelId: string; number: number }, VersionRow | null> = async (
  ctx,
  keys,
) => {
  const rows = await ctx.db.read(selectVersionsByNumber, [keys.map((k) => k.modelId), keys.map((k) => k.number)]);
  return inKeyOrder(
    keys.map((k) => `${k.modelId} ${k.number}`),
    rows,
    (row) => `${row.modelId} ${row.number}`,
  );
};

export const versionsByAlias: BatchReader<{ modelId: string; alias: string }, VersionRow | null> = async (
  ctx,
  keys,
) => {
  const rows = await ctx.db.read(selectVersionsByAlias, [keys.map((k) => k.modelId), keys.map((k) => k.alias)]);
  return inKeyOrder(
    keys.map((k) => `${k.modelId} ${k.alias}`),
    rows,
    (row) => `${row.modelId} ${row.alias}`,
  );
};

/** The newest version of a model with these bytes. */
export const versionsByDigest: BatchReader<{ modelId: string; digest: string }, VersionRow | null> = async (
  ctx,
  keys,
) => {
  const rows = await ctx.db.read(selectVersionsByDigest, [keys.map((k) => k.modelId), keys.map((k) => k.digest)]);
  return inKeyOrder(
    keys.map((k) => `${k.modelId} ${k.digest}`),
    rows,
    (row) => `${row.modelId} ${row.digest}`,
  );
};

export const latestVersions: BatchReader<string, VersionRow | null> = async (ctx, modelIds) =>
  inKeyOrder(modelIds, await ctx.db.read(selectLatestVersions, [modelIds]), (row) => row.modelId);

export const versionsByRun: BatchReader<string, VersionRow[]> = async (ctx, runIds) =>
  groupedByKey(runIds, await ctx.db.read(selectVersionsByRun, [runIds]), (row) => row.runId ?? '');

export const aliasesByModel: BatchReader<string, AliasRow[]> = async (ctx, modelIds) =>
  groupedByKey(modelIds, await ctx.db.read(selectAliasesByModel, [modelIds]), (row) => row.modelId);

export const aliasesByVersion: BatchReader<string, AliasRow[]> = async (ctx, versionIds) =>
  groupedByKey(versionIds, await ctx.db.read(selectAliasesByVersion, [versionIds]), (row) => row.versionId);

export interface ModelFilter {
  team?: string | null;
  name?: StringFilter | null;
  tag?: TagFilter | null;
  format?: string | null;
}

const modelOrderings = {
  NAME_ASC: { by: 'm.name', cast: 'text', direction: 'asc', valueOf: (row: ModelRow) => row.name },
  NAME_DESC: { by: 'm.name', cast: 'text', direction: 'desc', valueOf: (row: ModelRow) => row.name },
  CREATED_AT_ASC: {
    by: 'm.created_at',
    cast: 'timestamptz',
    direction: 'asc',
    valueOf: (row: ModelRow) => row.createdAt.toISOString(),
  },
  CREATED_AT_DESC: {
    by: 'm.created_at',
    cast: 'timestamptz',
    direction: 'desc',
    valueOf: (row: ModelRow) => row.createdAt.toISOString(),
  },
  UPDATED_AT_ASC: {
    by: 'm.updated_at',
    cast: 'timestamptz',
    direction: 'asc',
    valueOf: (row: ModelRow) => row.updatedAt.toISOString(),
  },
  UPDATED_AT_DESC: {
    by: 'm.updated_at',
    cast: 'timestamptz',
    direction: 'desc',
    valueOf: (row: ModelRow) => row.updatedAt.toISOString(),
  },
} as const;

const modelPages = {
  columns: M,
  from: 'clops.models m',
  id: 'm.id',
  orderings: modelOrderings,
  where: `($5::text is null or m.team_id = (select id from clops.teams where name = $5)) and ${stringCondition('m.name', 6)} and ${tagCondition('m.tags', 10)}
    and ($12::text is null or exists (select 1 from clops.model_versions v where v.model_id = m.id and v.format = $12))`,
  params: (f: ModelFilter) => [f.team ?? null, ...stringParams(f.name), ...tagParams(f.tag), f.format ?? null],
};

export const modelsPage = pagedReader<ModelRow, ModelFilter>({ ...modelPages, name: 'models', parent: null });
export const modelsByTeam = pagedReader<ModelRow, ModelFilter>({
  ...modelPages,
  name: 'modelsByTeam',
  parent: 'm.team_id',
});

export interface VersionFilter {
  alias?: string | null;
  tag?: TagFilter | null;
  createdAfter?: Date | null;
  createdBefore?: Date | null;
}

/** Newest first. */
export const versionsByModel = pagedReader<VersionRow, VersionFilter>({
  name: 'versionsByModel',
  columns: V,
  from: 'clops.model_versions v',
  id: 'v.id',
  parent: 'v.model_id',
  orderings: { NUMBER_DESC: { by: 'v.number', cast: 'int', direction: 'desc', valueOf: (row) => row.number } },
  where: `($5::text is null or exists (select 1 from clops.aliases a where a.version_id = v.id and a.name = $5)) and ${tagCondition('v.tags', 6)}
    and ($8::timestamptz is null or v.created_at > $8) and ($9::timestamptz is null or v.created_at < $9)`,
  params: (f) => [f.alias ?? null, ...tagParams(f.tag), f.createdAfter ?? null, f.createdBefore ?? null],
});
