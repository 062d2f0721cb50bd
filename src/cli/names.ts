/**
 * How things are named on the command line: `vad`, `speech/vad`, `vad@2`, `vad@champion`, or an id such as `dep_01j…`.
 * A name without a team is looked for in all teams, and must be found in one of them only.
 */
import {
  DeploymentNamesDocument,
  ModelNamesDocument,
  NamedDocument,
  RolloutOwnerDocument,
  TeamsDocument,
} from '../client/generated/graphql.ts';
import type { Context } from './context.ts';
import { CliError, EXIT } from './exit.ts';
import { all } from './pages.ts';
import { didYouMean } from './similar.ts';

export interface Named {
  id: string;
  name: string;
  team: { name: string };
}

/** `full`: as another command takes it, in every team. */
export const full = ({ team, name }: Pick<Named, 'team' | 'name'>): string => `${team.name}/${name}`;

export async function findDeployment(context: Context, ref: string): Promise<Named> {
  const list = async (where: object): Promise<Named[]> =>
    (await context.ask(DeploymentNamesDocument, { where })).deployments.nodes;
  if (ref === '') throw await whichDeployment(context, list);
  return find(context, { what: 'deployment', list: 'clops deployments list', prefix: 'dep_' }, ref, list);
}

/** Not even the only one is guessed: it is about to be promoted, or deleted. */
async function whichDeployment(context: Context, list: (where: object) => Promise<Named[]>): Promise<CliError> {
  const there = await list(context.team === undefined ? {} : { team: context.team });
  if (there.length === 0)
    return new CliError(EXIT.usage, 'Which deployment? There is none yet.', 'clops deploy model@1');
  return new CliError(
    EXIT.usage,
    `Which deployment? There ${there.length === 1 ? 'is' : 'are'}: ${some(there.map(full))}.`,
  );
}

export async function findModel(context: Context, ref: string): Promise<Named> {
  const list = async (where: object): Promise<Named[]> =>
    (await context.ask(ModelNamesDocument, { where })).models.nodes;
  return find(context, { what: 'model', list: 'clops models list', prefix: 'mdl_' }, ref, list);
}

/** A deployment by its name or id, or by the id of one of its rollouts, which is answered too. */
export async function findRollout(context: Context, ref: string): Promise<{ deployment: Named; rollout?: string }> {
  if (!ref.startsWith('rol_')) return { deployment: await findDeployment(context, ref) };
  const { node } = await context.ask(RolloutOwnerDocument, { id: ref });
  if (node?.__typename !== 'Rollout')
    throw new CliError(EXIT.notFound, `There is no rollout ${JSON.stringify(ref)}.`, 'clops rollouts list');
  return { deployment: node.deployment, rollout: node.id };
}

/** The team that is meant: `--team`, else the only one there is. */
export async function oneTeam(context: Context, given: string | undefined = context.team): Promise<string> {
  const names = await teamNames(context);
  if (given !== undefined) {
    if (names.includes(given)) return given;
    throw noTeam(given, names);
  }
  const [only, ...others] = names;
  if (only === undefined)
    throw new CliError(
      EXIT.notFound,
      'There is no team yet, and everything belongs to one: make the first.',
      'clops teams create NAME',
    );
  if (others.length === 0) return only;
  throw new CliError(EXIT.usage, `There are several teams: say which one with --team (${names.join(', ')}).`);
}

/** What the API refused to list, in the words of the terminal. @throws CliError when there is no such team. */
export async function knownTeam(context: Context, given: string | undefined = context.team): Promise<void> {
  if (given === undefined) return;
  const names = await teamNames(context);
  if (!names.includes(given)) throw noTeam(given, names);
}

async function teamNames(context: Context): Promise<string[]> {
  const teams = await all(context, async (page) => (await context.ask(TeamsDocument, page)).teams);
  return teams.map(({ name }) => name);
}

