/**
 * A client of the served model as they are: it sends a clip, frame after frame, over one kept connection, and carries the
 * state that each answer brings into the next request. While a canary runs, one version's state reaches the other one:
 * the probabilities stay usable but are less sharp than either version's own.
 */
import { Agent, request } from 'undici';
import type { Log } from '../lib/log.ts';

const EVERY_MS = 50;
const TIMEOUT_MS = 5_000;
const TELL_EVERY_MS = 60_000;
/** Of an answer that is not an inference, a log line wants no more. */
const WORDS = 200;

export interface Traffic {
  /** Resolves when nothing is on its way any more. */
  stop(): Promise<void>;
}

interface Tensor {
  name: string;
  data: number[];
}

/** `url`: of the model's `infer`. Goes on whatever is answered; failures are counted and told once a minute. */
export function sendTraffic({ url, frames, log }: { url: string; frames: number[][]; log: Log }): Traffic {
  const agent = new Agent({ connections: 1, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
  const failures = { count: 0, last: '', toldAt: Number.NEGATIVE_INFINITY };
  let state = zeros();
  let next = 0;
  let underway: Promise<void> | undefined;

  const fail = (why: string): void => {
    failures.count++;
    failures.last = why;
    state = zeros();
    if (performance.now() - failures.toldAt < TELL_EVERY_MS) return;
    log.warn({ failed: failures.count, last: failures.last }, 'requests of the demo failed');
    failures.count = 0;
    failures.toldAt = performance.now();
  };

  const send = async (): Promise<void> => {
    if (next === 0) state = zeros();
    const body = JSON.stringify(inference(frames[next] ?? [], state));
    next = (next + 1) % frames.length;
    try {
      const headers = { 'content-type': 'application/json' };
      const answer = await request(url, { method: 'POST', headers, body, dispatcher: agent });
      const text = await answer.body.text();
      if (answer.statusCode === 200) state = stateIn(text);
      else fail(`${answer.statusCode} ${text.slice(0, WORDS)}`);
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error));
    }
  };

  // One at a time, as a microphone has it: when an answer takes longer than a tick, that tick is left out.
  const timer = setInterval(() => {
    underway ??= send().finally(() => {
      underway = undefined;
    });
  }, EVERY_MS);

  return {
    async stop() {
      clearInterval(timer);
      await agent.destroy();
      await underway;
    },
  };
}

const zeros = (): number[] => new Array<number>(256).fill(0);

const inference = (frame: number[], state: number[]): object => ({
  inputs: [
    { name: 'input', datatype: 'FP32', shape: [1, frame.length], data: frame },
    { name: 'state', datatype: 'FP32', shape: [2, 1, 128], data: state },
    { name: 'sr', datatype: 'INT64', shape: [], data: [16_000] },
  ],
});

/** @throws when the answer is no inference of this model. */
function stateIn(text: string): number[] {
  const { outputs } = JSON.parse(text) as { outputs: Tensor[] };
  const state = outputs.find(({ name }) => name === 'stateN')?.data;
  if (state?.length !== 256) throw new Error(`the answer holds no state: ${text.slice(0, WORDS)}`);
  return state;
}
