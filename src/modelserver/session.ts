/// <reference lib="esnext.float16" />
/**
 * One ONNX file as a function from request to answer. Used alike on the main thread and in the worker thread, so that
 * where a model runs changes nothing about what it answers. Knows no HTTP, no queue and no metrics.
 */
import './noTelemetry.ts'; // before onnxruntime-node

import { InferenceSession, Tensor } from 'onnxruntime-node';
import { datatypeOfOrt, type Values } from './datatypes.ts';
import { decodeRequest } from './decode/index.ts';
import { encodeAnswer } from './encode.ts';
import {
  type Answer,
  type ModelInfo,
  type NamedTensor,
  type RawRequest,
  Refusal,
  type TensorInfo,
} from './protocol.ts';
import { FREE_SIZES, type WarmUp, zerosFor } from './warmUp.ts';

export interface SessionOptions {
  readonly name: string;
  readonly version: string;
  readonly file: string;
  /** Threads inside one inference. */
  readonly threads: number;
}

export interface Session {
  readonly info: ModelInfo;
  /** What people should know about the file though it is served: an output that cannot be answered. */
  readonly notes: readonly string[];
  answer(request: RawRequest): Promise<Answer>;
  /** Runs on invented input. */
  warmUp(): Promise<WarmUp>;
  release(): Promise<void>;
}

const FATAL_ONLY = 4;
const WARM_UP_RUNS = 8;
const SLOW_FIRST_RUN_MS = 20;
const MAX_REASON = 500;
/** onnx.proto's numbers of types that the file format has and onnxruntime-node has not. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  '14': 'COMPLEX64',
  '15': 'COMPLEX128',
  '16': 'BFLOAT16',
  '17': 'FLOAT8E4M3FN',
};

/** @throws Error with one sentence that names the file, when it is not a model this server can run. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const session = await create(options);
  const notes: string[] = [];
  const inputs = session.inputMetadata.map((meta) => {
    const info = tensorInfo(meta);
    if (!info)
      throw new Error(
        `${options.file} cannot be served: its input '${meta.name}' is not a tensor of a datatype of the protocol.`,
      );
    return info;
  });
  const outputs = session.outputMetadata.flatMap((meta) => {
    const info = tensorInfo(meta);
    // scikit-learn's converter makes a sequence of maps of the probabilities unless it is told otherwise.
    if (!info)
      notes.push(
        `output '${meta.name}' is left out: it is not a tensor of a datatype of the protocol (with skl2onnx: convert with zipmap=False)`,
      );
    return info ?? [];
  });
  if (outputs.length === 0) throw new Error(`${options.file} cannot be served: it has no output that is a tensor.`);
  const info: ModelInfo = { name: options.name, version: options.version, inputs, outputs };
  return {
    info,
    notes,
    answer: (request) => answer(session, info, request),
    warmUp: () => warmUp(session, info),
    release: () => session.release(),
  };
}

async function create({ file, threads }: SessionOptions): Promise<InferenceSession> {
  try {
    // Its own log would stand on stderr behind the sentence that people are to read.
    return await InferenceSession.create(file, {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: FATAL_ONLY,
    });
  } catch (error) {
    const reason = messageOf(error).split('\n')[0]!.replace(`Load model from ${file} failed:`, '').trim();
    const type = /^Unsupported data type: (\d+)$/.exec(reason)?.[1];
    if (type)
      throw new Error(
        `${file} cannot be served: it takes or gives ${TYPE_NAMES[type] ?? `ONNX type ${type}`}, which onnxruntime-node cannot exchange.`,
      );
    if (/protobuf|ModelProto/i.test(reason)) throw new Error(`${file} is not an ONNX file or is cut short: ${reason}`);
    throw new Error(`${file} cannot be loaded: ${reason}`);
  }
}

function tensorInfo(meta: InferenceSession.ValueMetadata): TensorInfo | undefined {
  const datatype = meta.isTensor ? datatypeOfOrt(meta.type) : undefined;
  if (!meta.isTensor || !datatype) return undefined;
  return {
    name: meta.name,
    datatype,
    shape: meta.shape.map((dimension) => (typeof dimension === 'number' ? dimension : -1)),
  };
}

async function answer(session: InferenceSession, model: ModelInfo, request: RawRequest): Promise<Answer> {
  const { countCpu } = request;
  const busy = createStopwatch(countCpu);
  let inferenceMs: number | undefined;
  try {
    const { asked, feeds } = busy.measure(() => {
      const decoded = decodeRequest(model, request);
      return { asked: decoded, feeds: feedsOf(decoded.inputs) };
    });
    const { id, outputs } = asked;
    const ran = await run(
      session,
      feeds,
      outputs.map(({ info }) => info.name),
      countCpu,
    );
    inferenceMs = ran.wallMs;
    busy.add(ran.busyMs);
    const encoded = busy.measure(() => {
      const tensors = outputs.map(({ info }) => namedTensor(info, ran.results[info.name]!));
      return encodeAnswer(model, id, outputs, tensors);
    });
    return { status: 200, ...encoded, inferenceMs, busyMs: busy.ms() };
  } catch (error) {
    const status = error instanceof Refusal ? error.status : runErrorStatus(error);
    const body = JSON.stringify({ error: messageOf(error) });
    return { status, body, busyMs: busy.ms(), ...(inferenceMs !== undefined && { inferenceMs }) };
  }
}

/** onnxruntime checks shapes too: what it blames on the input is the caller's mistake, what fails inside is the model's. */
const runErrorStatus = (error: unknown): number =>
  /^(Invalid rank|Got invalid dimensions|Unexpected input data type)/.test(messageOf(error)) ? 400 : 500;

