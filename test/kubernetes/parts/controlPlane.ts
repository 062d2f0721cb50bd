/**
 * etcd, the API server, the controller manager and the scheduler of one cluster: their certificates, their flags, and
 * when they count as up. Nothing is durable (`--unsafe-no-fsync`): a cluster of the harness is thrown away.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { pathOf } from '../build/build.ts';
import { makeAuthority, makeLeaf, makeSigningKeys, pathsOf, writeKubeconfig } from './certificates.ts';
import { start, until } from './processes.ts';

export const PORTS = [
  'api',
  'etcd',
  'etcdPeer',
  'controllerManager',
  'scheduler',
  'gateway',
  'traefik',
  'prometheus',
] as const;
type PortName = (typeof PORTS)[number];

export interface ControlPlane {
  /** Folder of everything that belongs to the cluster. */
  run: string;
  /** Where clients find the API server, and what it announces to pods. */
  address: string;
  ports: Record<PortName, number>;
  /** Addresses of Services: `10.96.0.0/24`. */
  services: string;
  /** Whether pods are told that names are answered at `address`. */
  dns: boolean;
  /** Put before each command, to enter a network namespace. */
  enter: readonly string[];
}

export const urlOf = ({ address, ports }: ControlPlane): string => `https://${address}:${ports.api}`;
export const auditLogOf = (run: string): string => join(run, 'log', 'audit.json');

const HOME = '127.0.0.1';

/** Starts what does not run, and waits until all four are healthy. */
export async function startControlPlane(plane: ControlPlane): Promise<void> {
  const { run, ports } = plane;
  await prepare(plane);
  startEtcd(plane);
  startApiServer(plane);
  // Before it is ready it may lack the bindings by which the two read their configuration, and they end at a refusal.
  await apiServerReady(plane);
  startControllerManager(plane);
  startScheduler(plane);
  const all = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];
  const account = '/api/v1/namespaces/default/serviceaccounts/default';
  await until(run, 'the default service account', all, () => answers(plane, account));
  // Their own health is asked inside of the namespace only; that they stay alive once the API server is there is enough
  // for clients elsewhere, and the scheduler answers by scheduling.
  if (plane.enter.length === 0) {
    const health = (port: number) => () => answers(plane, '/readyz', HOME, port);
    await until(run, 'the scheduler', all, health(ports.scheduler));
  }
}

export const apiServerReady = (plane: ControlPlane): Promise<void> =>
  until(plane.run, 'the API server', ['etcd', 'kube-apiserver'], () => answers(plane, '/readyz'));

async function prepare({ run, address, services, ...plane }: ControlPlane): Promise<void> {
  const pki = join(run, 'pki');
  const url = urlOf({ run, address, services, ...plane });
  for (const name of ['kubernetes', 'front-proxy', 'etcd'] as const) await makeAuthority(pki, name);
  const service = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', services.replace(/\.0\/\d+$/, '.1')];
  const local = ['localhost', HOME];
  await makeLeaf(pki, 'etcd', { file: 'etcd', user: 'etcd', names: local });
  await makeLeaf(pki, 'etcd', { file: 'etcd-client', user: 'kube-apiserver' });
  await makeLeaf(pki, 'front-proxy', { file: 'front-proxy-client', user: 'front-proxy-client' });
  const names = [...new Set([...local, ...service, 'kubernetes.default.svc.cluster.local', address])];
  await makeLeaf(pki, 'kubernetes', { file: 'kube-apiserver', user: 'kube-apiserver', names });
  for (const file of ['kube-controller-manager', 'kube-scheduler'])
    await makeLeaf(pki, 'kubernetes', { file: `${file}-server`, user: file, names: local });
  const toKubelet = { file: 'kubelet-client', user: 'kube-apiserver-kubelet-client', groups: ['system:masters'] };
  await makeLeaf(pki, 'kubernetes', toKubelet);
  makeSigningKeys(pki);
  await writeKubeconfig(run, url, { file: 'admin', user: 'clops:admin', groups: ['system:masters'] });
  for (const file of ['kube-controller-manager', 'kube-scheduler'])
    await writeKubeconfig(run, url, { file, user: `system:${file}` });
  const omit = { omitStages: ['RequestReceived'] };
  const policy = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', ...omit, rules: [{ level: 'Metadata' }] };
  writeFileSync(join(run, 'audit-policy.json'), JSON.stringify(policy));
}

function startEtcd({ run, ports, enter }: ControlPlane): void {
  const { cert, key } = pathsOf(join(run, 'pki'), 'etcd');
  const ca = pathsOf(join(run, 'pki'), 'etcd-ca').cert;
  const [client, peer] = [`https://${HOME}:${ports.etcd}`, `https://${HOME}:${ports.etcdPeer}`];
  start(run, 'etcd', [
    ...enter,
    pathOf('etcd'),
    ...flags({
      name: 'clops',
      'data-dir': join(run, 'etcd'),
      'log-level': 'warn',
      'listen-client-urls': client,
      'advertise-client-urls': client,
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': `clops=${peer}`,
      'cert-file': cert,
      'key-file': key,
      'client-cert-auth': true,
      'trusted-ca-file': ca,
      'peer-cert-file': cert,
      'peer-key-file': key,
      'peer-client-cert-auth': true,
      'peer-trusted-ca-file': ca,
      'unsafe-no-fsync': true,
    }),
  ]);
}