function noTeam(given: string, names: readonly string[]): CliError {
  const there =
    names.length === 0 ? ' There is none yet.' : ` There ${names.length === 1 ? 'is' : 'are'}: ${some(names)}.`;
  return new CliError(
    EXIT.notFound,
    `There is no team ${JSON.stringify(given)}.${didYouMean(given, names) || there}`,
    'clops teams list',
    `clops teams create ${isName(given) ? given : 'NAME'}`,
  );
}

/** More names than these nobody reads in a sentence. */
const SOME = 10;

const some = (names: readonly string[]): string =>
  names.slice(0, SOME).join(', ') + (names.length > SOME ? ` and ${names.length - SOME} more` : '');

const LONGEST_NAME = 52;

/** As the API judges it in the end; asked here before bytes are sent. */
export const isName = (name: string): boolean =>
  name.length <= LONGEST_NAME && /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(name);

/** `Silero VAD` → `silero-vad`; empty when nothing of it makes a name. */
export const asName = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, LONGEST_NAME)
    .replace(/-+$/, '');

/** @throws CliError with the rule, and the name that was meant perhaps. */
export function checkName(what: string, name: string, fixed: (name: string) => string): void {
  if (isName(name)) return;
  const better = asName(name);
  throw new CliError(
    EXIT.usage,
    `${what} ${JSON.stringify(name)} cannot be used: a name has at most ${LONGEST_NAME} lower-case letters, digits and "-", begins with a letter and ends with a letter or digit.`,
    ...(better === '' ? [] : [fixed(better)]),
  );
}

/** `speech/vad` in its parts; `--team` fills in a missing team and must not contradict one that is given. */
export function split(context: Context, ref: string): { team: string | undefined; name: string } {
  const slash = ref.indexOf('/');
  if (slash < 0) return { team: context.team, name: ref };
  const team = ref.slice(0, slash);
  if (context.team !== undefined && context.team !== team)
    throw new CliError(EXIT.usage, `${ref} names team ${team}, and --team says ${context.team}.`);
  return { team, name: ref.slice(slash + 1) };
}

/** `vad@2` → number, `vad@champion` → alias, `vad` → neither, which means the newest. */
export function splitVersion(ref: string): { model: string; number?: number; alias?: string } {
  const at = ref.lastIndexOf('@');
  if (at < 0) return { model: ref };
  const [model, version] = [ref.slice(0, at), ref.slice(at + 1)];
  if (model === '' || version === '')
    throw new CliError(EXIT.usage, `A version is written model@2 or model@alias, and not ${JSON.stringify(ref)}.`);
  return /^\d+$/.test(version) ? { model, number: Number(version) } : { model, alias: version };
}

interface Kind {
  what: string;
  /** The command that shows what there is. */
  list: string;
  prefix: string;
}

async function find(
  context: Context,
  { what, list, prefix }: Kind,
  ref: string,
  read: (where: object) => Promise<Named[]>,
): Promise<Named> {
  if (ref.startsWith(prefix)) {
    const { node } = await context.ask(NamedDocument, { id: ref });
    if (node && 'team' in node && node.id === ref) return node;
    throw new CliError(EXIT.notFound, `There is no ${what} ${ref}.`, list);
  }
  const { team, name } = split(context, ref);
  const inTeam = team === undefined ? {} : { team };
  const [found, ...others] = await read({ ...inTeam, name: { eq: name } });
  if (found && others.length === 0) return found;
  if (found) {
    const teams = [found, ...others].map((one) => one.team.name);
    throw new CliError(
      EXIT.usage,
      `There is a ${what} ${name} in the teams ${teams.join(', ')}: say which with --team.`,
    );
  }
  await knownTeam(context, team);
  const there = await read(inTeam);
  const where = team === undefined ? '' : ` in team ${team}`;
  throw new CliError(
    EXIT.notFound,
    `There is no ${what} ${JSON.stringify(name)}${where}.${didYouMean(
      name,
      there.map((one) => one.name),
    )}`,
    list,
  );
}
