/**
 * Gives pods their nodes. A pod that fits nowhere says why (condition and Event) and is looked at again when a node
 * changes in what counts or a pod makes room: nothing is polled. Speaks the cluster port alone.
 */

import { ANNOTATIONS } from '../../contract/names.ts';
import { sameJson } from '../../lib/canonical.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { Outcome } from '../../lib/workqueue.ts';
import { type Change, createInformer, keyOf } from '../../platform/cluster/informer.ts';
import { type ClusterPort, isConflict, isNotFound } from '../../platform/cluster/port.ts';
import { NODES, PODS } from '../../platform/cluster/resources.ts';
import { type Condition, isPodFinished, type Node, type Pod, timeText } from '../kinds.ts';
import { createQueue } from '../queue.ts';
import { createRecorder } from '../recorder.ts';
import { assignDevices } from './devices.ts';
import { findNode } from './fit.ts';

export interface SchedulerOptions {
  cluster: ClusterPort;
  log: Log;
  clock?: Clock;
}

export interface Scheduler {
  /** Ends the watches and waits for bindings on their way. */
  close(): Promise<void>;
  /** Resolves when nodes and pods are known: from then on pods are placed. */
  synced(): Promise<void>;
}

const NAME = 'default-scheduler';
const FIELD_MANAGER = 'kube-scheduler';
/** Bindings being written at once. Deciding is synchronous, so no two of them can take the same place. */
const CONCURRENCY = 8;

export function startScheduler({ cluster, log, clock = systemClock }: SchedulerOptions): Scheduler {
  const pods = createInformer<Pod>({
    cluster,
    resource: PODS,
    indexes: { node: ({ spec }) => (spec.nodeName ? [spec.nodeName] : []) },
    log,
    clock,
  });
  const nodes = createInformer<Node>({ cluster, resource: NODES, log, clock });
  const abort = new AbortController();
  const synced = Promise.all([pods.synced(), nodes.synced()]).then(() => undefined);
  const recorder = createRecorder({ cluster, component: NAME, log, clock });
  const queue = createQueue({ log, clock, synced, signal: abort.signal }, 'scheduler', schedule, CONCURRENCY);
  /** Bound by us and not yet seen as such in the cache: they hold their place. By the pod's key. */
  const assumed = new Map<string, Pod>();
  const waiting = new Set<string>();

  pods.onChange(onPod);
  nodes.onChange(({ type, object, old }) => {
    if (type !== 'deleted' && !(old && sameJson(offer(old), offer(object)))) retry();
  });

  function onPod({ type, object, old }: Change<Pod>): void {
    const key = keyOf(object);
    if (type === 'deleted' || object.spec.nodeName) {
      waiting.delete(key);
      assumed.delete(key);
    }
    const ended = type === 'deleted' || (isPodFinished(object) && old !== undefined && !isPodFinished(old));
    if (object.spec.nodeName && ended) retry();
    if (type === 'deleted' || !isOurs(object)) return;
    // Our own note that it fits nowhere comes back as a change of its status; it is no reason to try again.
    if (waiting.has(key) && old && old.metadata.uid === object.metadata.uid && sameJson(old.spec, object.spec)) return;
    queue.add(key);
  }

  function retry(): void {
    const created = (key: string): string => pods.get(key)?.metadata.creationTimestamp ?? '';
    for (const key of [...waiting].sort((a, b) => (created(a) < created(b) ? -1 : 1))) queue.add(key);
  }

  const isAssumed = (pod: Pod): boolean => assumed.get(keyOf(pod))?.metadata.uid === pod.metadata.uid;

  const podsOn = (node: string): Pod[] => [
    ...pods.by('node', node),
    ...[...assumed.values()].filter(({ spec }) => spec.nodeName === node),
  ];

  async function schedule(key: string): Promise<Outcome | undefined> {
    const pod = pods.get(key);
    if (!pod || !isOurs(pod) || isAssumed(pod)) {
      waiting.delete(key);
      return undefined;
    }
    const result = findNode(pod, nodes.list(), podsOn);
    if ('message' in result) {
      waiting.add(key);
      await explain(pod, result.message);
      return undefined;
    }
    waiting.delete(key);
    await bind(pod, result.node);
    return undefined;
  }

  async function bind(pod: Pod, node: Node): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    const target = node.metadata.name;
    const devices = assignDevices(pod, node, podsOn(target));
    const annotations: Record<string, string> = devices === undefined ? {} : { [ANNOTATIONS.devices]: devices };
    const placed: Pod = {
      ...pod,
      metadata: { ...pod.metadata, annotations: { ...pod.metadata.annotations, ...annotations } },
      spec: { ...pod.spec, nodeName: target },
    };
    assumed.set(keyOf(pod), placed);
    try {
      const metadata = { name, namespace, uid, annotations };
      const reference = { apiVersion: 'v1', kind: 'Node', name: target };
      const binding = { apiVersion: 'v1', kind: 'Binding', metadata, target: reference };
      await cluster.create(bindingOf(name), binding, { fieldManager: FIELD_MANAGER });
    } catch (error) {
      assumed.delete(keyOf(pod));
      // Gone, or placed by somebody else: the watch will say so.
      if (isNotFound(error) || isConflict(error)) return;
      throw error;
    }
    recorder.normal(PODS, pod, 'Scheduled', `Successfully assigned ${keyOf(pod)} to ${target}`);
  }

  async function explain(pod: Pod, message: string): Promise<void> {
    recorder.warning(PODS, pod, 'FailedScheduling', message);
    const present = pod.status?.conditions ?? [];
    const before = present.find(({ type }) => type === 'PodScheduled');
    if (before?.status === 'False' && before.message === message) return;
    const condition: Condition = {
      type: 'PodScheduled',
      status: 'False',
      lastProbeTime: null,
      lastTransitionTime: before?.status === 'False' ? before.lastTransitionTime : timeText(clock.now()),
      reason: 'Unschedulable',
      message,
    };
    const conditions = [...present.filter(({ type }) => type !== 'PodScheduled'), condition];
    const { name, namespace, resourceVersion } = pod.metadata;
    const patch = { metadata: { resourceVersion }, status: { conditions } };
    try {
      const options = { subresource: 'status', fieldManager: FIELD_MANAGER } as const;
      await cluster.patch(PODS, name, namespace, 'merge', patch, options);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  pods.start();
  nodes.start();
  return {
    synced: () => synced,
    async close() {
      abort.abort();
      await Promise.all([pods.stop(), nodes.stop()]);
      await queue.stop();
      await recorder.close();
    },
  };
}

/** `pods/{name}/binding` in the form of a row: the port has no subresource for a create, and needs none for this one. */
const bindingOf = (pod: string) => ({ ...PODS, kind: 'Binding', plural: `pods/${encodeURIComponent(pod)}/binding` });

const isOurs = ({ metadata, spec, status }: Pod): boolean =>
  !spec.nodeName &&
  metadata.deletionTimestamp === undefined &&
  (spec.schedulerName ?? NAME) === NAME &&
  (spec.schedulingGates ?? []).length === 0 &&
  status?.phase !== 'Succeeded' &&
  status?.phase !== 'Failed';

/** What of a node decides who fits; its heartbeat does not. */
const offer = ({ metadata, spec, status }: Node): unknown => [
  metadata.labels,
  spec?.unschedulable,
  spec?.taints,
  status?.allocatable,
];
