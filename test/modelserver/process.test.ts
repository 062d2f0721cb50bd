/** The role as a process: what a rollout's people see when it does not start, and how it ends when asked to. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { digestOf, flagsFor, modelFile, silero } from './support/model.ts';

const SERVE = fileURLToPath(new URL('./support/serve.ts', import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clops-modelserver-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; lastLine: string }>;
  url(): Promise<string>;
}

function start(flags: string[], options: string[] = [], env: NodeJS.ProcessEnv = process.env): Started {
  const child = spawn(process.execPath, [...options, SERVE, ...flags], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (text.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text.err += chunk.toString()));
  return {
    child,
    ended: new Promise((resolve) =>
      child.once('close', (code) => resolve({ code, lastLine: text.err.trimEnd().split('\n').at(-1) ?? '' })),
    ),
    url: () =>
      eventually(() => {
        const url = /^url (.*)$/m.exec(text.out)?.[1];
        if (!url) throw new Error(`not started: ${text.out}${text.err}`);
        return url;
      }),
  };
}

it('ends with one line that says why', async () => {
  const truncated = join(folder, 'truncated.onnx');
  await writeFile(truncated, (await readFile(silero(5))).subarray(0, 1_000_000));
  const noModel = join(folder, 'notes.txt');
  await writeFile(noModel, 'not a model\n');
  const empty = join(folder, 'empty.onnx');
  await writeFile(empty, '');
  const scale = modelFile('scale');
  const zeros = `sha256:${'0'.repeat(64)}`;
  const ends = async (flags: string[]) => start(flags).ended;
  const results = await Promise.all([
    ends(flagsFor(scale).map((flag) => (flag.startsWith('--digest') ? `--digest=${zeros}` : flag))),
    ends(flagsFor(truncated)),
    ends(flagsFor(noModel)),
    ends(flagsFor(empty)),
    ends(flagsFor(scale).map((flag) => (flag.startsWith('--file') ? `--file=${folder}/absent.onnx` : flag))),
    ends(['--model=m', '--version=1']),
    ends(flagsFor(scale, ['--threads=0'])),
    ends(flagsFor(scale, ['--colour=red'])),
  ]);
  expect(results.map(({ code }) => code)).toEqual(results.map(() => 1));
  const lines = results.map(({ lastLine }) => lastLine);
  expect(lines[0]).toBe(`digest of ${scale} is ${digestOf(scale)} but ${zeros} was expected`);
  expect(lines[1]).toBe(`${truncated} is not an ONNX file or is cut short: Protobuf parsing failed.`);
  expect(lines[2]).toBe(`${noModel} is not an ONNX file or is cut short: Protobuf parsing failed.`);
  expect(lines[3]).toMatch(/empty\.onnx (is not an ONNX file|cannot be)/);
  expect(lines[4]).toBe(`there is no file at ${folder}/absent.onnx`);
  expect(lines[5]).toBe('model-server needs --file: the ONNX file.');
  expect(lines[6]).toBe('model-server: --threads=0 is not a whole number from 1 to 256.');
  expect(lines[7]).toMatch(/^model-server: Unknown option '--colour'\. It takes --model --version /);
});

it('answers liveness before the model is loaded, and ends well on SIGTERM with a request under way', async () => {
  const server = start(flagsFor(modelFile('slow')));
  const url = await server.url();
  expect((await fetch(`${url}/v2/models/m/versions/2/ready`)).status).toBe(200);
  const body = JSON.stringify({
    inputs: [{ name: 'x', shape: [50, 256], datatype: 'FP32', data: new Array(12_800).fill(0.1) }],
  });
  const answer = fetch(`${url}/v2/models/m/infer`, { method: 'POST', body });
  await eventually(async () => expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/in_flight\{[^}]*\} 1/));
  server.child.kill('SIGTERM');
  expect((await answer).status).toBe(200);
  expect(await server.ended).toEqual({ code: 0, lastLine: '' });
});

it('keeps nothing at home and sends nothing: no identifier, no reports of onnxruntime', async () => {
  const home = join(folder, 'home');
  await mkdir(home);
  // Nothing else in the environment: with CI set, onnxruntime reports nothing by itself.
  const server = start(flagsFor(modelFile('slow')), [], { HOME: home, TMPDIR: home });
  const url = await server.url();
  const inputs = [{ name: 'x', shape: [1, 256], datatype: 'FP32', data: new Array(256).fill(0.1) }];
  const answer = await fetch(`${url}/v2/models/m/infer`, { method: 'POST', body: JSON.stringify({ inputs }) });
  expect(answer.status).toBe(200);
  server.child.kill('SIGTERM');
  expect(await server.ended).toEqual({ code: 0, lastLine: '' });
  expect(await readdir(home, { recursive: true })).toEqual([]);
});

it('refuses JSON that would take more memory than it has, and goes on', async () => {
  const server = start(flagsFor(modelFile('identity_int64')), ['--max-old-space-size=128']);
  const url = `${await server.url()}/v2/models/m/infer`;
  const ask = async (data: number[], more: string) => {
    const input = `{"name":"x","shape":[1,2],"datatype":"INT64","data":[${data}]}`;
    const response = await fetch(url, { method: 'POST', body: `{"inputs":[${input}],"more":[${more}0]}` });
    return { status: response.status, text: await response.text() };
  };
  const MANY = '[{}],'.repeat(4 * 1024 ** 2);
  expect(await ask([1, 2], MANY)).toEqual({ status: 413, text: expect.stringContaining('bytes of JSON, and') });
  const big = 2 ** 62;
  expect(await ask([1, big], MANY.slice(0, 3_000_000))).toEqual({
    status: 413,
    text: expect.stringContaining('whole numbers above 2^53, and'),
  });
  expect((await ask([1, 2], MANY.slice(0, 3_000_000))).status).toBe(200);
  expect((await ask([1, big], MANY.slice(0, 1_000_000))).status).toBe(200);
  server.child.kill('SIGTERM');
  expect(await server.ended).toEqual({ code: 0, lastLine: '' });
});
