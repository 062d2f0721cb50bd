/** Starts the model server in this process with one of the test models, and asks it. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Log, silentLog } from '../../../src/lib/log.ts';
import { type ModelServer, runModelServer } from '../../../src/modelserver/index.ts';

export const modelFile = (name: string): string => fileURLToPath(new URL(`../models/${name}.onnx`, import.meta.url));
export const silero = (version: 5 | 6): string =>
  fileURLToPath(new URL(`../../../node_modules/@ricky0123/vad-web/dist/silero_vad_v${version}.onnx`, import.meta.url));
export const digestOf = (file: string): string =>
  `sha256:${createHash('sha256').update(readFileSync(file)).digest('hex')}`;

export const flagsFor = (file: string, more: string[] = []): string[] => [
  '--model=m',
  '--version=2',
  `--file=${file}`,
  `--digest=${digestOf(file)}`,
  '--port=0',
  ...(more.some((flag) => flag.startsWith('--linger-ms')) ? [] : ['--linger-ms=0']),
  ...more,
];

export interface TensorJson {
  name: string;
  shape: number[];
  datatype: string;
  data?: unknown;
  parameters?: Record<string, unknown>;
}

export interface InferAnswer {
  model_name: string;
  model_version: string;
  id?: string;
  outputs: TensorJson[];
  error?: string;
}

export interface RunningModel extends ModelServer {
  get(path: string): Promise<Response>;
  /** Posts text as it is. */
  post(body: string | Uint8Array, headers?: Record<string, string>, path?: string): Promise<Response>;
  infer(request: unknown): Promise<{ status: number; text: string; answer: InferAnswer }>;
  /** JSON head and tensors in the binary form; the answer's head and its binary tail. */
  inferBinary(request: unknown, tail: Uint8Array): Promise<{ status: number; answer: InferAnswer; tail: Buffer }>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startModel(file: string, more: string[] = [], log: Log = silentLog): Promise<RunningModel> {
  const server = await runModelServer(flagsFor(file, more), { log });
  const get = (path: string): Promise<Response> => fetch(`${server.url}${path}`);
  const post: RunningModel['post'] = (body, headers = {}, path = '/v2/models/m/infer') =>
    fetch(`${server.url}${path}`, {
      method: 'POST',
      body: typeof body === 'string' ? Buffer.from(body) : Buffer.from(body),
      headers,
    });
  return {
    ...server,
    get,
    post,
    async infer(request) {
      const response = await post(JSON.stringify(request));
      const text = await response.text();
      return { status: response.status, text, answer: JSON.parse(text) as InferAnswer };
    },
    async inferBinary(request, tail) {
      const head = Buffer.from(JSON.stringify(request));
      const response = await post(Buffer.concat([head, tail]), {
        'inference-header-content-length': String(head.length),
      });
      const body = Buffer.from(await response.arrayBuffer());
      const length = Number(response.headers.get('inference-header-content-length') ?? body.length);
      const answer = JSON.parse(body.subarray(0, length).toString()) as InferAnswer;
      return { status: response.status, answer, tail: body.subarray(length) };
    },
    [Symbol.asyncDispose]: () => server.close(),
  };
}
