/** The demo's clip, and both releases of its model on it: speech where somebody speaks, and none where nobody does. */
import { readFileSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { synthesise } from '../../examples/vad/synthesise.ts';
import { readFrames } from '../../src/demo/clip.ts';
import { readReleases } from '../../src/demo/vad.ts';

const SPEECH = [range(25, 42), range(70, 101)];
const SILENCE = [range(0, 18), range(49, 68), range(105, 125)];

test('the clip is what its script makes', () => {
  const frames = readFrames();
  expect(frames).toHaveLength(125);
  const made = synthesise().slice(0, 512);
  for (const [i, value] of (frames[0] ?? []).slice(64).entries()) expect(value).toBeCloseTo(made[i] ?? Number.NaN, 3);
});

test.each(readReleases())('release $name tells speech from silence in it', async ({ bytes }) => {
  const session = await InferenceSession.create(Buffer.from(bytes));
  const probabilities: number[] = [];
  let state = new Tensor('float32', new Float32Array(256), [2, 1, 128]);
  const sr = new Tensor('int64', [16_000n], []);
  for (const frame of readFrames()) {
    const input = new Tensor('float32', frame, [1, frame.length]);
    const answer = await session.run({ input, state, sr });
    state = answer['stateN'] as typeof state;
    probabilities.push(Number(answer['output']?.data[0]));
  }
  const at = (frames: number[]) => frames.map((frame) => probabilities[frame] ?? Number.NaN);
  expect(Math.min(...SPEECH.flatMap(at))).toBeGreaterThan(0.5);
  expect(Math.max(...SILENCE.flatMap(at))).toBeLessThan(0.2);
});

test('the frame of the README is one that both take for speech, from a state of zeros', async () => {
  const { inputs } = JSON.parse(readFileSync(new URL('../../examples/vad/request.json', import.meta.url), 'utf8')) as {
    inputs: { name: string; shape: number[]; data: number[] }[];
  };
  const data = (name: string) => inputs.find((input) => input.name === name)?.data ?? [];
  for (const { bytes } of readReleases()) {
    const session = await InferenceSession.create(Buffer.from(bytes));
    const { output } = await session.run({
      input: new Tensor('float32', data('input'), [1, 576]),
      state: new Tensor('float32', data('state'), [2, 1, 128]),
      sr: new Tensor('int64', data('sr').map(BigInt), []),
    });
    expect(output?.data[0]).toBeGreaterThan(0.5);
  }
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
