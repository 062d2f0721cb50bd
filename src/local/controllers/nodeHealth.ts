/**
 * Is each node alive? A node renews its Lease every few seconds; one that has not for 40 s, as watched from here, becomes
 * Ready=Unknown, is tainted, and its pods are no longer ready. Time counts only while this controller runs and looks: a
 * cluster that slept for a night wakes up with all its nodes.
 */
import { sameJson } from '../../lib/canonical.ts';
import type { Outcome } from '../../lib/workqueue.ts';
import { isConflict, isNotFound } from '../../platform/cluster/port.ts';
import { LEASES, NODES, PODS } from '../../platform/cluster/resources.ts';
import { type Condition, conditionOf, isPodReady, type Lease, type Node, timeText } from '../kinds.ts';
import { createQueue } from '../queue.ts';
import { createRecorder } from '../recorder.ts';
import { desiredTaints } from '../taints.ts';
import { type Context, type Controller, FIELD_MANAGER, LEASE_NAMESPACE } from './context.ts';

/** Of Kubernetes: --node-monitor-grace-period. */
const GRACE_MS = 40_000;
/** A look that comes this much late means that this process stood still, and so perhaps did the nodes: count anew. */
const LATE_MS = 5_000;

interface Watched {
  /** What the node said last: its lease's renewTime and its own heartbeat. */
  said: string;
  at: number;
  /** When the next look is due. */
  due: number;
}

export function startNodeHealthController(context: Context): Controller {
  const { cluster, caches, clock, log } = context;
  const recorder = createRecorder({ cluster, component: 'node-controller', log, clock });
  const queue = createQueue(context, 'node-health', sync);
  const watched = new Map<string, Watched>();
  const write = { fieldManager: FIELD_MANAGER };

  caches.nodes.onChange(({ type, object }) => {
    if (type === 'deleted') watched.delete(object.metadata.name);
    queue.add(object.metadata.name);
  });
  caches.leases.onChange(({ object }) => queue.add(object.metadata.name));

  async function sync(name: string): Promise<Outcome | undefined> {
    let node = caches.nodes.get(name);
    if (!node) return undefined;
    const now = clock.monotonic();
    const entry = watched.get(name);
    const said = spoken(node, caches.leases.get(`${LEASE_NAMESPACE}/${name}`));
    const late = entry !== undefined && now - entry.due > LATE_MS;
    if (!entry || entry.said !== said || late) watched.set(name, { said, at: now, due: now + GRACE_MS });
    const silentMs = now - (watched.get(name)?.at ?? now);
    let after = GRACE_MS - silentMs;
    if (after <= 0) {
      after = GRACE_MS;
      watched.set(name, { said, at: now - silentMs, due: now + GRACE_MS });
      if (await isSilent(node, said)) node = await markUnknown(node);
    }
    await setTaints(node);
    if (conditionOf(node, 'Ready')?.status !== 'True' && conditionOf(node, 'Ready')) await markPodsNotReady(node);
    return { after };
  }

  /** Asks the server itself: what was silent may have been our own watch. */
  async function isSilent(node: Node, said: string): Promise<boolean> {
    const { name } = node.metadata;
    try {
      return spoken(node, await cluster.get<Lease>(LEASES, name, LEASE_NAMESPACE)) === said;
    } catch (error) {
      if (isNotFound(error)) return true;
      throw error;
    }
  }

  async function markUnknown(node: Node): Promise<Node> {
    const ready = conditionOf(node, 'Ready');
    if (ready?.status === 'Unknown') return node;
    const now = timeText(clock.now());
    const unknown: Condition = ready
      ? {
          reason: 'NodeStatusUnknown',
          message: 'Kubelet stopped posting node status.',
          type: 'Ready',
          status: 'Unknown',
        }
      : {
          reason: 'NodeStatusNeverUpdated',
          message: 'Kubelet never posted node status.',
          type: 'Ready',
          status: 'Unknown',
        };
    const others = (node.status?.conditions ?? []).filter(({ type }) => type !== 'Ready');
    const next = { ...unknown, lastHeartbeatTime: ready?.lastHeartbeatTime ?? now, lastTransitionTime: now };
    recorder.normal(NODES, node, 'NodeNotReady', `Node ${node.metadata.name} status is now: NodeNotReady`);
    const patch = {
      metadata: { resourceVersion: node.metadata.resourceVersion },
      status: { conditions: [...others, next] },
    };
    const options = { ...write, subresource: 'status' } as const;
    return cluster.patch<Node>(NODES, node.metadata.name, undefined, 'merge', patch, options);
  }

  async function setTaints(node: Node): Promise<void> {
    const taints = desiredTaints(node, timeText(clock.now()));
    if (sameJson(taints, node.spec?.taints ?? [])) return;
    const patch = { metadata: { resourceVersion: node.metadata.resourceVersion }, spec: { taints } };
    await cluster.patch(NODES, node.metadata.name, undefined, 'merge', patch, write);
  }

  /** So that no request is sent to a node that does not answer. The node says Ready again when it is back. */
  async function markPodsNotReady(node: Node): Promise<void> {
    for (const pod of caches.pods.by('node', node.metadata.name)) {
      if (!isPodReady(pod)) continue;
      const now = timeText(clock.now());
      const conditions = (pod.status?.conditions ?? []).map((condition) =>
        condition.type === 'Ready' ? { ...condition, status: 'False' as const, lastTransitionTime: now } : condition,
      );
      const patch = { metadata: { resourceVersion: pod.metadata.resourceVersion }, status: { conditions } };
      const { name, namespace } = pod.metadata;
      try {
        await cluster.patch(PODS, name, namespace, 'merge', patch, { ...write, subresource: 'status' });
      } catch (error) {
        if (!isNotFound(error) && !isConflict(error)) throw error;
      }
    }
  }

  return {
    async close() {
      await queue.stop();
      await recorder.close();
    },
  };
}

const spoken = (node: Node, lease: Lease | undefined): string =>
  `${lease?.spec?.renewTime ?? ''} ${conditionOf(node, 'Ready')?.lastHeartbeatTime ?? ''}`;
