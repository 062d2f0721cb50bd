/**
 * The node as the cluster sees it: the Node object, its status every five minutes and its Lease every ten seconds.
 * Registers with taints once; later only what this agent owns is written, so that a cordon or a taint stands.
 * It watches its own Node: a node that was given up on (a laptop that slept, a process that was stopped) says at once
 * that it is back, or its pods would be moved away while they serve.
 */
import { arch, cpus, hostname, platform, release } from 'node:os';
import { ANNOTATIONS } from '../../contract/names.ts';
import { createBackoff } from '../../lib/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { createInformer } from '../../platform/cluster/informer.ts';
import { type ClusterPort, isAlreadyExists, isNotFound } from '../../platform/cluster/port.ts';
import { LEASES, NAMESPACES, NODES } from '../../platform/cluster/resources.ts';
import type { NodeDeclaration } from '../declaration.ts';
import { type Condition, conditionOf, type Node, timeText } from '../kinds.ts';

export const MANAGER = 'clops-agent';
const LEASE_NAMESPACE = 'kube-node-lease';
const LEASE_SECONDS = 40;
const RENEW_MS = 10_000;
const STATUS_MS = 5 * 60_000;
/** As a kubelet has it. Two of them in a row are shorter than the lease lasts. */
const BEAT_MS = 10_000;
const FAREWELL_MS = 1_000;
export const MAX_PODS = 110;

export interface RegistrationOptions {
  cluster: ClusterPort;
  node: NodeDeclaration;
  nodeAddress: string;
  podCidr: string | undefined;
  logPort: number;
  /** In somebody's cluster: who runs this node. There it also says at once that it was stopped. */
  joinedBy?: string | undefined;
  log: Log;
  clock: Clock;
}

export interface Registration {
  /** Resolves with the Node when the cluster has it for the first time; rejects when closed before. */
  registered: Promise<Node>;
  close(): Promise<void>;
}

export function capacityOf({ cpu, memory, gpus }: NodeDeclaration): Record<string, string> {
  return {
    cpu,
    memory,
    pods: String(MAX_PODS),
    ...(gpus && { 'nvidia.com/gpu': String(gpus.count) }),
  };
}

