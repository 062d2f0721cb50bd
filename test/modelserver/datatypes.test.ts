/** Every datatype goes in and out without loss, in JSON (flat and nested) and in the binary form. */
import { describe, expect, it } from 'vitest';
import { modelFile, startModel } from './support/model.ts';

const VIEWS = {
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  FP32: Float32Array,
  FP64: Float64Array,
};

/** As JSON text, because JavaScript numbers cannot hold what is tested. Four values each, shape [2, 2]. */
const VALUES: Record<string, string[]> = {
  BOOL: ['true', 'false', 'false', 'true'],
  INT8: ['-128', '127', '0', '-1'],
  INT16: ['-32768', '32767', '0', '-1'],
  INT32: ['-2147483648', '2147483647', '0', '-1'],
  INT64: ['-9223372036854775808', '9223372036854775807', '9007199254740993', '-1'],
  UINT8: ['0', '255', '1', '128'],
  UINT16: ['0', '65535', '1', '32768'],
  UINT32: ['0', '4294967295', '1', '2147483648'],
  UINT64: ['0', '18446744073709551615', '9007199254740993', '1'],
  FP16: ['65504', '-2.5', '5.960464477539063e-8', '-0.0'],
  FP32: ['3.4028234663852886e+38', '0.10000000149011612', '1.401298464324817e-45', '-0.0'],
  FP64: ['1.7976931348623157e+308', '0.1', '5e-324', '-0.0'],
  BYTES: ['"a"', '""', '"çé 日本 \\ud83d\\ude00"', '"two\\nlines"'],
};

const request = (datatype: string, data: string): string =>
  `{"inputs":[{"name":"x","shape":[2,2],"datatype":"${datatype}","data":${data}}]}`;
const dataOf = (text: string): string => /"data":(\[.*\])\}\]\}$/s.exec(text)![1]!;
const canonical = (values: string[]): string =>
  `[${values.map((value) => (value.startsWith('"') ? JSON.stringify(JSON.parse(value)) : value)).join(',')}]`;

describe.each(Object.entries(VALUES))('%s', (datatype, values) => {
  it('comes back as it was sent', async () => {
    await using model = await startModel(modelFile(`identity_${datatype.toLowerCase()}`));
    const [a, b, c, d] = values;

    const flat = await (await model.post(request(datatype, `[${values.join(',')}]`))).text();
    expect(dataOf(flat)).toBe(canonical(values));
    const nested = await (await model.post(request(datatype, `[[${a},${b}],[${c},${d}]]`))).text();
    expect(dataOf(nested)).toBe(canonical(values));

    // An odd length of JSON puts the tensor on an unaligned address.
    for (const id of ['', 'x', 'xy', 'xyz']) {
      const bytes = binaryOf(datatype, values);
      const input = { name: 'x', shape: [2, 2], datatype, parameters: { binary_data_size: bytes.length } };
      const binary = await model.inferBinary({ id, inputs: [input], parameters: { binary_data_output: true } }, bytes);
      expect(binary.answer.outputs[0]).toEqual({
        name: 'y',
        shape: [2, 2],
        datatype,
        parameters: { binary_data_size: bytes.length },
      });
      expect(binary.tail.equals(bytes)).toBe(true);
    }

    const empty = await model.infer({ inputs: [{ name: 'x', shape: [0, 2], datatype, data: [] }] });
    expect(empty.answer.outputs[0]).toEqual({ name: 'y', shape: [0, 2], datatype, data: [] });
  });
});

function binaryOf(datatype: string, values: string[]): Buffer {
  if (datatype === 'BYTES') {
    return Buffer.concat(
      values.flatMap((value) => {
        const text = Buffer.from(JSON.parse(value) as string);
        const length = Buffer.alloc(4);
        length.writeUInt32LE(text.length);
        return [length, text];
      }),
    );
  }
  if (datatype === 'BOOL') return Buffer.from(values.map((value) => (value === 'true' ? 1 : 0)));
  if (datatype === 'INT64') return Buffer.from(BigInt64Array.from(values, BigInt).buffer);
  if (datatype === 'UINT64') return Buffer.from(BigUint64Array.from(values, BigInt).buffer);
  // 65504, -2.5, the smallest subnormal and -0 as half floats.
  if (datatype === 'FP16') return Buffer.from(Uint16Array.of(0x7bff, 0xc100, 0x0001, 0x8000).buffer);
  const View = VIEWS[datatype as keyof typeof VIEWS];
  return Buffer.from(View.from(values.map(Number)).buffer);
}

it('adds 64-bit integers that no double can hold', async () => {
  await using model = await startModel(modelFile('add_int64'));
  const body =
    '{"inputs":[{"name":"b","shape":[2],"datatype":"INT64","data":[1,-9223372036854775807]},{"name":"a","shape":[2],"datatype":"INT64","data":[9007199254740992,0]}]}';
  const response = await model.post(body);
  expect(await response.text()).toBe(
    '{"model_name":"m","model_version":"2","outputs":[{"name":"sum","shape":[2],"datatype":"INT64","data":[9007199254740993,-9223372036854775807]},{"name":"difference","shape":[2],"datatype":"INT64","data":[9007199254740991,9223372036854775807]}]}',
  );
});

it('refuses a model of a datatype that cannot be exchanged', async () => {
  const start = startModel(modelFile('identity_bf16'));
  await expect(start).rejects.toThrow(
    /identity_bf16\.onnx cannot be served: it takes or gives BFLOAT16, which onnxruntime-node/,
  );
});

it('names the binary form for what JSON cannot express', async () => {
  await using model = await startModel(modelFile('log'));
  const inputs = [{ name: 'x', shape: [2], datatype: 'FP32', data: [1, 0] }];
  const json = await model.infer({ inputs });
  expect(json.status).toBe(500);
  expect(json.answer.error).toMatch(
    /output 'y': value 1 is -Infinity, which JSON cannot express; ask for it in the binary form/,
  );
  const binary = await model.inferBinary(
    { inputs, outputs: [{ name: 'y', parameters: { binary_data: true } }] },
    Buffer.alloc(0),
  );
  expect([binary.tail.readFloatLE(0), binary.tail.readFloatLE(4)]).toEqual([0, Number.NEGATIVE_INFINITY]);
});
