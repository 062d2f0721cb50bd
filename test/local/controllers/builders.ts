/** Builders of the objects that the tests of controllers and scheduler speak of. */
import type { Deployment, Node, Pod, PodSpec, ReplicaSet, Service } from '../../../src/local/kinds.ts';

let serial = 0;

export function aPod(
  name = `pod-${++serial}`,
  parts: { meta?: object; spec?: Partial<PodSpec>; status?: Pod['status'] } = {},
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid: `uid-${name}`, ...parts.meta },
    spec: { containers: [{ name: 'main', image: 'model:1' }], ...parts.spec },
    ...(parts.status ? { status: parts.status } : {}),
  };
}

export const ready = (since = '2026-01-01T00:00:00Z') => ({
  phase: 'Running',
  conditions: [{ type: 'Ready', status: 'True' as const, lastTransitionTime: since }],
});

export function aNode(name: string, parts: { labels?: object; spec?: Node['spec']; allocatable?: object } = {}): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...parts.labels } },
    ...(parts.spec ? { spec: parts.spec } : {}),
    status: {
      allocatable: { cpu: '4', memory: '8Gi', pods: '110', ...parts.allocatable },
      conditions: [
        { type: 'Ready', status: 'True', reason: 'KubeletReady', lastTransitionTime: '2026-01-01T00:00:00Z' },
      ],
    },
  };
}

export function aDeployment(name: string, spec: Partial<Deployment['spec']> = {}): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'main', image: 'model:1' }] } },
      ...spec,
    },
  };
}

export function aReplicaSet(name: string, replicas = 2): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'main', image: 'model:1' }] } },
    },
  };
}

export function aService(name: string, spec: Partial<Service['spec']> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 'http' }], ...spec },
  };
}
