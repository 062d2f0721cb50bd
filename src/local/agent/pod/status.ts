/** A pod's status from what its containers do, as a kubelet writes it: phase, conditions, containerStatuses. Pure. */
import { type Condition, timeText } from '../../kinds.ts';
import { type Container, containerId } from '../container/container.ts';
import type { AgentPod, ContainerState, ContainerStatus, PodStatus } from '../types.ts';

export interface StatusInput {
  pod: AgentPod;
  init: readonly Container[];
  main: readonly Container[];
  /** Undefined until the pod has one. */
  address: { podIp: string; hostIp: string } | undefined;
  startTime: string;
  /** The node will not run it, or runs it no more. */
  failure: { reason: string; message: string; isPending: boolean } | undefined;
  /** Every container is ended and none will be started again because the pod is being deleted. */
  isLast: boolean;
  previous: PodStatus | undefined;
  now: number;
}

export function podStatus(input: StatusInput): PodStatus {
  const { pod, init, main, address, startTime, failure, previous, now } = input;
  const isEnding = pod.metadata.deletionTimestamp !== undefined;
  const initStatuses = init.map((container) => containerStatus(container, 'init', isEnding));
  const statuses = main.map((container) => containerStatus(container, 'main', isEnding));
  if (initStatuses.some((status) => !isInitialized(status)))
    for (const status of statuses) if (status.state.waiting) status.state = { waiting: { reason: 'PodInitializing' } };
  const phase = failure
    ? failure.isPending
      ? 'Pending'
      : 'Failed'
    : phaseOf(pod, initStatuses, statuses, input.isLast);
  return {
    phase,
    ...(failure && { reason: failure.reason, message: failure.message }),
    ...(address && {
      hostIP: address.hostIp,
      hostIPs: [{ ip: address.hostIp }],
      podIP: address.podIp,
      podIPs: [{ ip: address.podIp }],
    }),
    startTime,
    conditions: conditionsOf(pod, phase, initStatuses, statuses, previous?.conditions ?? [], now),
    ...(init.length > 0 && { initContainerStatuses: initStatuses }),
    containerStatuses: statuses,
  };
}

function containerStatus(container: Container, kind: 'init' | 'main', isEnding: boolean): ContainerStatus {
  const { spec, record, ended } = container;
  const isSidecar = kind === 'init' && spec.restartPolicy === 'Always';
  const isDone = ended?.exitCode === 0;
  const state = stateOf(container);
  // While it waits to be started again, what ended last is the attempt that `state` no longer shows.
  const last = ended && state.waiting ? ended : record?.last;
  return {
    name: spec.name,
    state,
    lastState: last ? { terminated: last } : {},
    // A step that is to end has nobody to be ready for before it has ended well.
    ready: kind === 'init' && !isSidecar ? isDone : container.isReady && !isEnding,
    started: kind === 'main' || isSidecar ? container.hasStarted : false,
    restartCount: container.restartCount,
    image: spec.image ?? '',
    imageID: record ? (spec.image ?? '') : '',
    ...(record && { containerID: containerId(record) }),
  };
}

function stateOf(container: Container): ContainerState {
  if (container.isRunning) return { running: { startedAt: timeText(container.record?.startedAt ?? 0) } };
  if (container.ended && container.waiting.reason === 'ContainerCreating') return { terminated: container.ended };
  return { waiting: container.waiting };
}

const isInitialized = (status: ContainerStatus): boolean =>
  status.state.terminated?.exitCode === 0 || (status.started && status.state.running !== undefined);

function phaseOf(pod: AgentPod, init: ContainerStatus[], main: ContainerStatus[], isLast: boolean): string {
  const policy = pod.spec.restartPolicy ?? 'Always';
  const succeeded = main.every(({ state }) => state.terminated?.exitCode === 0);
  if (isLast) return succeeded ? 'Succeeded' : 'Failed';
  const isInitFailed = init.some(({ state }) => state.terminated !== undefined && state.terminated.exitCode !== 0);
  if (isInitFailed && policy === 'Never') return 'Failed';
  if (init.some((status) => !isInitialized(status) && !hasRun(status, pod, main))) return 'Pending';
  if (main.some(({ state, containerID }) => state.waiting && containerID === undefined)) return 'Pending';
  if (main.some(({ state }) => state.running)) return 'Running';
  if (policy === 'Always' || main.some(({ state }) => !state.terminated)) return 'Running';
  if (succeeded) return 'Succeeded';
  return policy === 'Never' ? 'Failed' : 'Running';
}

/** A sidecar that is between two attempts does not take the pod back to Pending. */
const hasRun = (status: ContainerStatus, pod: AgentPod, main: ContainerStatus[]): boolean =>
  pod.spec.initContainers?.find(({ name }) => name === status.name)?.restartPolicy === 'Always' &&
  main.some(({ containerID }) => containerID !== undefined);

function conditionsOf(
  pod: AgentPod,
  phase: string,
  init: ContainerStatus[],
  main: ContainerStatus[],
  previous: readonly Condition[],
  now: number,
): Condition[] {
  const incomplete = init.filter((status) => !isInitialized(status)).map(({ name }) => name);
  const unready = main.filter(({ ready }) => !ready).map(({ name }) => name);
  const initialized = phase === 'Succeeded' || incomplete.length === 0;
  const initReason = phase === 'Succeeded' ? { reason: 'PodCompleted' } : {};
  const containers = readiness(phase, unready);
  const gates = (pod.spec.readinessGates ?? []).filter(
    ({ conditionType }) => pod.status?.conditions?.find(({ type }) => type === conditionType)?.status !== 'True',
  );
  const ready =
    containers.status === 'True' && gates.length > 0
      ? {
          status: 'False' as const,
          reason: 'ReadinessGatesNotReady',
          message: `corresponding condition of pod readiness gate "${gates[0]?.conditionType}" does not exist or is not "True".`,
        }
      : containers;
  const conditions: Condition[] = [
    initialized
      ? { type: 'Initialized', status: 'True', ...initReason }
      : {
          type: 'Initialized',
          status: 'False',
          reason: 'ContainersNotInitialized',
          message: `containers with incomplete status: [${incomplete.join(' ')}]`,
        },
    { type: 'Ready', ...ready },
    { type: 'ContainersReady', ...containers },
  ];
  return conditions.map((condition) => {
    const before = previous.find(({ type }) => type === condition.type);
    const same = before?.status === condition.status;
    return { ...condition, lastTransitionTime: same ? (before?.lastTransitionTime ?? timeText(now)) : timeText(now) };
  });
}

function readiness(phase: string, unready: string[]): { status: 'True' | 'False'; reason?: string; message?: string } {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  if (unready.length === 0) return { status: 'True' };
  return {
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: [${unready.join(' ')}]`,
  };
}
