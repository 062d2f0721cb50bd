/** What happens while the model is busy: others are answered, the line is bounded, leavers leave, shutdown finishes. */
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createQueue } from '../../src/modelserver/queue.ts';
import { eventually } from '../support/eventually.ts';
import { modelFile, type RunningModel, startModel } from './support/model.ts';

/** About 8 µs a round. */
const rounds = (count: number) => ({
  inputs: [
    { name: 'x', shape: [1, 256], datatype: 'FP32', data: new Array(256).fill(0.5) },
    { name: 'rounds', shape: [], datatype: 'INT64', data: [count] },
  ],
});
const LONG = 100_000;

const gauge = async (model: RunningModel, name: string): Promise<number> => {
  const text = await (await model.get('/metrics')).text();
  return Number(new RegExp(`^clops_model_${name}\\{[^}]*\\} (.*)$`, 'm').exec(text)?.[1]);
};

it('answers health and metrics while an inference runs, and moves a model that turned out slow', async () => {
  await using model = await startModel(modelFile('rounds'));
  // Fast in the warm-up (no rounds at all), so it began on the main thread. Two slow ones tell.
  await model.infer(rounds(5000));
  await model.infer(rounds(5000));
  let done = false;
  // Until the move is over, an inference on the main thread keeps everybody waiting.
  await eventually(async () => {
    done = false;
    const long = model.infer(rounds(LONG)).then(({ status }) => {
      done = true;
      return status;
    });
    try {
      await eventually(async () => expect(await gauge(model, 'in_flight')).toBe(1), { withinMs: 500 });
      for (const path of [
        '/v2/health/live',
        '/v2/health/ready',
        '/v2/models/m/versions/2/ready',
        '/v2/models/m',
        '/metrics',
      ])
        expect((await model.get(path)).status).toBe(200);
      expect(done).toBe(false);
    } finally {
      expect(await long).toBe(200);
    }
  });
});

it('refuses with 503 and Retry-After when the line is full, and a client that leaves frees its place', async () => {
  await using model = await startModel(modelFile('slow'), ['--queue=2']);
  // Two are with the worker and two wait: the fifth is too many.
  const body = JSON.stringify({
    inputs: [{ name: 'x', shape: [100, 256], datatype: 'FP32', data: new Array(25_600).fill(0.1) }],
  });
  const leaver = new AbortController();
  const post = (signal?: AbortSignal) =>
    fetch(`${model.url}/v2/models/m/infer`, { method: 'POST', body, ...(signal && { signal }) });
  const first = [post(), post()];
  await eventually(async () => expect(await gauge(model, 'in_flight')).toBe(2));
  const stays = post();
  const leaves = post(leaver.signal);
  await eventually(async () => expect(await gauge(model, 'queue_depth')).toBe(2));

  const refused = await post();
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await refused.json()).toEqual({ error: '2 requests are waiting for the model already; try again.' });

  leaver.abort();
  await expect(leaves).rejects.toThrow(/abort/);
  await eventually(async () => expect(await gauge(model, 'queue_depth')).toBe(1));
  const statuses = await Promise.all([...first, stays, post()].map(async (response) => (await response).status));
  expect(statuses).toEqual([200, 200, 200, 200]);
  const metrics = await (await model.get('/metrics')).text();
  expect(metrics).toContain('clops_model_requests_total{code="499",model="m",version="2"} 1');
  expect(metrics).toContain('clops_model_requests_total{code="503",model="m",version="2"} 1');
});

it('on close is not ready, finishes what is queued, then is gone', async () => {
  const model = await startModel(modelFile('slow'), ['--linger-ms=300']);
  const body = { inputs: [{ name: 'x', shape: [50, 256], datatype: 'FP32', data: new Array(12_800).fill(0.1) }] };
  const queued = [1, 2, 3, 4].map(() => model.infer(body));
  await eventually(async () => expect(await gauge(model, 'in_flight')).toBe(4));
  const closed = model.close();
  const ready = await model.get('/v2/health/ready');
  expect([ready.status, await ready.json()]).toEqual([503, { error: 'The server is shutting down.' }]);
  expect((await model.get('/v2/health/live')).status).toBe(200);
  // Routers learn of it late: who comes now is still served.
  const late = await model.infer(body);
  expect(late.status).toBe(200);
  expect((await Promise.all(queued)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  await closed;
  await expect(model.get('/v2/health/live')).rejects.toThrow();
});

it('cuts off what outlasts the grace', async () => {
  const model = await startModel(modelFile('slow'), ['--grace-ms=50']);
  const data = new Array(200 * 256).fill(0.1);
  const long = model.infer({ inputs: [{ name: 'x', shape: [200, 256], datatype: 'FP32', data }] });
  const outcome = long.then(
    () => 'answered',
    () => 'cut off',
  );
  await eventually(async () => expect(await gauge(model, 'in_flight')).toBe(1));
  await model.close();
  expect(await outcome).toBe('cut off');
  await expect(model.get('/v2/health/live')).rejects.toThrow();
});

const IN_FLIGHT = /^clops_model_in_flight\{[^}]*\} 1$/m;
const ANSWERED = /^clops_model_requests_total\{code="200"[^}]*\} 1$/m;
const MUCH = 32 * 1024 ** 2;