export function startApiServer({ run, address, ports, services, enter }: ControlPlane): void {
  const pki = join(run, 'pki');
  const pair = (file: string) => pathsOf(pki, file);
  // On loopback there is nothing to announce: no pod could reach it.
  const alone: Record<string, string> = address === HOME ? { 'endpoint-reconciler-type': 'none' } : {};
  start(run, 'kube-apiserver', [
    ...enter,
    pathOf('kube-apiserver'),
    ...flags({
      'bind-address': address === HOME ? HOME : '0.0.0.0',
      'advertise-address': address,
      ...alone,
      'secure-port': ports.api,
      'etcd-servers': `https://${HOME}:${ports.etcd}`,
      'etcd-cafile': pair('etcd-ca').cert,
      'etcd-certfile': pair('etcd-client').cert,
      'etcd-keyfile': pair('etcd-client').key,
      'tls-cert-file': pair('kube-apiserver').cert,
      'tls-private-key-file': pair('kube-apiserver').key,
      'client-ca-file': pair('kubernetes-ca').cert,
      'kubelet-client-certificate': pair('kubelet-client').cert,
      'kubelet-client-key': pair('kubelet-client').key,
      'kubelet-certificate-authority': pair('kubernetes-ca').cert,
      'kubelet-preferred-address-types': 'InternalIP',
      'requestheader-client-ca-file': pair('front-proxy-ca').cert,
      'requestheader-allowed-names': 'front-proxy-client',
      'requestheader-username-headers': 'X-Remote-User',
      'requestheader-group-headers': 'X-Remote-Group',
      'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
      'proxy-client-cert-file': pair('front-proxy-client').cert,
      'proxy-client-key-file': pair('front-proxy-client').key,
      'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
      'service-account-key-file': join(pki, 'service-accounts.pub'),
      'service-account-signing-key-file': join(pki, 'service-accounts.key'),
      'service-cluster-ip-range': services,
      'authorization-mode': 'Node,RBAC',
      // The second is not on by default, but is on OpenShift: what it asks for is in the chart's roles.
      'enable-admission-plugins': 'NodeRestriction,OwnerReferencesPermissionEnforcement',
      'anonymous-auth': false,
      'allow-privileged': true,
      profiling: false,
      'audit-policy-file': join(run, 'audit-policy.json'),
      'audit-log-path': auditLogOf(run),
      'audit-log-maxsize': 1000,
      'audit-log-mode': 'blocking',
    }),
  ]);
}

function startControllerManager({ run, ports, services, enter }: ControlPlane): void {
  const pki = join(run, 'pki');
  start(run, 'kube-controller-manager', [
    ...enter,
    pathOf('kube-controller-manager'),
    ...flags({
      ...component(run, 'kube-controller-manager', ports.controllerManager),
      kubeconfig: join(run, 'kube-controller-manager.kubeconfig'),
      'service-account-private-key-file': join(pki, 'service-accounts.key'),
      'root-ca-file': pathsOf(pki, 'kubernetes-ca').cert,
      'use-service-account-credentials': true,
      'cluster-signing-cert-file': pathsOf(pki, 'kubernetes-ca').cert,
      'cluster-signing-key-file': pathsOf(pki, 'kubernetes-ca').key,
      'service-cluster-ip-range': services,
      'leader-elect': false,
      'kube-api-qps': 200,
      'kube-api-burst': 400,
      profiling: false,
    }),
  ]);
}

function startScheduler({ run, ports, enter }: ControlPlane): void {
  const config = {
    apiVersion: 'kubescheduler.config.k8s.io/v1',
    kind: 'KubeSchedulerConfiguration',
    leaderElection: { leaderElect: false },
    clientConnection: { kubeconfig: join(run, 'kube-scheduler.kubeconfig'), qps: 200, burst: 400 },
  };
  writeFileSync(join(run, 'scheduler.json'), JSON.stringify(config));
  start(run, 'kube-scheduler', [
    ...enter,
    pathOf('kube-scheduler'),
    ...flags({ config: join(run, 'scheduler.json'), ...component(run, 'kube-scheduler', ports.scheduler) }),
  ]);
}

/** How the two ask the API server who asks them, and how they are asked. */
function component(run: string, name: string, port: number): Record<string, string | number> {
  const { cert, key } = pathsOf(join(run, 'pki'), `${name}-server`);
  const kubeconfig = join(run, `${name}.kubeconfig`);
  return {
    'authentication-kubeconfig': kubeconfig,
    'authorization-kubeconfig': kubeconfig,
    'bind-address': HOME,
    'secure-port': port,
    'tls-cert-file': cert,
    'tls-private-key-file': key,
  };
}

export const flags = (values: Record<string, string | number | boolean>): string[] =>
  Object.entries(values).map(([name, value]) => `--${name}=${value}`);

/** Whether a GET by the admin is answered 200. */
function answers(plane: ControlPlane, path: string, host = plane.address, port = plane.ports.api): Promise<boolean> {
  const pki = join(plane.run, 'pki');
  const { cert, key } = pathsOf(pki, 'admin');
  const [ca, ...pair] = [pathsOf(pki, 'kubernetes-ca').cert, cert, key].map((file) => readFileSync(file));
  return new Promise((resolve) => {
    const asked = request({ host, port, path, ca, cert: pair[0], key: pair[1], timeout: 2000, agent: false });
    asked.on('response', (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(false));
    asked.end();
  });
}
