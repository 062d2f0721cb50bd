/**
 * What does an inference request ask? Reads the JSON and binary forms of the protocol and refuses what does not fit the
 * model, in a sentence that names the input, what was expected and what came. Runs nothing.
 */
import { isUtf8 } from 'node:buffer';
import { getHeapStatistics } from 'node:v8';
import { type ModelInfo, type NamedTensor, type RawRequest, Refusal, type TensorInfo } from '../protocol.ts';
import { readInput, type Source } from './input.ts';
import { Rounded } from './json.ts';
import { parametersOf } from './parameters.ts';
import { described, isObject, type JsonObject, names, quoted } from './words.ts';

export interface RequestedOutput {
  readonly info: TensorInfo;
  readonly binary: boolean;
}

export interface InferRequest {
  readonly id: string | undefined;
  readonly inputs: readonly NamedTensor[];
  readonly outputs: readonly RequestedOutput[];
}

const MAX_ID_LENGTH = 256;

/**
 * What a byte of JSON may take of this thread's heap: of `[{}],[{}],...` 24 bytes, with the digits kept 112, and the
 * collector wants room beside them. 64 MiB of that ended a server in a container of 1 GiB; tensors in binary take nothing.
 */
const HEAP_A_BYTE = { rounded: 64, exact: 192 };

export function decodeRequest(model: ModelInfo, request: RawRequest): InferRequest {
  const { body, jsonLength = body.length } = request;
  if (jsonLength > body.length)
    throw new Refusal(400, `Inference-Header-Content-Length is ${jsonLength} but the body has ${body.length} bytes.`);
  const bytes = Buffer.from(body.buffer, body.byteOffset, jsonLength);
  refuseLongJson(jsonLength, 'rounded');
  if (!isUtf8(bytes)) throw new Refusal(400, 'The JSON of the request is not valid UTF-8.');
  const text = bytes.toString('utf8');
  const binary = request.jsonLength === undefined ? undefined : body.subarray(jsonLength);
  try {
    return readRequest(model, parse(text, false), { binary, at: 0, exact: false });
  } catch (error) {
    // The reviver makes parsing about ten times slower, so it is for the requests that need it.
    if (!(error instanceof Rounded)) throw error;
    refuseLongJson(jsonLength, 'exact');
    return readRequest(model, parse(text, true), { binary, at: 0, exact: true });
  }
}

function refuseLongJson(length: number, how: keyof typeof HEAP_A_BYTE): void {
  const max = Math.floor(getHeapStatistics().heap_size_limit / HEAP_A_BYTE[how]);
  if (length <= max) return;
  const what = how === 'exact' ? 'JSON with whole numbers above 2^53' : 'JSON';
  throw new Refusal(
    413,
    `The request has ${length} bytes of ${what}, and this server has memory for ${max} of them: send the tensors in binary form, or several requests.`,
  );
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
