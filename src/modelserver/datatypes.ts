/// <reference lib="esnext.float16" />
/**
 * Which datatypes there are: the protocol's names, onnxruntime's names, and how each is kept in memory and on the wire.
 * BF16 is absent because onnxruntime-node cannot exchange it (it refuses to load such a model).
 */
import type { Tensor } from 'onnxruntime-node';

/** Values of one tensor in row-major order. Strings as strings, everything else in the bytes of the wire. */
export type Values =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float16Array
  | Float32Array
  | Float64Array
  | string[];

export type NumberValues = Exclude<Values, string[] | BigUint64Array | BigInt64Array>;

export interface Datatype {
  /** As in the protocol: `FP32`. */
  readonly name: string;
  /** As in onnxruntime: `float32`. */
  readonly ort: Tensor.Type;
  /** Bytes of one value in the binary form; null for BYTES, where each value carries its length. */
  readonly bytes: number | null;
  readonly kind: 'bool' | 'integer' | 'big' | 'float' | 'text';
  /** Whole numbers: the smallest and the largest. */
  readonly range?: readonly [bigint, bigint];
}

const signed = (bits: bigint): readonly [bigint, bigint] => [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n];
const unsigned = (bits: bigint): readonly [bigint, bigint] => [0n, (1n << bits) - 1n];

const DATATYPES: readonly Datatype[] = [
  { name: 'BOOL', ort: 'bool', bytes: 1, kind: 'bool' },
  { name: 'INT8', ort: 'int8', bytes: 1, kind: 'integer', range: signed(8n) },
  { name: 'INT16', ort: 'int16', bytes: 2, kind: 'integer', range: signed(16n) },
  { name: 'INT32', ort: 'int32', bytes: 4, kind: 'integer', range: signed(32n) },
  { name: 'INT64', ort: 'int64', bytes: 8, kind: 'big', range: signed(64n) },
  { name: 'UINT8', ort: 'uint8', bytes: 1, kind: 'integer', range: unsigned(8n) },
  { name: 'UINT16', ort: 'uint16', bytes: 2, kind: 'integer', range: unsigned(16n) },
  { name: 'UINT32', ort: 'uint32', bytes: 4, kind: 'integer', range: unsigned(32n) },
  { name: 'UINT64', ort: 'uint64', bytes: 8, kind: 'big', range: unsigned(64n) },
  { name: 'FP16', ort: 'float16', bytes: 2, kind: 'float' },
  { name: 'FP32', ort: 'float32', bytes: 4, kind: 'float' },
  { name: 'FP64', ort: 'float64', bytes: 8, kind: 'float' },
  { name: 'BYTES', ort: 'string', bytes: null, kind: 'text' },
];

const BY_NAME = new Map(DATATYPES.map((datatype) => [datatype.name, datatype]));
const BY_ORT = new Map<string, Datatype>(DATATYPES.map((datatype) => [datatype.ort, datatype]));

export const datatypeNamed = (name: unknown): Datatype | undefined =>
  typeof name === 'string' ? BY_NAME.get(name) : undefined;
export const datatypeOfOrt = (type: string): Datatype | undefined => BY_ORT.get(type);

/** Room for `count` numbers of a datatype that is neither BYTES nor a 64-bit integer. */
export function numbersOf(datatype: Datatype, count: number): NumberValues {
  switch (datatype.name) {
    case 'INT8':
      return new Int8Array(count);
    case 'INT16':
      return new Int16Array(count);
    case 'INT32':
      return new Int32Array(count);
    case 'UINT16':
      return new Uint16Array(count);
    case 'UINT32':
      return new Uint32Array(count);
    case 'FP16':
      return new Float16Array(count);
    case 'FP32':
      return new Float32Array(count);
    case 'FP64':
      return new Float64Array(count);
    default:
      return new Uint8Array(count);
  }
}

/** The same bytes as values of a datatype; `buffer` must be aligned to the datatype's size. */
export function viewOf(
  datatype: Datatype,
  buffer: ArrayBuffer,
  offset: number,
  count: number,
): Exclude<Values, string[]> {
  switch (datatype.name) {
    case 'INT8':
      return new Int8Array(buffer, offset, count);
    case 'INT16':
      return new Int16Array(buffer, offset, count);
    case 'INT32':
      return new Int32Array(buffer, offset, count);
    case 'INT64':
      return new BigInt64Array(buffer, offset, count);
    case 'UINT16':
      return new Uint16Array(buffer, offset, count);
    case 'UINT32':
      return new Uint32Array(buffer, offset, count);
    case 'UINT64':
      return new BigUint64Array(buffer, offset, count);
    case 'FP16':
      return new Float16Array(buffer, offset, count);
    case 'FP32':
      return new Float32Array(buffer, offset, count);
    case 'FP64':
      return new Float64Array(buffer, offset, count);
    default:
      return new Uint8Array(buffer, offset, count);
  }
}