export function startRegistration(options: RegistrationOptions): Registration {
  const { cluster, node, joinedBy, log, clock } = options;
  const annotations = joinedBy === undefined ? {} : { annotations: { [ANNOTATIONS.agent]: joinedBy } };
  const labels = labelsOf(node);
  const metadata = { name: node.name, labels, ...annotations };
  const abort = new AbortController();
  const first = Promise.withResolvers<Node>();
  first.promise.catch(() => undefined);
  const backoff = createBackoff({ maxMs: 5_000 });
  let known: Node | undefined;
  let statusAt = Number.NEGATIVE_INFINITY;
  let cancel: () => void = () => undefined;
  let working: Promise<void> = Promise.resolve();

  /** What holds one of them up, a webhook that hangs, does not keep the lease from being renewed in time. */
  const limited = (): AbortSignal => AbortSignal.any([abort.signal, AbortSignal.timeout(BEAT_MS)]);

  async function register(signal: AbortSignal): Promise<Node> {
    const { podCidr } = options;
    const spec = { ...(podCidr && { podCIDR: podCidr, podCIDRs: [podCidr] }), taints: node.taints };
    const object: Node = { apiVersion: 'v1', kind: 'Node', metadata: { name: node.name }, spec };
    const write = { fieldManager: MANAGER, signal };
    await cluster.create(NODES, object, write).catch((error) => {
      if (!isAlreadyExists(error)) throw error;
    });
    // Labels are applied also the first time: those that were created stayed for ever, a GPU's after it was declared no longer.
    const applied = { apiVersion: 'v1', kind: 'Node', metadata };
    const present = await cluster.apply<Node>(NODES, applied, { ...write, force: true });
    const left = Object.keys(present.metadata.labels ?? {}).filter((name) => GPU_LABELS.has(name) && !(name in labels));
    if (left.length === 0) return present;
    const patch = { metadata: { labels: Object.fromEntries(left.map((name) => [name, null])) } };
    return await cluster.patch<Node>(NODES, node.name, undefined, 'merge', patch, write);
  }

  async function writeStatus(ready: Condition, signal: AbortSignal): Promise<void> {
    const before = (own.get(node.name) ?? known)?.status?.conditions ?? [];
    const conditions = conditionsOf(before, ready, clock.now());
    const capacity = capacityOf(node);
    const status = {
      capacity,
      allocatable: capacity,
      conditions,
      addresses: [
        { type: 'InternalIP', address: options.nodeAddress },
        { type: 'Hostname', address: node.name },
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: options.logPort } },
      nodeInfo: nodeInfo(node),
    };
    const object = { apiVersion: 'v1', kind: 'Node', metadata: { name: node.name }, status };
    const apply = { fieldManager: MANAGER, force: true, subresource: 'status' as const, signal };
    known = await cluster.apply<Node>(NODES, object, apply);
    statusAt = clock.monotonic();
  }

  async function renewLease(signal: AbortSignal): Promise<void> {
    const renewTime = new Date(clock.now()).toISOString().replace('Z', '000Z');
    const spec = { holderIdentity: node.name, leaseDurationSeconds: LEASE_SECONDS, renewTime };
    const call = { fieldManager: MANAGER, signal };
    try {
      await cluster.patch(LEASES, node.name, LEASE_NAMESPACE, 'merge', { spec }, call);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      if (!known) return; // there is no Node yet that it could be of
      await createNamespace(signal);
      const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: node.name, uid: known.metadata.uid ?? '' }];
      const metadata = { name: node.name, namespace: LEASE_NAMESPACE, ownerReferences };
      await cluster.create(LEASES, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec }, call);
    }
  }

  async function createNamespace(signal: AbortSignal): Promise<void> {
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: LEASE_NAMESPACE } };
    await cluster.create(NAMESPACES, object, { signal }).catch((error) => {
      if (!isAlreadyExists(error)) throw error;
    });
  }

  /** Registers when that has not happened (or somebody deleted the Node), and now and then writes the status. */
  async function tell(signal: AbortSignal): Promise<Node> {
    known ??= await register(signal);
    if (clock.monotonic() - statusAt >= STATUS_MS) await writeStatus(READY, signal);
    return known;
  }

  async function beat(): Promise<void> {
    try {
      const told = tell(limited());
      // In any case: a node whose status a policy refused once went Unknown, and its pods were moved away while they served.
      await told.catch(() => undefined);
      await renewLease(limited());
      first.resolve(await told);
      backoff.reset();
      next(RENEW_MS);
    } catch (error) {
      if (abort.signal.aborted) return;
      if (isNotFound(error)) {
        known = undefined;
        statusAt = Number.NEGATIVE_INFINITY;
      }
      log.warn({ err: error, node: node.name }, 'the node could not report itself, will try again');
      next(backoff.next());
    }
  }

  function next(ms: number): void {
    cancel();
    if (abort.signal.aborted) return;
    cancel = clock.after(ms, () => {
      working = beat();
    });
  }

  const own = createInformer<Node>({
    cluster,
    resource: NODES,
    selectors: { fieldSelector: `metadata.name=${node.name}` },
    log,
    clock,
  });
  own.onChange(({ type, object }) => {
    if (type === 'deleted' || conditionOf(object, 'Ready')?.status === 'True') return;
    statusAt = Number.NEGATIVE_INFINITY;
    cancel();
    working = working.then(beat);
  });
  own.start();
  working = beat();
  return {
    registered: first.promise,
    async close() {
      cancel();
      abort.abort();
      await own.stop();
      first.reject(new Error(`node ${node.name} was stopped before it was registered`));
      await working;
      // The local cluster stops as well, and a night's stop drains nobody there. Another one goes on, and should know.
      if (joinedBy === undefined || !known) return;
      const words = (error: unknown): void => log.warn({ err: error }, 'the cluster could not be told of the stop');
      await writeStatus(STOPPED, AbortSignal.timeout(FAREWELL_MS)).catch(words);
    },
  };
}

