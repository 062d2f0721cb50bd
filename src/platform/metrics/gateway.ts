/**
 * How many requests went where: what a Gateway's data plane counted. Gateway API has no condition that says a weight is in
 * force, so the controller counts. Each kind of gateway exposes other series: an adapter by controllerName turns them into
 * one shape.
 */
import { request } from 'undici';
import { GATEWAY_CONTROLLER, GATEWAY_METRICS_ANNOTATION } from '../../contract/names.ts';
import { Unavailable } from '../../lib/problem.ts';
import type { KubeObject } from '../cluster/port.ts';
import { parsePrometheus, type Sample } from './prometheus.ts';

/** What one backend of one route received. */
export interface BackendTraffic {
  namespace: string;
  route: string;
  /** Name of the Service. */
  backend: string;
  /** The weight as programmed in the data plane; absent when the gateway does not say. */
  weight?: number;
  /** Requests since the weights of the rule last changed; absent when the gateway does not count them so. */
  sinceChange?: number;
  /** Requests since the gateway started, by status code. */
  byCode: Record<string, number>;
  /** Latency since the gateway started: upper bounds in seconds with cumulative counts. */
  buckets: { le: number; count: number }[];
  sumSeconds: number;
}

export interface TrafficCounts {
  /**
   * Everything the Gateway has counted, or undefined when it cannot be asked (no adapter for its controller, no
   * metrics address). Throws `Unavailable('METRICS_UNAVAILABLE')` when it should answer and does not.
   * A sample is shared by all who ask within a quarter of a second.
   */
  sample(gateway: KubeObject, controllerName?: string): Promise<BackendTraffic[] | undefined>;
}

/** From the series of one scrape to traffic. */
type TrafficAdapter = (text: string) => BackendTraffic[];

const SHARED_MS = 250;
const TIMEOUT_MS = 2000;
const MAX_BYTES = 16 * 1024 * 1024;

export interface TrafficOptions {
  adapters?: Readonly<Record<string, TrafficAdapter>>;
}

export function createTrafficCounts({ adapters = ADAPTERS }: TrafficOptions = {}): TrafficCounts {
  const recent = new Map<string, { at: number; scrape: Promise<string> }>();
  return {
    async sample(gateway, controllerName = GATEWAY_CONTROLLER) {
      const url = gateway.metadata.annotations?.[GATEWAY_METRICS_ANNOTATION];
      const adapter = adapters[controllerName];
      if (!url || !adapter) return undefined;
      let last = recent.get(url);
      if (!last || performance.now() - last.at > SHARED_MS) {
        last = { at: performance.now(), scrape: scrape(url) };
        recent.set(url, last);
      }
      return adapter(await last.scrape);
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
    const cause = error instanceof Error ? error.message : String(error);
    throw new Unavailable('METRICS_UNAVAILABLE', `The gateway's metrics could not be read: ${cause}.`, {
      cause: error,
    });
  }
}

const PREFIX = 'clops_gateway_';

/** Our own gateway's series. */
const clopsGateway: TrafficAdapter = (text) => {
  const all = new Map<string, BackendTraffic>();
  for (const sample of parsePrometheus(text, (name) => name.startsWith(PREFIX))) {
    const { namespace, route, backend } = sample.labels;
    if (namespace === undefined || route === undefined || !backend) continue;
    const key = `${namespace}/${route}/${backend}`;
    const traffic = all.get(key) ?? { namespace, route, backend, byCode: {}, buckets: [], sumSeconds: 0 };
    all.set(key, traffic);
    take(traffic, sample);
  }
  return [...all.values()];
};

function take(traffic: BackendTraffic, { name, labels, value }: Sample): void {
  switch (name.slice(PREFIX.length)) {
    case 'requests_total':
      traffic.byCode[labels['code'] ?? ''] = value;
      break;
    case 'weight':
      traffic.weight = value;
      break;
    case 'weight_requests':
      traffic.sinceChange = value;
      break;
    case 'request_duration_seconds_bucket':
      traffic.buckets.push({
        le: labels['le'] === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels['le']),
        count: value,
      });
      break;
    case 'request_duration_seconds_sum':
      traffic.sumSeconds = value;
      break;
    default:
      break;
  }
}

const ADAPTERS: Readonly<Record<string, TrafficAdapter>> = { [GATEWAY_CONTROLLER]: clopsGateway };