/** Asks for as many bytes back as it announces, of which it sends so many, and reads nothing. */
function slowClient(model: RunningModel, announced: number, sent: number): Socket {
  const input = { name: 'x', shape: [announced / 8, 2], datatype: 'FP32', parameters: { binary_data_size: announced } };
  const json = JSON.stringify({ inputs: [input], parameters: { binary_data_output: true } });
  const { hostname, port } = new URL(model.url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on('error', () => undefined);
  socket.pause();
  const head = [
    'POST /v2/models/m/infer HTTP/1.1',
    'host: m',
    `content-length: ${json.length + announced}`,
    `inference-header-content-length: ${json.length}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${json}`);
  socket.write(Buffer.alloc(sent));
  return socket;
}

const until = (model: RunningModel, state: RegExp) =>
  eventually(async () => expect(await (await model.get('/metrics')).text()).toMatch(state));

it.each([
  ['a request that does not come to its end', IN_FLIGHT, 1_000, 500],
  ['an answer that nobody reads', ANSWERED, MUCH, MUCH],
])('waits no longer than the grace for %s', async (_, state, announced, sent) => {
  const model = await startModel(modelFile('identity_fp32'), ['--grace-ms=500']);
  const socket = slowClient(model, announced, sent);
  await until(model, state);
  await model.close();
  await expect(model.get('/v2/health/live')).rejects.toThrow();
  socket.destroy();
});

it('sends an answer to its end to a client that reads it late', async () => {
  const model = await startModel(modelFile('identity_fp32'));
  const socket = slowClient(model, MUCH, MUCH);
  await until(model, ANSWERED);
  const closed = model.close();
  // Nobody has come since: a server that is about to break off what was not read has done so by now.
  await model.get('/v2/health/live').catch(() => undefined);
  let read = 0;
  socket.on('data', (chunk) => (read += chunk.length));
  const ended = once(socket, 'close');
  socket.resume();
  await Promise.all([closed, ended]);
  expect(read).toBeGreaterThan(MUCH);
});

it('does not count a slow upload as a wait for the model', async () => {
  await using model = await startModel(modelFile('identity_fp32'));
  const socket = slowClient(model, 1_000, 500);
  await until(model, IN_FLIGHT);
  const began = performance.now();
  await eventually(() => expect(performance.now() - began).toBeGreaterThan(600));
  socket.write(Buffer.alloc(500));
  await until(model, ANSWERED);
  socket.destroy();
  // The line is empty: a wait as long as the upload could only be the upload.
  expect(await gauge(model, 'queue_seconds_sum')).toBeLessThan(0.6);
  expect(await gauge(model, 'request_duration_seconds_sum')).toBeGreaterThan(0.6);
});

it('does not wait for the rest of a request whose sender has gone', async () => {
  await using model = await startModel(modelFile('scale'));
  const { hostname, port } = new URL(model.url);
  const half = request({
    hostname,
    port,
    method: 'POST',
    path: '/v2/models/m/infer',
    headers: { 'content-length': '1000' },
  });
  half.on('error', () => undefined);
  half.write('{"inputs":');
  await eventually(async () => expect(await gauge(model, 'in_flight')).toBe(1));
  half.destroy();
  await eventually(async () => expect(await gauge(model, 'in_flight')).toBe(0));
});

describe('the queue', () => {
  it('serves in order of arrival, over its lanes, and knows when it is idle', async () => {
    const started: number[] = [];
    const finish: (() => void)[] = [];
    const queue = createQueue({ capacity: 3, lanes: () => 2 });
    const enter = (n: number) =>
      queue.enter(() => {
        started.push(n);
        return new Promise((resolve) => finish.push(resolve));
      });
    const tickets = [1, 2, 3, 4, 5].map(enter);
    expect(started).toEqual([1, 2]);
    expect(queue.depth()).toBe(3);
    expect(enter(6)).toBeUndefined();
    expect(tickets[0]!.leave()).toBe(false);
    expect(tickets[3]!.leave()).toBe(true);
    expect(tickets[3]!.leave()).toBe(false);
    finish[0]!();
    await eventually(() => expect(started).toEqual([1, 2, 3]));
    finish[1]!();
    finish[2]!();
    await eventually(() => expect(started).toEqual([1, 2, 3, 5]));
    finish[3]!();
    await queue.idle();
    expect(queue.depth()).toBe(0);
  });
});
