/**
 * Takes pods from nodes where they may not stay: NoExecute taints after the pod's tolerationSeconds, and nodes that no
 * longer exist. The seconds count from when this controller first saw the taint, not from its timeAdded: a cluster that
 * was off for a night would otherwise begin its day by deleting everything.
 */
import { sameJson } from '../../lib/canonical.ts';
import type { Outcome } from '../../lib/workqueue.ts';
import { keyOf } from '../../platform/cluster/informer.ts';
import { isConflict, isNotFound } from '../../platform/cluster/port.ts';
import { NODES, PODS } from '../../platform/cluster/resources.ts';
import type { Node, Pod, Taint } from '../kinds.ts';
import { createQueue } from '../queue.ts';
import { createRecorder } from '../recorder.ts';
import { staySeconds } from '../taints.ts';
import type { Context, Controller } from './context.ts';

/** A node may be registered again under its name: pods wait this long before they count as orphans (as in Kubernetes). */
const ORPHAN_MS = 40_000;

export function startEvictionController(context: Context): Controller {
  const { cluster, caches, clock, log } = context;
  const recorder = createRecorder({ cluster, component: 'taint-eviction-controller', log, clock });
  const queue = createQueue(context, 'eviction', sync);
  /** When each NoExecute taint, or the absence of a node, was first seen here. */
  const since = new Map<string, Map<string, number>>();

  caches.nodes.onChange(({ object }) => {
    note(object.metadata.name);
    for (const pod of caches.pods.by('node', object.metadata.name)) queue.add(keyOf(pod));
  });
  caches.pods.onChange(({ type, object, old }) => {
    if (type === 'deleted' || !object.spec.nodeName) return;
    const known = old?.spec.nodeName === object.spec.nodeName;
    if (!known || !sameJson(old?.spec.tolerations, object.spec.tolerations)) queue.add(keyOf(object));
  });

  function note(name: string): Map<string, number> {
    const node = caches.nodes.get(name);
    const before = since.get(name);
    const reasons = node ? executing(node).map(({ key }) => key) : [GONE];
    const seen = new Map(reasons.map((reason) => [reason, before?.get(reason) ?? clock.monotonic()]));
    if (seen.size === 0 || (!node && caches.pods.by('node', name).length === 0)) since.delete(name);
    else since.set(name, seen);
    return seen;
  }

  async function sync(key: string): Promise<Outcome | undefined> {
    const pod = caches.pods.get(key);
    const nodeName = pod?.spec.nodeName;
    if (!pod || !nodeName) return undefined;
    const seen = note(nodeName);
    const node = caches.nodes.get(nodeName);
    const now = clock.monotonic();
    if (!node) {
      const waitMs = (seen.get(GONE) ?? now) + ORPHAN_MS - now;
      if (waitMs > 0) return { after: waitMs };
      // No kubelet will ever confirm the end of this pod, so it goes at once.
      if (await isReallyGone(nodeName)) await remove(pod, 0);
      return undefined;
    }
    if (pod.metadata.deletionTimestamp !== undefined) return undefined;
    const waits = executing(node).flatMap((taint) => {
      const stay = staySeconds(pod.spec.tolerations, taint);
      return stay === undefined ? [] : [(seen.get(taint.key) ?? now) + stay * 1000 - now];
    });
    if (waits.length === 0) return undefined;
    const waitMs = Math.min(...waits);
    if (waitMs > 0) return { after: waitMs };
    recorder.normal(PODS, pod, 'TaintManagerEviction', `Marking for deletion Pod ${keyOf(pod)}`);
    await remove(pod);
    return undefined;
  }

  async function isReallyGone(name: string): Promise<boolean> {
    try {
      await cluster.get(NODES, name);
      return false;
    } catch (error) {
      if (isNotFound(error)) return true;
      throw error;
    }
  }

  async function remove(pod: Pod, gracePeriodSeconds?: number): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    try {
      await cluster.delete(PODS, name, namespace, {
        uid,
        ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  return {
    async close() {
      await queue.stop();
      await recorder.close();
    },
  };
}

const GONE = '(gone)';

const executing = (node: Node): Taint[] => (node.spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
