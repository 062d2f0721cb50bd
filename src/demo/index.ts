/**
 * The demo of `npm start`: a real model behind a canary, with traffic. A client of the public API and of the gateway, and
 * nothing else: everything it does, a person can do with curl.
 */
import type { Log } from '../lib/log.ts';
import { createApi } from './api.ts';
import { readFrames } from './clip.ts';
import { prepare } from './prepare.ts';
import { sendTraffic } from './traffic.ts';
import { MODEL, readReleases } from './vad.ts';

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
  /** Of the model's `infer`, once it serves; absent when a person has deleted the demo. */
  inferUrl: string | undefined;
  stop(): Promise<void>;
}

/**
 * Resolves when the model serves and its canary has been asked for. Run again it goes on where it was, and leaves alone
 * what a person has done meanwhile. @throws what kept it from that, as one sentence.
 */
export async function startDemo({ url, token, traffic, signal, log }: DemoOptions): Promise<Demo> {
  const endpoint = await prepare(createApi({ url, token, signal }), readReleases());
  if (endpoint === undefined) return { inferUrl: undefined, stop: async () => {} };
  const inferUrl = `${endpoint}/v2/models/${MODEL}/infer`;
  const sending = traffic ? sendTraffic({ url: inferUrl, frames: readFrames(), log }) : undefined;
  return { inferUrl, stop: async () => sending?.stop() };
}
