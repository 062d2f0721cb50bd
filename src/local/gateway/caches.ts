/**
 * What the gateway knows of the cluster, and when to look again. Changes that come together are answered together, and
 * what only touches a status (our own writes, mostly) makes no new table: 500 routes would otherwise be compiled 500
 * times when their first statuses are written.
 */
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { type Change, createInformer, type Informer, keyOf } from '../../platform/cluster/informer.ts';
import type { ClusterPort, KubeObject } from '../../platform/cluster/port.ts';
import { ENDPOINTSLICES, GATEWAYCLASSES, GATEWAYS, HTTPROUTES, SERVICES } from '../../platform/cluster/resources.ts';
import type { Observed } from './state.ts';
import type { EndpointSlice, Gateway, GatewayClass, HttpRoute, Service } from './types.ts';

export type Kind = 'class' | 'gateway' | 'route';

interface CacheListener {
  /** After the first complete read, and after changes. */
  rebuild(): void;
  /** The status or metadata of one object changed. */
  look(kind: Kind, key: string): void;
}

export interface Caches {
  observed(): Observed;
  /** The newest known. */
  gatewayClass(key: string): GatewayClass | undefined;
  gateway(key: string): Gateway | undefined;
  route(key: string): HttpRoute | undefined;
  start(listener: CacheListener): void;
  stop(): Promise<void>;
}

const SERVICE_NAME = 'kubernetes.io/service-name';

export function createCaches(cluster: ClusterPort, log: Log, clock: Clock): Caches {
  const base = { cluster, log, clock };
  const classes = createInformer<GatewayClass>({ ...base, resource: GATEWAYCLASSES });
  const gateways = createInformer<Gateway>({ ...base, resource: GATEWAYS });
  const routes = createInformer<HttpRoute>({ ...base, resource: HTTPROUTES });
  const services = createInformer<Service>({ ...base, resource: SERVICES });
  const slices = createInformer<EndpointSlice>({
    ...base,
    resource: ENDPOINTSLICES,
    indexes: { service: ({ metadata }) => [`${metadata.namespace}/${metadata.labels?.[SERVICE_NAME]}`] },
  });
  const all: Pick<Informer<KubeObject>, 'isSynced' | 'synced' | 'start' | 'stop'>[] = [
    classes,
    gateways,
    routes,
    services,
    slices,
  ];
  let cancel: (() => void) | undefined;

  return {
    observed: () => ({
      classes: classes.list(),
      gateways: gateways.list(),
      routes: routes.list(),
      service: (namespace, name) => services.get(`${namespace}/${name}`),
      slices: (namespace, service) => slices.by('service', `${namespace}/${service}`),
    }),
    gatewayClass: classes.get,
    gateway: gateways.get,
    route: routes.get,
    start({ rebuild, look }) {
      const schedule = coalesce(rebuild, log, clock, (stop) => {
        cancel = stop;
      });
      const changed = (): void => {
        if (all.every((informer) => informer.isSynced)) schedule();
      };
      const specOrLook =
        (kind: Kind) =>
        (change: Change<KubeObject>): void => {
          if (
            change.old &&
            change.old.metadata.generation === change.object.metadata.generation &&
            change.type === 'modified'
          )
            look(kind, keyOf(change.object));
          else changed();
        };
      classes.onChange(specOrLook('class'));
      gateways.onChange(specOrLook('gateway'));
      routes.onChange(specOrLook('route'));
      services.onChange(changed);
      slices.onChange(changed);
      for (const informer of all) {
        informer.start();
        void informer.synced().then(changed);
      }
    },
    async stop() {
      await Promise.all(all.map((informer) => informer.stop()));
      cancel?.();
    },
  };
}

/**
 * At once, but never more than half of the time: after a run of 20 ms (500 routes) the next one waits as long, so that
 * a storm of endpoint changes leaves room for requests.
 */
function coalesce(run: () => void, log: Log, clock: Clock, onSchedule: (cancel: () => void) => void): () => void {
  let scheduled = false;
  let notBefore = 0;
  const work = (): void => {
    scheduled = false;
    const startedAt = clock.monotonic();
    try {
      run();
    } catch (error) {
      log.error({ err: error }, 'the routes could not be read; the earlier ones stay');
    }
    const endedAt = clock.monotonic();
    notBefore = endedAt + (endedAt - startedAt);
  };
  return () => {
    if (scheduled) return;
    scheduled = true;
    const wait = notBefore - clock.monotonic();
    if (wait > 1) onSchedule(clock.after(wait, work));
    else {
      const immediate = setImmediate(work);
      onSchedule(() => clearImmediate(immediate));
    }
  };
}
