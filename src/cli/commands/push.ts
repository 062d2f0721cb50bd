/**
 * A file becomes a version of a model: check, upload, register, name. Gigabytes are not sent for a version that is refused
 * in the end for its name or team, and a model that was made for a version does not stay without one.
 */
import { open } from 'node:fs/promises';
import { basename, extname, resolve } from 'node:path';
import {
  CreateModelDocument,
  CreateModelVersionDocument,
  type CreateModelVersionInput,
  DeleteModelDocument,
  ModelDocument,
  type ModelFormat,
  ModelNamesDocument,
  ServerInfoDocument,
} from '../../client/generated/graphql.ts';
import { done } from '../answers.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT, type Exit } from '../exit.ts';
import { inWords } from '../inWords.ts';
import { asName, checkName, full, type Named, oneTeam, split } from '../names.ts';
import { createBar } from '../shown/bar.ts';
import { bytes } from '../shown/text.ts';
import { didYouMean } from '../similar.ts';
import { checkAlias, setAlias } from './alias.ts';

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
  if (flags.alias !== undefined) checkAlias(flags.alias);
  const { team: given, name } = split(context, flags.name ?? nameOf(file));
  checkName('The model name', name, (better) => `clops models push ${file} --name ${better}`);
  const size = await checkFile(file, format);
  const team = await oneTeam(context, given);
  const { limits } = (await context.ask(ServerInfoDocument, {})).serverInfo;
  if (size > limits.maxArtifactBytes)
    throw new CliError(
      EXIT.usage,
      `${file} has ${bytes(size)}, and this instance takes ${bytes(limits.maxArtifactBytes)} at most: CLOPS_MAX_ARTIFACT_BYTES of the server raises that.`,
    );

  const bar = createBar(context, basename(file));
  const { digest, alreadyThere } = await (await context.client())
    .uploadArtifact(resolve(file), { onProgress: bar.at, signal: context.signal })
    .finally(bar.end);

  const version = await register(context, { team, name }, { format, artifact: { digest }, ...described });
  const label = `${team}/${name}@${version.number}`;
  if (alreadyThere) context.note(await whoseBytes(context, version, digest));
  if (flags.alias !== undefined) await nameIt(context, version, label, flags.alias);
  await context.show({ data: version.data, table: () => label, names: [label] });
  context.note(`Serve it:  clops deploy ${label}`);
  return EXIT.ok;
}

/** Nothing had to be sent, and it is a new version all the same: which one it repeats, where that is one of the newest. */
async function whoseBytes(
  context: Context,
  { model, number }: { model: string; number: number },
  digest: string,
): Promise<string> {
  const { node } = await context.ask(ModelDocument, { id: model, first: 50, after: null });
  const versions = node?.__typename === 'Model' ? node.versions.nodes : [];
  const same = versions.find((one) => one.number < number && one.artifact.digest === digest);
  if (node?.__typename !== 'Model' || !same) return 'The store had these bytes already: nothing was sent.';
  return `Same bytes as ${node.name}@${same.number}; registered as @${number} all the same.`;
}

/** The version is there by now, whatever becomes of its alias: to push again would make another one. */
async function nameIt(
  context: Context,
  { model, number }: { model: string; number: number },
  label: string,
  alias: string,
): Promise<void> {
  try {
    await setAlias(context, model, number, alias);
  } catch (error) {
    const { exit, message } = await inWords(error, context.io, context);
    throw new CliError(
      exit,
      `${label} is registered, and may not have its alias ${alias}. ${message}`,
      `clops models alias ${label} ${alias}`,
    );
  }
}

/** The version, of a model that is made when it is new, and taken back when its version is refused. */
async function register(
  context: Context,
  { team, name }: { team: string; name: string },
  described: Omit<CreateModelVersionInput, 'model'>,
): Promise<{ model: string; number: number; data: object }> {
  const { model, isNew } = await findOrMake(context, team, name);
  try {
    const input = { model: model.id, ...described };
    const { version } = done((await context.ask(CreateModelVersionDocument, { input })).createModelVersion);
    if (!version) throw new Error('the API answered neither a version nor an error');
    if (isNew) context.note(`Made the model ${full(model)}.`);
    return { model: model.id, number: version.number, data: version };
  } catch (error) {
    // After a refusal nothing of it is there, unless somebody else has found the model meanwhile and given it a version.
    // After a lost answer the version may be: then the model stays.
    if (isNew && error instanceof CliError)
      await context.ask(DeleteModelDocument, { input: { model: model.id, onlyIfEmpty: true } });
    throw error;
  }
}

async function findOrMake(context: Context, team: string, name: string): Promise<{ model: Named; isNew: boolean }> {
  const { models } = await context.ask(ModelNamesDocument, { where: { team, name: { eq: name } } });
  const [found] = models.nodes;
  if (found) return { model: found, isNew: false };
  const { model } = done((await context.ask(CreateModelDocument, { input: { team, name } })).createModel);
  if (!model) throw new Error('the API answered neither a model nor an error');
  return { model, isNew: true };
}

/** Of a protobuf message that is a model: the keys of its fields, of which the version of the format comes first. */
const ONNX_BEGINS = new Set([0x08, 0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42, 0x72]);

/** Answers its size. @throws CliError for what is no artifact at all; whether it is a good one is the API's to say. */
async function checkFile(file: string, format: ModelFormat): Promise<number> {
  const handle = await open(file);
  try {
    const stat = await handle.stat();
    if (stat.isDirectory())
      throw new CliError(
        EXIT.usage,
        `${file} is a folder: an artifact is one file. Pack it first.`,
        `tar -cf ${basename(resolve(file))}.tar ${file}`,
      );
    if (!stat.isFile()) throw new CliError(EXIT.usage, `${file} is no file.`);
    if (stat.size === 0) throw new CliError(EXIT.usage, `${file} is empty.`);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(64), 0, 64, 0);
    const head = buffer.subarray(0, bytesRead);
    if (head.toString('latin1').startsWith('version https://git-lfs'))
      throw new CliError(
        EXIT.usage,
        `${file} is the pointer that Git LFS left in its place.`,
        `git lfs pull --include ${file}`,
      );
    if (format === 'ONNX' && !ONNX_BEGINS.has(head[0] ?? 0))
      throw new CliError(
        EXIT.usage,
        `${file} is no ONNX model: it begins with ${JSON.stringify(head.toString('latin1', 0, 12))}.`,
      );
    return stat.size;
  } finally {
    await handle.close();
  }
}

function formatOf(file: string, given: string | undefined): ModelFormat {
  if (given === undefined) {
    const found = BY_ENDING[extname(file).toLowerCase()];
    if (found) return found;
    throw new CliError(
      EXIT.usage,
      `The ending of ${basename(file)} does not tell its format: give --format. Only ONNX can be served today, by the built-in server; the others are kept, for a ServingRuntime of your own: ${FORMATS.filter((one) => one !== 'ONNX').join(', ')}.`,
    );
  }
  const name = given.toUpperCase().replaceAll('-', '_');
  const found = FORMATS.find((format) => format === name);
  if (found) return found;
  throw new CliError(EXIT.usage, `There is no format ${given}.${didYouMean(name, FORMATS)}`);
}

/** `Silero VAD.onnx` → `silero-vad`. */
function nameOf(file: string): string {
  const name = asName(basename(file, extname(file)));
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
