/**
 * Counted traffic for the rollouts that wait for it: asked for in the background, kept for a moment, and the deployment is
 * looked at again when the answer is there. Also remembers since when this process has seen which weights programmed.
 */
import type { ModelDeployment } from '../contract/modeldeployment.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { BackendTraffic, GatewayCounts } from '../platform/metrics/adapters.ts';
import type { TrafficCounts } from '../platform/metrics/gateway.ts';
import type { Caches } from './caches.ts';
import { parentRefsOf, type Role, serviceName } from './desired/routing.ts';
import type { Gateway } from './kinds.ts';
import { COUNT_WINDOW_MS } from './rollout/share.ts';
import type { RouteState, TrafficState, Weights } from './rollout/types.ts';
import { createRequestWindow, type RequestWindow } from './window.ts';

/**
 * WhileNew: as long as requests are waited for. A first look that found nothing yet was once the last, and said of a gateway
 * that counts that it does not.
 */
export type Counting = 'Always' | 'WhileNew' | 'Never';

export interface TrafficWatch {
  /** What is known now; when it is to count, a fresh sample is on its way when the last is old. */
  state(key: string, md: ModelDeployment, route: RouteState, counting: Counting): TrafficState;
  forget(key: string): void;
}

/** Less than the time between two looks, or every second look would see an old sample. */
const FRESH_MS = 200;

interface Entry {
  /** Weights and generation that are programmed, and since when. */
  programmed?: { what: string; since: number };
  sample?: { at: number; requests?: Weights; table?: Weights; isUnread?: true };
  /** For a gateway that counts since its start. */
  window: RequestWindow;
  asking: boolean;
}

export function gatewayOf(caches: Caches, md: ModelDeployment): Gateway | undefined {
  const [ref] = parentRefsOf(md);
  return ref && caches.gateways.get(`${ref.namespace ?? md.metadata.namespace}/${ref.name}`);
}

export function createTrafficWatch(options: {
  caches: Caches;
  traffic: TrafficCounts;
  enqueue: (key: string) => void;
  log: Log;
  clock?: Clock;
}): TrafficWatch {
  const { caches, traffic, enqueue, log, clock = systemClock } = options;
  const entries = new Map<string, Entry>();

  async function ask(key: string, md: ModelDeployment, entry: Entry): Promise<void> {
    const gateway = gatewayOf(caches, md);
    if (!gateway) return;
    entry.asking = true;
    try {
      const controller = caches.gatewayClasses.get(gateway.spec.gatewayClassName)?.spec.controllerName;
      const { window } = entry;
      const counts = await traffic.sample(gateway, controller);
      if (entry.window !== window) return; // The weights were changed meanwhile: it was counted under the old ones.
      const at = clock.monotonic();
      entry.sample = { at, ...(counts && backendsOf(md, counts, at, window)) };
    } catch (error) {
      log.debug({ err: error, key }, 'the gateway could not be asked for its counts');
      entry.sample = { at: clock.monotonic(), isUnread: true };
    } finally {
      entry.asking = false;
    }
    if (entries.get(key) === entry) enqueue(key);
  }

  return {
    state(key, md, route, counting) {
      const entry = entries.get(key) ?? { asking: false, window: createRequestWindow() };
      entries.set(key, entry);
      const now = clock.monotonic();
      const what =
        route.state === 'Programmed' && route.weights ? `${route.weights.stable}/${route.weights.canary}` : undefined;
      if (what === undefined) delete entry.programmed;
      else if (entry.programmed?.what !== what) {
        entry.programmed = { what, since: now };
        delete entry.sample; // counted under other weights
        entry.window = createRequestWindow();
      }
      const isNew = entry.programmed !== undefined && now - entry.programmed.since < COUNT_WINDOW_MS;
      const count = counting === 'Always' || (counting === 'WhileNew' && isNew);
      if (count && !entry.asking && now - (entry.sample?.at ?? Number.NEGATIVE_INFINITY) > FRESH_MS)
        void ask(key, md, entry);
      const { requests, table, isUnread = !entry.sample && entry.asking } = entry.sample ?? {};
      return {
        programmedForMs: entry.programmed ? now - entry.programmed.since : 0,
        ...(requests && { requests }),
        ...(table && { table }),
        ...(isUnread && { isUnread }),
      };
    },
    forget: (key) => entries.delete(key),
  };
}

/** The two backends of one deployment's route. */
function backendsOf(
  md: ModelDeployment,
  counts: GatewayCounts,
  now: number,
  window: RequestWindow,
): { requests?: Weights; table?: Weights } {
  const { name, namespace = '' } = md.metadata;
  const of = (role: Role): BackendTraffic | undefined => counts.of(namespace, name, serviceName(name, role));
  const [stable, canary] = [of('stable'), of('canary')];
  if (!stable && !canary) return {};
  const isCounted = stable?.sinceChange !== undefined || canary?.sinceChange !== undefined;
  const isTold = stable?.weight !== undefined || canary?.weight !== undefined;
  return {
    requests: isCounted
      ? { stable: stable?.sinceChange ?? 0, canary: canary?.sinceChange ?? 0 }
      : window.requests(now, { stable: totalOf(stable), canary: totalOf(canary) }),
    ...(isTold && { table: { stable: stable?.weight ?? 0, canary: canary?.weight ?? 0 } }),
  };
}

const totalOf = (traffic: BackendTraffic | undefined): number =>
  Object.values(traffic?.byCode ?? {}).reduce((sum, count) => sum + count, 0);
