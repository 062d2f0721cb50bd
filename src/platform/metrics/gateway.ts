/**
 * How many requests went where: what a Gateway's data plane counted. Gateway API has no condition that says a weight is in
 * force, so the controller counts. Each kind of gateway exposes other series: an adapter by controllerName turns them into
 * one shape.
 */
import { request } from 'undici';
import { GATEWAY_METRICS_ANNOTATION } from '../../contract/names.ts';
import { Unavailable } from '../../lib/problem.ts';
import type { KubeObject } from '../cluster/port.ts';
import { type GatewayCounts, isCountable, readCounts } from './adapters.ts';

export interface TrafficCounts {
  /**
   * Everything the Gateway has counted, or undefined when it cannot be asked (its controller is not known, no metrics
   * address). Without a controllerName the scrape itself says what it is. Throws `Unavailable('METRICS_UNAVAILABLE')` when it should answer and does not.
   * A sample is shared by all who ask within a quarter of a second.
   */
  sample(gateway: KubeObject, controllerName?: string): Promise<GatewayCounts | undefined>;
}

const SHARED_MS = 250;
const TIMEOUT_MS = 2000;
const MAX_BYTES = 16 * 1024 * 1024;

export function createTrafficCounts(): TrafficCounts {
  /** As it was read, and not only its text: two hundred rollouts at once read the same thousand lines each. */
  const recent = new Map<string, { at: number; counts: Promise<GatewayCounts | undefined> }>();
  return {
    async sample(gateway, controllerName) {
      const url = gateway.metadata.annotations?.[GATEWAY_METRICS_ANNOTATION];
      if (!url || (controllerName !== undefined && !isCountable(controllerName))) return undefined;
      const key = `${controllerName ?? ''} ${url}`;
      let last = recent.get(key);
      if (!last || performance.now() - last.at > SHARED_MS) {
        last = { at: performance.now(), counts: scrape(url).then((text) => readCounts(text, controllerName)) };
        recent.set(key, last);
      }
      return last.counts;
    },
  };
}

async function scrape(url: string): Promise<string> {
  try {
    const { statusCode, body } = await request(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (statusCode !== 200) {
      await body.dump();
      throw new Error(`HTTP ${statusCode}`);
    }
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of body) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      if (text.length > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} characters`);
    }
    return text;
  } catch (error) {
    const cause = causeOf(error);
    throw new Unavailable('METRICS_UNAVAILABLE', `The gateway's metrics could not be read: ${cause}.`, {
      cause: error,
    });
  }
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.name === 'TimeoutError' ? `no answer within ${TIMEOUT_MS / 1000} s` : error.message;
}
