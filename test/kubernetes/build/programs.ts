/**
 * What the harness is made of: programs by set, from which Go module each is built, and how long that takes the first
 * time (two cores, empty caches). A folder under `modules/` pins a module and all it needs; `pause` and `web` are ours.
 */
export interface Program {
  /** A folder under test/kubernetes/modules. */
  module: string;
  package: string;
  /** Said before the build, so that nobody thinks it hangs. */
  takes: string;
}

const kubernetes = (name: string, takes: string): Program => ({
  module: 'kubernetes',
  package: `k8s.io/kubernetes/cmd/${name}`,
  takes,
});
const cni = (path: string): Program => ({
  module: 'cni',
  package: `github.com/containernetworking/plugins/plugins/${path}`,
  takes: 'some seconds',
});

export const PROGRAMS = {
  etcd: { module: 'kubernetes', package: 'go.etcd.io/etcd/server/v3', takes: 'about a minute' },
  'kube-apiserver': kubernetes('kube-apiserver', 'about 4 minutes'),
  'kube-controller-manager': kubernetes('kube-controller-manager', 'about a minute'),
  'kube-scheduler': kubernetes('kube-scheduler', 'some seconds'),
  kubectl: kubernetes('kubectl', 'about 20 seconds'),
  kubelet: kubernetes('kubelet', 'about 20 seconds'),
  'kube-proxy': kubernetes('kube-proxy', 'about 10 seconds'),
  kwok: { module: 'kwok', package: 'sigs.k8s.io/kwok/cmd/kwok', takes: 'about 2 minutes' },
  traefik: { module: 'traefik', package: 'github.com/traefik/traefik/v3/cmd/traefik', takes: 'about 7 minutes' },
  helm: { module: 'helm', package: 'helm.sh/helm/v3/cmd/helm', takes: 'about 2 minutes' },
  'rollouts-controller': {
    module: 'argo-rollouts',
    package: 'github.com/argoproj/argo-rollouts/cmd/rollouts-controller',
    takes: 'about 5 minutes',
  },
  bridge: cni('main/bridge'),
  loopback: cni('main/loopback'),
  'host-local': cni('ipam/host-local'),
  portmap: cni('meta/portmap'),
  coredns: { module: 'coredns', package: '.', takes: 'about a minute' },
  pause: { module: 'images', package: './pause', takes: 'some seconds' },
  versitygw: { module: 's3', package: 'github.com/versity/versitygw/cmd/versitygw', takes: 'about 3 minutes' },
  web: { module: 'images', package: './web', takes: 'some seconds' },
} as const satisfies Record<string, Program>;

export type ProgramName = keyof typeof PROGRAMS;

/** What is asked for together: `npm run kubernetes:build -- control-plane nodes`. */
export const SETS = {
  'control-plane': ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubectl'],
  kwok: ['kwok'],
  nodes: ['kubelet', 'kube-proxy', 'bridge', 'loopback', 'host-local', 'portmap', 'pause', 'web'],
  traefik: ['traefik'],
  chart: ['helm'],
  /** What bench/controller.ts measures ours beside; no test runs it. */
  argo: ['rollouts-controller'],
  dns: ['coredns'],
  // No part of a cluster: the object store that test/contract/artifacts runs against.
  s3: ['versitygw'],
} as const satisfies Record<string, readonly ProgramName[]>;

export type SetName = keyof typeof SETS;

/** What is built when nothing is named: all that tests run. */
export const TESTED: readonly SetName[] = ['control-plane', 'kwok', 'nodes', 'dns', 'traefik', 'chart', 's3'];

export const DEFAULT_VERSION = 'v1.34.4';
/** Its custom resource definitions are applied from the module as it was published. */
export const GATEWAY_API = 'sigs.k8s.io/gateway-api@v1.4.1';
/** Of its module only the definitions are used: the chart can make objects of its kinds. */
export const PROMETHEUS_OPERATOR = 'github.com/prometheus-operator/prometheus-operator@v0.85.0';
