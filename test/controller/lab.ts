/**
 * A cluster without machines for the controller to work on: the local API server and workload controllers as they are, pods
 * that become what the test says by their status, as a kubelet would write it, real small model servers behind them, and a
 * gateway that accepts routes and counts requests without sending any.
 */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { ModelDeployment, ModelDeploymentStatus, StrategySpec } from '../../src/contract/modeldeployment.ts';
import { GATEWAY_CONTROLLER, GATEWAY_METRICS_ANNOTATION, GATEWAY_NAME, LABELS } from '../../src/contract/names.ts';
import type { RolloutCommand } from '../../src/contract/rolloutcommand.ts';
import { install } from '../../src/controller/install.ts';
import { type Controller, startController } from '../../src/controller/run.ts';
import { silentLog } from '../../src/lib/log.ts';
import { startControllers } from '../../src/local/controllers/index.ts';
import { createInformer, type Informer } from '../../src/platform/cluster/informer.ts';
import { type ClusterPort, isConflict, isNotFound, type KubeObject } from '../../src/platform/cluster/port.ts';
import {
  GATEWAYS,
  HTTPROUTES,
  MODELDEPLOYMENTS,
  NAMESPACES,
  PODS,
  ROLLOUTCOMMANDS,
} from '../../src/platform/cluster/resources.ts';
import { createTrafficCounts } from '../../src/platform/metrics/gateway.ts';
import { startCore } from '../local/apiserver/harness.ts';
import { eventually } from '../support/eventually.ts';

const NAMESPACE = 'speech';

/** What becomes of the pods of a version. */
export type Fate =
  | 'ready'
  | 'pending'
  | 'crashing'
  | 'unschedulable'
  | 'lying'
  | 'silent'
  | 'unreachable'
  | 'badArtifact';

interface Pod extends KubeObject {
  status?: { phase?: string };
}

interface Route extends KubeObject {
  spec: { parentRefs: { name: string }[]; rules: { backendRefs: { name: string; weight: number }[] }[] };
}

/** What the test may turn. */
export interface World {
  /** Fate of the pods of a version; `ready` unless said otherwise. */
  fates: Map<number, Fate>;
  /** Requests that the gateway claims, by role, for the present weights; undefined: as the weights divide 1000. */
  requests: { value: { stable: number; canary: number } | 'fair' | 'none' | 'unread' };
  /** Every pair of weights that a route ever had. */
  weights: { stable: number; canary: number }[];
}

export interface Lab extends World {
  cluster: ClusterPort;
  controller: Controller;
  /** What the controllers have asked of the cluster, in order: `create leases`, `patch modeldeployments/status`. */
  calls: string[];
  /** Gives the controller so many writes more; after them none arrives, as if the process were gone. */
  kill(when: { afterWrites: number }): Promise<void>;
  /** Resolves when that has happened. */
  killed(): Promise<void>;
  /** Ends the controller and starts another. */
  restart(): Promise<void>;
  deploy(version: number, given?: Partial<ModelDeployment['spec']>): Promise<void>;
  edit(patch: object): Promise<void>;
  command(verb: RolloutCommand['spec']['verb'], more?: Partial<RolloutCommand['spec']>): Promise<string>;
  status(): Promise<ModelDeploymentStatus>;
  until(
    check: (status: ModelDeploymentStatus) => void | Promise<void>,
    withinMs?: number,
  ): Promise<ModelDeploymentStatus>;
  pods(version?: number): Promise<KubeObject[]>;
  /** Looks at every pod again: after a fate has changed. */
  touch(): Promise<void>;
  close(): Promise<void>;
}

export const digestOf = (version: number): string => `sha256:${String(version).padStart(64, '0')}`;

const CANARY: StrategySpec = {
  canary: { steps: [{ setWeight: 10 }, { pause: {} }, { setWeight: 50 }, { pause: {} }], scaleDownDelaySeconds: 0 },
};

export function aModelDeployment(version: number, given: Partial<ModelDeployment['spec']> = {}): ModelDeployment {
  const artifact = { uri: `http://127.0.0.1:1/artifacts/${digestOf(version)}`, digest: digestOf(version) };
  return {
    apiVersion: 'serving.clops.dev/v1alpha1',
    kind: 'ModelDeployment',
    metadata: { name: 'vad', namespace: NAMESPACE },
    spec: {
      model: { name: 'vad', version, format: 'ONNX', artifact },
      runtime: 'onnx',
      strategy: CANARY,
      replicas: 2,
      ...given,
    },
  };
}

interface LabOptions {
  replicas?: number;
  strategy?: StrategySpec;
  /** How much later than it happened the controller hears of anything. */
  lagMs?: number;
}

