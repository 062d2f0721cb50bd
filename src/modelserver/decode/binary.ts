/** The values of one input in the binary form: as many bytes as its shape says, and views of them instead of copies. */
import { isUtf8 } from 'node:buffer';
import { type Datatype, type Values, viewOf } from '../datatypes.ts';
import { Refusal, shapeText } from '../protocol.ts';
import { checkedText } from './json.ts';

export function readBinary(
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
