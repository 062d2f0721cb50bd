/** A core, the controllers over it, and a stand-in for kubelets that reports pods as one would. */
import type { Clock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { startControllers } from '../../../src/local/controllers/index.ts';
import type { Event, Pod } from '../../../src/local/kinds.ts';
import { timeText } from '../../../src/local/kinds.ts';
import { createInformer } from '../../../src/platform/cluster/informer.ts';
import { type ClusterPort, isConflict, isNotFound, type KubeObject } from '../../../src/platform/cluster/port.ts';
import { EVENTS, PODS } from '../../../src/platform/cluster/resources.ts';
import { startCore } from '../apiserver/harness.ts';

/** Time that stands still until it is told to go on. */
export interface TestClock extends Clock {
  /** Time goes on, and what falls due on the way is called at its own time. */
  advance(ms: number): void;
  /** Time goes on while the process stands still: everything due is called late, at the end. */
  leap(ms: number): void;
}

export function createTestClock(startMs = Date.now()): TestClock {
  let elapsed = 0;
  const timers = new Set<{ at: number; fn: () => void }>();
  return {
    now: () => startMs + elapsed,
    monotonic: () => elapsed,
    after(ms, fn) {
      const timer = { at: elapsed + ms, fn };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    leap(ms) {
      elapsed += ms;
      this.advance(0);
    },
    advance(ms) {
      const end = elapsed + ms;
      for (;;) {
        const next = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (!next) break;
        timers.delete(next);
        elapsed = Math.max(elapsed, next.at);
        next.fn();
      }
      elapsed = end;
    },
  };
}

export interface TestControllers {
  cluster: ClusterPort;
  close(): Promise<void>;
}

export async function startTestControllers(clock?: Clock): Promise<TestControllers> {
  const core = await startCore();
  const controllers = startControllers({ cluster: core.cluster, log: silentLog, ...(clock ? { clock } : {}) });
  await controllers.synced();
  return {
    cluster: core.cluster,
    async close() {
      await controllers.close();
      await core.close();
    },
  };
}

export interface Kubelet {
  close(): Promise<void>;
}

/** Makes every pod for which `works` holds Running and Ready, and ends those that are being deleted. */
export async function startKubelet(cluster: ClusterPort, works: (pod: Pod) => boolean = () => true): Promise<Kubelet> {
  const pods = createInformer<Pod>({ cluster, resource: PODS, log: silentLog });
  const pending = new Set<Promise<void>>();
  let address = 0;
  pods.onChange(({ type, object }) => {
    if (type === 'deleted') return;
    const done = attend(object).finally(() => pending.delete(done));
    pending.add(done);
  });

  async function attend(pod: Pod): Promise<void> {
    const { name, namespace, uid, deletionTimestamp } = pod.metadata;
    try {
      if (deletionTimestamp) {
        await cluster.delete(PODS, name, namespace, { uid, gracePeriodSeconds: 0 });
      } else if (works(pod) && (pod.status?.phase ?? 'Pending') === 'Pending') {
        await setReady(cluster, pod, true, `10.1.${address >> 8}.${address++ & 255}`);
      }
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  pods.start();
  await pods.synced();
  return {
    async close() {
      await pods.stop();
      await Promise.all(pending);
    },
  };
}

export async function setReady(cluster: ClusterPort, pod: Pod, isReady: boolean, podIP?: string): Promise<void> {
  const ready = { type: 'Ready', status: isReady ? 'True' : 'False', lastTransitionTime: timeText(Date.now()) };
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'Ready');
  const status = {
    phase: 'Running',
    conditions: [...others, ready],
    ...(podIP ? { podIP, podIPs: [{ ip: podIP }] } : {}),
  };
  const { name, namespace } = pod.metadata;
  await cluster.patch(PODS, name, namespace, 'merge', { status }, { subresource: 'status', fieldManager: 'kubelet' });
}

/** Reason and message of all events about an object, in the order they were first said. */
export async function eventsOf(cluster: ClusterPort, object: KubeObject): Promise<string[]> {
  const { items } = await cluster.list<Event>(EVENTS, { namespace: object.metadata.namespace ?? 'default' });
  return items
    .filter(({ involvedObject }) => involvedObject.uid === object.metadata.uid)
    .map(({ reason, message }) => `${reason}: ${message}`);
}
