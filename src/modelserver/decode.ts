/**
 * What does an inference request ask? Reads the JSON and binary forms of the protocol and refuses what does not fit the
 * model, in a sentence that names the input, what was expected and what came. Runs nothing.
 */
import { isUtf8 } from 'node:buffer';
import { type Datatype, datatypeNamed, type NumberValues, numbersOf, type Values, viewOf } from './datatypes.ts';
import { type ModelInfo, type NamedTensor, type RawRequest, Refusal, shapeText, type TensorInfo } from './protocol.ts';

export interface RequestedOutput {
  readonly info: TensorInfo;
  readonly binary: boolean;
}

export interface InferRequest {
  readonly id: string | undefined;
  readonly inputs: readonly NamedTensor[];
  readonly outputs: readonly RequestedOutput[];
}

const MAX_RANK = 32;
const MAX_ID_LENGTH = 256;
/** Parameters that would change the answer and that this server does not have. Ignoring them would be a wrong answer. */
const UNSUPPORTED = ['classification', 'shared_memory_region', 'sequence_id'];

type JsonObject = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A 64-bit integer that JSON.parse has rounded: the text must be read again, keeping the digits. */
class Rounded extends Error {}

export function decodeRequest(model: ModelInfo, request: RawRequest): InferRequest {
  const { body, jsonLength = body.length } = request;
  if (jsonLength > body.length)
    throw new Refusal(400, `Inference-Header-Content-Length is ${jsonLength} but the body has ${body.length} bytes.`);
  const bytes = Buffer.from(body.buffer, body.byteOffset, jsonLength);
  if (!isUtf8(bytes)) throw new Refusal(400, 'The JSON of the request is not valid UTF-8.');
  const text = bytes.toString('utf8');
  const binary = request.jsonLength === undefined ? undefined : body.subarray(jsonLength);
  try {
    return readRequest(model, parse(text, false), { binary, at: 0, exact: false });
  } catch (error) {
    // The reviver makes parsing about ten times slower, so it is for the requests that need it.
    if (error instanceof Rounded) return readRequest(model, parse(text, true), { binary, at: 0, exact: true });
    throw error;
  }
}

function parse(text: string, exact: boolean): JsonObject {
  let value: unknown;
  try {
    value = exact ? JSON.parse(text, keepDigits) : JSON.parse(text);
  } catch (error) {
    throw new Refusal(400, `The request is not JSON: ${error instanceof Error ? error.message : String(error)}.`);
  }
  if (!isObject(value)) throw new Refusal(400, 'The request must be a JSON object with "inputs".');
  return value;
}

interface Source {
  readonly binary: Uint8Array | undefined;
  /** How much of `binary` the inputs so far have taken. */
  at: number;
  /** Whether numbers that doubles cannot hold are here as bigint. */
  readonly exact: boolean;
}

/** 20 characters hold every 64-bit integer; longer ones stay rounded and are out of range anyway. */
function keepDigits(_key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source;
  return typeof value === 'number' && !Number.isSafeInteger(value) && source && /^-?\d{1,20}$/.test(source)
    ? BigInt(source)
    : value;
}

function readRequest(model: ModelInfo, root: JsonObject, source: Source): InferRequest {
  const { id, inputs } = root;
  if (id !== undefined && id !== null && (typeof id !== 'string' || id.length > MAX_ID_LENGTH))
    throw new Refusal(400, `"id" must be a string of at most ${MAX_ID_LENGTH} characters.`);
  const parameters = parametersOf(root, 'The request');
  if (!Array.isArray(inputs)) throw new Refusal(400, '"inputs" must be an array.');
  const tensors = inputs.map((input) => readInput(model, input, source));
  for (const info of model.inputs) {
    const count = tensors.filter((tensor) => tensor.info === info).length;
    if (count === 0) throw new Refusal(400, `input '${info.name}' (${described(info)}) is missing.`);
    if (count > 1) throw new Refusal(400, `input '${info.name}' was sent ${count} times.`);
  }
  if (source.binary && source.at !== source.binary.length)
    throw new Refusal(
      400,
      `${source.binary.length} bytes follow the JSON but the inputs' binary_data_size add up to ${source.at}.`,
    );
  return {
    id: id ?? undefined,
    inputs: tensors,
    outputs: readOutputs(model, root['outputs'], parameters?.['binary_data_output'] === true),
  };
}

