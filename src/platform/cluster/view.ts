/** The informer caches that the API and the relay read: pods, nodes, our resources. Truth stays in the cluster; nothing here is copied to tables. */
import type { ModelDeployment } from '../../contract/modeldeployment.ts';
import { LABELS } from '../../contract/names.ts';
import type { RolloutCommand } from '../../contract/rolloutcommand.ts';
import type { ServingRuntime } from '../../contract/servingruntime.ts';
import type { Log } from '../../lib/log.ts';
import { createInformer, type Informer } from './informer.ts';
import { type ClusterPort, type KubeObject, kindWords } from './port.ts';
import { createPulse, type PulseTiming } from './pulse.ts';
import type { RequestingContainer, ResourceAmounts } from './requests.ts';
import { GATEWAYS, MODELDEPLOYMENTS, NODES, PODS, ROLLOUTCOMMANDS, SERVINGRUNTIMES } from './resources.ts';

export interface Pod extends KubeObject {
  spec: {
    nodeName?: string;
    containers: ({ name: string } & RequestingContainer)[];
    initContainers?: ({ name: string } & RequestingContainer)[];
    overhead?: ResourceAmounts;
    [field: string]: unknown;
  };
  status?: {
    phase?: string;
    podIP?: string;
    startTime?: string;
    message?: string;
    reason?: string;
    conditions?: { type: string; status: string; reason?: string; message?: string; lastTransitionTime?: string }[];
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
  };
}

export interface ContainerStatus {
  name: string;
  ready: boolean;
  restartCount: number;
  state?: ContainerState;
  lastState?: ContainerState;
}

export interface ContainerState {
  running?: { startedAt?: string };
  waiting?: { reason?: string; message?: string };
  terminated?: { reason?: string; message?: string; exitCode: number; finishedAt?: string };
}

export interface KubeNode extends KubeObject {
  spec?: { unschedulable?: boolean; taints?: { key: string; value?: string; effect: string }[] };
  status?: {
    capacity?: Record<string, string>;
    allocatable?: Record<string, string>;
    conditions?: { type: string; status: string; reason?: string; message?: string; lastTransitionTime?: string }[];
    nodeInfo?: { kubeletVersion?: string };
  };
}

export interface ClusterView {
  readonly port: ClusterPort;
  readonly nodes: Informer<KubeNode>;
  /** Indexes: `node` by spec.nodeName, `revision` by `namespace/hash`, `deployment` by `namespace/name`. */
  readonly pods: Informer<Pod>;
  readonly deployments: Informer<ModelDeployment>;
  readonly runtimes: Informer<ServingRuntime>;
  readonly gateways: Informer<KubeObject>;
  readonly commands: Informer<RolloutCommand>;
  /** Kinds whose cache is kept and has not been filled yet. */
  unfilled(): string[];
  /** Kinds whose custom resource is not installed in the cluster, as it was last asked. */
  missing(): string[];
  /** The server was heard within the last minute and a half. */
  reachable(): boolean;
  start(): void;
  stop(): Promise<void>;
}

/** Three questions without an answer. */
const REACHABLE_MS = 90_000;

const CACHES = ['nodes', 'pods', 'deployments', 'runtimes', 'gateways', 'commands'] as const;
export type Cache = (typeof CACHES)[number];

/** `keeps`: the caches that are filled, all by default. The others stay empty and ask the cluster for nothing. */
export function createClusterView(
  cluster: ClusterPort,
  log: Log,
  { keeps = CACHES, ...timing }: Partial<PulseTiming> & { keeps?: readonly Cache[] } = {},
): ClusterView {
  const common = { cluster, log, ...(timing.clock && { clock: timing.clock }) };
  const nodes = createInformer<KubeNode>({ ...common, resource: NODES });
  const pods = createInformer<Pod>({
    ...common,
    resource: PODS,
    indexes: {
      node: (pod) => (pod.spec.nodeName ? [pod.spec.nodeName] : []),
      revision: (pod) => labelled(pod, LABELS.revision),
      deployment: (pod) => labelled(pod, LABELS.deployment),
    },
  });
  const deployments = createInformer<ModelDeployment>({ ...common, resource: MODELDEPLOYMENTS });
  const runtimes = createInformer<ServingRuntime>({ ...common, resource: SERVINGRUNTIMES });
  const gateways = createInformer<KubeObject>({ ...common, resource: GATEWAYS });
  const commands = createInformer<RolloutCommand>({ ...common, resource: ROLLOUTCOMMANDS });
  const caches = { nodes, pods, deployments, runtimes, gateways, commands };
  const kept = keeps.map((name) => caches[name]);
  const pulse = createPulse(cluster, () => Math.min(...kept.map((informer) => informer.lagMs())), timing);
  return {
    port: cluster,
    ...caches,
    unfilled: () => kept.filter(({ isSynced }) => !isSynced).map(({ resource }) => kindWords(resource)),
    missing: () => kept.filter(({ isMissing }) => isMissing).map(({ resource }) => kindWords(resource)),
    reachable: () => pulse.silentMs() < REACHABLE_MS,
    start() {
      for (const informer of kept) informer.start();
      pulse.start();
    },
    async stop() {
      pulse.stop();
      await Promise.all(kept.map((informer) => informer.stop()));
    },
  };
}

function labelled(object: KubeObject, label: string): string[] {
  const value = object.metadata.labels?.[label];
  return value ? [`${object.metadata.namespace}/${value}`] : [];
}
