/**
 * A real Kubernetes for a test or a person, as processes of this machine:
 *
 *     const missing = missingFor({});                   // a sentence, or undefined
 *     describe.skipIf(missing)('…', () => {
 *       let kubernetes: Kubernetes;
 *       beforeAll(async () => {
 *         kubernetes = await startKubernetes();         // control plane only: about 5 s; nothing has to be root
 *       });
 *       afterAll(() => kubernetes?.stop());
 *
 *       it('…', async () => {
 *         const port = kubernetes.port();               // a ClusterPort as the cluster's admin; closed by stop()
 *         await kubernetes.kubectl(['apply', '--server-side', '-f', 'deploy/crds']);
 *       });
 *     });
 *
 * Without nodes the API server listens on a free port of 127.0.0.1. `nodes: 1` runs all of it in a network namespace
 * (root), which a link joins to the machine's own network: the API server, pods, Services and Traefik are reached from
 * outside by their addresses, and nothing inside has a way out. `kwok: 20` adds nodes that only pretend, with GPUs.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createClientNodeCluster } from '../../src/platform/cluster/clientNode.ts';
import type { ClusterPort } from '../../src/platform/cluster/port.ts';
import { CACHE } from './build/build.ts';
import { startDns, startKwok, startTraefik } from './parts/addons.ts';
import { writeKubeconfig } from './parts/certificates.ts';
import { removeCgroups } from './parts/cgroups.ts';
import {
  apiServerReady,
  auditLogOf,
  type ControlPlane,
  PORTS,
  startApiServer,
  startControlPlane,
  urlOf,
} from './parts/controlPlane.ts';
import { isApart, isOnPath, missingFor } from './parts/missing.ts';
import { addressOf, into, makeNetwork, type Network, namespaces, removeNetwork, servicesOf } from './parts/network.ts';
import { importImage, startNode } from './parts/node.ts';
import { isAlive, type Process, processOf, running, startedIn, stop } from './parts/processes.ts';
import { type PodMonitor, startPrometheus } from './parts/prometheus.ts';
import { kubectl } from './parts/run.ts';

export { missingFor } from './parts/missing.ts';

export interface KubernetesOptions {
  /** Of its folder and its network namespace. Default: one that no other has. */
  name?: string;
  /** Nodes that run containers. */
  nodes?: number;
  /** In a network namespace of its own also without nodes: a machine that what is started in it has for itself. */
  apart?: boolean;
  /** Nodes that pretend to run pods, with GPUs. */
  kwok?: number;
  /** Traefik as implementation of the Gateway API, with its definitions and a GatewayClass `traefik`. */
  traefik?: boolean;
  /** CoreDNS, for pods that call Services by name; with nodes. */
  dns?: boolean;
  /** Left running when this process ends. Otherwise the next start of any cluster removes it then. */
  keep?: boolean;
}

/** A line of the audit log, level Metadata; more fields than these. */
export interface AuditEntry {
  verb: string;
  requestURI: string;
  user: { username: string; groups?: string[] };
  userAgent?: string;
  objectRef?: { resource?: string; subresource?: string; namespace?: string; name?: string; apiGroup?: string };
  responseStatus?: { code: number };
  /** `authorization.k8s.io/decision` is allow or forbid. */
  annotations?: Record<string, string>;
  stage: string;
}

