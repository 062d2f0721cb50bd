/** What the registry holds. */
import {
  ModelDocument,
  type ModelLineFragment,
  ModelsDocument,
  ModelVersionDocument,
  type VersionLineFragment,
  type VersionWholeFragment,
} from '../../client/generated/graphql.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT, type Exit } from '../exit.ts';
import { findModel, full, type Named, splitVersion } from '../names.ts';
import { all } from '../pages.ts';
import { facts, table } from '../shown/table.ts';
import { age, bytes } from '../shown/text.ts';
import { didYouMean } from '../similar.ts';

export async function list(context: Context): Promise<Exit> {
  const where = context.team === undefined ? null : { team: context.team };
  const models = await all(context, async (page) => (await context.ask(ModelsDocument, { where, ...page })).models);
  if (models.length === 0) context.note('There is no model yet. `clops models push model.onnx` registers one.');
  await context.show({
    data: models,
    table: () => (models.length === 0 ? '' : modelTable(models)),
    names: models.map(full),
  });
  return EXIT.ok;
}

export async function get(context: Context, [ref = '']: string[]): Promise<Exit> {
  const { model, ...version } = splitVersion(ref);
  const named = await findModel(context, model);
  if (version.number !== undefined || version.alias !== undefined) {
    const found = await findVersion(context, named, version);
    await context.show({
      data: found,
      table: () => versionFacts(context, found),
      names: [`${full(named)}@${found.number}`],
    });
    return EXIT.ok;
  }
  let line: ModelLineFragment | undefined;
  const versions = await all(context, async (page) => {
    const { node } = await context.ask(ModelDocument, { id: named.id, ...page });
    if (node?.__typename !== 'Model') return null;
    const { versions: found, ...rest } = node;
    line = rest;
    return found;
  });
  if (!line) throw new CliError(EXIT.notFound, `The model ${full(named)} is gone.`, 'clops models list');
  const head = line;
  await context.show({
    data: { ...head, versions },
    table: () => `${modelFacts(context, head)}\n\n${versionTable(versions)}`,
    names: versions.map(({ number }) => `${full(named)}@${number}`),
  });
  return EXIT.ok;
}

/** One version of a model, by number or alias. */
export async function findVersion(
  context: Context,
  model: Named,
  version: { number?: number; alias?: string },
): Promise<VersionWholeFragment> {
  const { number = null, alias = null } = version;
  const { node } = await context.ask(ModelVersionDocument, { model: model.id, number, alias });
  const there = node?.__typename === 'Model' ? node : undefined;
  if (there?.version) return there.version;
  const newest = there?.latestVersion ? ` Its newest is ${there.latestVersion.number}.` : ' It has none yet.';
  const aliases = there?.aliases.map(({ name }) => name) ?? [];
  throw new CliError(
    EXIT.notFound,
    alias === null
      ? `${full(model)} has no version ${number}.${newest}`
      : `${full(model)} has no alias ${JSON.stringify(alias)}.${didYouMean(alias, aliases)}`,
    `clops models get ${full(model)}`,
  );
}

function modelTable(models: readonly ModelLineFragment[]): string {
  const rows = models.map(({ team, name, latestVersion, aliases, createdAt }) => [
    team.name,
    name,
    latestVersion ? `${latestVersion.number}` : '–',
    latestVersion?.format ?? '–',
    aliases.map((alias) => `${alias.name}→${alias.version.number}`).join(' ') || '–',
    age(createdAt, Date.now()),
  ]);
  return table(['TEAM', 'NAME', 'NEWEST', 'FORMAT', 'ALIASES', 'AGE'], rows);
}

function modelFacts({ paint }: Context, model: ModelLineFragment): string {
  return facts([
    ['Model', paint.bold(full(model))],
    ['Description', model.description || undefined],
    ['Aliases', model.aliases.map(({ name, version }) => `${name}→${version.number}`).join(' ') || undefined],
    ['Tags', pairs(model.tags)],
    ['Id', model.id],
  ]);
}

function versionTable(versions: readonly VersionLineFragment[]): string {
  const rows = versions.map(({ number, format, aliases, artifact, createdAt, createdBy, description }) => [
    `${number}`,
    format,
    aliases.map(({ name }) => name).join(' ') || '–',
    bytes(artifact.sizeBytes),
    artifact.digest.slice(0, 'sha256:'.length + 12),
    age(createdAt, Date.now()),
    createdBy.name,
    description.split('\n')[0] ?? '',
  ]);
  return table(['VERSION', 'FORMAT', 'ALIASES', 'SIZE', 'DIGEST', 'AGE', 'BY', 'DESCRIPTION'], rows);
}

function versionFacts({ paint }: Context, version: VersionWholeFragment): string {
  const { model, number, source, signature, artifact } = version;
  const at = source && `${source.repository}@${source.commit}${source.path ? `:${source.path}` : ''}`;
  const head = facts([
    ['Version', paint.bold(`${full(model)}@${number}`)],
    ['Aliases', version.aliases.map(({ name }) => name).join(' ') || undefined],
    ['Description', version.description || undefined],
    ['Format', version.format],
    ['Digest', artifact.digest],
    ['Size', bytes(artifact.sizeBytes)],
    ['Origin', artifact.uri],
    ['Source', at ?? undefined],
    ['Parameters', pairs(version.parameters)],
    ['Metrics', pairs(version.metrics)],
    ['Tags', pairs(version.tags)],
    ['Created', `${version.createdAt} by ${version.createdBy.name}`],
    ['Id', version.id],
  ]);
  if (!signature) return head;
  const tensors = [
    ...signature.inputs.map((tensor) => ['in', tensor] as const),
    ...signature.outputs.map((tensor) => ['out', tensor] as const),
  ].map(([way, { name, datatype, shape }]) => [way, name, datatype, `[${shape.join(', ')}]`]);
  return `${head}\n\n${table(['', 'TENSOR', 'TYPE', 'SHAPE'], tensors)}`;
}

function pairs(values: Record<string, unknown>): string | undefined {
  const text = Object.entries(values).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return text.join(' ') || undefined;
}
