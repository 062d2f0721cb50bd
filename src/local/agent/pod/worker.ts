/**
 * One pod on this node. `sync` looks at what is wanted and at what runs and takes the next steps; it is called again
 * whenever either changes, waits for nothing long, and can be cut off by the agent's death at any line.
 */
import type { Log } from '../../../lib/log.ts';
import { after, type Outcome } from '../../../lib/workqueue.ts';
import { type ClusterPort, isConflict, isNotFound, type KubeObject } from '../../../platform/cluster/port.ts';
import { PODS } from '../../../platform/cluster/resources.ts';
import { conditionOf, isPodActive, isPodFinished, timeText } from '../../kinds.ts';
import { unrunnable } from '../container/command.ts';
import type { Container } from '../container/container.ts';
import { LEAST_GRACE_MS } from '../container/ending.ts';
import { ConfigMissing } from '../container/env.ts';
import type { ContainerRecord, PodRecord } from '../records.ts';
import { MANAGER } from '../registration.ts';
import type { AgentPod, PodStatus } from '../types.ts';
import type { Admission } from './admission.ts';
import { backoffMessage, type RestartBackoff, restartAfter } from './backoff.ts';
import { type BuildContext, type Builder, createBuilder, NotYetKnown, specGraceMs } from './build.ts';
import { endLeftovers } from './leftovers.ts';
import type { Refusals } from './refusals.ts';
import { podStatus } from './status.ts';
import { makeSubPaths, prepareVolumes, unservedVolume } from './volumes.ts';

export interface WorkerContext extends BuildContext {
  cluster: ClusterPort;
  log: Log;
  admission: Admission;
  backoff: RestartBackoff;
  refusals: Refusals;
  /** The pod is gone and nothing of it is left. */
  forget: (uid: string) => void;
}

/** For containers of a pod that is gone from the API: nobody waits for them any more. */
const GONE_GRACE_MS = 2_000;
/** A stop of the platform must not take as long as the slowest pod asks for: who stops it waits six seconds. */
const AGENT_STOP_GRACE_MS = 4_000;

export class PodWorker {
  readonly uid: string;
  /** The newest version; undefined when it is gone from the API. */
  pod: AgentPod | undefined;
  /** The last version there was: containers of a pod that is gone still need ending. */
  #last: AgentPod;
  readonly #context: WorkerContext;
  #record: PodRecord | undefined;
  #builder: Builder | undefined;
  #init: Container[] = [];
  #main: Container[] = [];
  #failure: { reason: string; message: string; since: number } | undefined;
  #reported: { text: string; status: PodStatus } | undefined;
  #mountFailure: string | undefined;
  #isClosed = false;

  constructor(pod: AgentPod, context: WorkerContext) {
    this.pod = pod;
    this.#last = pod;
    this.uid = pod.metadata.uid ?? '';
    this.#context = context;
  }

  get record(): PodRecord | undefined {
    return this.#record;
  }

  container(name: string): Container | undefined {
    return this.#containers.find(({ spec }) => spec.name === name);
  }

