import { type BatchReader, inKeyOrder } from '../../graphql/batch.ts';
import { type StringFilter, stringCondition, stringParams } from '../../graphql/filters.ts';
import { pagedReader } from '../../graphql/paged.ts';
import { columns, statement } from '../../platform/db/db.ts';
import { type DeploymentRow, deployments, type RevisionRow, type RolloutRow, revisions, rollouts } from './tables.ts';

const D = columns(deployments, 'd');
const V = columns(revisions, 'r');
const O = columns(rollouts, 'o');

const selectDeploymentsById = statement<DeploymentRow>(
  'deploymentsById',
  `select ${D} from clops.deployments d where d.id = any($1)`,
);
const selectDeploymentsByName = statement<DeploymentRow & { key: string }>(
  'deploymentsByName',
  `select ${D}, k.key from unnest($1::text[], $2::text[], $3::text[]) as k(key, team, name)
   join clops.teams t on t.name = k.team join clops.deployments d on d.team_id = t.id and d.name = k.name and d.gone_at is null`,
);
const selectDeploymentsByResource = statement<DeploymentRow & { key: string }>(
  'deploymentsByResource',
  `select ${D}, d.namespace || '/' || d.name as key from clops.deployments d where d.namespace || '/' || d.name = any($1) and d.gone_at is null`,
);
const selectRevisionsById = statement<RevisionRow>(
  'revisionsById',
  `select ${V} from clops.revisions r where r.id = any($1)`,
);
const selectRevisionsByHash = statement<RevisionRow>(
  'revisionsByHash',
  `select distinct on (r.deployment_id, r.hash) ${V} from unnest($1::text[], $2::text[]) as k(deployment, hash)
   join clops.revisions r on r.deployment_id = k.deployment and r.hash = k.hash order by r.deployment_id, r.hash, r.number desc`,
);
const selectRolloutsById = statement<RolloutRow>(
  'rolloutsById',
  `select ${O} from clops.rollouts o where o.id = any($1)`,
);
const selectStableRevisions = statement<{ id: string }>(
  'stableRevisions',
  `select distinct o.to_revision_id as id from clops.rollouts o where o.to_revision_id = any($1) and o.outcome in ('PROMOTED', 'FAST_PROMOTED', 'ROLLED_BACK', 'FAST_ROLLED_BACK')`,
);

export const deploymentsById: BatchReader<string, DeploymentRow | null> = async (ctx, ids) =>
  inKeyOrder(ids, await ctx.db.read(selectDeploymentsById, [ids]), (row) => row.id);

/** By `team/name`. */
export const deploymentsByName: BatchReader<string, DeploymentRow | null> = async (ctx, keys) => {
  const parts = keys.map((key) => [key.slice(0, key.indexOf('/')), key.slice(key.indexOf('/') + 1)] as const);
  const rows = await ctx.db.read(selectDeploymentsByName, [
    keys,
    parts.map(([team]) => team),
    parts.map(([, name]) => name),
  ]);
  return inKeyOrder(keys, rows, (row) => row.key);
};

/** By `namespace/name`, as the cluster names them. */
export const deploymentsByResource: BatchReader<string, DeploymentRow | null> = async (ctx, keys) =>
  inKeyOrder(keys, await ctx.db.read(selectDeploymentsByResource, [keys]), (row) => row.key);

export const revisionsById: BatchReader<string, RevisionRow | null> = async (ctx, ids) =>
  inKeyOrder(ids, await ctx.db.read(selectRevisionsById, [ids]), (row) => row.id);

/** The newest revision of a hash. */
export const revisionsByHash: BatchReader<{ deploymentId: string; hash: string }, RevisionRow | null> = async (
  ctx,
  keys,
) => {
  const rows = await ctx.db.read(selectRevisionsByHash, [keys.map((k) => k.deploymentId), keys.map((k) => k.hash)]);
  return inKeyOrder(
    keys.map((k) => `${k.deploymentId} ${k.hash}`),
    rows,
    (row) => `${row.deploymentId} ${row.hash}`,
  );
};

export const rolloutsById: BatchReader<string, RolloutRow | null> = async (ctx, ids) =>
  inKeyOrder(ids, await ctx.db.read(selectRolloutsById, [ids]), (row) => row.id);

export const wereStable: BatchReader<string, boolean> = async (ctx, revisionIds) => {
  const rows = new Set((await ctx.db.read(selectStableRevisions, [revisionIds])).map((row) => row.id));
  return revisionIds.map((id) => rows.has(id));
};

export interface DeploymentFilter {
  team?: string | null;
  name?: StringFilter | null;
  phase?: string[] | null;
  model?: string | null;
}