function parametersOf(owner: JsonObject, where: string): JsonObject | undefined {
  const { parameters } = owner;
  if (parameters === undefined || parameters === null) return undefined;
  if (!isObject(parameters)) throw new Refusal(400, `${where}: "parameters" must be an object.`);
  for (const name of UNSUPPORTED) {
    if (parameters[name] !== undefined && parameters[name] !== 0 && parameters[name] !== '')
      throw new Refusal(400, `${where}: the parameter "${name}" is not supported by this server.`);
  }
  return parameters;
}

function readOutputs(model: ModelInfo, outputs: unknown, binary: boolean): RequestedOutput[] {
  if (outputs === undefined || outputs === null) return model.outputs.map((info) => ({ info, binary }));
  if (!Array.isArray(outputs)) throw new Refusal(400, '"outputs" must be an array.');
  if (outputs.length === 0) return model.outputs.map((info) => ({ info, binary }));
  const seen = new Set<TensorInfo>();
  return outputs.map((output: unknown) => {
    if (!isObject(output)) throw new Refusal(400, 'each of "outputs" must be an object with a name.');
    const info = model.outputs.find(({ name }) => name === output['name']);
    if (!info)
      throw new Refusal(400, `there is no output ${quoted(output['name'])}; the model gives ${names(model.outputs)}.`);
    if (seen.has(info)) throw new Refusal(400, `output '${info.name}' was asked for twice.`);
    seen.add(info);
    const asked = parametersOf(output, `output '${info.name}'`)?.['binary_data'];
    if (asked !== undefined && typeof asked !== 'boolean')
      throw new Refusal(400, `output '${info.name}': binary_data must be true or false.`);
    return { info, binary: asked ?? binary };
  });
}

function readInput(model: ModelInfo, input: unknown, source: Source): NamedTensor {
  if (!isObject(input))
    throw new Refusal(400, 'each of "inputs" must be an object with name, shape, datatype and data.');
  const info = model.inputs.find(({ name }) => name === input['name']);
  if (!info)
    throw new Refusal(400, `there is no input ${quoted(input['name'])}; the model takes ${names(model.inputs)}.`);
  const where = `input '${info.name}'`;
  if (input['datatype'] !== info.datatype.name) {
    const known = datatypeNamed(input['datatype']) ? '' : ', which is no datatype of this server';
    throw new Refusal(
      400,
      `${where}: datatype ${info.datatype.name} was expected but ${shown(input['datatype'])} came${known}.`,
    );
  }
  const { shape, count } = readShape(input['shape'], info, where);
  const size = parametersOf(input, where)?.['binary_data_size'];
  if (size === undefined) {
    return { info, shape, values: readJson(info.datatype, input['data'], shape, count, where, source.exact) };
  }
  if (input['data'] !== undefined) throw new Refusal(400, `${where} has both data and binary_data_size.`);
  if (!source.binary)
    throw new Refusal(
      400,
      `${where} has binary_data_size but the request has no Inference-Header-Content-Length header.`,
    );
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw new Refusal(400, `${where}: binary_data_size must be a whole number of bytes.`);
  const rest = source.binary.length - source.at;
  if (size > rest)
    throw new Refusal(400, `${where}: binary_data_size is ${size} but only ${rest} bytes are left in the body.`);
  const bytes = source.binary.subarray(source.at, source.at + size);
  source.at += size;
  return { info, shape, values: readBinary(info.datatype, bytes, shape, count, where) };
}