/** As Kubernetes and GPU feature discovery label a node that has these devices. */
function labelsOf({ name, gpus, labels }: NodeDeclaration): Record<string, string> {
  return {
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': platform(),
    'kubernetes.io/arch': architecture(),
    ...(gpus && gpuLabels(gpus)),
    ...labels,
  };
}

function gpuLabels(gpus: NonNullable<NodeDeclaration['gpus']>): Record<string, string> {
  return {
    'clops.dev/simulated': 'true',
    'nvidia.com/gpu.present': 'true',
    'nvidia.com/gpu.product': gpus.product,
    'nvidia.com/gpu.count': String(gpus.count),
    'nvidia.com/gpu.memory': String(gpus.memoryMib),
    'nvidia.com/gpu.replicas': '1',
    'nvidia.com/gpu.family': familyOf(gpus.product),
    'nvidia.com/mig.capable': String(gpus.migCapable ?? false),
    'nvidia.com/mig.strategy': 'none',
  };
}

/** A Node that was created with them, as the first versions did, keeps them whatever is applied. */
const GPU_LABELS: ReadonlySet<string> = new Set(Object.keys(gpuLabels({ product: '', memoryMib: 0, count: 0 })));

/** The architecture's name by the product's: what GPU feature discovery reads from the device. */
function familyOf(product: string): string {
  if (/\bGB?[23]00\b|B[123]00/.test(product)) return 'blackwell';
  if (/H[128]00|H20\b|GH200/.test(product)) return 'hopper';
  if (/\bL(4|20|40S?)\b/.test(product)) return 'ada-lovelace';
  if (/\bA\d+/.test(product)) return 'ampere';
  if (/\bT4\b/.test(product)) return 'turing';
  return /V100/.test(product) ? 'volta' : 'unknown';
}

const architecture = (): string => (arch() === 'x64' ? 'amd64' : arch());

const READY: Condition = {
  type: 'Ready',
  status: 'True',
  reason: 'KubeletReady',
  message: 'the node agent is posting ready status',
};
const STOPPED: Condition = {
  type: 'Ready',
  status: 'False',
  reason: 'NodeStopped',
  message: 'CLOps was stopped on this machine; the node comes back with it',
};

function conditionsOf(before: readonly Condition[], ready: Condition, now: number): Condition[] {
  const conditions: Condition[] = [
    { type: 'MemoryPressure', status: 'False', reason: 'NotObserved', message: 'this node does not measure memory' },
    { type: 'DiskPressure', status: 'False', reason: 'NotObserved', message: 'this node does not measure disks' },
    { type: 'PIDPressure', status: 'False', reason: 'NotObserved', message: 'this node does not measure processes' },
    {
      type: 'LimitsEnforced',
      status: 'False',
      reason: 'ContainersAreProcesses',
      message: 'resource limits are counted when pods are placed and are not enforced: containers are plain processes',
    },
    ready,
  ];
  return conditions.map((condition) => {
    const old = before.find(({ type }) => type === condition.type);
    const since = old?.status === condition.status ? old.lastTransitionTime : undefined;
    return { ...condition, lastHeartbeatTime: timeText(now), lastTransitionTime: since ?? timeText(now) };
  });
}

function nodeInfo({ name }: NodeDeclaration): Record<string, string> {
  return {
    machineID: hostname(),
    systemUUID: name,
    bootID: '',
    kernelVersion: release(),
    osImage: `${platform()}, ${cpus().length} processors (processes, no containers)`,
    containerRuntimeVersion: 'clops://processes',
    kubeletVersion: 'v1.34.0-clops',
    kubeProxyVersion: '',
    operatingSystem: platform(),
    architecture: architecture(),
  };
}
