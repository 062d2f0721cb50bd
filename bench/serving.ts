/**
 * The built-in model server beside the KServe Python SDK and MLServer: the same ONNX file, one core for the server, the
 * other for the load, rounds interleaved, medians. Answers are compared before anything is measured.
 *
 *   node bench/serving.ts [--rounds=3] [--seconds=3] [--cache=FOLDER] [--peers=clops,kserve,mlserver] [--only=PART-OF-A-TITLE]
 *
 * Measures dist/ (npm run build). Needs Linux, taskset, python3 and, the first time, PyPI (about 500 MB in the cache folder). Read the ratios: absolute
 * figures belong to the machine and to what else it was doing.
 */
import '../src/modelserver/noTelemetry.ts'; // before onnxruntime-node

import { fork } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { answerOf } from './children.ts';
import type { LoadOrder, LoadResult } from './serving/load.ts';
import { install, PEER_TITLES, type PeerName, type Running, start, usage } from './serving/peers.ts';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    cache: { type: 'string', default: join(homedir(), '.cache', 'clops-bench') },
    peers: { type: 'string', default: 'clops,kserve,mlserver' },
    only: { type: 'string', default: '' },
  },
});
const ROUNDS = Number(flags.rounds);
const SECONDS = Number(flags.seconds);
const WARM_UP_SECONDS = 1;
/** Other builds of onnxruntime round otherwise. */
const MAX_DIFFERENCE = 1e-4;
const SERVER_CORE = ['taskset', '-c', '0'];
const LOAD_CORE = '1';
const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const SILERO = file('../node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx');
const SLOW = file('../test/modelserver/models/slow.onnx');

interface Body {
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

interface Measured extends LoadResult {
  readonly cpuMicroseconds: number;
  readonly rssMb: number;
}

const samples = Float32Array.from({ length: 512 }, (_, i) => Math.sin(i * 0.05) * 0.5);
const state = Float32Array.from({ length: 256 }, (_, i) => Math.cos(i * 0.11));
const frames = Float32Array.from({ length: 256 }, (_, i) => Math.sin(i));

const sileroJson = json({
  id: '1',
  inputs: [
    { name: 'input', shape: [1, 512], datatype: 'FP32', data: [...samples] },
    { name: 'state', shape: [2, 1, 128], datatype: 'FP32', data: [...state] },
    { name: 'sr', shape: [1], datatype: 'INT64', data: [16000] },
  ],
});
const sileroBinary = binary(
  {
    id: '1',
    parameters: { binary_data_output: true },
    inputs: [
      { name: 'input', shape: [1, 512], datatype: 'FP32', parameters: { binary_data_size: 2048 } },
      { name: 'state', shape: [2, 1, 128], datatype: 'FP32', parameters: { binary_data_size: 1024 } },
      { name: 'sr', shape: [1], datatype: 'INT64', parameters: { binary_data_size: 8 } },
    ],
  },
  [samples, state, BigInt64Array.of(16000n)],
);
const slowJson = json({ id: '1', inputs: [{ name: 'x', shape: [1, 256], datatype: 'FP32', data: [...frames] }] });

function json(request: unknown): Body {
  return { headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(request)) };
}

function binary(request: unknown, tensors: readonly (Float32Array | BigInt64Array)[]): Body {
  const head = Buffer.from(JSON.stringify(request));
  const tail = tensors.map((tensor) => Buffer.from(tensor.buffer));
  return {
    headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(head.length) },
    body: Buffer.concat([head, ...tail]),
  };
}

interface Workload {
  readonly title: string;
  readonly model: string;
  readonly body: Body;
  readonly connections: number;
  readonly probe?: string;
  readonly peers: readonly PeerName[];
}

const ALL: readonly PeerName[] = ['clops', 'kserve', 'mlserver'];
/** MLServer has no binary form over HTTP. */
const WITH_BINARY: readonly PeerName[] = ['clops', 'kserve'];
const WORKLOADS: readonly Workload[] = [
  { title: 'Silero VAD, JSON, 16 connections', model: SILERO, body: sileroJson, connections: 16, peers: ALL },
  {
    title: 'Silero VAD, binary form, 16 connections',
    model: SILERO,
    body: sileroBinary,
    connections: 16,
    peers: WITH_BINARY,
  },
  { title: 'Silero VAD, JSON, 1 connection', model: SILERO, body: sileroJson, connections: 1, peers: ALL },
  {
    title: 'a model of about 10 ms, 16 connections, health asked every 20 ms',
    model: SLOW,
    body: slowJson,
    connections: 16,
    probe: '/v2/health/live',
    peers: ALL,
  },
];

async function measure(server: Running, { body, connections, probe }: Workload, seconds: number): Promise<Measured> {
  const order: LoadOrder = {
    port: server.port,
    path: '/v2/models/m/infer',
    headers: body.headers,
    body: body.body.toString('base64'),
    connections,
    seconds,
    ...(probe && { probe }),
  };
  const load = fork(file('./serving/load.ts'), { execPath: 'taskset', execArgv: ['-c', LOAD_CORE, process.execPath] });
  const before = usage(server.pid);
  const result = await answerOf<LoadResult>(load, order).finally(() => load.kill());
  const after = usage(server.pid);
  if (result.failed > 0) throw new Error(`${server.name} failed ${result.failed} of ${result.requests} requests`);
  return {
    ...result,
    cpuMicroseconds: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / result.requests,
    rssMb: after.rssMb,
  };
}

