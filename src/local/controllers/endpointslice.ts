/**
 * Service + pods → EndpointSlices. A slice's name follows from its ports, so that writing it twice from a cache that
 * lags writes the same object; slices that somebody else manages are left alone.
 */
import { canonical, sameJson } from '../../lib/canonical.ts';
import type { Outcome } from '../../lib/workqueue.ts';
import { keyOf } from '../../platform/cluster/informer.ts';
import { apiVersionOf, isAlreadyExists, isConflict, isNotFound } from '../../platform/cluster/port.ts';
import { ENDPOINTSLICES, SERVICES } from '../../platform/cluster/resources.ts';
import type { EndpointSlice, Pod, Service } from '../kinds.ts';
import { createQueue } from '../queue.ts';
import { type Context, type Controller, FIELD_MANAGER, isTerminating, SERVICE_NAME_LABEL } from './context.ts';
import { desiredSlices, type SliceContent } from './endpoints.ts';
import { shortHash } from './names.ts';
import { ownedBy, selects } from './ownership.ts';

const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';
const MANAGER = 'endpointslice-controller.k8s.io';

export function startEndpointSliceController(context: Context): Controller {
  const { cluster, caches } = context;
  const queue = createQueue(context, 'endpointslice', sync);
  const write = { fieldManager: FIELD_MANAGER };

  caches.services.onChange(({ object }) => queue.add(keyOf(object)));
  caches.endpointSlices.onChange(({ object }) => {
    const service = object.metadata.labels?.[SERVICE_NAME_LABEL];
    if (service !== undefined && isOurs(object)) queue.add(`${object.metadata.namespace}/${service}`);
  });
  caches.pods.onChange(({ type, object, old }) => {
    if (type === 'modified' && old && sameForServices(object, old)) return;
    for (const service of caches.services.by('namespace', object.metadata.namespace ?? '')) {
      if (chooses(service, object) || (old && chooses(service, old))) queue.add(keyOf(service));
    }
  });

  async function sync(key: string): Promise<Outcome | undefined> {
    const service = caches.services.get(key);
    // Slices of a Service that is gone are the garbage collector's; those of one without selector are its author's.
    if (!service || service.metadata.deletionTimestamp !== undefined || !hasEndpoints(service)) return undefined;
    const present = caches.endpointSlices.by('service', key).filter(isOurs);
    const pods = caches.pods.by('namespace', service.metadata.namespace ?? '').filter((pod) => chooses(service, pod));
    const wanted = new Map(desiredSlices(service, pods).map((content) => [nameOf(service, content), content]));
    for (const [name, content] of wanted) {
      const slice = present.find(({ metadata }) => metadata.name === name);
      await (slice ? update(service, slice, content) : create(service, name, content));
    }
    // Last, so that no pod is without an endpoint in between.
    for (const slice of present) if (!wanted.has(slice.metadata.name)) await remove(slice);
    return undefined;
  }

  async function create(service: Service, name: string, content: SliceContent): Promise<void> {
    const { namespace } = service.metadata;
    const metadata = { name, namespace, labels: labelsOf(service), ownerReferences: [ownedBy(service, SERVICES)] };
    const { kind } = ENDPOINTSLICES;
    const { addressType, endpoints, ports } = content;
    const slice = { apiVersion: apiVersionOf(ENDPOINTSLICES), kind, metadata, addressType, endpoints, ports };
    try {
      await cluster.create(ENDPOINTSLICES, slice, write);
    } catch (error) {
      // It exists and is not in the cache yet: its arrival there brings us back here.
      if (!isAlreadyExists(error) && !isTerminating(error) && !isNotFound(error)) throw error;
    }
  }

  async function update(service: Service, slice: EndpointSlice, { endpoints, ports }: SliceContent): Promise<void> {
    const labels = labelsOf(service);
    // Of a Service made again under its name, slices may be left that wait for the garbage collector: we take them over.
    const ownerReferences = [ownedBy(service, SERVICES)];
    const { name, namespace, resourceVersion, labels: present = {}, ownerReferences: owners = [] } = slice.metadata;
    const labelled = Object.entries(labels).every(([key, value]) => present[key] === value);
    const owned = owners.some(({ uid }) => uid === service.metadata.uid);
    if (labelled && owned && sameJson([slice.endpoints ?? [], slice.ports ?? []], [endpoints, ports])) return;
    const patch = { metadata: { resourceVersion, labels, ownerReferences }, endpoints, ports };
    try {
      await cluster.patch(ENDPOINTSLICES, name, namespace, 'merge', patch, write);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async function remove({ metadata }: EndpointSlice): Promise<void> {
    try {
      await cluster.delete(ENDPOINTSLICES, metadata.name, metadata.namespace, { uid: metadata.uid });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  return { close: () => queue.stop() };
}

const isOurs = (slice: EndpointSlice): boolean => slice.metadata.labels?.[MANAGED_BY_LABEL] === MANAGER;

const hasEndpoints = ({ spec }: Service): boolean => spec.selector !== undefined && spec.type !== 'ExternalName';

const chooses = (service: Service, pod: Pod): boolean =>
  hasEndpoints(service) && selects({ matchLabels: service.spec.selector ?? {} }, pod.metadata.labels);

/** A pod's status changes with every probe and restart; most of that is nothing to an endpoint. */
const sameForServices = (a: Pod, b: Pod): boolean => sameJson(relevant(a), relevant(b));
const relevant = ({ metadata, spec, status }: Pod): unknown => [
  metadata.uid,
  metadata.labels,
  metadata.annotations,
  metadata.deletionTimestamp,
  spec.nodeName,
  status?.podIP,
  status?.phase,
  status?.conditions?.find(({ type }) => type === 'Ready')?.status,
];

const labelsOf = (service: Service): Record<string, string> => ({
  ...service.metadata.labels,
  [SERVICE_NAME_LABEL]: service.metadata.name,
  [MANAGED_BY_LABEL]: MANAGER,
});

function nameOf(service: Service, { addressType, ports, part }: SliceContent): string {
  const { name } = service.metadata;
  return `${name}-${shortHash(canonical([name, addressType, ports, part]))}`;
}