export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const core = await startCore();
  const { cluster } = core;
  const controllers = startControllers({ cluster, log: silentLog });
  await controllers.synced();
  await install(cluster, { gateway: true });
  await cluster.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  const world: World = { fates: new Map(), requests: { value: 'fair' }, weights: [] };
  const models = await startModels(world.fates);
  const kubelet = startKubelet(cluster, world.fates, models.ports);
  const gateway = await startGateway(cluster, world);

  const base = { replicas: options.replicas ?? 2, strategy: options.strategy ?? CANARY };
  let count = 0;
  const calls: string[] = [];
  let mortal = mortalCluster(cluster);
  const launch = (): Controller =>
    startController({
      cluster: noted(late(mortal.cluster, options.lagMs ?? 0), calls),
      traffic: createTrafficCounts(),
      log: silentLog,
      identity: `lab_${process.pid}_${count++}`,
      isDead: () => true,
    });
  const get = (): Promise<ModelDeployment> => cluster.get<ModelDeployment>(MODELDEPLOYMENTS, 'vad', NAMESPACE);
  const lab: Lab = {
    ...world,
    cluster,
    calls,
    controller: launch(),
    async kill({ afterWrites }) {
      mortal.left = afterWrites;
    },
    killed: () => mortal.dead,
    async restart() {
      await lab.controller.close();
      mortal = mortalCluster(cluster);
      lab.controller = launch();
    },
    async deploy(version: number, given: Partial<ModelDeployment['spec']> = {}) {
      const object = aModelDeployment(version, { ...base, ...given });
      await cluster.apply(MODELDEPLOYMENTS, object, { fieldManager: 'test', force: true });
    },
    async edit(spec: object) {
      await cluster.patch(MODELDEPLOYMENTS, 'vad', NAMESPACE, 'merge', { spec }, { fieldManager: 'test' });
    },
    async command(verb: RolloutCommand['spec']['verb'], more: Partial<RolloutCommand['spec']> = {}) {
      const { status } = await get();
      const name = `op-${String(count++).padStart(4, '0')}`;
      const spec = { deployment: 'vad', rollout: status?.rollout?.number ?? 0, verb, ...more };
      const object = {
        apiVersion: 'serving.clops.dev/v1alpha1',
        kind: 'RolloutCommand',
        metadata: { name, namespace: NAMESPACE },
        spec,
      };
      await cluster.create(ROLLOUTCOMMANDS, object);
      return name;
    },
    status: async () => (await get()).status ?? {},
    async until(check: (status: ModelDeploymentStatus) => void | Promise<void>, withinMs = 12_000) {
      let last: ModelDeploymentStatus = {};
      const look = async (): Promise<void> => {
        last = (await get()).status ?? {};
        await check(last);
      };
      try {
        await eventually(look, { withinMs });
      } catch (error) {
        throw new Error(`${(error as Error).message}\nlast status: ${JSON.stringify(last, null, 1)}`);
      }
      return last;
    },
    async pods(version?: number) {
      const labelSelector = version === undefined ? LABELS.deployment : `${LABELS.version}=${version}`;
      return (await cluster.list(PODS, { namespace: NAMESPACE, labelSelector })).items;
    },
    touch: () => kubelet.touch(),
    async close() {
      await lab.controller.close();
      await kubelet.close();
      await gateway.close();
      await models.close();
      await controllers.close();
      await core.close();
    },
  };
  return lab;
}

function noted(cluster: ClusterPort, calls: string[]): ClusterPort {
  const note = <T>(verb: string, { plural }: { plural: string }, act: () => T, of = ''): T => {
    calls.push(`${verb} ${plural}${of && `/${of}`}`);
    return act();
  };
  return {
    ...cluster,
    get: (resource, ...rest) => note('get', resource, () => cluster.get(resource, ...rest)),
    list: (resource, ...rest) => note('list', resource, () => cluster.list(resource, ...rest)),
    watch: (resource, ...rest) => note('watch', resource, () => cluster.watch(resource, ...rest)),
    create: (resource, ...rest) => note('create', resource, () => cluster.create(resource, ...rest)),
    replace: (resource, ...rest) => note('replace', resource, () => cluster.replace(resource, ...rest)),
    patch: (resource, ...rest) => note('patch', resource, () => cluster.patch(resource, ...rest), rest[4]?.subresource),
    apply: (resource, ...rest) => note('apply', resource, () => cluster.apply(resource, ...rest)),
    delete: (resource, ...rest) => note('delete', resource, () => cluster.delete(resource, ...rest)),
  };
}