function readShape(shape: unknown, info: TensorInfo, where: string): { shape: number[]; count: number } {
  if (!Array.isArray(shape) || shape.length > MAX_RANK)
    throw new Refusal(400, `${where}: shape must be an array of at most ${MAX_RANK} dimensions.`);
  const result: number[] = [];
  let count = 1;
  for (const dimension of shape as unknown[]) {
    if (typeof dimension !== 'number' || !Number.isSafeInteger(dimension) || dimension < 0)
      throw new Refusal(
        400,
        `${where}: the shape ${JSON.stringify(shape).slice(0, 100)} holds something other than whole numbers from 0.`,
      );
    result.push(dimension);
    count *= dimension;
  }
  const want = info.shape;
  const fits =
    want.length === 0 || (want.length === result.length && want.every((d, i) => d === -1 || d === result[i]));
  if (!fits)
    throw new Refusal(
      400,
      `${where}: shape ${shapeText(want)} was expected (-1 is free) but ${shapeText(result)} came.`,
    );
  return { shape: result, count };
}

function readJson(
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

function checkedText(value: unknown, i: number, where: string): string {
  if (typeof value !== 'string') throw wrong(where, i, value, 'a string');
  // onnxruntime-node hands strings over with a NUL at the end: everything behind an inner one would be lost.
  if (value.includes('\0'))
    throw new Refusal(400, `${where}: value ${i} holds a NUL character, which this server cannot pass on.`);
  if (!value.isWellFormed())
    throw new Refusal(400, `${where}: value ${i} holds half of a surrogate pair, which is no text.`);
  return value;
}

function readBinary(
  datatype: Datatype,
  bytes: Uint8Array,
  shape: readonly number[],
  count: number,
  where: string,
): Values {
  if (datatype.bytes === null) return readBinaryTexts(bytes, shape, count, where);
  const expected = count * datatype.bytes;
  if (bytes.length !== expected)
    throw new Refusal(
      400,
      `${where}: ${expected} bytes were expected for ${datatype.name} of shape ${shapeText(shape)} but binary_data_size is ${bytes.length}.`,
    );
  if (datatype.kind === 'bool') {
    const at = bytes.findIndex((byte) => byte > 1);
    if (at >= 0) throw new Refusal(400, `${where}: byte ${at} is ${bytes[at]}; a BOOL is 0 or 1.`);
  }
  // A view where the alignment allows it, else a copy (not slice(): that of a Buffer is a view again).
  const aligned = bytes.byteOffset % datatype.bytes === 0 ? bytes : new Uint8Array(bytes);
  return viewOf(datatype, aligned.buffer as ArrayBuffer, aligned.byteOffset, count);
}

function readBinaryTexts(bytes: Uint8Array, shape: readonly number[], count: number, where: string): string[] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values: string[] = [];
  let at = 0;
  while (at < view.length) {
    const length = at + 4 <= view.length ? view.readUInt32LE(at) : Number.POSITIVE_INFINITY;
    if (at + 4 + length > view.length) throw new Refusal(400, `${where}: value ${values.length} is cut short.`);
    const part = view.subarray(at + 4, at + 4 + length);
    if (!isUtf8(part))
      throw new Refusal(400, `${where}: value ${values.length} is not valid UTF-8; strings of ONNX are text.`);
    values.push(checkedText(part.toString('utf8'), values.length, where));
    if (values.length > count) break;
    at += 4 + length;
  }
  if (values.length !== count)
    throw new Refusal(
      400,
      `${where}: ${count} values were expected for shape ${shapeText(shape)} but ${values.length > count ? 'more' : values.length} came.`,
    );
  return values;
}

const quoted = (value: unknown): string =>
  typeof value === 'string' ? `'${value.slice(0, 100)}'` : value === undefined ? 'without a name' : shown(value);
const names = (infos: readonly TensorInfo[]): string => infos.map(({ name }) => `'${name}'`).join(', ');
const described = (info: TensorInfo): string => `${info.datatype.name} ${shapeText(info.shape)}`;

function wrong(where: string, i: number, value: unknown, expected: string): Refusal {
  return new Refusal(400, `${where}: value ${i} must be ${expected} but is ${shown(value)}.`);
}

function wrongInteger(datatype: Datatype, where: string, i: number, value: unknown): Refusal {
  const [min, max] = datatype.range!;
  return wrong(where, i, value, `a whole number from ${min} to ${max} (${datatype.name})`);
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  return (typeof value === 'string' ? JSON.stringify(value) : String(value)).slice(0, 60);
}
