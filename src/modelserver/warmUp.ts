/**
 * What does a model run on before anybody has asked it? Zeros, in shapes that are guessed: a file does not say which sizes
 * its free dimensions take. A wrong guess is no fault of the model, so a warm-up that fails refuses nothing and is told.
 */
import { numbersOf, type Values } from './datatypes.ts';
import type { NamedTensor, TensorInfo } from './protocol.ts';

export type WarmUp =
  /** CPU milliseconds of one run, and the size of the free dimensions that it took. */
  | { readonly cpuMs: number; readonly free: number }
  /** Why the last guess failed. */
  | { readonly failed: string };

/** One of everything; an image that convolutions may halve five times; a window of sound (Silero VAD fails below it). */
export const FREE_SIZES = [1, 32, 256] as const;
/** Of one input. Guesses are for small models: a large one of several free dimensions would take minutes and gigabytes. */
const MAX_VALUES = 1 << 20;

/**
 * Zeros for the inputs, or nothing when this size is no further guess. The first dimension is the batch and stays 1. Where it
 * is fixed (the state of a recurrent network: layers, batch, width) which of the others is the batch cannot be seen: all 1.
 */
export function zerosFor(inputs: readonly TensorInfo[], free: number): NamedTensor[] | undefined {
  const isGuessed = ({ shape }: TensorInfo, i: number): boolean => i > 0 && shape[0] === -1 && shape[i] === -1;
  const shapes = inputs.map((info) => info.shape.map((size, i) => (isGuessed(info, i) ? free : Math.abs(size))));
  const counts = shapes.map((shape) => shape.reduce((product, size) => product * size, 1));
  if (free > 1 && counts.some((count) => count > MAX_VALUES)) return undefined;
  if (free > 1 && !inputs.some((info) => info.shape.some((_, i) => isGuessed(info, i)))) return undefined;
  return inputs.map((info, i) => ({ info, shape: shapes[i]!, values: zeroValues(info, counts[i]!) }));
}

function zeroValues({ datatype }: TensorInfo, count: number): Values {
  if (datatype.kind === 'text') return new Array<string>(count).fill('');
  if (datatype.kind === 'big') return datatype.name === 'INT64' ? new BigInt64Array(count) : new BigUint64Array(count);
  return numbersOf(datatype, count);
}
