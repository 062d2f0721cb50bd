/**
 * Writes back to the cluster what the state means for its objects, by server-side apply and only what changed. It runs
 * behind the table: what a status says to be programmed is programmed already.
 */
import { isDeepStrictEqual } from 'node:util';
import { GATEWAY_METRICS_ANNOTATION } from '../../contract/names.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { createWorkQueue } from '../../lib/workqueue.ts';
import {
  apiVersionOf,
  type ClusterPort,
  isConflict,
  isNotFound,
  type KubeObject,
  type Resource,
} from '../../platform/cluster/port.ts';
import { GATEWAYCLASSES, GATEWAYS, HTTPROUTES } from '../../platform/cluster/resources.ts';
import type { Caches, Kind } from './caches.ts';
import type { State } from './state.ts';
import { gatewayClassStatus, gatewayStatus, routeParents } from './status.ts';

const FIELD_MANAGER = 'clops-gateway';

export interface PublisherOptions {
  cluster: ClusterPort;
  caches: Pick<Caches, 'gatewayClass' | 'gateway' | 'route'>;
  state: () => State;
  port: number;
  address: string;
  metricsUrl: string;
  log: Log;
  clock: Clock;
}

export interface Publisher {
  /** Looks at every object of ours. */
  publish(): void;
  /** Looks at one. */
  look(kind: Kind, key: string): void;
  stop(): Promise<void>;
}

export function createPublisher(options: PublisherOptions): Publisher {
  const { cluster, caches, state, port, address, metricsUrl, log, clock } = options;
  const write: Readonly<Record<string, (key: string) => Promise<void>>> = {
    class: writeClass,
    gateway: writeGateway,
    route: writeRoute,
  };
  const queue = createWorkQueue({
    clock,
    work: async (item) => {
      const space = item.indexOf(' ');
      try {
        await write[item.slice(0, space)]?.(item.slice(space + 1));
      } catch (error) {
        // Deleted, or changed since we read it: the watch brings that, and with it the next look.
        if (!isNotFound(error) && !isConflict(error)) throw error;
      }
      return undefined;
    },
    onError: (error, item, retryInMs) => log.warn({ err: error, item, retryInMs }, 'a status could not be written'),
  });
  const look = (kind: Kind, key: string): void => queue.add(`${kind} ${key}`);

  async function writeClass(key: string): Promise<void> {
    const object = caches.gatewayClass(key);
    if (!object || !isSame(object, state().classes.get(key))) return;
    await writeStatus(GATEWAYCLASSES, object, { ...gatewayClassStatus(object, nowText()) });
  }

  async function writeGateway(key: string): Promise<void> {
    const object = caches.gateway(key);
    if (!object || !isSame(object, state().gateways.get(key))) return;
    if (object.metadata.annotations?.[GATEWAY_METRICS_ANNOTATION] !== metricsUrl) {
      const metadata = { ...identity(object), annotations: { [GATEWAY_METRICS_ANNOTATION]: metricsUrl } };
      const annotated = { apiVersion: apiVersionOf(GATEWAYS), kind: GATEWAYS.kind, metadata };
      await cluster.apply(GATEWAYS, annotated, { fieldManager: FIELD_MANAGER, force: true });
    }
    await writeStatus(GATEWAYS, object, { ...gatewayStatus(object, state(), { port, address, now: nowText() }) });
  }

  async function writeRoute(key: string): Promise<void> {
    const own = state().routes.get(key);
    const route = caches.route(key);
    if (!own || !route || !isSame(route, own.route)) return;
    await writeStatus(HTTPROUTES, route, { parents: routeParents({ ...own, route }, nowText()) });
  }

  async function writeStatus(resource: Resource, object: KubeObject, desired: Record<string, unknown>): Promise<void> {
    const present = (object.status ?? {}) as Record<string, unknown>;
    if (Object.entries(desired).every(([field, value]) => isDeepStrictEqual(asSet(present[field]), asSet(value))))
      return;
    // With a list that others write too, only what we have read may be replaced.
    const guarded = resource === HTTPROUTES && object.metadata.resourceVersion;
    const metadata = { ...identity(object), ...(guarded && { resourceVersion: guarded }) };
    const applied = { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata, status: desired };
    await cluster.apply(resource, applied, { fieldManager: FIELD_MANAGER, force: true, subresource: 'status' });
  }

  const nowText = (): string => new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');

  return {
    publish() {
      const { classes, gateways, routes } = state();
      for (const key of classes.keys()) look('class', key);
      for (const key of gateways.keys()) look('gateway', key);
      for (const key of routes.keys()) look('route', key);
    },
    look,
    stop: () => queue.stop(),
  };
}

/** Whether what is served was made from this spec; if not, a new table is on its way, and a status behind it. */
const isSame = ({ metadata: a }: KubeObject, served: KubeObject | undefined): boolean =>
  served !== undefined && a.uid === served.metadata.uid && a.generation === served.metadata.generation;

/** The uid makes an apply that comes after a deletion fail, where it would otherwise create the object anew. */
const identity = ({ metadata: { name, namespace, uid } }: KubeObject) => ({
  name,
  ...(namespace && { namespace }),
  ...(uid && { uid }),
});

/** Lists of conditions and listeners are maps: servers may keep them in another order. */
function asSet(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return new Set(value.map((item) => (isListener(item) ? { ...item, conditions: asSet(item.conditions) } : item)));
}

const isListener = (item: unknown): item is { conditions: unknown } =>
  typeof item === 'object' && item !== null && 'conditions' in item;
