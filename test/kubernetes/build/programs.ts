/**
 * What the harness is made of: programs by set, from which Go module each is built, and how long that takes the first
 * time (two cores, empty caches). A folder under `modules/` pins a module and all it needs; `pause` and `web` are ours.
 */
export interface Program {
  /** A folder under test/kubernetes/modules. */
  module: string;
  package: string;
  /** About how many seconds, said before the build, so that nobody thinks it hangs. */
  takesS: number;
}

const kubernetes = (name: string, takesS: number): Program => ({
  module: 'kubernetes',
  package: `k8s.io/kubernetes/cmd/${name}`,
  takesS,
});
const cni = (path: string): Program => ({
  module: 'cni',
  package: `github.com/containernetworking/plugins/plugins/${path}`,
  takesS: 10,
});

export const PROGRAMS = {
  etcd: { module: 'kubernetes', package: 'go.etcd.io/etcd/server/v3', takesS: 60 },
  'kube-apiserver': kubernetes('kube-apiserver', 240),
  'kube-controller-manager': kubernetes('kube-controller-manager', 60),
  'kube-scheduler': kubernetes('kube-scheduler', 10),
  kubectl: kubernetes('kubectl', 20),
  kubelet: kubernetes('kubelet', 20),
  'kube-proxy': kubernetes('kube-proxy', 10),
  kwok: { module: 'kwok', package: 'sigs.k8s.io/kwok/cmd/kwok', takesS: 120 },
  traefik: { module: 'traefik', package: 'github.com/traefik/traefik/v3/cmd/traefik', takesS: 420 },
  helm: { module: 'helm', package: 'helm.sh/helm/v3/cmd/helm', takesS: 120 },
  'rollouts-controller': {
    module: 'argo-rollouts',
    package: 'github.com/argoproj/argo-rollouts/cmd/rollouts-controller',
    takesS: 300,
  },
  bridge: cni('main/bridge'),
  loopback: cni('main/loopback'),
  'host-local': cni('ipam/host-local'),
  portmap: cni('meta/portmap'),
  coredns: { module: 'coredns', package: '.', takesS: 60 },
  pause: { module: 'images', package: './pause', takesS: 10 },
  versitygw: { module: 's3', package: 'github.com/versity/versitygw/cmd/versitygw', takesS: 180 },
  web: { module: 'images', package: './web', takesS: 10 },
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
