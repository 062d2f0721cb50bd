/** Input tensors of a request, from `name=json` and from the signature. Pure. */
import { CliError, EXIT } from './exit.ts';
import { didYouMean } from './similar.ts';

export interface Tensor {
  name: string;
  datatype: string;
  /** -1 is a free dimension. */
  shape: readonly number[];
}

export interface RequestTensor {
  name: string;
  datatype: string;
  shape: number[];
  data: unknown[];
}

const MAX_ELEMENTS = 4_000_000;

export interface Given {
  /** `name=json`. */
  data?: readonly string[] | undefined;
  /** `name=1,512`: zeros of this shape. */
  shapes?: readonly string[] | undefined;
}

/**
 * `made`: those that nobody gave, filled with zeros. `open`: those that nobody gave and nothing can be made up for, since
 * more than the size of the batch is free: a model refuses, or worse, answers, what no caller would send.
 */
export function inputsOf(
  signature: readonly Tensor[] | undefined,
  { data = [], shapes = [] }: Given,
): { inputs: RequestTensor[]; made: RequestTensor[]; open: Tensor[] } {
  const values = new Map(data.map(parsed));
  const sizes = new Map(shapes.map(sized));
  if (!signature) {
    if (values.size === 0)
      throw new CliError(
        EXIT.usage,
        'The version has no signature, so nothing can be made up: give --input or --data.',
      );
    return { inputs: [...values].map(([name, value]) => tensorOf(name, value, undefined)), made: [], open: [] };
  }
  const names = signature.map(({ name }) => name);
  for (const name of [...values.keys(), ...sizes.keys()])
    if (!names.includes(name))
      throw new CliError(
        EXIT.usage,
        `There is no input ${name}.${didYouMean(name, names)} The inputs are: ${names.join(', ')}.`,
      );
  const inputs: RequestTensor[] = [];
  const made: RequestTensor[] = [];
  const open: Tensor[] = [];
  for (const tensor of signature) {
    const shape = sizes.get(tensor.name) ?? (isOpen(tensor) ? undefined : tensor.shape);
    if (values.has(tensor.name)) inputs.push(tensorOf(tensor.name, values.get(tensor.name), tensor));
    else if (shape) {
      const zero = zeros(tensor, shape);
      made.push(zero);
      inputs.push(zero);
    } else open.push(tensor);
  }
  return { inputs, made, open };
}

/** Of one free size, the first, 1 is what everybody means: a batch of one. */
const isOpen = ({ shape }: Tensor): boolean => shape.some((size, i) => size < 0 && i > 0);

function parsed(pair: string): [string, unknown] {
  const at = pair.indexOf('=');
  if (at < 1) throw new CliError(EXIT.usage, `--data is written name=json, and not ${JSON.stringify(pair)}.`);
  const text = pair.slice(at + 1);
  try {
    return [pair.slice(0, at), JSON.parse(text)];
  } catch (error) {
    // A bare word is a text; what begins as a list, an object or a quoted text was meant as JSON.
    if (/^\s*[[{"]/.test(text))
      throw new CliError(
        EXIT.usage,
        `--data ${pair.slice(0, at)} is not JSON: ${error instanceof Error ? error.message : String(error)}.`,
      );
    return [pair.slice(0, at), text];
  }
}

/** `x=1,512`, and `x=` for a scalar. */
function sized(pair: string): [string, number[]] {
  const [, name, text] = /^([^=]+)=([\d,x ]*)$/.exec(pair) ?? [];
  if (name === undefined || text === undefined)
    throw new CliError(EXIT.usage, `--shape is written name=1,512, and not ${JSON.stringify(pair)}.`);
  return [
    name,
    text
      .split(/[,x ]+/)
      .filter(Boolean)
      .map(Number),
  ];
}

function tensorOf(name: string, value: unknown, tensor: Tensor | undefined): RequestTensor {
  const data = Array.isArray(value) ? value.flat(Number.POSITIVE_INFINITY) : [value];
  const own = shapeOf(value);
  return {
    name,
    datatype: tensor?.datatype ?? typeOf(data),
    shape: own.length > 1 || !tensor ? own : fitted(tensor.shape, data.length),
    data,
  };
}

/** A flat list takes the signature's shape when one free dimension, or none, makes it fit. */
function fitted(shape: readonly number[], count: number): number[] {
  const fixed = shape.filter((size) => size >= 0).reduce((product, size) => product * size, 1);
  const free = shape.filter((size) => size < 0).length;
  if (free === 0 ? fixed !== count : !Number.isInteger(count / fixed)) return [count];
  // The last free dimension takes all, the others are 1: a batch of one.
  const last = shape.findLastIndex((size) => size < 0);
  return shape.map((size, i) => (size >= 0 ? size : i === last ? count / fixed : 1));
}

function shapeOf(value: unknown): number[] {
  return Array.isArray(value) ? [value.length, ...shapeOf(value[0])] : [];
}

function typeOf(data: readonly unknown[]): string {
  if (data.every((value) => typeof value === 'boolean')) return 'BOOL';
  if (data.every((value) => typeof value === 'number')) return data.every(Number.isInteger) ? 'INT64' : 'FP32';
  return 'BYTES';
}

function zeros({ name, datatype, shape }: Tensor, wanted: readonly number[]): RequestTensor {
  const fits = wanted.length === shape.length && shape.every((size, i) => size < 0 || size === wanted[i]);
  if (!fits)
    throw new CliError(EXIT.usage, `--shape ${name}=${wanted.join(',')} does not fit: ${name} is ${sizesOf(shape)}.`);
  const sizes = wanted.map((size) => (size < 0 ? 1 : size));
  const count = sizes.reduce((product, size) => product * size, 1);
  if (count > MAX_ELEMENTS)
    throw new CliError(EXIT.usage, `${name} has ${count} elements, which is too many to make up: give --input.`);
  const zero = datatype === 'BYTES' ? '' : datatype === 'BOOL' ? false : 0;
  return { name, datatype, shape: sizes, data: new Array<unknown>(count).fill(zero) };
}

/** `[?, 512]`: what is free is a question. */
export const sizesOf = (shape: readonly number[]): string =>
  `[${shape.map((size) => (size < 0 ? '?' : size)).join(', ')}]`;