interface Run extends Spent {
  readonly results: InferenceSession.ReturnType;
}

/**
 * session.run does its work in a setImmediate callback. One queued right before it and the continuation right after it
 * bracket exactly the inference: other requests that the loop serves in between do not count.
 */
async function run(
  session: InferenceSession,
  feeds: InferenceSession.FeedsType,
  outputs: readonly string[],
  countCpu: boolean,
): Promise<Run> {
  let bracket = startBracket(false);
  setImmediate(() => {
    bracket = startBracket(countCpu);
  });
  const results = await session.run(feeds, outputs);
  return { results, ...endBracket(bracket) };
}

function feedsOf(tensors: readonly NamedTensor[]): InferenceSession.FeedsType {
  const feeds: Record<string, Tensor> = {};
  for (const { info, shape, values } of tensors) feeds[info.name] = tensorOf(info.datatype.ort, values, shape);
  return feeds;
}

function tensorOf(type: Tensor.Type, values: Values, shape: readonly number[]): Tensor {
  if (!(values instanceof Float16Array)) return new Tensor(type, values, shape);
  // The addon knows no Float16Array (Node-API has no such type) and reads 0 bytes of it; it takes the bits as Uint16Array,
  // which the Tensor constructor would turn into a Float16Array again.
  const bits = new Uint16Array(values.buffer, values.byteOffset, values.length);
  return Object.defineProperty(new Tensor('float16', bits, shape), 'data', { value: bits });
}

function namedTensor(info: TensorInfo, { data, dims }: Tensor): NamedTensor {
  const half = info.datatype.name === 'FP16' && data instanceof Uint16Array;
  const values = half ? new Float16Array(data.buffer as ArrayBuffer, data.byteOffset, data.length) : (data as Values);
  return { info, shape: dims, values };
}

async function warmUp(session: InferenceSession, model: ModelInfo): Promise<WarmUp> {
  let failed = '';
  for (const free of FREE_SIZES) {
    const zeros = zerosFor(model.inputs, free);
    if (!zeros) break;
    try {
      return { cpuMs: await cpuOfRun(session, model, zeros), free };
    } catch (error) {
      failed = messageOf(error).split('\n')[0]!.slice(0, MAX_REASON);
    }
  }
  return { failed };
}

async function cpuOfRun(session: InferenceSession, model: ModelInfo, zeros: NamedTensor[]): Promise<number> {
  const names = model.outputs.map(({ name }) => name);
  // The first run allocates; only of a model that is slow anyway does it say enough.
  const first = await run(session, feedsOf(zeros), names, true);
  if (first.busyMs > SLOW_FIRST_RUN_MS) return first.busyMs;
  // A mean, because some kernels count a thread's CPU in steps larger than a run.
  let total = 0;
  for (let i = 0; i < WARM_UP_RUNS; i++) total += (await run(session, feedsOf(zeros), names, true)).busyMs;
  return total / WARM_UP_RUNS;
}

/** Adds up the pieces of an answer, without what other requests use in between. */
function createStopwatch(countCpu: boolean) {
  let total = 0;
  return {
    measure<T>(work: () => T): T {
      const bracket = startBracket(countCpu);
      try {
        return work();
      } finally {
        total += endBracket(bracket).busyMs;
      }
    },
    add(ms: number): void {
      total += ms;
    },
    ms: () => total,
  };
}

interface Bracket {
  readonly wall: number;
  readonly cpu: number | undefined;
}

interface Spent {
  readonly wallMs: number;
  /** Of CPU if that was counted. */
  readonly busyMs: number;
}

const startBracket = (countCpu: boolean): Bracket => ({
  wall: performance.now(),
  cpu: countCpu ? threadCpuMs() : undefined,
});

/** CPU is never more than wall time on one thread, except where it is counted in large steps. */
function endBracket({ wall, cpu }: Bracket): Spent {
  const wallMs = performance.now() - wall;
  return { wallMs, busyMs: cpu === undefined ? wallMs : Math.min(wallMs, threadCpuMs() - cpu) };
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
