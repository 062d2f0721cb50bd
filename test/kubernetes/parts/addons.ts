/** What can stand beside a control plane: nodes that pretend (kwok), and Traefik as implementation of the Gateway API. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gatewayApiCrds, pathOf, traefikRights } from '../build/build.ts';
import { writeKubeconfig } from './certificates.ts';
import { type ControlPlane, flags, urlOf } from './controlPlane.ts';
import { running, start, until } from './processes.ts';
import { kubectl } from './run.ts';

/** In turn, as a mixed cluster has them: product, how many in a node. */
const GPUS = [
  ['NVIDIA-H100-80GB-HBM3', 8],
  ['NVIDIA-A100-SXM4-80GB', 8],
  ['NVIDIA-L4', 4],
  ['NVIDIA-A10', 1],
] as const;
const FAKE = 'kwok.x-k8s.io/node';

/** Nodes `kwok-0` …, tainted so that only what tolerates them lands there. */
export async function startKwok({ run, enter, ...plane }: ControlPlane, count: number): Promise<void> {
  const url = urlOf({ run, enter, ...plane });
  const kubeconfig = await writeKubeconfig(run, url, { file: 'kwok', user: 'kwok', groups: ['system:masters'] });
  const settings = {
    kubeconfig,
    'manage-all-nodes': false,
    'manage-nodes-with-annotation-selector': `${FAKE}=fake`,
    'node-ip': '127.0.0.1',
    'node-port': 0,
    cidr: '10.0.0.0/16',
    'node-lease-duration-seconds': 40,
  };
  start(run, 'kwok', [...enter, pathOf('kwok'), ...flags(settings)]);
  const items = Array.from({ length: count }, (_, index) => fakeNode(index));
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  await kubectl(run, ['apply', '--server-side', '--field-manager=clops-test', '-f', '-'], { input: list });
  const ready = [
    'get',
    'nodes',
    '-l',
    'type=kwok',
    '-o',
    'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}',
  ];
  await until(run, `${count} pretended nodes`, ['kwok'], async () => {
    const said = await kubectl(run, ready);
    return said.split(' ').filter((status) => status === 'True').length === count;
  });
}

function fakeNode(index: number): object {
  const name = `kwok-${index}`;
  const [product, gpus] = GPUS[index % GPUS.length] ?? GPUS[0];
  const capacity = { cpu: '64', memory: '512Gi', pods: '110', 'nvidia.com/gpu': String(gpus) };
  const labels = { type: 'kwok', 'kubernetes.io/hostname': name, 'nvidia.com/gpu.product': product };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels, annotations: { [FAKE]: 'fake' } },
    spec: { taints: [{ key: FAKE, value: 'fake', effect: 'NoSchedule' }] },
    status: { capacity, allocatable: capacity },
  };
}

/** Names of Services, for pods; the kubelets tell them where. It may see what anybody with the role `view` sees. */
export async function startDns(plane: ControlPlane): Promise<void> {
  const { run, enter, address } = plane;
  const kubeconfig = await writeKubeconfig(run, urlOf(plane), { file: 'coredns', user: 'coredns' });
  const role = ['create', 'clusterrolebinding', 'clops-test-coredns', '--clusterrole=view', '--user=coredns'];
  const binding = await kubectl(run, [...role, '--dry-run=client', '-o', 'json']);
  await kubectl(run, ['apply', '--server-side', '-f', '-'], { input: binding });
  const corefile = join(run, 'Corefile');
  const zones = ['cluster.local', 'in-addr.arpa'].join(' ');
  writeFileSync(
    corefile,
    `.:53 {\n bind ${address}\n errors\n kubernetes ${zones} {\n  kubeconfig ${kubeconfig}\n }\n}\n`,
  );
  start(run, 'coredns', [...enter, pathOf('coredns'), '-conf', corefile]);
}

/** Definitions, rights as Traefik's own manual gives them, a class, and the program. */
export async function startTraefik(plane: ControlPlane): Promise<void> {
  const { run, enter, address, ports } = plane;
  const apply = ['apply', '--server-side', '--field-manager=clops-test'];
  await kubectl(run, [...apply, '-f', await gatewayApiCrds()]);
  const names = ['gateways', 'gatewayclasses', 'httproutes'].map((name) => `crd/${name}.gateway.networking.k8s.io`);
  await until(run, 'the Gateway API', ['kube-apiserver'], () =>
    kubectl(run, ['wait', '--for=condition=Established', '--timeout=10s', ...names]).then(
      () => true,
      () => false, // kubectl ends at once while there are no conditions yet
    ),
  );
  await kubectl(run, [...apply, '-f', await traefikRights()]);
  const items = [
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'clops-test-traefik' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'gateway-role' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'traefik' }],
    },
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'GatewayClass',
      metadata: { name: 'traefik' },
      spec: { controllerName: 'traefik.io/gateway-controller' },
    },
  ];
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  await kubectl(run, [...apply, '-f', '-'], { input: list });
  const kubeconfig = await writeKubeconfig(run, urlOf(plane), { file: 'traefik', user: 'traefik' });
  const settings = {
    'global.checknewversion': false,
    'global.sendanonymoususage': false,
    ping: true,
    api: false,
    'entrypoints.web.address': `${address}:${ports.gateway}`,
    'entrypoints.traefik.address': `${address}:${ports.traefik}`,
    'metrics.prometheus': true,
    'providers.kubernetesgateway': true,
    'providers.kubernetesgateway.statusaddress.ip': address,
  };
  start(run, 'traefik', [...enter, 'env', `KUBECONFIG=${kubeconfig}`, pathOf('traefik'), ...flags(settings)]);
  const accepted = ['get', 'gatewayclass', 'traefik', '-o', 'jsonpath={.status.conditions[0].status}'];
  await until(run, 'Traefik to accept its class', ['traefik'], async () => {
    const said = await kubectl(run, accepted);
    return said === 'True' && running(run, 'traefik') !== undefined;
  });
}