interface JsonAnswer {
  outputs: { name: string; shape: number[]; data?: number[]; parameters?: { binary_data_size?: number } }[];
}

/** The largest difference between a server's answer and onnxruntime's own. */
async function difference(
  server: Running,
  { body }: Workload,
  expected: Record<string, Float32Array>,
): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${server.port}/v2/models/m/infer`, {
    method: 'POST',
    headers: body.headers,
    body: Buffer.from(body.body),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  if (!response.ok) throw new Error(`${server.name} answered ${response.status}: ${bytes.toString().slice(0, 500)}`);
  let at = Number(response.headers.get('inference-header-content-length') ?? bytes.length);
  const answer = JSON.parse(bytes.subarray(0, at).toString()) as JsonAnswer;
  let largest = 0;
  for (const [name, values] of Object.entries(expected)) {
    if (!answer.outputs.some((output) => output.name === name)) throw new Error(`${server.name} gave no ${name}`);
    for (const output of answer.outputs.filter((each) => each.name === name)) {
      const size = output.parameters?.binary_data_size;
      const data =
        size === undefined ? output.data! : Array.from({ length: size / 4 }, (_, i) => bytes.readFloatLE(at + 4 * i));
      if (size !== undefined) at += size;
      values.forEach((value, i) => {
        largest = Math.max(largest, Math.abs(value - Math.fround(data[i] ?? Number.NaN)));
      });
      if (data.length !== values.length) throw new Error(`${server.name} gave ${data.length} values of ${name}`);
    }
  }
  // Also when it is NaN: who answers something else may be as fast as it likes.
  if (!(largest <= MAX_DIFFERENCE)) throw new Error(`${server.name} is off by ${largest} from what onnxruntime says`);
  return largest;
}

async function reference(model: string): Promise<Record<string, Float32Array>> {
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 4 });
  const feeds: Record<string, Tensor> =
    model === SLOW
      ? { x: new Tensor('float32', frames, [1, 256]) }
      : {
          input: new Tensor('float32', samples, [1, 512]),
          state: new Tensor('float32', state, [2, 1, 128]),
          sr: new Tensor('int64', [16000n], [1]),
        };
  const results = await session.run(feeds);
  await session.release();
  return Object.fromEntries(session.outputNames.map((name) => [name, results[name]!.data as Float32Array]));
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const peersOf = (workload: Workload): PeerName[] =>
  workload.peers.filter((peer) => flags.peers.split(',').includes(peer));

/** Servers of one model run side by side, idle but for the one being measured; rounds go around them. */
async function runModel(model: string, workloads: readonly Workload[]): Promise<void> {
  const servers: Running[] = [];
  try {
    for (const peer of ALL.filter((name) => flags.peers.split(',').includes(name)))
      servers.push(await start(peer, model, flags.cache, SERVER_CORE));
    const expected = await reference(model);
    for (const workload of workloads) {
      const taking = servers.filter(({ name }) => peersOf(workload).includes(name));
      const differences: number[] = [];
      for (const server of taking) {
        differences.push(await difference(server, workload, expected));
        await measure(server, workload, WARM_UP_SECONDS);
      }
      const rounds = taking.map((): Measured[] => []);
      for (let round = 0; round < ROUNDS; round++)
        for (const [i, server] of taking.entries()) rounds[i]!.push(await measure(server, workload, SECONDS));
      print(workload, taking, rounds, differences);
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

function print(
  workload: Workload,
  servers: readonly Running[],
  rounds: readonly Measured[][],
  differences: readonly number[],
): void {
  const of = (i: number, pick: (measured: Measured) => number): number => median(rounds[i]!.map(pick));
  const table = new Table({
    head: [
      'server',
      'req/s',
      'p50 ms',
      'p99 ms',
      'CPU µs a request',
      'CPU × ours',
      'RSS MB',
      'start s',
      ...(workload.probe ? ['health p50 ms', 'health max ms'] : []),
      'max difference',
    ],
    style: { head: [], border: [] },
  });
  servers.forEach((server, i) => {
    const cpu = of(i, (m) => m.cpuMicroseconds);
    table.push([
      PEER_TITLES[server.name],
      of(i, (m) => m.requests / m.seconds).toFixed(0),
      of(i, (m) => m.p50Ms).toFixed(2),
      of(i, (m) => m.p99Ms).toFixed(2),
      cpu.toFixed(0),
      servers[0]?.name === 'clops' ? (cpu / of(0, (m) => m.cpuMicroseconds)).toFixed(2) : '-',
      of(i, (m) => m.rssMb).toFixed(0),
      server.startSeconds.toFixed(2),
      ...(workload.probe
        ? [of(i, (m) => m.probeP50Ms).toFixed(1), Math.max(...rounds[i]!.map((m) => m.probeMaxMs)).toFixed(1)]
        : []),
      String(differences[i]),
    ]);
  });
  process.stdout.write(`\n${workload.title}: medians of ${ROUNDS} rounds of ${SECONDS} s\n${table.toString()}\n`);
}

for (const peer of ALL.filter((name) => flags.peers.split(',').includes(name))) install(peer, flags.cache);
for (const model of [SILERO, SLOW]) {
  const workloads = WORKLOADS.filter((workload) => workload.model === model && workload.title.includes(flags.only));
  if (workloads.length > 0) await runModel(model, workloads);
}