/** A cluster whose watches are behind, each by itself. */
function late(cluster: ClusterPort, lagMs: number): ClusterPort {
  if (lagMs === 0) return cluster;
  async function* delayed<T>(events: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncIterable<T> {
    for await (const event of events) {
      await setTimeout(lagMs * (0.5 + Math.random()), undefined, { signal });
      yield event;
    }
  }
  return { ...cluster, watch: (resource, options) => delayed(cluster.watch(resource, options), options.signal) };
}

/** A cluster whose writes stop arriving after so many: all that a killed controller can be told by from outside. */
function mortalCluster(cluster: ClusterPort): { cluster: ClusterPort; left: number; dead: Promise<void> } {
  const death = Promise.withResolvers<void>();
  const life = { left: Number.POSITIVE_INFINITY, dead: death.promise };
  const write = async <T>(resource: { plural: string }, act: () => Promise<T>): Promise<T> => {
    if (resource.plural === 'leases' && life.left > 0) return act();
    if (life.left <= 0) {
      death.resolve();
      throw new Error('killed');
    }
    life.left--;
    return act();
  };
  return Object.assign(life, {
    cluster: {
      ...cluster,
      create: (resource, ...rest) => write(resource, () => cluster.create(resource, ...rest)),
      replace: (resource, ...rest) => write(resource, () => cluster.replace(resource, ...rest)),
      patch: (resource, ...rest) => write(resource, () => cluster.patch(resource, ...rest)),
      apply: (resource, ...rest) => write(resource, () => cluster.apply(resource, ...rest)),
      delete: (resource, ...rest) => write(resource, () => cluster.delete(resource, ...rest)),
    } satisfies ClusterPort,
  });
}

/** One server for all versions: the port says which. A lying one answers for version 999, an unreachable one hangs up. */
export async function startModels(fates: Map<number, Fate>) {
  const servers = new Map<number, http.Server>();
  const ports = async (version: number): Promise<number> => {
    let server = servers.get(version);
    if (!server) {
      server = http.createServer((request, response) => {
        if (fates.get(version) === 'silent') return;
        if (fates.get(version) === 'unreachable') return void request.socket.destroy();
        const [, name, asked] = /^\/v2\/models\/([^/]+)\/versions\/(\d+)/.exec(request.url ?? '') ?? [];
        response.statusCode = fates.get(version) !== 'lying' && asked === String(version) ? 200 : 404;
        response.end(JSON.stringify({ name, versions: [String(version)], platform: 'onnx', inputs: [], outputs: [] }));
      });
      servers.set(version, server);
      await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    }
    if (!server.listening) await new Promise((resolve) => server?.once('listening', resolve));
    return (server.address() as AddressInfo).port;
  };
  return {
    ports,
    async close() {
      for (const server of servers.values()) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}

export function startKubelet(
  cluster: ClusterPort,
  fates: Map<number, Fate>,
  portOf: (version: number) => Promise<number>,
) {
  const pods: Informer<Pod> = createInformer<Pod>({ cluster, resource: PODS, log: silentLog });
  const pending = new Set<Promise<void>>();
  async function attend(pod: Pod): Promise<void> {
    const { name, namespace, labels = {} } = pod.metadata;
    const version = Number(labels[LABELS.version]);
    if (pod.metadata.deletionTimestamp) {
      await cluster.delete(PODS, name, namespace, { gracePeriodSeconds: 0 });
      return;
    }
    const annotations = { 'clops.dev/ports': JSON.stringify({ http: await portOf(version) }) };
    if (!pod.metadata.annotations) await cluster.patch(PODS, name, namespace, 'merge', { metadata: { annotations } });
    const status = podStatus(fates.get(version) ?? 'ready');
    if (JSON.stringify(status) === JSON.stringify(pod.status)) return;
    await cluster.patch(PODS, name, namespace, 'merge', { status }, { subresource: 'status' });
  }
  const start = (pod: Pod): void => {
    const done = attend(pod)
      .catch((error: unknown) => {
        if (!isNotFound(error) && !isConflict(error)) throw error;
      })
      .finally(() => pending.delete(done));
    pending.add(done);
  };
  pods.onChange(({ type, object }) => {
    if (type === 'added' || (type === 'modified' && object.metadata.deletionTimestamp)) start(object);
  });
  pods.start();
  return {
    async touch() {
      for (const pod of pods.list()) start(pod);
      await Promise.all(pending);
    },
    async close() {
      await pods.stop();
      await Promise.all(pending);
    },
  };
}

export function podStatus(fate: Fate): object {
  const ready = ['ready', 'lying', 'silent', 'unreachable'].includes(fate);
  const at = '2026-01-01T00:00:00Z';
  const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: at }];
  const fetched = { name: 'fetch', restartCount: 0, state: { terminated: { exitCode: 0 } } };
  const server = (more: object): object => ({
    name: 'server',
    ready,
    restartCount: 0,
    state: { running: {} },
    ...more,
  });
  switch (fate) {
    case 'unschedulable':
      return {
        phase: 'Pending',
        conditions: [
          {
            type: 'PodScheduled',
            status: 'False',
            reason: 'Unschedulable',
            message: '0/2 nodes are available: 1 Insufficient nvidia.com/gpu.',
          },
        ],
      };
    case 'badArtifact': {
      const terminated = { exitCode: 1, reason: 'Error', message: 'the digest is sha256:aa and not sha256:bb' };
      const waiting = { reason: 'CrashLoopBackOff', message: 'back-off 10s' };
      return {
        phase: 'Pending',
        conditions,
        initContainerStatuses: [{ name: 'fetch', restartCount: 1, state: { waiting }, lastState: { terminated } }],
      };
    }
    case 'crashing': {
      const terminated = { exitCode: 1, reason: 'Error', message: 'model vad could not be loaded: bad magic' };
      const containerStatuses = [
        server({ restartCount: 3, state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated } }),
      ];
      return { phase: 'Running', podIP: '127.0.0.1', conditions, initContainerStatuses: [fetched], containerStatuses };
    }
    case 'pending':
      return { phase: 'Pending', conditions };
    default:
      return {
        phase: 'Running',
        podIP: '127.0.0.1',
        conditions,
        initContainerStatuses: [fetched],
        containerStatuses: [server({})],
      };
  }
}