const deploymentPages = {
  columns: D,
  from: 'clops.deployments d',
  id: 'd.id',
  orderings: {
    NAME_ASC: { by: 'd.name', cast: 'text', direction: 'asc', valueOf: (row: DeploymentRow) => row.name },
    NAME_DESC: { by: 'd.name', cast: 'text', direction: 'desc', valueOf: (row: DeploymentRow) => row.name },
    CREATED_AT_ASC: {
      by: 'd.created_at',
      cast: 'timestamptz',
      direction: 'asc',
      valueOf: (row: DeploymentRow) => row.createdAt.toISOString(),
    },
    CREATED_AT_DESC: {
      by: 'd.created_at',
      cast: 'timestamptz',
      direction: 'desc',
      valueOf: (row: DeploymentRow) => row.createdAt.toISOString(),
    },
    UPDATED_AT_ASC: {
      by: 'd.updated_at',
      cast: 'timestamptz',
      direction: 'asc',
      valueOf: (row: DeploymentRow) => row.updatedAt.toISOString(),
    },
    UPDATED_AT_DESC: {
      by: 'd.updated_at',
      cast: 'timestamptz',
      direction: 'desc',
      valueOf: (row: DeploymentRow) => row.updatedAt.toISOString(),
    },
  },
  where: `d.gone_at is null and ($5::text is null or d.team_id = (select id from clops.teams where name = $5)) and ${stringCondition('d.name', 6)}
    and ($10::text[] is null or d.phase = any($10)) and ($11::text is null or d.model_id = $11)`,
  params: (f: DeploymentFilter) => [f.team ?? null, ...stringParams(f.name), f.phase ?? null, f.model ?? null],
} as const;

export const deploymentsPage = pagedReader<DeploymentRow, DeploymentFilter>({
  ...deploymentPages,
  name: 'deployments',
  parent: null,
});
export const deploymentsByTeam = pagedReader<DeploymentRow, DeploymentFilter>({
  ...deploymentPages,
  name: 'deploymentsByTeam',
  parent: 'd.team_id',
});
export const deploymentsByModel = pagedReader<DeploymentRow, DeploymentFilter>({
  ...deploymentPages,
  name: 'deploymentsByModel',
  parent: 'd.model_id',
});
/** Where a version is wanted or still serves. */
export const deploymentsByVersion = pagedReader<DeploymentRow, DeploymentFilter>({
  ...deploymentPages,
  name: 'deploymentsByVersion',
  parent: null,
  // By ids found through the indexes on versions: the same condition written on `d` walks every deployment for every version.
  ofParent: `d.id in (
     select w.id from clops.deployments w where w.version_id = p.id
     union select r.deployment_id from clops.revisions r join clops.deployments x on x.id = r.deployment_id
     where r.version_id = p.id and r.hash in (x.status -> 'stable' ->> 'hash', x.status -> 'canary' ->> 'hash')
   )`,
});

export interface RolloutFilter {
  team?: string | null;
  deployment?: string | null;
  phase?: string[] | null;
  active?: boolean | null;
}

const rolloutPages = {
  columns: O,
  from: 'clops.rollouts o',
  id: 'o.id',
  orderings: {
    STARTED_DESC: {
      by: 'o.started_at',
      cast: 'timestamptz',
      direction: 'desc',
      valueOf: (row: RolloutRow) => row.startedAt.toISOString(),
    },
  },
  where: `($5::text is null or exists (select 1 from clops.deployments d join clops.teams t on t.id = d.team_id where d.id = o.deployment_id and t.name = $5))
    and ($6::text is null or o.deployment_id = $6) and ($7::text[] is null or o.phase = any($7)) and ($8::bool is null or (o.outcome is null) = $8)`,
  params: (f: RolloutFilter) => [f.team ?? null, f.deployment ?? null, f.phase ?? null, f.active ?? null],
} as const;

/** Newest first. */
export const rolloutsPage = pagedReader<RolloutRow, RolloutFilter>({ ...rolloutPages, name: 'rollouts', parent: null });
export const rolloutsByDeployment = pagedReader<RolloutRow, RolloutFilter>({
  ...rolloutPages,
  name: 'rolloutsByDeployment',
  parent: 'o.deployment_id',
});

/** Newest first. */
export const revisionsByDeployment = pagedReader<RevisionRow, object>({
  name: 'revisionsByDeployment',
  columns: V,
  from: 'clops.revisions r',
  id: 'r.id',
  parent: 'r.deployment_id',
  orderings: { NUMBER_DESC: { by: 'r.number', cast: 'int', direction: 'desc', valueOf: (row) => row.number } },
});
