/// <reference lib="esnext.float16" />
/**
 * How is the result of an inference written? JSON without loss (64-bit integers digit by digit, doubles in full) or the
 * binary form, each output as it was asked for.
 */
import type { RequestedOutput } from './decode/index.ts';
import { type ModelInfo, type NamedTensor, Refusal, shapeText } from './protocol.ts';

export interface Encoded {
  readonly body: string | Uint8Array;
  readonly jsonLength?: number;
}

export function encodeAnswer(
  model: ModelInfo,
  id: string | undefined,
  requested: readonly RequestedOutput[],
  tensors: readonly NamedTensor[],
): Encoded {
  const binary: Uint8Array[] = [];
  const outputs = requested.map(({ info, binary: asBytes }, i) => {
    const tensor = tensors[i]!;
    const head = `{"name":${JSON.stringify(info.name)},"shape":${shapeText(tensor.shape)},"datatype":"${info.datatype.name}",`;
    if (!asBytes) return `${head}"data":${jsonData(tensor)}}`;
    const bytes = bytesOf(tensor);
    binary.push(bytes);
    return `${head}"parameters":{"binary_data_size":${bytes.length}}}`;
  });
  const echo = id === undefined ? '' : `"id":${JSON.stringify(id)},`;
  const json = `{"model_name":${JSON.stringify(model.name)},"model_version":${JSON.stringify(model.version)},${echo}"outputs":[${outputs.join(',')}]}`;
  if (binary.length === 0) return { body: json };
  const head = Buffer.from(json);
  return { body: Buffer.concat([head, ...binary]), jsonLength: head.length };
}

function jsonData({ info, values }: NamedTensor): string {
  if (Array.isArray(values)) return JSON.stringify(values);
  if (info.datatype.kind === 'bool') return jsonList(values, (value) => (value ? 'true' : 'false'));
  if (info.datatype.kind !== 'float') return `[${values.join(',')}]`;
  let negativeZero = false;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!Number.isFinite(value))
      throw new Refusal(
        500,
        `output '${info.name}': value ${i} is ${value}, which JSON cannot express; ask for it in the binary form ({"name":"${info.name}","parameters":{"binary_data":true}}).`,
      );
    if (value === 0 && Object.is(value, -0)) negativeZero = true;
  }
  // join is the fastest way from numbers to text, but writes -0 as 0; and to Python a -0 is an integer without a sign.
  return negativeZero
    ? jsonList(values, (value) => (Object.is(value, -0) ? '-0.0' : String(value)))
    : `[${values.join(',')}]`;
}

function jsonList(values: Iterable<number | bigint>, text: (value: number | bigint) => string): string {
  return `[${Array.from(values, text).join(',')}]`;
}

function bytesOf({ values }: NamedTensor): Uint8Array {
  if (!Array.isArray(values)) return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return Buffer.concat(
    values.flatMap((value) => {
      const text = Buffer.from(value, 'utf8');
      const length = Buffer.allocUnsafe(4);
      length.writeUInt32LE(text.length);
      return [length, text];
    }),
  );
}