export async function startGateway(cluster: ClusterPort, world: World) {
  const routes = createInformer<Route>({ cluster, resource: HTTPROUTES, log: silentLog });
  const pending = new Set<Promise<void>>();
  const weightsOf = (route: Route): { stable: number; canary: number } => {
    const [stable, canary] = route.spec.rules[0]?.backendRefs ?? [];
    return { stable: stable?.weight ?? 0, canary: canary?.weight ?? 0 };
  };
  const metrics = http.createServer((_, response) => {
    const { value } = world.requests;
    if (value === 'unread') return response.writeHead(500).end();
    for (const route of routes.list()) {
      const weights = weightsOf(route);
      const counted = value === 'fair' ? { stable: weights.stable * 10, canary: weights.canary * 10 } : value;
      for (const role of ['stable', 'canary'] as const) {
        const labels = `{namespace="${route.metadata.namespace}",route="${route.metadata.name}",rule="clops",backend="${route.metadata.name}-${role}"}`;
        response.write(`clops_gateway_weight${labels} ${weights[role]}\n`);
        if (counted !== 'none') response.write(`clops_gateway_weight_requests${labels} ${counted[role]}\n`);
        else response.write(`clops_gateway_weight_requests${labels} 0\n`);
      }
    }
    return response.end();
  });
  await new Promise<void>((resolve) => metrics.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(metrics.address() as AddressInfo).port}/metrics`;
  const annotations = { [GATEWAY_METRICS_ANNOTATION]: url };
  await cluster.patch(GATEWAYS, 'clops', 'clops-system', 'merge', { metadata: { annotations } });
  const addresses = [{ type: 'IPAddress', value: '127.0.0.1' }];
  await cluster.patch(GATEWAYS, 'clops', 'clops-system', 'merge', { status: { addresses } }, { subresource: 'status' });
  routes.onChange(({ type, object, old }) => {
    if (type === 'deleted') return;
    const weights = weightsOf(object);
    const before = old && weightsOf(old);
    if (before?.canary !== weights.canary || before.stable !== weights.stable) world.weights.push(weights);
    if (old && old.metadata.generation === object.metadata.generation) return;
    const { generation: observedGeneration, name, namespace } = object.metadata;
    const condition = (kind: string): object => ({
      type: kind,
      status: 'True',
      reason: kind,
      message: '',
      observedGeneration,
      lastTransitionTime: '2026-01-01T00:00:00Z',
    });
    const own = object.spec.parentRefs.filter((ref) => ref.name === GATEWAY_NAME);
    const parents = own.map((parentRef) => ({
      parentRef,
      controllerName: GATEWAY_CONTROLLER,
      conditions: [condition('Accepted'), condition('ResolvedRefs')],
    }));
    const done = cluster
      .patch(HTTPROUTES, name, namespace, 'merge', { status: { parents } }, { subresource: 'status' })
      .then(() => undefined)
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      })
      .finally(() => pending.delete(done));
    pending.add(done);
  });
  routes.start();
  return {
    async close() {
      await routes.stop();
      await Promise.all(pending);
      metrics.closeAllConnections();
      metrics.close();
    },
  };
}
