/** What every controller of this room gets: the port, one cache per kind, and a queue that waits for the caches. */
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { byOwner, createInformer, type Informer } from '../../platform/cluster/informer.ts';
import type { KubeObject } from '../../platform/cluster/port.ts';
import { ApiError, type ClusterPort } from '../../platform/cluster/port.ts';
import {
  DEPLOYMENTS,
  ENDPOINTSLICES,
  LEASES,
  NAMESPACES,
  NODES,
  PODS,
  REPLICASETS,
  SERVICEACCOUNTS,
  SERVICES,
} from '../../platform/cluster/resources.ts';
import type { Deployment, EndpointSlice, Lease, Namespace, Node, Pod, ReplicaSet, Service } from '../kinds.ts';
import type { QueueContext } from '../queue.ts';
import { controllerOf } from './ownership.ts';

/** Namespace of the node leases, as every kubelet has it. */
export const LEASE_NAMESPACE = 'kube-node-lease';
/** Name under which these controllers write, as in Kubernetes. */
export const FIELD_MANAGER = 'kube-controller-manager';

export interface Caches {
  namespaces: Informer<Namespace>;
  serviceAccounts: Informer<KubeObject>;
  nodes: Informer<Node>;
  leases: Informer<Lease>;
  pods: Informer<Pod>;
  services: Informer<Service>;
  endpointSlices: Informer<EndpointSlice>;
  deployments: Informer<Deployment>;
  replicaSets: Informer<ReplicaSet>;
}

export interface Context extends QueueContext {
  cluster: ClusterPort;
  caches: Caches;
}

/** A running controller. */
export interface Controller {
  close(): Promise<void>;
}

/** Objects nobody controls, by namespace: those that may be adopted. */
const orphans = (object: KubeObject): string[] =>
  controllerOf(object) === undefined ? [object.metadata.namespace ?? ''] : [];
const inNamespace = (object: KubeObject): string[] => [object.metadata.namespace ?? ''];

export function createCaches(cluster: ClusterPort, log: Log, clock: Clock): Caches {
  const shared = { cluster, log, clock };
  const owned = { owner: byOwner, orphan: orphans };
  return {
    namespaces: createInformer({ ...shared, resource: NAMESPACES }),
    serviceAccounts: createInformer({
      ...shared,
      resource: SERVICEACCOUNTS,
      selectors: { fieldSelector: 'metadata.name=default' },
    }),
    nodes: createInformer({ ...shared, resource: NODES }),
    leases: createInformer({ ...shared, resource: LEASES, selectors: { namespace: LEASE_NAMESPACE } }),
    pods: createInformer({
      ...shared,
      resource: PODS,
      indexes: { ...owned, namespace: inNamespace, node: (pod: Pod) => (pod.spec.nodeName ? [pod.spec.nodeName] : []) },
    }),
    services: createInformer<Service>({ ...shared, resource: SERVICES, indexes: { namespace: inNamespace } }),
    endpointSlices: createInformer({
      ...shared,
      resource: ENDPOINTSLICES,
      indexes: { service: (slice: EndpointSlice) => serviceOf(slice) },
    }),
    deployments: createInformer<Deployment>({ ...shared, resource: DEPLOYMENTS, indexes: { namespace: inNamespace } }),
    replicaSets: createInformer<ReplicaSet>({
      ...shared,
      resource: REPLICASETS,
      indexes: { ...owned, namespace: inNamespace },
    }),
  };
}

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

function serviceOf(slice: EndpointSlice): string[] {
  const service = slice.metadata.labels?.[SERVICE_NAME_LABEL];
  return service === undefined ? [] : [`${slice.metadata.namespace}/${service}`];
}

/** True when a write failed because the namespace is going away: there is nothing left to bring about. */
export const isTerminating = (error: unknown): boolean =>
  error instanceof ApiError &&
  error.code === 403 &&
  (error.status.details?.causes ?? []).some((cause) => cause.reason === 'NamespaceTerminating');

/**
 * A status as a merge patch: fields that are gone become null, which is how a merge patch removes. Carries the
 * resourceVersion, so that a status computed from an old object is refused rather than written.
 */
export function statusPatch(object: KubeObject, status: object): unknown {
  const gone = Object.keys((object.status as object | undefined) ?? {}).filter((field) => !(field in status));
  return {
    metadata: { resourceVersion: object.metadata.resourceVersion },
    status: { ...status, ...Object.fromEntries(gone.map((field) => [field, null])) },
  };
}
