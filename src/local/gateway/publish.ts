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
  isNotFound,
  type KubeObject,
  type Resource,
} from '../../platform/cluster/port.ts';
import { GATEWAYCLASSES, GATEWAYS, HTTPROUTES } from '../../platform/cluster/resources.ts';
import type { State } from './state.ts';
import { gatewayClassStatus, gatewayStatus, routeParents } from './status.ts';

const FIELD_MANAGER = 'clops-gateway';

export interface PublisherOptions {
  cluster: ClusterPort;
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
  stop(): Promise<void>;
}

export function createPublisher({
  cluster,
  state,
  port,
  address,
  metricsUrl,
  log,
  clock,
}: PublisherOptions): Publisher {
  const queue = createWorkQueue({
    clock,
    work: async (key) => {
      const [kind, id] = [key.slice(0, key.indexOf(' ')), key.slice(key.indexOf(' ') + 1)];
      try {
        if (kind === 'class') await writeClass(id);
        else if (kind === 'gateway') await writeGateway(id);
        else await writeRoute(id);
      } catch (error) {
        if (!isNotFound(error)) throw error; // deleted meanwhile: nobody is left to be told
      }
      return undefined;
    },
    onError: (error, key, retryInMs) => log.warn({ err: error, key, retryInMs }, 'a status could not be written'),
  });

  async function writeClass(id: string): Promise<void> {
    const object = state().classes.get(id);
    if (object) await writeStatus(GATEWAYCLASSES, object, { ...gatewayClassStatus(object, nowText()) });
  }

  async function writeGateway(id: string): Promise<void> {
    const object = state().gateways.get(id);
    if (!object) return;
    if (object.metadata.annotations?.[GATEWAY_METRICS_ANNOTATION] !== metricsUrl) {
      const metadata = { ...identity(object), annotations: { [GATEWAY_METRICS_ANNOTATION]: metricsUrl } };
      const annotated = { apiVersion: apiVersionOf(GATEWAYS), kind: GATEWAYS.kind, metadata };
      await cluster.apply(GATEWAYS, annotated, { fieldManager: FIELD_MANAGER, force: true });
    }
    await writeStatus(GATEWAYS, object, { ...gatewayStatus(object, state(), { port, address, now: nowText() }) });
  }

  async function writeRoute(id: string): Promise<void> {
    const own = state().routes.get(id);
    if (own) await writeStatus(HTTPROUTES, own.route, { parents: routeParents(own, nowText()) });
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
      for (const key of classes.keys()) queue.add(`class ${key}`);
      for (const key of gateways.keys()) queue.add(`gateway ${key}`);
      for (const key of routes.keys()) queue.add(`route ${key}`);
    },
    stop: () => queue.stop(),
  };
}

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
