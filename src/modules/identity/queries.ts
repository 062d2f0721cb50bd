import { type BatchReader, inKeyOrder, load } from '../../graphql/batch.ts';
import { type Connection, connection, type PageArgs, pageOf } from '../../graphql/connection.ts';
import type { Ctx } from '../../graphql/context.ts';
import { Fault } from '../../lib/fault.ts';
import { columns, statement } from '../../platform/db/db.ts';
import { type ActorRow, actors, type TeamRow, teams } from './tables.ts';

const selectActorsById = statement<ActorRow>(
  'actorsById',
  `select ${columns(actors, 'a')} from clops.actors a where a.id = any($1)`,
);
const selectTeamsById = statement<TeamRow>(
  'teamsById',
  `select ${columns(teams, 't')} from clops.teams t where t.id = any($1)`,
);
const selectTeamsByName = statement<TeamRow>(
  'teamsByName',
  `select ${columns(teams, 't')} from clops.teams t where t.name = any($1)`,
);
const selectTeamsByNamespace = statement<TeamRow>(
  'teamsByNamespace',
  `select ${columns(teams, 't')} from clops.teams t where t.namespace = any($1)`,
);
const selectTeams = statement<TeamRow>(
  'teams',
  `select ${columns(teams, 't')} from clops.teams t where ($1::text is null or t.name > $1) order by t.name limit $2`,
);
const countTeams = statement<{ count: number }>('countTeams', 'select count(*) as count from clops.teams');

export const actorsById: BatchReader<string, ActorRow | null> = async (ctx, ids) =>
  inKeyOrder(ids, await ctx.db.read(selectActorsById, [ids]), (row) => row.id);

export const teamsById: BatchReader<string, TeamRow | null> = async (ctx, ids) =>
  inKeyOrder(ids, await ctx.db.read(selectTeamsById, [ids]), (row) => row.id);

export const teamsByName: BatchReader<string, TeamRow | null> = async (ctx, names) =>
  inKeyOrder(names, await ctx.db.read(selectTeamsByName, [names]), (row) => row.name);

export const teamsByNamespace: BatchReader<string, TeamRow | null> = async (ctx, namespaces) =>
  inKeyOrder(namespaces, await ctx.db.read(selectTeamsByNamespace, [namespaces]), (row) => row.namespace);

/**
 * The team that a list or stream is narrowed to; null when it is not. One that is not there is a fault and no empty list:
 * a misspelt name would look like a team in which nothing has happened.
 */
export async function teamInWhere(ctx: Ctx, name: string | null | undefined): Promise<TeamRow | null> {
  if (name === null || name === undefined) return null;
  const team = name.includes('\0') ? null : await load(ctx, teamsByName, name);
  if (team) return team;
  throw new Fault(
    'NOT_FOUND',
    `There is no team ${JSON.stringify(name.slice(0, 60))} (where.team). The list \`teams\` has those that there are.`,
  );
}

export async function allTeams(ctx: Ctx, args: PageArgs): Promise<Connection<TeamRow>> {
  const page = pageOf('teams', args, ([name]) => typeof name === 'string' && !name.includes('\0'));
  const rows = await ctx.db.read(selectTeams, [page.after?.[0] ?? null, page.limit + 1]);
  return connection(
    'teams',
    page,
    rows,
    (row) => [row.name],
    async () => (await ctx.db.read(countTeams))[0]?.count ?? 0,
  );
}
