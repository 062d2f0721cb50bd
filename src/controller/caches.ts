/** Every cache the controller reads, and which deployment each change concerns. Decisions are made from these alone. */
import type { ModelDeployment } from '../contract/modeldeployment.ts';
import { LABELS } from '../contract/names.ts';
import type { RolloutCommand } from '../contract/rolloutcommand.ts';
import type { ServingRuntime } from '../contract/servingruntime.ts';
import { sameJson } from '../lib/canonical.ts';
import type { Log } from '../lib/log.ts';
import { byOwner, type Change, createInformer, type Informer, keyOf } from '../platform/cluster/informer.ts';
import {
  type ClusterPort,
  type KubeObject,
  kindWords,
  type Resource,
  type Selectors,
} from '../platform/cluster/port.ts';
import * as rows from '../platform/cluster/resources.ts';
import { type GatewayRef, parentRefsOf, withGateway } from './desired/routing.ts';
import type {
  ControllerRevision,
  Deployment,
  EndpointSlice,
  Gateway,
  GatewayClass,
  HttpRoute,
  Pod,
  Service,
} from './kinds.ts';

export interface Caches {
  readonly modelDeployments: Informer<ModelDeployment>;
  /** Index `deployment`: `namespace/name` of what they are for. */
  readonly commands: Informer<RolloutCommand>;
  readonly runtimes: Informer<ServingRuntime>;
  /** Children, each with the index `owner` by uid. */
  readonly deployments: Informer<Deployment>;
  readonly revisions: Informer<ControllerRevision>;
  readonly services: Informer<Service>;
  readonly routes: Informer<HttpRoute>;
  /** Index `deployment`. */
  readonly pods: Informer<Pod>;
  /** Index `service`: `namespace/name`. */
  readonly slices: Informer<EndpointSlice>;
  readonly gateways: Informer<Gateway>;
  readonly gatewayClasses: Informer<GatewayClass>;
}

const OURS: Selectors = { labelSelector: LABELS.deployment };
const SERVICE_LABEL = 'kubernetes.io/service-name';

const labelled = (label: string) => (object: KubeObject) => {
  const name = object.metadata.labels?.[label];
  return name === undefined ? [] : [`${object.metadata.namespace}/${name}`];
};

export function createCaches(cluster: ClusterPort, log: Log): Caches {
  const cache = <T extends KubeObject>(
    resource: Resource,
    indexes: Record<string, (object: T) => readonly string[]> = {},
    selectors: Selectors = {},
  ): Informer<T> => createInformer<T>({ cluster, resource, indexes, selectors, log });
  const owned = { owner: byOwner };
  return {
    modelDeployments: cache<ModelDeployment>(rows.MODELDEPLOYMENTS),
    commands: cache<RolloutCommand>(rows.ROLLOUTCOMMANDS, {
      deployment: ({ metadata, spec }) => [`${metadata.namespace}/${spec.deployment}`],
    }),
    runtimes: cache<ServingRuntime>(rows.SERVINGRUNTIMES),
    deployments: cache<Deployment>(rows.DEPLOYMENTS, owned, OURS),
    revisions: cache<ControllerRevision>(rows.CONTROLLERREVISIONS, owned, OURS),
    services: cache<Service>(rows.SERVICES, owned, OURS),
    routes: cache<HttpRoute>(rows.HTTPROUTES, owned, OURS),
    pods: cache<Pod>(rows.PODS, { deployment: labelled(LABELS.deployment) }, OURS),
    // Slices carry the labels of their Service.
    slices: cache<EndpointSlice>(rows.ENDPOINTSLICES, { service: labelled(SERVICE_LABEL) }, OURS),
    gateways: cache<Gateway>(rows.GATEWAYS),
    gatewayClasses: cache<GatewayClass>(rows.GATEWAYCLASSES),
  };
}

/**
 * Resolves when decisions can be made. A cluster without the Gateway API counts as one without routes: pods run, and the
 * deployments themselves say what is missing.
 */
export async function filled({ routes, gateways, gatewayClasses, ...others }: Caches): Promise<void> {
  const ofGatewayApi = [routes, gateways, gatewayClasses].map((cache) => cache.answered());
  await Promise.all([...ofGatewayApi, ...Object.values(others).map((cache) => cache.synced())]);
}

/** What `filled` waits for. */
export function unfilled({ routes, gateways, gatewayClasses, ...others }: Caches): string[] {
  const ofGatewayApi = [routes, gateways, gatewayClasses].filter(({ isSynced, isMissing }) => !isSynced && !isMissing);
  const missing = [...ofGatewayApi, ...Object.values(others).filter(({ isSynced }) => !isSynced)];
  return missing.map(({ resource }) => kindWords(resource));
}

/**
 * What of a Gateway is read here. Its status counts its routes, too: each that came once queued every deployment there is, and
 * a hundred of them ten thousand passes.
 */
const readOf = ({ metadata, spec, status }: Gateway): unknown => [metadata.annotations, spec, status?.addresses];

const isAttached = (md: ModelDeployment, { metadata }: Gateway, gateway: GatewayRef): boolean =>
  parentRefsOf(withGateway(md, gateway)).some(
    ({ name, namespace = md.metadata.namespace }) => name === metadata.name && namespace === metadata.namespace,
  );

/** Calls `enqueue` with the key of every ModelDeployment that a change may concern; `gateway` is that of those that name none. */
export function watchCaches(caches: Caches, gateway: GatewayRef, enqueue: (key: string) => void): void {
  caches.modelDeployments.onChange(({ object }) => enqueue(keyOf(object)));
  const everyone = (): void => {
    for (const object of caches.modelDeployments.list()) enqueue(keyOf(object));
  };
  caches.runtimes.onChange(({ object }) => {
    for (const md of caches.modelDeployments.list()) if (md.spec.runtime === object.metadata.name) enqueue(keyOf(md));
  });
  caches.gateways.onChange(({ type, object, old }) => {
    if (type === 'modified' && old && sameJson(readOf(object), readOf(old))) return;
    for (const md of caches.modelDeployments.list()) if (isAttached(md, object, gateway)) enqueue(keyOf(md));
  });
  caches.gatewayClasses.onChange(everyone);
  caches.commands.onChange(({ object }) => enqueue(`${object.metadata.namespace}/${object.spec.deployment}`));
  // With a label that hands have changed it was another's before, who misses it now.
  const byLabel = ({ object, old = object }: Change<KubeObject>): void => {
    for (const key of new Set([object, old].flatMap(labelled(LABELS.deployment)))) enqueue(key);
  };
  for (const children of [
    caches.deployments,
    caches.revisions,
    caches.services,
    caches.routes,
    caches.pods,
    caches.slices,
  ]) {
    children.onChange(byLabel);
  }
}
