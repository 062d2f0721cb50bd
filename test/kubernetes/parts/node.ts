/**
 * A node that runs containers: containerd, kubelet and kube-proxy with process and mount namespaces of their own, as on a
 * machine of their own. So several can have the paths that are constants in them (/run/containerd, /var/lib/kubelet,
 * /var/log/pods), and when its first process is killed the kernel ends everything in it, pods and mounts included.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathOf } from '../build/build.ts';
import { imageOf, referenceOf } from '../build/image.ts';
import { makeLeaf, pathsOf, writeKubeconfig } from './certificates.ts';
import { cgroupOf, makeCgroup } from './cgroups.ts';
import { type ControlPlane, flags, urlOf } from './controlPlane.ts';
import { addressOf, into, joinNode, type Network, nodeNamespace, podRangeOf, podsOf } from './network.ts';
import { adopt, running, start, until } from './processes.ts';
import { run as execute, kubectl } from './run.ts';

const SOCKET = '/run/containerd/containerd.sock';

export async function startNode(cluster: string, plane: ControlPlane, network: Network, node: number): Promise<void> {
  const { run } = plane;
  const name = `node-${node}`;
  const folder = join(run, name);
  const cgroup = cgroupOf(cluster, node);
  await joinNode(network, node);
  makeCgroup(cgroup);
  const inside = await startMachine(run, folder, network, node);
  await configure(plane, folder, network, node, cgroup);

  const programs = [`containerd-${node}`, `kubelet-${node}`, `kube-proxy-${node}`] as const;
  const [containerd, kubelet, proxy] = programs;
  start(run, containerd, [...inside, 'containerd', '--config', join(folder, 'containerd.toml')]);
  await until(run, `containerd of ${name}`, [containerd], () => succeeds([...inside, 'ctr', 'version']));
  for (const image of ['pause', 'web'] as const)
    await execute([...inside, 'ctr', '-n', 'k8s.io', 'images', 'import', await imageOf(image)]);
  const kubeletFlags = {
    config: join(folder, 'kubelet.json'),
    kubeconfig: join(run, `kubelet-${node}.kubeconfig`),
    'node-ip': addressOf(network, node),
    'hostname-override': name,
  };
  start(run, kubelet, [...inside, pathOf('kubelet'), ...flags(kubeletFlags)]);
  start(run, proxy, [...inside, pathOf('kube-proxy'), ...flags({ config: join(folder, 'kube-proxy.json') })]);
  const ready = ['get', 'node', name, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'];
  await until(run, `${name} to be Ready`, programs, async () => {
    const said = await kubectl(run, ready).catch(() => '');
    return said === 'True';
  });
}

const enter = (pid: number): string[] => ['nsenter', `--target=${pid}`, '--mount', '--pid', '--net', '--'];

/** Gives an image, as a docker archive, to every node of a cluster that runs containers. */
export async function importImage(run: string, archive: string): Promise<void> {
  for (let node = 1; ; node++) {
    const init = running(run, `init-${node}`);
    if (!init) return;
    await execute([...enter(init.pid), 'ctr', '-n', 'k8s.io', 'images', 'import', archive]);
  }
}

/** Returns the words that run a command in it. */
async function startMachine(run: string, folder: string, network: Network, node: number): Promise<string[]> {
  const init = `init-${node}`;
  const there = running(run, init);
  if (there) return enter(there.pid);
  const namespaces = ['--mount', '--propagation=private', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const command = ['unshare', ...namespaces, pathOf('pause')];
  const { pid: parent } = start(run, `unshare-${node}`, [...into(nodeNamespace(network, node)), ...command]);
  await until(run, `the first process of node ${node}`, [`unshare-${node}`], () => childOf(parent) !== undefined);
  const pid = childOf(parent) ?? 0;
  const isPause = (): boolean => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'pause';
  await until(run, 'its own /proc', [`unshare-${node}`], isPause);
  for (const place of ['lib', 'log']) {
    mkdirSync(join(folder, place), { recursive: true });
    await execute([...enter(pid), 'mount', '--bind', join(folder, place), `/var/${place}`]);
  }
  await execute([...enter(pid), 'mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run']);
  adopt(run, init, pid); // last: where it is found it is whole, or containerd would use the machine's own folders
  return enter(pid);
}

function childOf(parent: number): number | undefined {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim();
  return children === '' ? undefined : Number(children.split(' ')[0]);
}

async function configure(
  plane: ControlPlane,
  folder: string,
  network: Network,
  node: number,
  cgroup: string,
): Promise<void> {
  const { run } = plane;
  const pki = join(run, 'pki');
  const name = `node-${node}`;
  const address = addressOf(network, node);
  const server = { file: `kubelet-server-${node}`, user: name, names: [name, address] };
  const { cert, key } = await makeLeaf(pki, 'kubernetes', server);
  const nodes = { user: `system:node:${name}`, groups: ['system:nodes'] };
  await writeKubeconfig(run, urlOf(plane), { file: `kubelet-${node}`, ...nodes });
  const proxy = await writeKubeconfig(run, urlOf(plane), { file: 'kube-proxy', user: 'system:kube-proxy' });
  mkdirSync(join(folder, 'cni'), { recursive: true });
  write(join(folder, 'containerd.toml'), containerdConfig(join(folder, 'cni')));
  write(join(folder, 'cni', '10-clops.conflist'), JSON.stringify(cniConfig(podsOf(network, node))));
  write(join(folder, 'resolv.conf'), '');
  const kubelet = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: false }, x509: { clientCAFile: pathsOf(pki, 'kubernetes-ca').cert } },
    authorization: { mode: 'Webhook' },
    tlsCertFile: cert,
    tlsPrivateKeyFile: key,
    address,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    containerRuntimeEndpoint: `unix://${SOCKET}`,
    resolvConf: join(folder, 'resolv.conf'),
    clusterDomain: 'cluster.local',
    ...(plane.dns ? { clusterDNS: [plane.address] } : {}),
    imageGCHighThresholdPercent: 100,
    evictionHard: { 'memory.available': '200Mi', 'nodefs.available': '1Gi', 'imagefs.available': '1Gi' },
  };
  write(join(folder, 'kubelet.json'), JSON.stringify(kubelet));
  const kubeProxy = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clientConnection: { kubeconfig: proxy },
    clusterCIDR: podRangeOf(network),
    hostnameOverride: name,
    healthzBindAddress: '127.0.0.1:10256',
    metricsBindAddress: '127.0.0.1:10249',
    // It would write settings of the whole machine otherwise.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  };
  write(join(folder, 'kube-proxy.json'), JSON.stringify(kubeProxy));
}

/** A root without CAP_SYS_RESOURCE may not lower a score for the out-of-memory killer: each pod would fail at that. */
const containerdConfig = (cni: string): string => `version = 2
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "${SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${referenceOf('pause')}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${dirname(pathOf('bridge'))}"
    conf_dir = "${cni}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
`;

const cniConfig = (subnet: string): object => ({
  cniVersion: '1.0.0',
  name: 'clops',
  plugins: [
    {
      type: 'bridge',
      bridge: 'cni0',
      isGateway: true,
      ipMasq: false,
      hairpinMode: true,
      ipam: { type: 'host-local', ranges: [[{ subnet }]], routes: [{ dst: '0.0.0.0/0' }] },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
});

/** kube-proxy ends itself when its file is written, also with the same words. */
function write(path: string, content: string): void {
  if (!existsSync(path) || readFileSync(path, 'utf8') !== content) writeFileSync(path, content);
}

const succeeds = (command: string[]): Promise<boolean> =>
  execute(command).then(
    () => true,
    () => false,
  );