  update(pod: AgentPod): void {
    this.pod = pod;
    this.#last = pod;
    // Somebody else has written it (a node that is silent has its pods marked as not ready), or this is an older state
    // and the same is written again, which changes nothing.
    const said = conditionOf(this.#reported ?? {}, 'Ready')?.status;
    if (this.#reported && said !== conditionOf(pod, 'Ready')?.status)
      this.#reported = { text: '', status: pod.status ?? {} };
  }

  async sync(): Promise<Outcome> {
    const { pod } = this;
    if (!pod) return await this.#endGone();
    await this.#admit(pod);
    await this.#settled();
    if (this.#isClosed) return undefined;
    if (pod.metadata.deletionTimestamp !== undefined) return await this.#endDeleted(pod);
    if (isPodFinished(pod)) {
      if (!this.#failure) this.#stopAll(GONE_GRACE_MS);
      return undefined;
    }
    let wait: number | undefined;
    try {
      wait = this.#failure ? this.#untilFailed() : await this.#run(pod);
    } finally {
      await this.#report(pod, false); // what has ended is not ready, also while a full disk keeps it from starting again
    }
    for (const container of this.#containers) container.catchUp();
    return wait === undefined ? undefined : after(wait);
  }

  /** Ends every process and leaves the pod as it is: the next agent starts it again. */
  async stopByAgent(): Promise<void> {
    this.#isClosed = true;
    for (const container of this.#containers) {
      if (!container.isRunning) continue;
      const afterHook = container.spec.lifecycle?.preStop ? LEAST_GRACE_MS : 0;
      const grace = Math.min(this.#graceMs(this.#last), AGENT_STOP_GRACE_MS - afterHook);
      container.waiting = { reason: 'NodeStopped', message: 'The node was stopped; this starts again with it.' };
      container.stop(grace, { byAgent: true });
    }
    await this.#settled(true);
    // One that is not admitted yet has no containers here: it would be Succeeded, and that is final.
    if (this.#builder && this.pod && isPodActive(this.pod)) await this.#report(this.pod, false);
  }

  release(): void {
    this.#isClosed = true;
    for (const container of this.#containers) container.release();
  }

  get #containers(): Container[] {
    return [...this.#init, ...this.#main];
  }

  async #admit(pod: AgentPod): Promise<void> {
    if (this.#record || this.#failure || (!isPodActive(pod) && !this.#context.admission.knows(this.uid))) return;
    const unserved = unservedVolume(pod);
    const answer = unserved
      ? { reason: 'VolumeNotServed', message: unserved }
      : await this.#context.admission.admit(pod);
    if (this.#isClosed) return; // containers made now would take over what is left to the next agent, for good
    if ('reason' in answer) {
      this.#failure = { ...answer, since: this.#context.refusals.next(pod) };
      this.#context.recorder.warning(PODS, pod, answer.reason, answer.message);
      return;
    }
    this.#record = answer;
    this.#builder = createBuilder(this.#context, answer, () => this.#last);
    this.#init = (pod.spec.initContainers ?? []).map(this.#builder.make);
    this.#main = pod.spec.containers.map(this.#builder.make);
  }

  /** Containers that ended while no agent was looking are known as ended only after their last words were read. */
  async #settled(all = false): Promise<void> {
    await Promise.all(this.#containers.filter(({ isRunning }) => all || !isRunning).map(({ exited }) => exited));
  }

  async #endGone(): Promise<Outcome> {
    this.#stopAll(GONE_GRACE_MS);
    if (this.#containers.some(({ isRunning }) => isRunning)) return undefined;
    this.#context.refs.release(this.uid);
    await endLeftovers(this.#context.podDir(this.uid), this.#context); // not admitted here, it may have some
    this.#context.forget(this.uid);
    return undefined;
  }

  async #endDeleted(pod: AgentPod): Promise<Outcome> {
    this.#stopAll(this.#graceMs(pod));
    const isRunning = this.#containers.some((container) => container.isRunning);
    if ((this.#builder || this.#failure) && !isPodFinished(pod)) await this.#report(pod, !isRunning);
    if (isRunning) return undefined;
    const { name, namespace } = pod.metadata;
    const options = { gracePeriodSeconds: 0, uid: this.uid };
    await this.#context.cluster.delete(PODS, name, namespace, options).catch(ignoreGone);
    return undefined;
  }

  #stopAll(graceMs: number): undefined {
    for (const container of this.#containers) container.stop(graceMs);
  }

  /** Until then it is Pending, for the reason that it will have Failed for. */
  #untilFailed(): number | undefined {
    const waitMs = (this.#failure?.since ?? 0) - this.#context.clock.monotonic();
    return waitMs > 0 ? waitMs : undefined;
  }

  /** Starts what should run and does not. Returns in how many milliseconds there is more to do. */
  async #run(pod: AgentPod): Promise<number | undefined> {
    const policy = pod.spec.restartPolicy ?? 'Always';
    const isFresh = this.#containers.every(({ record }) => record === undefined);
    const { missing, isAsked } = prepareVolumes(pod, this.#context.podDir(this.uid), (kind, name) =>
      this.#context.refs.get(this.uid, kind, pod.metadata.namespace ?? '', name),
    );
    if (missing && missing !== this.#mountFailure) this.#context.recorder.warning(PODS, pod, 'FailedMount', missing);
    this.#mountFailure = missing;
    if ((missing || isAsked) && isFresh) return undefined; // woken when it comes
    for (const container of this.#init) {
      if (container.spec.restartPolicy === 'Always') {
        if (this.#areMainDone(policy)) container.stop(this.#graceMs(this.#last));
        else {
          const wait = await this.#keepUp(pod, container, 'Always');
          if (!container.hasStarted && !this.#areMainDone(policy)) return wait;
        }
      } else if (container.ended?.exitCode !== 0)
        return await this.#keepUp(pod, container, policy === 'Never' ? 'Never' : 'OnFailure');
    }
    const waits: number[] = [];
    for (const container of this.#main) {
      const wait = await this.#keepUp(pod, container, policy);
      if (wait !== undefined) waits.push(wait);
    }
    return waits.length > 0 ? Math.min(...waits) : undefined;
  }

  #areMainDone(policy: string): boolean {
    return (
      policy !== 'Always' && this.#main.every(({ ended }) => ended && (policy === 'Never' || ended.exitCode === 0))
    );
  }

  async #keepUp(pod: AgentPod, container: Container, policy: string): Promise<number | undefined> {
    if (container.isRunning) return undefined;
    await container.exited; // one that has just ended is not known to have, and would be started as if for the first time
    if (this.#isClosed) return undefined;
    const { recorder, clock, backoff } = this.#context;
    const { record, ended, spec } = container;
    let nextBackoff = record?.backoff ?? { ms: 0, at: 0 };
    if (record && ended) {
      if (policy === 'Never' || (policy === 'OnFailure' && ended.exitCode === 0)) return undefined;
      const next = restartAfter(record, backoff, clock.now());
      if (next.waitMs > 0) {
        const message = backoffMessage(record.backoff.ms, spec.name, pod);
        if (container.waiting.message !== message)
          recorder.warning(
            PODS,
            pod,
            'BackOff',
            `Back-off restarting failed container ${spec.name} in pod ${pod.metadata.name}_${pod.metadata.namespace}(${this.uid})`,
          );
        container.waiting = { reason: 'CrashLoopBackOff', message };
        return next.waitMs;
      }
      nextBackoff = { ms: next.backoffMs, at: clock.now() };
    }
    await this.#start(pod, container, nextBackoff);
    return undefined;
  }

  async #start(pod: AgentPod, container: Container, backoff: ContainerRecord['backoff']): Promise<void> {
    const { images, isStrict } = this.#context;
    const builder = this.#builder as Builder;
    const refusal = unrunnable(container.spec, images, isStrict);
    if (refusal) return this.#waits(pod, container, refusal);
    try {
      const command = builder.commandOf(container.spec);
      makeSubPaths(pod, container.spec, this.#context.podDir(this.uid));
      await container.start(command, backoff);
      container.waiting = { reason: 'ContainerCreating' };
    } catch (error) {
      if (error instanceof NotYetKnown) return; // woken when it is
      const message = error instanceof Error ? error.message : String(error);
      const isMissing = error instanceof ConfigMissing;
      const reason = isMissing ? 'CreateContainerConfigError' : 'CreateContainerError';
      this.#waits(pod, container, { reason, message });
      if (!isMissing) throw error;
    }
  }

  #waits(pod: AgentPod, container: Container, waiting: { reason: string; message: string }): void {
    if (container.waiting.message !== waiting.message)
      this.#context.recorder.warning(PODS, pod, 'Failed', `Error: ${waiting.message}`);
    container.waiting = waiting;
  }

  #graceMs(pod: AgentPod): number {
    const seconds = pod.metadata.deletionGracePeriodSeconds;
    return seconds === undefined ? specGraceMs(this.#last) : seconds * 1000;
  }

  /** Writes the status when it is not what was written last. */
  async #report(pod: AgentPod, isLast: boolean): Promise<void> {
    const { cluster, clock, nodeAddress } = this.#context;
    const status = podStatus({
      pod,
      init: this.#init,
      main: this.#main,
      address: this.#record && { podIp: this.#record.address, hostIp: nodeAddress },
      startTime: this.#record?.startTime ?? (this.#reported?.status ?? pod.status)?.startTime ?? timeText(clock.now()),
      failure: this.#failure && { ...this.#failure, isPending: this.#untilFailed() !== undefined },
      isLast: isLast && this.#record !== undefined,
      previous: this.#reported?.status ?? pod.status,
      now: clock.now(),
    });
    const text = JSON.stringify(status);
    if (text === this.#reported?.text) return;
    const { name, namespace, uid } = pod.metadata;
    const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, uid }, status } as KubeObject;
    const options = { fieldManager: MANAGER, force: true, subresource: 'status' as const };
    await cluster.apply(PODS, object, options).catch(ignoreGone);
    this.#reported = { text, status };
    if (status.phase === 'Succeeded' || status.phase === 'Failed') this.#context.admission.finish(this.uid);
  }
}

/** Gone, or another pod has the name by now: the watch will say so. */
function ignoreGone(error: unknown): void {
  if (!isNotFound(error) && !isConflict(error)) throw error;
}
