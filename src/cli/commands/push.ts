/** A file becomes a version of a model: upload, register, name. */
import { basename, extname, resolve } from 'node:path';
import {
  CreateModelDocument,
  CreateModelVersionDocument,
  type CreateModelVersionInput,
  type ModelFormat,
  ModelNamesDocument,
  SetAliasDocument,
} from '../../client/generated/graphql.ts';
import { done } from '../answers.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT, type Exit } from '../exit.ts';
import { full, type Named, oneTeam, split } from '../names.ts';
import { createBar } from '../shown/bar.ts';
import { didYouMean } from '../similar.ts';

interface Flags {
  name?: string;
  format?: string;
  alias?: string;
  description?: string;
  param?: string[];
  metric?: string[];
  tag?: string[];
  source?: string;
}

const FORMATS: readonly ModelFormat[] = [
  'ONNX',
  'SAFETENSORS',
  'GGUF',
  'TORCHSCRIPT',
  'SKLEARN',
  'XGBOOST',
  'LIGHTGBM',
  'TENSORFLOW',
  'SAVED_MODEL',
  'TENSORRT',
  'MLFLOW',
  'CUSTOM',
];

const BY_ENDING: Readonly<Record<string, ModelFormat>> = {
  '.onnx': 'ONNX',
  '.safetensors': 'SAFETENSORS',
  '.gguf': 'GGUF',
  '.pt': 'TORCHSCRIPT',
  '.joblib': 'SKLEARN',
  '.ubj': 'XGBOOST',
};

export async function push(context: Context, [file = '']: string[], flags: Flags): Promise<Exit> {
  // Everything that is wrong with the words is said before the first byte is sent.
  const format = formatOf(file, flags.format);
  const described = {
    ...(flags.description !== undefined && { description: flags.description }),
    ...(flags.param && { parameters: valuesOf(flags.param, '--param') }),
    ...(flags.metric && { metrics: numbersOf(flags.metric) }),
    ...(flags.tag && { tags: Object.fromEntries(flags.tag.map((pair) => pairOf(pair, '--tag'))) }),
    ...(flags.source !== undefined && { source: sourceOf(flags.source) }),
  };
  const { team: given, name } = split(context, flags.name ?? nameOf(file));
  const team = await oneTeam(context, given);
  const client = await context.client();

  const bar = createBar(context, basename(file));
  const { digest, alreadyThere } = await client
    .uploadArtifact(resolve(file), { onProgress: bar.at, signal: context.signal })
    .finally(bar.end);
  if (alreadyThere) context.note('These bytes are there already.');

  const model = await findOrMake(context, team, name);
  const input: CreateModelVersionInput = { model: model.id, format, artifact: { digest }, ...described };
  const { version } = done((await context.ask(CreateModelVersionDocument, { input })).createModelVersion);
  if (!version) throw new Error('the API answered neither a version nor an error');
  if (flags.alias !== undefined) {
    const alias = { model: model.id, name: flags.alias, version: { number: version.number } };
    done((await context.ask(SetAliasDocument, { input: alias })).setAlias);
  }
  const label = `${full(model)}@${version.number}`;
  await context.show({ data: version, table: () => label, names: [label] });
  context.note(`Serve it:  clops deploy ${label}`);
  return EXIT.ok;
}

async function findOrMake(context: Context, team: string, name: string): Promise<Named> {
  const { models } = await context.ask(ModelNamesDocument, { where: { team, name: { eq: name } } });
  const [found] = models.nodes;
  if (found) return found;
  const { model } = done((await context.ask(CreateModelDocument, { input: { team, name } })).createModel);
  if (!model) throw new Error('the API answered neither a model nor an error');
  context.note(`Made the model ${full(model)}.`);
  return model;
}

function formatOf(file: string, given: string | undefined): ModelFormat {
  if (given === undefined) {
    const found = BY_ENDING[extname(file).toLowerCase()];
    if (found) return found;
    throw new CliError(
      EXIT.usage,
      `The ending of ${basename(file)} does not tell its format: give --format (${FORMATS.join(', ')}).`,
    );
  }
  const name = given.toUpperCase().replaceAll('-', '_');
  const found = FORMATS.find((format) => format === name);
  if (found) return found;
  throw new CliError(EXIT.usage, `There is no format ${given}.${didYouMean(name, FORMATS)}`);
}

/** `Silero VAD.onnx` → `silero-vad`. */
function nameOf(file: string): string {
  const name = basename(file, extname(file))
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, 52);
  if (name === '') throw new CliError(EXIT.usage, `${basename(file)} makes no name: give one with --name.`);
  return name;
}

function pairOf(pair: string, flag: string): [string, string] {
  const at = pair.indexOf('=');
  if (at < 1) throw new CliError(EXIT.usage, `${flag} is written key=value, and not ${JSON.stringify(pair)}.`);
  return [pair.slice(0, at), pair.slice(at + 1)];
}

/** `lr=0.1` is a number, `on=true` a boolean, `name=adam` a text. */
function valuesOf(pairs: readonly string[], flag: string): Record<string, unknown> {
  const value = (text: string): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  };
  return Object.fromEntries(pairs.map((pair) => pairOf(pair, flag)).map(([key, text]) => [key, value(text)]));
}

function numbersOf(pairs: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [key, text] = pairOf(pair, '--metric');
      const value = Number(text);
      if (text.trim() === '' || !Number.isFinite(value))
        throw new CliError(EXIT.usage, `--metric ${key} must be a number, and is ${JSON.stringify(text)}.`);
      return [key, value];
    }),
  );
}

function sourceOf(text: string): { repository: string; commit: string; path?: string } {
  const [, repository, commit, path] = /^(.+)@([^@:]+)(?::(.+))?$/.exec(text) ?? [];
  if (repository === undefined || commit === undefined)
    throw new CliError(EXIT.usage, `--source is written repo@commit:path, and not ${JSON.stringify(text)}.`);
  return { repository, commit, ...(path !== undefined && { path }) };
}
