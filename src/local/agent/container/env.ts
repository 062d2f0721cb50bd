/** A container's environment from its spec: literal values, ConfigMaps, Secrets and the downward API. Pure. */
import { parseQuantity } from '../../../contract/quantity.ts';
import type { KubeObject } from '../../../platform/cluster/port.ts';
import type { AgentPod, Container, EnvVar, KeySelector } from '../types.ts';
import { expand } from './rewrite.ts';

/** What the environment is made of cannot be had: the container waits with this as CreateContainerConfigError. */
export class ConfigMissing extends Error {
  override readonly name = 'ConfigMissing';
}

/** Where ConfigMaps and Secrets come from; undefined when there is none of that name. */
export type Lookup = (kind: 'ConfigMap' | 'Secret', name: string) => KubeObject | undefined;

export interface PodFacts {
  pod: AgentPod;
  podIp: string;
  hostIp: string;
  /** What `limits` default to, as on a real node. */
  allocatable: Readonly<Record<string, string>>;
}

/** In the order of the spec; later entries win. @throws ConfigMissing */
export function environmentOf(container: Container, facts: PodFacts, lookup: Lookup): Map<string, string> {
  const env = new Map<string, string>();
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const kind = configMapRef ? 'ConfigMap' : 'Secret';
    const ref = configMapRef ?? secretRef;
    if (!ref) continue;
    const object = lookup(kind, ref.name);
    if (!object && !ref.optional) throw new ConfigMissing(`${kind.toLowerCase()} "${ref.name}" not found`);
    for (const [key, value] of object ? dataOf(object) : []) env.set(prefix + key, value.toString('utf8'));
  }
  for (const entry of container.env ?? []) {
    const value = entry.valueFrom ? fromSource(entry, container, facts, lookup) : expand(entry.value ?? '', env);
    if (value !== undefined) env.set(entry.name, value);
  }
  return env;
}

function fromSource(entry: EnvVar, container: Container, facts: PodFacts, lookup: Lookup): string | undefined {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = entry.valueFrom ?? {};
  if (fieldRef) return fieldOf(fieldRef.fieldPath, facts);
  if (resourceFieldRef) return resourceOf(resourceFieldRef, container, facts);
  if (configMapKeyRef) return keyOf('ConfigMap', configMapKeyRef, facts, lookup);
  if (secretKeyRef) return keyOf('Secret', secretKeyRef, facts, lookup);
  throw new ConfigMissing(
    `env ${entry.name}: only fieldRef, resourceFieldRef, configMapKeyRef and secretKeyRef are served on this node`,
  );
}

function keyOf(kind: 'ConfigMap' | 'Secret', ref: KeySelector, facts: PodFacts, lookup: Lookup): string | undefined {
  const object = lookup(kind, ref.name);
  const value = object && new Map(dataOf(object)).get(ref.key);
  if (value) return value.toString('utf8');
  if (ref.optional) return undefined;
  throw new ConfigMissing(
    object
      ? `couldn't find key ${ref.key} in ${kind} ${facts.pod.metadata.namespace}/${ref.name}`
      : `${kind.toLowerCase()} "${ref.name}" not found`,
  );
}

/** Keys and bytes of a ConfigMap or Secret. */
export function dataOf(object: KubeObject): [string, Buffer][] {
  const texts = Object.entries((object['data'] ?? {}) as Record<string, string>);
  const encoded = Object.entries((object['binaryData'] ?? {}) as Record<string, string>);
  const base64 = ([key, value]: [string, string]): [string, Buffer] => [key, Buffer.from(value, 'base64')];
  if (object.kind === 'Secret') return texts.map(base64);
  return [...texts.map(([key, value]): [string, Buffer] => [key, Buffer.from(value)]), ...encoded.map(base64)];
}

function fieldOf(path: string, { pod, podIp, hostIp }: PodFacts): string {
  const { name, namespace = '', uid = '', labels = {}, annotations = {} } = pod.metadata;
  const fields: Record<string, string> = {
    'metadata.name': name,
    'metadata.namespace': namespace,
    'metadata.uid': uid,
    'spec.nodeName': pod.spec.nodeName ?? '',
    'spec.serviceAccountName': pod.spec.serviceAccountName ?? 'default',
    'status.podIP': podIp,
    'status.podIPs': podIp,
    'status.hostIP': hostIp,
    'status.hostIPs': hostIp,
  };
  const entry = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (entry) return (entry[1] === 'labels' ? labels : annotations)[entry[2] as string] ?? '';
  const value = fields[path];
  if (value === undefined) throw new ConfigMissing(`fieldRef ${path} is not served on this node`);
  return value;
}

function resourceOf(
  ref: { containerName?: string; resource: string; divisor?: string },
  self: Container,
  { pod, allocatable }: PodFacts,
): string {
  const container = pod.spec.containers.find(({ name }) => name === ref.containerName) ?? self;
  const [kind, ...rest] = ref.resource.split('.');
  const resource = rest.join('.');
  const { limits = {}, requests = {} } = container.resources ?? {};
  const amount = kind === 'limits' ? (limits[resource] ?? allocatable[resource]) : requests[resource];
  const divisor = parseQuantity(ref.divisor ?? '1') || 1;
  return String(Math.ceil(parseQuantity(amount ?? '0') / divisor));
}
