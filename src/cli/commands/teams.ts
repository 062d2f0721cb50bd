/** Owners of models and deployments. */
import { CreateTeamDocument, TeamsDocument } from '../../client/generated/graphql.ts';
import { done } from '../answers.ts';
import type { Context } from '../context.ts';
import { EXIT, type Exit } from '../exit.ts';
import { checkName } from '../names.ts';
import { all } from '../pages.ts';
import { table } from '../shown/table.ts';

export async function list(context: Context): Promise<Exit> {
  const teams = await all(context, async (page) => (await context.ask(TeamsDocument, page)).teams);
  if (teams.length === 0) context.note('There is no team yet. `clops teams create NAME` makes one.');
  const rows = teams.map(({ name, displayName, namespace }) => [name, displayName, namespace]);
  await context.show({
    data: teams,
    table: () => (rows.length === 0 ? '' : table(['NAME', 'DISPLAY NAME', 'NAMESPACE'], rows)),
    names: teams.map(({ name }) => name),
  });
  return EXIT.ok;
}

export async function create(
  context: Context,
  [name = '']: string[],
  { displayName }: { displayName?: string },
): Promise<Exit> {
  checkName('The name', name, (better) => `clops teams create ${better}`);
  const input = { name, ...(displayName !== undefined && { displayName }) };
  const { team } = done((await context.ask(CreateTeamDocument, { input })).createTeam);
  if (!team) throw new Error('the API answered neither a team nor an error');
  await context.show({ data: team, table: () => `Made the team ${team.name}.`, names: [team.name] });
  context.note(`Put a model in it:  clops models push model.onnx --team ${team.name}`);
  return EXIT.ok;
}
