/** The values of one input in JSON: flat or nested as its shape says, each within its datatype, 64-bit integers digit by digit. */
import { type Datatype, type NumberValues, numbersOf, type Values } from '../datatypes.ts';
import { Refusal, shapeText } from '../protocol.ts';
import { isObject, wrong, wrongInteger } from './words.ts';

/** A 64-bit integer that JSON.parse has rounded: the text must be read again, keeping the digits. */
export class Rounded extends Error {}

export function readJson(
  datatype: Datatype,
  data: unknown,
  shape: readonly number[],
  count: number,
  where: string,
  exact: boolean,
): Values {
  if (!Array.isArray(data)) {
    if (shape.length === 0 && data !== undefined && !isObject(data)) return readFlat(datatype, [data], where, exact);
    throw new Refusal(400, `${where}: data must be an array.`);
  }
  const flat: unknown[] = Array.isArray(data[0]) ? flattened(data, shape, where) : data;
  if (flat.length !== count)
    throw new Refusal(
      400,
      `${where}: ${count} values were expected for shape ${shapeText(shape)} but ${flat.length} came.`,
    );
  return readFlat(datatype, flat, where, exact);
}

/** Nested data must be nested exactly as the shape says. */
function flattened(data: unknown[], shape: readonly number[], where: string): unknown[] {
  let level = data;
  for (const [depth, size] of shape.entries()) {
    const next: unknown[] = [];
    for (const row of depth === 0 ? [level] : level) {
      if (!Array.isArray(row) || row.length !== size) {
        const came = Array.isArray(row) ? `${row.length} entries` : 'no array';
        throw new Refusal(
          400,
          `${where}: nested data must follow shape ${shapeText(shape)}: at depth ${depth + 1}, ${size} entries were expected but ${came} came.`,
        );
      }
      for (const entry of row) next.push(entry);
    }
    level = next;
  }
  return level;
}

function readFlat(datatype: Datatype, data: readonly unknown[], where: string, exact: boolean): Values {
  switch (datatype.kind) {
    case 'float':
      return readFloats(datatype, data, where);
    case 'integer':
      return readIntegers(datatype, data, where);
    case 'big':
      return readBigIntegers(datatype, data, where, exact);
    case 'bool':
      return readBooleans(data, where);
    case 'text':
      return data.map((value, i) => checkedText(value, i, where));
  }
}

function readFloats(datatype: Datatype, data: readonly unknown[], where: string): NumberValues {
  const values = numbersOf(datatype, data.length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (typeof value === 'number') values[i] = value;
    else if (typeof value === 'bigint') values[i] = Number(value);
    else throw wrong(where, i, value, 'a number');
    // Also what is finite as a double but not in the narrower type: 1e39 as FP32.
    if (!Number.isFinite(values[i]))
      throw new Refusal(400, `${where}: value ${i} is out of the range of ${datatype.name}.`);
  }
  return values;
}

function readIntegers(datatype: Datatype, data: readonly unknown[], where: string): NumberValues {
  const values = numbersOf(datatype, data.length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (typeof value === 'number') values[i] = value;
    // A typed array wraps and cuts silently: what it holds must be what came.
    if (values[i] !== value) throw wrongInteger(datatype, where, i, value);
  }
  return values;
}

function readBigIntegers(
  datatype: Datatype,
  data: readonly unknown[],
  where: string,
  exact: boolean,
): BigInt64Array | BigUint64Array {
  const values = datatype.name === 'INT64' ? new BigInt64Array(data.length) : new BigUint64Array(data.length);
  const [min, max] = datatype.range!;
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (typeof value === 'number') {
      if (!Number.isSafeInteger(value)) {
        if (Number.isInteger(value) && !exact) throw new Rounded();
        throw wrongInteger(datatype, where, i, value);
      }
      if (value < 0 && min === 0n) throw wrongInteger(datatype, where, i, value);
      values[i] = BigInt(value);
    } else if (typeof value === 'bigint' && value >= min && value <= max) values[i] = value;
    else throw wrongInteger(datatype, where, i, value);
  }
  return values;
}

function readBooleans(data: readonly unknown[], where: string): Uint8Array {
  const values = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (value === true || value === 1) values[i] = 1;
    else if (value !== false && value !== 0) throw wrong(where, i, value, 'true or false');
  }
  return values;
}

export function checkedText(value: unknown, i: number, where: string): string {
  if (typeof value !== 'string') throw wrong(where, i, value, 'a string');
  // onnxruntime-node hands strings over with a NUL at the end: everything behind an inner one would be lost.
  if (value.includes('\0'))
    throw new Refusal(400, `${where}: value ${i} holds a NUL character, which this server cannot pass on.`);
  if (!value.isWellFormed())
    throw new Refusal(400, `${where}: value ${i} holds half of a surrogate pair, which is no text.`);
  return value;
}
