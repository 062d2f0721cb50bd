/**
 * The demo of `npm start`: a real model behind a canary, with traffic. A client of the public API and of the gateway, and
 * nothing else: everything it does, a person can do with curl.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createBackoff } from '../lib/backoff.ts';
import type { Log } from '../lib/log.ts';
import { createApi } from './api.ts';
import { readFrames } from './clip.ts';
import { type Canary, canaryNow, prepare } from './prepare.ts';
import { sendTraffic } from './traffic.ts';
import { MODEL, readReleases } from './vad.ts';

/** What the README shows: the demo is ready when this is answered. */
const EXAMPLE = new URL('../../examples/vad/request.json', import.meta.url);

export interface DemoOptions {
  /** Base URL of the API, without a slash at its end. */
  url: string;
  token: string;
  /** Whether to send requests, about 20 a second. */
  traffic: boolean;
  /** Ends the preparation. */
  signal: AbortSignal;
  log: Log;
}

export interface Demo {
  /** Where the model is asked; absent when a person has deleted or stopped it. */
  inferUrl: string | undefined;
  /** How its last rollout stands: what can be tried with it depends on that. */
  canary: Canary;
  stop(): Promise<void>;
}

/**
 * Resolves when the model answers and its canary has been asked for. Run again it goes on where it was, and leaves alone
 * what a person has done meanwhile. @throws what kept it from that, as one sentence.
 */
export async function startDemo({ url, token, traffic, signal, log }: DemoOptions): Promise<Demo> {
  const api = createApi({ url, token, signal });
  const endpoint = await prepare(api, readReleases());
  if (endpoint === undefined) return { inferUrl: undefined, canary: 'none', stop: async () => {} };
  const inferUrl = `${endpoint}/v2/models/${MODEL}/infer`;
  await answerOf(inferUrl, signal);
  const sending = traffic ? sendTraffic({ url: inferUrl, frames: readFrames(), log }) : undefined;
  return { inferUrl, canary: await canaryNow(api), stop: async () => sending?.stop() };
}

/** After a second start the pods are still on their way. */
async function answerOf(inferUrl: string, signal: AbortSignal): Promise<void> {
  const body = readFileSync(EXAMPLE);
  const backoff = createBackoff({ initialMs: 100, maxMs: 1_000 });
  for (;;) {
    const answer = await fetch(inferUrl, { method: 'POST', body, signal });
    await answer.arrayBuffer();
    if (answer.ok) return;
    await sleep(backoff.next(), undefined, { signal });
  }
}
