/** The protocol's paths, what a refusal says, and that the answers are those of onnxruntime. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLog } from '../../src/lib/log.ts';
import { eventually } from '../support/eventually.ts';
import { modelFile, type RunningModel, silero, startModel } from './support/model.ts';

describe('paths', () => {
  let model: RunningModel;
  beforeAll(async () => {
    model = await startModel(modelFile('scale'));
  });
  afterAll(() => model.close());

  it('answers health, readiness and metadata', async () => {
    // Triton's client looks at the status; KServe's reads the object.
    for (const [path, said] of [
      ['/v2/health/live', { live: true }],
      ['/v2/health/ready', { ready: true }],
      ['/v2/models/m/ready', { name: 'm', ready: true }],
      ['/v2/models/m/versions/2/ready', { name: 'm', ready: true }],
    ] as const) {
      const response = await model.get(path);
      expect([path, response.status, await response.json()]).toEqual([path, 200, said]);
    }
    expect(await (await model.get('/v2')).json()).toEqual({
      name: 'clops',
      version: 'development',
      extensions: ['binary_tensor_data'],
    });
    const metadata = {
      name: 'm',
      versions: ['2'],
      platform: 'onnx_onnxv1',
      inputs: [
        { name: 'x', datatype: 'FP32', shape: [-1] },
        { name: 'factor', datatype: 'FP32', shape: [] },
      ],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
      parameters: { warmed_up: true },
    };
    expect(await (await model.get('/v2/models/m')).json()).toEqual(metadata);
    expect(await (await model.get('/v2/models/m/versions/2?x=1')).json()).toEqual(metadata);
  });

  it('says which model and version it has', async () => {
    expect(await errorOf(await model.get('/v2/models/other'))).toEqual([
      404,
      "There is no model 'other' here; this server has 'm'.",
    ]);
    expect(await errorOf(await model.post('{}', {}, '/v2/models/m/versions/3/infer'))).toEqual([
      404,
      "There is no version '3' of 'm' here; this server has version '2'.",
    ]);
    expect(await errorOf(await model.get('/v2/nothing'))).toEqual([404, 'There is nothing at /v2/nothing.']);
    expect(await errorOf(await model.get('/v2/models/%ff'))).toEqual([404, 'There is nothing at /v2/models/%ff.']);
    expect(await errorOf(await model.get('/v2/models/m/infer'))).toEqual([405, '/v2/models/m/infer takes POST.']);
    expect(await errorOf(await model.post('', {}, '/v2'))).toEqual([405, '/v2 takes GET.']);
  });

  it('takes scalars as a list of one and bare, JSON without a content-type, and gives the id back', async () => {
    const inputs = (data: unknown) => [
      { name: 'x', shape: [2], datatype: 'FP32', data: [1, 2] },
      { name: 'factor', shape: [], datatype: 'FP32', data },
    ];
    for (const data of [[3], 3]) {
      const { answer } = await model.infer({ id: 'r-1 "é"', inputs: inputs(data) });
      expect(answer).toEqual({
        model_name: 'm',
        model_version: '2',
        id: 'r-1 "é"',
        outputs: [{ name: 'y', shape: [2], datatype: 'FP32', data: [3, 6] }],
      });
    }
    const versioned = await model.post(JSON.stringify({ inputs: inputs([2]) }), {}, '/v2/models/m/versions/2/infer');
    expect(versioned.headers.get('content-type')).toBe('application/json');
    expect(await versioned.json()).toMatchObject({ outputs: [{ data: [2, 4] }] });
  });

  it('counts what it answered', async () => {
    await model.infer({ inputs: [] });
    const text = await (await model.get('/metrics')).text();
    const value = (series: string): number =>
      Number(new RegExp(`^${series.replace(/[{}]/g, '\\$&')} (.*)$`, 'm').exec(text)?.[1]);
    const labels = 'model="m",version="2"';
    expect(value(`clops_model_requests_total{code="400",${labels}}`)).toBeGreaterThanOrEqual(1);
    expect(value(`clops_model_requests_total{code="503",${labels}}`)).toBe(0);
    expect(value(`clops_model_in_flight{${labels}}`)).toBe(0);
    expect(value(`clops_model_queue_depth{${labels}}`)).toBe(0);
    for (const name of ['request_duration', 'queue', 'inference_duration'])
      expect(value(`clops_model_${name}_seconds_count{${labels}}`)).toBeGreaterThanOrEqual(
        name === 'inference_duration' ? 0 : 1,
      );
    expect(text).toContain('process_resident_memory_bytes');
    expect(text).not.toContain('other');
  });
});

const errorOf = async (response: Response): Promise<[number, string]> => [
  response.status,
  ((await response.json()) as { error: string }).error,
];

describe('refusals', () => {
  const x = { name: 'a', shape: [2], datatype: 'INT64', data: [1, 2] };
  const b = { ...x, name: 'b' };
  const cases: [string, unknown, RegExp][] = [
    ['not JSON', '{"inputs":', /^The request is not JSON: /],
    ['not an object', '[]', /must be a JSON object/],
    ['no inputs', {}, /^"inputs" must be an array/],
    ['unknown input', { inputs: [{ ...x, name: 'c' }] }, /^there is no input 'c'; the model takes 'a', 'b'\./],
    ['missing input', { inputs: [x] }, /^input 'b' \(INT64 \[-1\]\) is missing\./],
    ['input twice', { inputs: [x, x, b] }, /^input 'a' was sent 2 times\./],
    ['datatype', { inputs: [{ ...x, datatype: 'FP32' }] }, /^input 'a': datatype INT64 was expected but "FP32" came\./],
    ['no such datatype', { inputs: [{ ...x, datatype: 'F' }] }, /but "F" came, which is no datatype/],
    [
      'rank',
      { inputs: [{ ...x, shape: [1, 2] }] },
      /^input 'a': shape \[-1\] was expected \(-1 is free\) but \[1,2\] came\./,
    ],
    ['no shape', { inputs: [{ ...x, shape: undefined }] }, /shape must be an array/],
    ['negative shape', { inputs: [{ ...x, shape: [-1] }] }, /the shape \[-1\] holds something other/],
    ['count', { inputs: [{ ...x, data: [1] }] }, /^input 'a': 2 values were expected for shape \[2\] but 1 came\./],
    ['huge shape', { inputs: [{ ...x, shape: [2 ** 50] }] }, /1125899906842624 values were expected .* but 2 came/],
    ['no data', { inputs: [{ ...x, data: undefined }] }, /data must be an array/],
    [
      'text',
      { inputs: [{ ...x, data: [1, '2'] }] },
      /^input 'a': value 1 must be a whole number from -9223372036854775808 to 9223372036854775807 \(INT64\) but is "2"\./,
    ],
    ['fraction', { inputs: [{ ...x, data: [1.5, 2] }] }, /value 0 must be a whole number .* but is 1\.5/],
    [
      'range',
      '{"inputs":[{"name":"a","shape":[1],"datatype":"INT64","data":[9223372036854775808]}]}',
      /value 0 must be .* but is 9223372036854775808/,
    ],
    ['exponent', '{"inputs":[{"name":"a","shape":[1],"datatype":"INT64","data":[1e18]}]}', /value 0 must be/],
    ['null', { inputs: [{ ...x, data: [null, 1] }] }, /value 0 must be .* but is null/],
    [
      'nested wrong',
      { inputs: [{ ...x, data: [[1, 2]] }] },
      /value 0 must be .* but is an array|nested data must follow shape/,
    ],
    [
      'unknown output',
      { inputs: [x, b], outputs: [{ name: 'z' }] },
      /^there is no output 'z'; the model gives 'sum', 'difference'\./,
    ],
    ['output twice', { inputs: [x, b], outputs: [{ name: 'sum' }, { name: 'sum' }] }, /asked for twice/],
    ['id', { id: 5, inputs: [x, b] }, /^"id" must be a string/],
    [
      'classification',
      { inputs: [x, b], outputs: [{ name: 'sum', parameters: { classification: 2 } }] },
      /"classification" is not supported/,
    ],
    [
      'shared memory',
      { inputs: [{ ...x, parameters: { shared_memory_region: 'r' } }] },
      /"shared_memory_region" is not supported/,
    ],
    [
      'binary without header',
      { inputs: [{ ...x, data: undefined, parameters: { binary_data_size: 16 } }] },
      /no Inference-Header-Content-Length header/,
    ],
    ['sizes in graph', { inputs: [x, { ...b, shape: [3], data: [1, 2, 3] }] }, /./],
  ];
  let model: RunningModel;
  beforeAll(async () => {
    model = await startModel(modelFile('add_int64'));
  });
  afterAll(() => model.close());

  it.each(cases)('%s', async (title, request, expected) => {
    const response = await model.post(typeof request === 'string' ? request : JSON.stringify(request));
    const [status, error] = await errorOf(response);
    expect(error).toMatch(expected);
    // What only the graph knows is the model's fault as far as anyone can tell.
    expect(status).toBe(title === 'sizes in graph' ? 500 : 400);
  });

  it('refuses binary tensors that do not fit', async () => {
    const input = (size: unknown) => ({
      inputs: [{ name: 'a', shape: [2], datatype: 'INT64', parameters: { binary_data_size: size } }, b],
    });
    const error = async (size: unknown, tail: number) =>
      (await model.inferBinary(input(size), Buffer.alloc(tail))).answer.error;
    expect(await error(17, 17)).toMatch(
      /input 'a': 16 bytes were expected for INT64 of shape \[2\] but binary_data_size is 17/,
    );
    expect(await error(16, 10)).toMatch(/binary_data_size is 16 but only 10 bytes are left/);
    expect(await error(16, 20)).toMatch(/20 bytes follow the JSON but the inputs' binary_data_size add up to 16/);
    expect(await error('16', 16)).toMatch(/must be a whole number of bytes/);
    expect(await errorOf(await model.post('{}', { 'inference-header-content-length': '99' }))).toEqual([
      400,
      'Inference-Header-Content-Length is 99 but the body has 2 bytes.',
    ]);
    expect(await errorOf(await model.post('{}', { 'content-type': 'application/octet-stream' }))).toEqual([
      400,
      'A binary request needs the header Inference-Header-Content-Length: the length of its JSON part.',
    ]);
    expect((await model.post('{}', { 'content-encoding': 'gzip' })).status).toBe(415);
    expect(await errorOf(await model.post(Buffer.from([0x7b, 0xff, 0x7d])))).toEqual([
      400,
      'The JSON of the request is not valid UTF-8.',
    ]);
  });
});

it('refuses values that a narrower type cannot hold', async () => {
  const refused = async (datatype: string, data: unknown): Promise<string | undefined> => {
    await using model = await startModel(modelFile(`identity_${datatype.toLowerCase()}`));
    const { status, answer } = await model.infer({ inputs: [{ name: 'x', shape: [1, 2], datatype, data }] });
    expect(status).toBe(400);
    return answer.error;
  };
  expect(await refused('UINT8', [1, 256])).toBe(
    "input 'x': value 1 must be a whole number from 0 to 255 (UINT8) but is 256.",
  );
  expect(await refused('FP16', [1, 65520])).toBe("input 'x': value 1 is out of the range of FP16.");
  expect(await refused('FP32', [1e39, 1])).toBe("input 'x': value 0 is out of the range of FP32.");
  expect(await refused('BOOL', [true, 2])).toBe("input 'x': value 1 must be true or false but is 2.");
  expect(await refused('BYTES', ['a', 'b\0c'])).toMatch(/value 1 holds a NUL character/);
  expect(await refused('UINT64', [1, -1])).toMatch(/value 1 must be a whole number from 0 to 18446744073709551615/);
});

it('takes a body up to its limit, announced or not', async () => {
  await using model = await startModel(modelFile('identity_bytes'), ['--max-body-bytes=2000']);
  const body = JSON.stringify({
    inputs: [{ name: 'x', shape: [1, 2], datatype: 'BYTES', data: ['a', 'b'.repeat(3000)] }],
  });
  const expected = [413, 'The request is larger than 2000 bytes, the limit of this server (--max-body-bytes).'];
  expect(await errorOf(await model.post(body))).toEqual(expected);
  const pieces = new ReadableStream({
    start(controller) {
      controller.enqueue(Buffer.from(body.slice(0, 1500)));
      controller.enqueue(Buffer.from(body.slice(1500)));
      controller.close();
    },
  });
  const init: RequestInit & { duplex: 'half' } = { method: 'POST', body: pieces, duplex: 'half' };
  expect(await errorOf(await fetch(`${model.url}/v2/models/m/infer`, init))).toEqual(expected);
});

it('serves a model that no invented input fits, and says so', async () => {
  const lines: string[] = [];
  const log = createLog({ role: 'model-server', level: 'info', destination: { write: (line) => lines.push(line) } });
  await using threes = await startModel(modelFile('threes'), [], log);
  expect(lines[0]).toContain('served without having run');
  expect(await (await threes.get('/v2/models/m')).json()).toMatchObject({
    parameters: { warmed_up: false, warm_up_error: expect.stringContaining('cannot be reshaped') },
  });
  expect(await (await threes.get('/metrics')).text()).toMatch(/^clops_model_warmup_ok\{.*\} 0$/m);
  expect((await threes.get('/v2/health/ready')).status).toBe(200);
  // What the warm-up could not say, the first requests do: it moves to the main thread and answers as before.
  const request = { inputs: [{ name: 'x', shape: [3], datatype: 'FP32', data: [1, 2, 3] }] };
  await eventually(async () => {
    expect((await threes.infer(request)).answer.outputs[0]).toMatchObject({ shape: [1, 3], data: [1, 2, 3] });
    expect(lines.join()).toContain('"thread":"main"');
  });
});

it.each([5, 6] as const)('warms up Silero VAD v%i, which one sample does not fit', async (version) => {
  await using model = await startModel(silero(version));
  expect(await (await model.get('/v2/models/m')).json()).toMatchObject({ parameters: { warmed_up: true } });
  expect(await (await model.get('/metrics')).text()).toMatch(/^clops_model_warmup_ok\{.*\} 1$/m);
});

it('serves a model that fails on some inputs, and one with an output that is no tensor', async () => {
  await using threes = await startModel(modelFile('threes'));
  const input = (n: number) => ({
    inputs: [{ name: 'x', shape: [n], datatype: 'FP32', data: Array.from({ length: n }, (_, i) => i) }],
  });
  expect((await threes.infer(input(6))).answer.outputs[0]).toEqual({
    name: 'y',
    shape: [2, 3],
    datatype: 'FP32',
    data: [0, 1, 2, 3, 4, 5],
  });
  expect(await threes.infer(input(4))).toMatchObject({
    status: 500,
    answer: { error: expect.stringContaining('cannot be reshaped') },
  });

  await using sequence = await startModel(modelFile('sequence'));
  expect((await sequence.infer(input(1))).answer.outputs).toEqual([
    { name: 'label', shape: [1], datatype: 'FP32', data: [0] },
  ]);
});

it.each([5, 6] as const)(
  'answers for Silero VAD v%i bit by bit what onnxruntime does, in either form',
  async (version) => {
    const session = await InferenceSession.create(silero(version), { intraOpNumThreads: 1, logSeverityLevel: 4 });
    await using model = await startModel(silero(version));
    let state = new Float32Array(256);
    for (let frame = 0; frame < 5; frame++) {
      const samples = Float32Array.from({ length: 512 }, (_, i) => Math.sin(i * 0.07 * (frame + 1)) * 0.8);
      const expected = await session.run({
        input: new Tensor('float32', samples, [1, 512]),
        state: new Tensor('float32', state, [2, 1, 128]),
        sr: new Tensor('int64', [16000n], []),
      });
      const json = await model.infer({
        inputs: [
          { name: 'input', shape: [1, 512], datatype: 'FP32', data: [...samples] },
          { name: 'state', shape: [2, 1, 128], datatype: 'FP32', data: [...state] },
          { name: 'sr', shape: [], datatype: 'INT64', data: [16000] },
        ],
      });
      const binary = await model.inferBinary(
        {
          inputs: [
            { name: 'input', shape: [1, 512], datatype: 'FP32', parameters: { binary_data_size: 2048 } },
            { name: 'state', shape: [2, 1, 128], datatype: 'FP32', parameters: { binary_data_size: 1024 } },
            { name: 'sr', shape: [], datatype: 'INT64', data: [16000] },
          ],
          outputs: [{ name: 'stateN', parameters: { binary_data: true } }, { name: 'output' }],
        },
        Buffer.concat([Buffer.from(samples.buffer), Buffer.from(state.buffer)]),
      );
      const [output, stateN] = json.answer.outputs;
      const next = Float32Array.from(expected['stateN']!.data as Float32Array);
      expect(Float32Array.from(output!.data as number[])).toEqual(expected['output']!.data);
      expect(Float32Array.from(stateN!.data as number[])).toEqual(next);
      expect(binary.tail.equals(Buffer.from(next.buffer))).toBe(true);
      expect(binary.answer.outputs[1]!.data).toEqual(output!.data);
      // JSON.stringify, which is the client here, writes -0 as 0.
      state = next.map((value) => value + 0);
    }
    await session.release();
  },
);