export interface Kubernetes {
  name: string;
  /** Words before a command that run it in the cluster's network; none where that is the machine's own. */
  enter: readonly string[];
  /** Path of the admin's kubeconfig; so is what `as` returns of another's, who may do nothing until a binding says so. */
  kubeconfig: string;
  as(user: string, groups?: readonly string[]): Promise<string>;
  url: string;
  /** Where Traefik listens for requests, when it was asked for. */
  gateway: string | undefined;
  /** What Traefik has counted, as Prometheus text. */
  gatewayMetrics: string | undefined;
  /** Starts a Prometheus of the machine's own (Debian's package) that scrapes the pods of now as these say; answers its address. */
  prometheus(monitors: readonly PodMonitor[], rules?: { groups?: readonly object[] }): Promise<string>;
  /** A cluster port by a kubeconfig (the admin's), closed by `stop`. */
  port(kubeconfig?: string): ClusterPort;
  /** Runs kubectl of the same version; what it printed, or an error with what it said. */
  kubectl(args: readonly string[], options?: { input?: string; kubeconfig?: string }): Promise<string>;
  /** Gives every real node an image that is a docker archive; nothing can be pulled. The path may not be under /run. */
  importImage(archive: string): Promise<void>;
  /** Pids of its programs; those in pods are not among them. */
  processes(): number[];
  /** What the API server was asked so far, and answered. */
  audit(): AuditEntry[];
  /** An outage: SIGKILL unless told otherwise. `startApiServer` returns when it is ready again. */
  stopApiServer(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  startApiServer(): Promise<void>;
  restartApiServer(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Ends everything and leaves nothing: no process, namespace, mount, cgroup, file. */
  stop(): Promise<void>;
}

/** What a run folder says about its cluster, in `cluster.json`. */
interface Saved {
  name: string;
  options: KubernetesOptions;
  plane: ControlPlane;
  network?: Network;
}

const RUNS = join(CACHE, 'run');
const NAME = /^[a-z0-9][a-z0-9-]{0,19}$/;

/** Refuses what is no name: `down` removes the folder. */
function runOf(name: string): string {
  if (!NAME.test(name))
    throw new Error(`"${name}" is no name for a cluster: use up to 20 small letters, digits and dashes.`);
  return join(RUNS, name);
}

/** Who ends and so ends it, unless it is kept. There before all else, so that nothing of a start that broke off stays. */
const ownerFile = (name: string): string => join(runOf(name), 'owner.json');

/** Starts a cluster, or what of it does not run. */
export async function startKubernetes(options: KubernetesOptions = {}): Promise<Kubernetes> {
  const name = options.name ?? `test-${randomBytes(3).toString('hex')}`;
  const there = read(name);
  const missing = missingFor(there?.options ?? options);
  if (missing) throw new Error(missing);
  await removeOrphans();
  if (!there) claim(name, options.keep ? undefined : processOf(process.pid));
  try {
    const saved = there ?? (await create(name, options));
    await startParts(saved);
    return handleOf(saved);
  } catch (error) {
    if (!there && !options.keep) await remove(name); // a person wants to read its logs
    throw error;
  }
}

async function startParts({ name, options, plane, network }: Saved): Promise<void> {
  const { nodes = 0, kwok = 0, traefik } = options;
  if (network && !(await namespaces()).includes(network.namespace)) await makeNetwork(name, network.number);
  await startControlPlane(plane);
  if (plane.dns) await startDns(plane);
  for (let node = 1; network && node <= nodes; node++) await startNode(name, plane, network, node);
  if (kwok > 0) await startKwok(plane, kwok);
  if (traefik) await startTraefik(plane);
}

/** Names of all, also of those whose start broke off. */
export const clusters = (): string[] => (existsSync(RUNS) ? readdirSync(RUNS).filter((name) => NAME.test(name)) : []);

/** The handle of a cluster that was started before, by whomever. */
export function findKubernetes(name: string): Kubernetes | undefined {
  const saved = read(name);
  return saved && handleOf(saved);
}

/** Ends what there is of a cluster, also of one whose start broke off. */
export async function remove(name: string): Promise<void> {
  const run = runOf(name);
  // A node's first process before all: the rest of it ends with it.
  const programs = startedIn(run).sort((a, b) => Number(b.startsWith('init-')) - Number(a.startsWith('init-')));
  for (const program of programs) await stop(run, program);
  if (isOnPath('ip') && process.getuid?.() === 0) {
    await removeNetwork(name);
    await removeCgroups(name);
  }
  rmSync(run, { recursive: true, force: true });
}

function handleOf({ name, plane, options: { traefik } }: Saved): Kubernetes {
  const { run } = plane;
  const kubeconfig = join(run, 'admin.kubeconfig');
  const open: ClusterPort[] = [];
  const down = (signal?: 'SIGTERM' | 'SIGKILL'): Promise<void> => stop(run, 'kube-apiserver', signal);
  const up = (): Promise<void> => {
    startApiServer(plane);
    return apiServerReady(plane);
  };
  return {
    name,
    enter: plane.enter,
    kubeconfig,
    url: urlOf(plane),
    gateway: traefik ? `http://${plane.address}:${plane.ports.gateway}` : undefined,
    gatewayMetrics: traefik ? `http://${plane.address}:${plane.ports.traefik}/metrics` : undefined,
    as: (user, groups = []) => {
      const file = `user-${Buffer.from(JSON.stringify([user, ...groups])).toString('hex')}`.slice(0, 200);
      return writeKubeconfig(run, urlOf(plane), { file, user, groups });
    },
    prometheus: (monitors, rules) => startPrometheus(plane, monitors, rules),
    port(as = kubeconfig) {
      const port = createClientNodeCluster({ kubeconfig: as, userAgent: 'clops-test/1' });
      open.push(port);
      return port;
    },
    kubectl: (args, options) => kubectl(run, args, options),
    importImage: (archive) => importImage(run, archive),
    processes: () => startedIn(run).flatMap((program) => running(run, program)?.pid ?? []),
    audit: () =>
      readFileSync(auditLogOf(run), 'utf8')
        .split('\n')
        .slice(0, -1) // the last one may be half written
        .map((line) => JSON.parse(line) as AuditEntry),
    stopApiServer: down,
    startApiServer: up,
    async restartApiServer(signal) {
      await down(signal);
      await up();
    },
    async stop() {
      await Promise.all(open.splice(0).map((port) => port.close()));
      await remove(name);
    },
  };
}

function claim(name: string, owner: Process | undefined): void {
  mkdirSync(RUNS, { recursive: true });
  try {
    mkdirSync(runOf(name));
    if (owner) writeWhole(ownerFile(name), JSON.stringify(owner));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const end = `npm run kubernetes:down -- --name=${name}`;
    throw new Error(`Cluster ${name} is just being started, or its start broke off; \`${end}\` removes it.`);
  }
}

async function create(name: string, options: KubernetesOptions): Promise<Saved> {
  const run = runOf(name);
  const network = isApart(options) ? await makeNetwork(name) : undefined;
  const plane = network ? insideOf(run, network, options.dns ?? false) : await onLoopback(run);
  const saved: Saved = { name, options, plane, ...(network ? { network } : {}) };
  writeWhole(join(run, 'cluster.json'), JSON.stringify(saved));
  return saved;
}

/** Others look for orphans at any moment. */
function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.tmp`, text);
  renameSync(`${file}.tmp`, file);
}

/** Alone in its namespace, a cluster has the ports that everybody knows. */
function insideOf(run: string, network: Network, dns: boolean): ControlPlane {
  const [etcd, etcdPeer, controllerManager, scheduler] = [2379, 2380, 10257, 10259];
  const ports = {
    api: 6443,
    etcd,
    etcdPeer,
    controllerManager,
    scheduler,
    gateway: 8000,
    traefik: 8090,
    prometheus: 9090,
  };
  const address = addressOf(network, 1);
  return { run, address, ports, services: servicesOf(network), dns, enter: into(network.namespace) };
}

async function onLoopback(run: string): Promise<ControlPlane> {
  const free = await freePorts(PORTS.length);
  const ports = Object.fromEntries(PORTS.map((name, index) => [name, free[index]])) as ControlPlane['ports'];
  return { run, address: '127.0.0.1', ports, services: '10.96.0.0/16', dns: false, enter: [] };
}

function read(name: string): Saved | undefined {
  const file = join(runOf(name), 'cluster.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Saved) : undefined;
}

/** Clusters of tests that were killed before they could clean up. Two tests may find the same one: whoever takes it removes it. */
async function removeOrphans(): Promise<void> {
  for (const name of clusters()) {
    try {
      const owner = JSON.parse(readFileSync(ownerFile(name), 'utf8')) as Process;
      if (isAlive(owner)) continue;
      // Ours from now on: should this process be killed in the middle, the next one goes on.
      renameSync(ownerFile(name), `${ownerFile(name)}.${process.pid}`);
      writeWhole(ownerFile(name), JSON.stringify(processOf(process.pid)));
      rmSync(`${ownerFile(name)}.${process.pid}`, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue; // kept, just made, or taken by another
      throw error;
    }
    await remove(name);
  }
}

/** Two tests at a time draw from halves of their own: neither has bound what it has drawn yet. */
const HALF = Number(process.env['VITEST_POOL_ID'] ?? 1) % 2;
const [FIRST_PORT, PORTS_OF_A_HALF] = [20_000, 6_000];

/**
 * Below the ports that the kernel gives to clients: while the API server is away, one of its own clients could be given
 * its port, and it could not come back.
 */
async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = FIRST_PORT + HALF * PORTS_OF_A_HALF + randomInt(PORTS_OF_A_HALF);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
