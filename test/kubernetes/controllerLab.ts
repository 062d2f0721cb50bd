/**
 * Our controller on a real Kubernetes whose nodes pretend: the API server, the scheduler and every built-in controller are
 * real, kwok makes pods ready, the test answers for the model in them, and a small gateway of the test's accepts routes.
 * Controllers have the rights that the chart gives them, and no others.
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { ModelDeployment, ModelDeploymentStatus } from '../../src/contract/modeldeployment.ts';
import type { RolloutCommand } from '../../src/contract/rolloutcommand.ts';
import { install } from '../../src/controller/install.ts';
import { type Controller, startController } from '../../src/controller/run.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createClientNodeCluster } from '../../src/platform/cluster/clientNode.ts';
import { type ClusterPort, isNotFound } from '../../src/platform/cluster/port.ts';
import { MODELDEPLOYMENTS, NAMESPACES, ROLLOUTCOMMANDS } from '../../src/platform/cluster/resources.ts';
import { createTrafficCounts } from '../../src/platform/metrics/gateway.ts';
import { aModelDeployment, startGateway, type World } from '../controller/lab.ts';
import { eventually } from '../support/eventually.ts';
import { type FaultProxy, startFaultProxy } from '../support/faultProxy.ts';
import { gatewayApiCrds } from './build/build.ts';
import { type AuditEntry, type Kubernetes, startKubernetes } from './cluster.ts';
import { asRole, refusedOf } from './rights.ts';

export const NAMESPACE = 'speech';
const KWOK = [{ key: 'kwok.x-k8s.io/node', operator: 'Exists' as const }];

export interface KubernetesLab {
  kubernetes: Kubernetes;
  cluster: ClusterPort;
  world: World;
  /** Versions whose pods answer for another. */
  lying: Set<number>;
  /** Our own definitions alone; the Gateway API, a Gateway and what accepts its routes. */
  installDefinitions(): Promise<void>;
  installGateway(): Promise<void>;
  /** By which a controller asks. */
  kubeconfig: string;
  /** Another controller, through `kubeconfig` when it is not to ask the API server itself. */
  start(name: string, kubeconfig?: string): Promise<RunningController>;
  /** A proxy in front of the API server, and a kubeconfig that leads through it. */
  proxy(): Promise<{ proxy: FaultProxy; kubeconfig: string }>;
  deploy(name: string, version: number, given?: Partial<ModelDeployment['spec']>): Promise<void>;
  edit(name: string, spec: object): Promise<void>;
  command(name: string, verb: RolloutCommand['spec']['verb'], more?: Partial<RolloutCommand['spec']>): Promise<string>;
  until(
    name: string,
    check: (status: ModelDeploymentStatus) => void | Promise<void>,
    withinMs?: number,
  ): Promise<ModelDeploymentStatus>;
  read(...args: string[]): Promise<Record<string, unknown>>;
  /** What a controller has asked since `from`, without its lease. */
  asked(controller: string, from?: number): Request[];
  /** What is asked in so many milliseconds from now on, without the lease: the audit log tells of it, nothing else does. */
  askedWithin(controller: string, ms: number): Promise<Request[]>;
  /** What controllers asked for without a right to it. */
  forbidden(): string[];
  close(): Promise<void>;
}

export interface RunningController extends Controller {
  name: string;
}

export interface Request {
  verb: string;
  /** `deployments`, `modeldeployments/status`. */
  what: string;
  name: string;
  code: number;
}

export const isWrite = ({ verb }: Request): boolean => !['get', 'list', 'watch'].includes(verb);

