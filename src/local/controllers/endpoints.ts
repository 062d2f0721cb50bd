/**
 * Which EndpointSlices a Service has: one per distinct set of ports, since a named targetPort may be another number on
 * each pod. That is how pods that share an address are told apart. Pure.
 */
import { isIPv6 } from 'node:net';
import { ANNOTATIONS } from '../../contract/names.ts';
import {
  type ContainerPort,
  type Endpoint,
  type EndpointPort,
  type EndpointSlice,
  isPodFinished,
  isPodReady,
  type Pod,
  type Service,
  type ServicePort,
} from '../kinds.ts';

/** Kubernetes takes no more in one slice. */
const MAX_ENDPOINTS = 1000;

export interface SliceContent {
  addressType: EndpointSlice['addressType'];
  ports: EndpointPort[];
  endpoints: Endpoint[];
  /** 0, and more for the further slices of a port set with more endpoints than one slice holds. */
  part: number;
}

const isPort = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535;

/**
 * The ports a pod really listens on where its node had no address of its own for it: `{"http": 43121}`, by the container
 * port's name, or by its number in text where it has no name. An unreadable annotation says nothing.
 */
function givenPorts(pod: Pod): Record<string, number> {
  const text = pod.metadata.annotations?.[ANNOTATIONS.ports];
  if (text === undefined) return {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (parsed === null || typeof parsed !== 'object') return {};
    return Object.fromEntries(Object.entries(parsed).filter(([, port]) => isPort(port)));
  } catch {
    return {};
  }
}

/** The number a Service's port has on this pod; undefined when the pod has no such port. */
export function portOn(pod: Pod, { port, targetPort = port, protocol = 'TCP' }: ServicePort): number | undefined {
  const given = givenPorts(pod);
  const sidecars = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const declared = [...pod.spec.containers, ...sidecars]
    .flatMap(({ ports }) => ports ?? [])
    .find(
      (candidate) =>
        (candidate.protocol ?? 'TCP') === protocol &&
        (typeof targetPort === 'number' ? candidate.containerPort === targetPort : candidate.name === targetPort),
    );
  const moved = declared && movedTo(given, declared);
  if (moved !== undefined) return moved;
  if (typeof targetPort === 'number') return given[String(targetPort)] ?? targetPort;
  return declared?.containerPort;
}

const movedTo = (given: Record<string, number>, { name, containerPort }: ContainerPort): number | undefined =>
  (name === undefined ? undefined : given[name]) ?? given[String(containerPort)];

function endpointOf(service: Service, pod: Pod, address: string): Endpoint {
  const { name, namespace = '', uid = '' } = pod.metadata;
  const serving = isPodReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  return {
    addresses: [address],
    conditions: {
      ready: service.spec.publishNotReadyAddresses === true || (serving && !terminating),
      serving,
      terminating,
    },
    ...(pod.spec.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

/**
 * The slices, in a stable order. A pod without an address or with its work over has no endpoint; one being deleted has,
 * marked as terminating, until it is gone. Without any pod there is one empty slice, as Kubernetes has it.
 */
export function desiredSlices(service: Service, pods: readonly Pod[]): SliceContent[] {
  const groups = new Map<string, SliceContent>();
  for (const pod of [...pods].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))) {
    const address = pod.status?.podIP;
    if (!address || isPodFinished(pod)) continue;
    const ports = portsOn(service, pod);
    const addressType = isIPv6(address) ? 'IPv6' : 'IPv4';
    const key = JSON.stringify([addressType, ports]);
    const group = groups.get(key) ?? { addressType, ports, endpoints: [], part: 0 };
    group.endpoints.push(endpointOf(service, pod, address));
    groups.set(key, group);
  }
  if (groups.size === 0) return [{ addressType: 'IPv4', ports: [], endpoints: [], part: 0 }];
  return [...groups.keys()].sort().flatMap((key) => chunked(groups.get(key) as SliceContent));
}

const portsOn = (service: Service, pod: Pod): EndpointPort[] =>
  (service.spec.ports ?? []).flatMap((servicePort) => {
    const port = portOn(pod, servicePort);
    if (port === undefined) return [];
    const { name = '', protocol = 'TCP', appProtocol } = servicePort;
    return [{ name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }];
  });

function chunked({ endpoints, ...rest }: SliceContent): SliceContent[] {
  const parts = Math.ceil(endpoints.length / MAX_ENDPOINTS);
  return Array.from({ length: parts }, (_, part) => ({
    ...rest,
    part,
    endpoints: endpoints.slice(part * MAX_ENDPOINTS, (part + 1) * MAX_ENDPOINTS),
  }));
}
