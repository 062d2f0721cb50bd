/** ReplicaSet → pods: as many as asked for, created in growing batches and deleted in the order of podOrder.ts. */
import { sameJson } from '../../lib/canonical.ts';
import type { Outcome } from '../../lib/workqueue.ts';
import { keyOf } from '../../platform/cluster/informer.ts';
import { isNotFound } from '../../platform/cluster/port.ts';
import { PODS, REPLICASETS } from '../../platform/cluster/resources.ts';
import {
  type Condition,
  isPodActive,
  isPodReady,
  msUntilAvailable,
  type Pod,
  type ReplicaSet,
  type ReplicaSetStatus,
  timeText,
} from '../kinds.ts';
import { createQueue } from '../queue.ts';
import { createRecorder } from '../recorder.ts';
import { type Context, type Controller, FIELD_MANAGER, isTerminating, statusPatch } from './context.ts';
import { createExpectations, EXPECTATION_TIMEOUT_MS } from './expectations.ts';
import { generatedName } from './names.ts';
import { claim, controllerOf, ownedBy, selects } from './ownership.ts';
import { podsToDelete } from './podOrder.ts';

/** Pods created or deleted in one go; the rest follows when these are seen. */
const BURST = 500;

export function startReplicaSetController(context: Context): Controller {
  const { cluster, caches, clock, log } = context;
  const recorder = createRecorder({ cluster, component: 'replicaset-controller', log, clock });
  const expectations = createExpectations(clock);
  const queue = createQueue(context, 'replicaset', sync);

  caches.replicaSets.onChange(({ type, object }) => {
    if (type === 'deleted') expectations.forget(object.metadata.uid ?? '');
    queue.add(keyOf(object));
  });
  caches.pods.onChange((change) => {
    expectations.observe(change);
    const { object, old } = change;
    const owners = new Set([controllerOf(object), old && controllerOf(old)].map((owner) => ownerKey(object, owner)));
    for (const key of owners) if (key !== undefined) queue.add(key);
    if (controllerOf(object) !== undefined || change.type === 'deleted') return;
    for (const set of caches.replicaSets.by('namespace', object.metadata.namespace ?? '')) {
      if (selects(set.spec.selector, object.metadata.labels)) queue.add(keyOf(set));
    }
  });

  const ownerKey = (pod: Pod, owner: ReturnType<typeof controllerOf>): string | undefined =>
    owner?.kind === 'ReplicaSet' ? `${pod.metadata.namespace}/${owner.name}` : undefined;

  async function sync(key: string): Promise<Outcome | undefined> {
    const set = caches.replicaSets.get(key);
    if (!set) return undefined;
    const uid = set.metadata.uid ?? '';
    const mayAct = expectations.satisfied(uid);
    const pods = await claimPods(set);
    const active = pods.filter(isPodActive);

    let failure: unknown;
    if (mayAct && set.metadata.deletionTimestamp === undefined) {
      try {
        await bringAbout(set, active);
      } catch (error) {
        failure = error;
      }
    }
    await report(set, active, mayAct ? { failure } : undefined);
    if (failure !== undefined) throw failure;
    return nextLook(set, active, mayAct);
  }

  function claimPods(set: ReplicaSet): Promise<Pod[]> {
    const candidates = [
      ...caches.pods.by('owner', set.metadata.uid ?? ''),
      ...caches.pods.by('orphan', set.metadata.namespace ?? '').filter(isPodActive),
    ];
    return claim({
      cluster,
      owner: set,
      ownerResource: REPLICASETS,
      selector: set.spec.selector,
      resource: PODS,
      candidates,
      fieldManager: FIELD_MANAGER,
    });
  }

  async function bringAbout(set: ReplicaSet, active: readonly Pod[]): Promise<void> {
    const missing = (set.spec.replicas ?? 1) - active.length;
    if (missing > 0) await createPods(set, Math.min(missing, BURST));
    if (missing >= 0) return;
    const doomed = podsToDelete(active, Math.min(-missing, BURST), relatedPods(set));
    await inBatches(doomed, (pod) => deletePod(set, pod));
  }

  async function createPods(set: ReplicaSet, count: number): Promise<void> {
    try {
      await inBatches(Array.from({ length: count }), () => createPod(set));
    } catch (error) {
      if (isTerminating(error)) return;
      throw error;
    }
  }

  async function createPod(set: ReplicaSet): Promise<void> {
    const pod = podOf(set);
    const uid = set.metadata.uid ?? '';
    expectations.created(uid, keyOf(pod));
    try {
      await cluster.create(PODS, pod, { fieldManager: FIELD_MANAGER });
    } catch (error) {
      expectations.failed(uid, keyOf(pod));
      // Without the pod's own name, so that a thousand failures are one Event with a count.
      const why = messageOf(error).replaceAll(pod.metadata.name, pod.metadata.generateName ?? '');
      if (!isTerminating(error)) recorder.warning(REPLICASETS, set, 'FailedCreate', `Error creating: ${why}`);
      throw error;
    }
    recorder.normal(REPLICASETS, set, 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
  }

  async function deletePod(set: ReplicaSet, pod: Pod): Promise<void> {
    const uid = set.metadata.uid ?? '';
    const { name, namespace } = pod.metadata;
    expectations.deleted(uid, keyOf(pod));
    try {
      await cluster.delete(PODS, name, namespace, { uid: pod.metadata.uid });
    } catch (error) {
      expectations.failed(uid, keyOf(pod));
      if (isNotFound(error)) return;
      recorder.warning(REPLICASETS, set, 'FailedDelete', `Error deleting: ${messageOf(error)}`);
      throw error;
    }
    recorder.normal(REPLICASETS, set, 'SuccessfulDelete', `Deleted pod: ${name}`);
  }

  /** Pods of all sets of the same Deployment: a node that holds many of them gives one up first. */
  function relatedPods(set: ReplicaSet): Pod[] {
    const deployment = controllerOf(set)?.uid;
    const sets = deployment === undefined ? [set] : caches.replicaSets.by('owner', deployment);
    return sets.flatMap(({ metadata }) => caches.pods.by('owner', metadata.uid ?? '')).filter(isPodActive);
  }

  async function report(set: ReplicaSet, active: readonly Pod[], attempt: Attempt | undefined): Promise<void> {
    const status = replicaSetStatus(set, active, attempt, clock.now());
    if (sameJson(status, set.status ?? {})) return;
    const { name, namespace } = set.metadata;
    try {
      const options = { subresource: 'status', fieldManager: FIELD_MANAGER } as const;
      await cluster.patch(REPLICASETS, name, namespace, 'merge', statusPatch(set, status), options);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  function nextLook(set: ReplicaSet, active: readonly Pod[], mayAct: boolean): Outcome | undefined {
    const waits = active
      .map((pod) => msUntilAvailable(pod, set.spec.minReadySeconds ?? 0, clock.now()) ?? 0)
      .filter((ms) => ms > 0);
    if (!mayAct) waits.push(EXPECTATION_TIMEOUT_MS);
    return waits.length > 0 ? { after: Math.min(...waits) } : undefined;
  }

  return {
    async close() {
      await queue.stop();
      await recorder.close();
    },
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** 1, 2, 4 … at a time: when creating fails (a quota, a bad template) it fails once, not five hundred times. */
async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0, size = 1; at < items.length; at += size, size *= 2) {
    const outcomes = await Promise.allSettled(items.slice(at, at + size).map(work));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

function podOf(set: ReplicaSet): Pod {
  const { metadata, spec } = structuredClone(set.spec.template ?? { spec: { containers: [] } });
  const generateName = `${set.metadata.name}-`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: generatedName(generateName),
      generateName,
      namespace: set.metadata.namespace,
      labels: metadata?.labels,
      annotations: metadata?.annotations,
      finalizers: metadata?.finalizers,
      ownerReferences: [ownedBy(set, REPLICASETS)],
    },
    spec,
  };
}

/** How the last attempt to bring pods about went; absent while writes of an earlier one are waited for. */
interface Attempt {
  failure: unknown;
}

/** The status that follows from the active pods. Zero counts are left out, as Kubernetes leaves them out. */
function replicaSetStatus(
  set: ReplicaSet,
  active: readonly Pod[],
  attempt: Attempt | undefined,
  nowMs: number,
): ReplicaSetStatus {
  const minReady = set.spec.minReadySeconds ?? 0;
  const template = Object.entries(set.spec.template?.metadata?.labels ?? {});
  const labelled = active.filter((pod) => template.every(([key, value]) => pod.metadata.labels?.[key] === value));
  const conditions = attempt ? failureConditions(set, attempt.failure, nowMs) : (set.status?.conditions ?? []);
  const counts = {
    fullyLabeledReplicas: labelled.length,
    readyReplicas: active.filter(isPodReady).length,
    availableReplicas: active.filter((pod) => msUntilAvailable(pod, minReady, nowMs) === 0).length,
  };
  return {
    replicas: active.length,
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    ...(set.metadata.generation === undefined ? {} : { observedGeneration: set.metadata.generation }),
    ...(conditions.length > 0 ? { conditions } : {}),
  };
}

function failureConditions(set: ReplicaSet, failure: unknown, nowMs: number): Condition[] {
  const others = (set.status?.conditions ?? []).filter((condition) => condition.type !== 'ReplicaFailure');
  if (failure === undefined) return others;
  // The first reason stays until things are well: were each new one written, every write would be a change of the set,
  // every change a look at once instead of after its back-off, and every look another failure.
  const present = set.status?.conditions?.find((condition) => condition.type === 'ReplicaFailure');
  const condition: Condition = present ?? {
    type: 'ReplicaFailure',
    status: 'True',
    lastTransitionTime: timeText(nowMs),
    reason: 'FailedCreate',
    message: messageOf(failure),
  };
  return [...others, condition];
}
