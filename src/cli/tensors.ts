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

/** `made`: those that nobody gave, filled with zeros; a free dimension of theirs is 1. */
export function inputsOf(
  signature: readonly Tensor[] | undefined,
  given: readonly string[],
): { inputs: RequestTensor[]; made: RequestTensor[] } {
  const values = new Map(given.map(parsed));
  if (!signature) {
    if (values.size === 0)
      throw new CliError(
        EXIT.usage,
        'The version has no signature, so nothing can be made up: give --input or --data.',
      );
    return { inputs: [...values].map(([name, value]) => tensorOf(name, value, undefined)), made: [] };
  }
  const names = signature.map(({ name }) => name);
  for (const name of values.keys())
    if (!names.includes(name))
      throw new CliError(
        EXIT.usage,
        `There is no input ${name}.${didYouMean(name, names)} The inputs are: ${names.join(', ')}.`,
      );
  const made: RequestTensor[] = [];
  const inputs = signature.map((tensor) => {
    if (values.has(tensor.name)) return tensorOf(tensor.name, values.get(tensor.name), tensor);
    const zero = zeros(tensor);
    made.push(zero);
    return zero;
  });
  return { inputs, made };
}

function parsed(pair: string): [string, unknown] {
  const at = pair.indexOf('=');
  if (at < 1) throw new CliError(EXIT.usage, `--data is written name=json, and not ${JSON.stringify(pair)}.`);
  const text = pair.slice(at + 1);
  try {
    return [pair.slice(0, at), JSON.parse(text)];
  } catch {
    return [pair.slice(0, at), text];
  }
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

function zeros({ name, datatype, shape }: Tensor): RequestTensor {
  const sizes = shape.map((size) => (size < 0 ? 1 : size));
  const count = sizes.reduce((product, size) => product * size, 1);
  if (count > MAX_ELEMENTS)
    throw new CliError(EXIT.usage, `${name} has ${count} elements, which is too many to make up: give --input.`);
  const zero = datatype === 'BYTES' ? '' : datatype === 'BOOL' ? false : 0;
  return { name, datatype, shape: sizes, data: new Array<unknown>(count).fill(zero) };
}
