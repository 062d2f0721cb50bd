/** One request to a deployment's endpoint, as any client of the Open Inference Protocol sends it. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeploymentSignatureDocument } from '../../client/generated/graphql.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT, type Exit } from '../exit.ts';
import { readAll } from '../io.ts';
import { findDeployment, full } from '../names.ts';
import { table } from '../shown/table.ts';
import { visible, visibleIn } from '../shown/visible.ts';
import { inputsOf, type RequestTensor, sizesOf, type Tensor } from '../tensors.ts';
import { gone } from './deployments.ts';

const MAX_INPUT = 64 * 1024 ** 2;
/** Values of an output that a table shows. */
const SHOWN = 6;

interface Flags {
  input?: string;
  data?: string[];
  shape?: string[];
}

interface Answer {
  model_name?: string;
  model_version?: string;
  outputs?: { name: string; datatype: string; shape: number[]; data?: unknown[] }[];
}

export async function predict(context: Context, [ref = '']: string[], flags: Flags): Promise<Exit> {
  const named = await findDeployment(context, ref);
  const label = full(named);
  const { node } = await context.ask(DeploymentSignatureDocument, { id: named.id });
  if (node?.__typename !== 'Deployment') throw gone(label);
  if (!node.endpoint)
    throw new CliError(EXIT.failure, `${label} has no endpoint yet: it is ${node.phase}.`, `clops status ${label}`);
  const signature = (node.stable?.version ?? node.version).signature?.inputs;
  const { body, madeUp } = await bodyOf(context, flags, { label, model: node.model.name, signature });
  const url = `${node.endpoint.url}/v2/models/${node.model.name}/infer`;
  const began = performance.now();
  const answer = await infer(url, body, context, { label, model: node.model.name, madeUp });
  const tookMs = performance.now() - began;
  await context.show({
    data: answer,
    table: () => answerTable(context, label, visibleIn(answer), tookMs),
    names: answer.outputs?.map(({ name }) => name) ?? [],
  });
  return EXIT.ok;
}

async function bodyOf(
  context: Context,
  { input, data = [], shape: shapes = [] }: Flags,
  asked: { label: string; model: string; signature: readonly Tensor[] | undefined },
): Promise<{ body: string; madeUp: boolean }> {
  if (input !== undefined && data.length + shapes.length > 0)
    throw new CliError(EXIT.usage, '--input is the whole request: leave out --data and --shape.');
  if (input !== undefined) {
    const text = input === '-' ? await readAll(context.io.in, MAX_INPUT) : await readFile(input, 'utf8');
    try {
      JSON.parse(text);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new CliError(EXIT.usage, `${input === '-' ? 'The input' : input} is not JSON: ${why}.`);
    }
    return { body: text, madeUp: false };
  }
  const { inputs, made, open } = inputsOf(asked.signature, { data, shapes });
  if (open.length > 0) throw unasked(asked.label, asked.model, asked.signature ?? [], open);
  if (made.length > 0) context.note(`! No input was given for ${made.map(describe).join(', ')}: asking with zeros.`);
  return { body: JSON.stringify({ inputs }), madeUp: made.length > 0 };
}

/** What the model takes, which sizes nobody but the caller knows, and how to give them. */
function unasked(label: string, model: string, signature: readonly Tensor[], open: readonly Tensor[]): CliError {
  const rows = signature.map(({ name, datatype, shape }) => [name, datatype, sizesOf(shape)]);
  const shapes = open.map(({ name, shape }) => `--shape ${name}=${shape.map((n) => (n < 0 ? 'N' : n)).join(',')}`);
  const given = signature.filter((tensor) => !open.includes(tensor)).map(({ name }) => `--data ${name}=…`);
  return new CliError(
    EXIT.usage,
    `${label} takes input, and only you know the sizes marked with a question mark:\n${table(['INPUT', 'TYPE', 'SHAPE'], rows)}\nGive the whole request, or the sizes (then zeros are sent) and single values.${howToWrite(model)}`,
    `clops predict ${label} --input ${exampleOf(model) ?? 'request.json'}`,
    `clops predict ${label} ${[...shapes, ...given].join(' ')}`,
  );
}

/** A request that comes with this model, where the command runs in the project's folder. */
function exampleOf(model: string): string | undefined {
  const file = join('examples', model, 'request.json');
  return existsSync(file) ? file : undefined;
}

const howToWrite = (model: string): string =>
  exampleOf(model) === undefined
    ? '\nA whole request is a file such as {"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[0.5,1]}]}.'
    : '';

const describe = ({ name, datatype, shape }: RequestTensor): string => `${name} ${datatype}[${shape.join(', ')}]`;

async function infer(
  url: string,
  body: string,
  { signal }: Context,
  { label, model, madeUp }: { label: string; model: string; madeUp: boolean },
): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal });
  } catch (error) {
    signal.throwIfAborted();
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new CliError(EXIT.failure, `${url} cannot be reached: ${cause}.`, `clops deployments get ${label}`);
  }
  const text = await response.text();
  if (response.ok) return JSON.parse(text) as Answer;
  let why = text.trim().slice(0, 500);
  try {
    why = (JSON.parse(text) as { error?: string }).error ?? why;
  } catch {
    // In its own words.
  }
  const ofInput = madeUp || response.status < 500;
  throw new CliError(
    EXIT.failure,
    `${label} answered ${response.status}: ${visible(why)}${ofInput ? howToWrite(model) : ''}`,
    ofInput ? `clops predict ${label} --input ${exampleOf(model) ?? 'request.json'}` : `clops deployments get ${label}`,
  );
}

function answerTable({ paint }: Context, label: string, answer: Answer, tookMs: number): string {
  const version = answer.model_version === undefined ? '' : `@${answer.model_version}`;
  const head = `${paint.bold(label)} answered with ${answer.model_name ?? 'its model'}${version} in ${tookMs.toFixed(0)} ms`;
  const rows = (answer.outputs ?? []).map(({ name, datatype, shape, data }) => [
    name,
    datatype,
    `[${shape.join(', ')}]`,
    values(data),
  ]);
  return rows.length === 0 ? head : `${head}\n\n${table(['OUTPUT', 'TYPE', 'SHAPE', 'VALUES'], rows)}`;
}

function values(data: unknown[] | undefined): string {
  if (!data) return '–';
  const flat = data.flat(Number.POSITIVE_INFINITY);
  const shown = flat
    .slice(0, SHOWN)
    .map((value) => (typeof value === 'number' ? `${Number(value.toPrecision(6))}` : JSON.stringify(value)));
  return shown.join(' ') + (flat.length > SHOWN ? ` … (${flat.length})` : '');
}