export async function startKubernetesLab(
  options: { kwok?: number; nodes?: number; gatewayApi?: boolean } = {},
): Promise<KubernetesLab> {
  const kubernetes = await startKubernetes({ kwok: options.kwok ?? 1, nodes: options.nodes ?? 0 });
  const cluster = kubernetes.port();
  const closing: (() => Promise<void>)[] = [];
  const lying = new Set<number>();
  const world: World = { fates: new Map(), requests: { value: 'fair' }, weights: [] };
  let count = 0;
  const installGateway = async (): Promise<void> => {
    await kubernetes.kubectl(['apply', '--server-side', '-f', await gatewayApiCrds()]);
    await eventually(() => install(cluster, { gateway: true }), { withinMs: 30_000, everyMs: 500 });
    const gateway = await startGateway(cluster, world);
    closing.push(() => gateway.close());
  };
  if (options.gatewayApi ?? true) await installGateway();
  await makeNamespace(cluster, NAMESPACE);
  const ours = await asRole(kubernetes, 'controller');

  const get = (name: string): Promise<ModelDeployment> =>
    cluster.get<ModelDeployment>(MODELDEPLOYMENTS, name, NAMESPACE);
  const asked = (controller: string, from = 0): Request[] => requestsOf(kubernetes.audit().slice(from), controller);
  const lab: KubernetesLab = {
    kubernetes,
    cluster,
    world,
    lying,
    installDefinitions: () => install(cluster, { gateway: false }),
    installGateway,
    kubeconfig: ours,
    async start(name, kubeconfig = ours) {
      const port = createClientNodeCluster({ kubeconfig, userAgent: agentOf(name) });
      const controller = startController({
        cluster: port,
        traffic: createTrafficCounts(),
        log: silentLog,
        identity: name,
        probe: async ({ version }) => !lying.has(version),
      });
      const running = {
        name,
        get isLeading() {
          return controller.isLeading;
        },
        get waitsFor() {
          return controller.waitsFor;
        },
        async close() {
          await controller.close();
          await port.close();
        },
      };
      closing.push(() => running.close());
      return running;
    },
    async proxy() {
      const { proxy, kubeconfig } = await proxyOf(kubernetes.url, ours, `proxied-${count++}`);
      closing.push(() => proxy.close());
      return { proxy, kubeconfig };
    },
    async deploy(name, version, given = {}) {
      await cluster.apply(MODELDEPLOYMENTS, onKwok(name, version, given), { fieldManager: 'test', force: true });
    },
    async edit(name, spec) {
      await cluster.patch(MODELDEPLOYMENTS, name, NAMESPACE, 'merge', { spec }, { fieldManager: 'test' });
    },
    async command(deployment, verb, more = {}) {
      const { status } = await get(deployment);
      const name = `op-${String(count++).padStart(4, '0')}`;
      const metadata = { name, namespace: NAMESPACE };
      const spec = { deployment, rollout: status?.rollout?.number ?? 0, verb, ...more };
      await cluster.create(ROLLOUTCOMMANDS, {
        apiVersion: 'serving.clops.dev/v1alpha1',
        kind: 'RolloutCommand',
        metadata,
        spec,
      });
      return name;
    },
    async until(name, check, withinMs = 30_000) {
      let last: ModelDeploymentStatus = {};
      const look = async (): Promise<void> => {
        last = (await get(name)).status ?? {};
        await check(last);
      };
      try {
        await eventually(look, { withinMs, everyMs: 100 });
      } catch (error) {
        throw new Error(`${(error as Error).message}\nlast status: ${JSON.stringify(last, null, 1)}`);
      }
      return last;
    },
    read: async (...args) =>
      JSON.parse(await kubernetes.kubectl(['-n', NAMESPACE, 'get', ...args, '-o', 'json'])) as Record<string, unknown>,
    asked,
    forbidden: () =>
      refusedOf(
        kubernetes.audit().filter(({ annotations }) => annotations?.['authorization.k8s.io/decision'] === 'forbid'),
      ),
    async askedWithin(controller, ms) {
      const from = kubernetes.audit().length;
      await new Promise((resolve) => setTimeout(resolve, ms));
      return asked(controller, from);
    },
    async close() {
      for (const close of closing.reverse()) await close();
      await kubernetes.stop();
    },
  };
  return lab;
}

export const agentOf = (controller: string): string => `clops-controller/${controller}`;

export async function makeNamespace(cluster: ClusterPort, name: string): Promise<void> {
  await cluster.apply(
    NAMESPACES,
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
    { fieldManager: 'test' },
  );
}

/** A deployment whose pods may run on pretended nodes; small, so that many fit on one. */
export function onKwok(name: string, version: number, given: Partial<ModelDeployment['spec']> = {}): ModelDeployment {
  const resources = { requests: { cpu: '10m', memory: '16Mi' } };
  const md = aModelDeployment(version, { placement: { tolerations: KWOK }, resources, ...given });
  return { ...md, metadata: { name, namespace: NAMESPACE } };
}

function requestsOf(entries: readonly AuditEntry[], controller: string): Request[] {
  return entries
    .filter(({ userAgent, objectRef }) => userAgent === agentOf(controller) && objectRef?.resource !== 'leases')
    .map(({ verb, objectRef, responseStatus }) => ({
      verb,
      what: [objectRef?.resource, objectRef?.subresource].filter(Boolean).join('/'),
      name: objectRef?.name ?? '',
      code: responseStatus?.code ?? 0,
    }));
}

async function proxyOf(url: string, of: string, name: string): Promise<{ proxy: FaultProxy; kubeconfig: string }> {
  const file = parse(readFileSync(of, 'utf8')) as {
    clusters: { cluster: Record<string, string> }[];
    users: { user: Record<string, string> }[];
  };
  const [target] = file.clusters;
  const [{ user } = { user: {} as Record<string, string> }] = file.users;
  const bytes = (text = ''): Buffer => Buffer.from(text, 'base64');
  const tls = {
    ca: bytes(target?.cluster['certificate-authority-data']),
    cert: bytes(user['client-certificate-data']),
    key: bytes(user['client-key-data']),
  };
  const proxy = await startFaultProxy({ url, tls });
  const kubeconfig = join(of, '..', `${name}.kubeconfig`);
  const cluster = { server: proxy.url, 'insecure-skip-tls-verify': true };
  await writeFile(kubeconfig, stringify({ ...file, clusters: [{ ...target, cluster }] }));
  return { proxy, kubeconfig };
}

/** What `read` says when there is nothing, as kubectl puts it, and as the port does. */
export const isGone = (error: unknown): boolean => isNotFound(error) || /NotFound/.test(String(error));
