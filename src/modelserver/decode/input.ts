/** One of the inputs of a request: its name, datatype and shape against those of the model, and where its values are. */
import { datatypeNamed } from '../datatypes.ts';
import { type ModelInfo, type NamedTensor, Refusal, shapeText, type TensorInfo } from '../protocol.ts';
import { readBinary } from './binary.ts';
import { readJson } from './json.ts';
import { parametersOf } from './parameters.ts';
import { isObject, names, quoted, shown } from './words.ts';

const MAX_RANK = 32;

export interface Source {
  readonly binary: Uint8Array | undefined;
  /** How much of `binary` the inputs so far have taken. */
  at: number;
  /** Whether numbers that doubles cannot hold are here as bigint. */
  readonly exact: boolean;
}

export function readInput(model: ModelInfo, input: unknown, source: Source): NamedTensor {
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
