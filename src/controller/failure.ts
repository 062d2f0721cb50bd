/** Why a pod is not what it should be, in its own last words, or why there is none. Pure. */
import { endOf } from '../lib/text.ts';
import type { ContainerStatus, Deployment, Pod } from './kinds.ts';
import type { Failure } from './rollout/types.ts';

/** Waiting for these is ordinary life. */
const PATIENT = ['PodInitializing', 'ContainerCreating'];
const MAX_WORDS = 1000;

export function failureOf(pod: Pod): Failure | undefined {
  const { status } = pod;
  if (!status) return undefined;
  const scheduled = status.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False' && scheduled.message)
    return words(scheduled.reason ?? 'Unschedulable', scheduled.message);
  for (const step of status.initContainerStatuses ?? []) {
    const failure = ofContainer(step, isOver(step));
    if (failure) return failure;
  }
  for (const container of status.containerStatuses ?? []) {
    const failure = ofContainer(container, container.ready === true);
    if (failure) return failure;
  }
  if (status.phase === 'Failed') return words(status.reason ?? 'Failed', status.message ?? 'The pod failed.');
  return isCutOff(pod) ? words('NodeSilent', silence(pod.spec.nodeName)) : undefined;
}

/** Its containers were ready when last heard of: the cluster, and no kubelet, has said without a word that the pod is not. */
function isCutOff({ status }: Pod): boolean {
  const of = (type: string) => status?.conditions?.find((condition) => condition.type === type);
  const ready = of('Ready');
  return ready?.status === 'False' && !ready.reason && of('ContainersReady')?.status === 'True';
}

const silence = (node = 'of the pod'): string =>
  `Node ${node} has gone silent. Its pods are replaced when the cluster gives it up, after 5 minutes by default, or when it is deleted.`;

/** A quota, a limit range or a policy that lets no pod be made: there is none that could say so itself. */
export function podsRefused({ status }: Deployment): Failure | undefined {
  const found = status?.conditions?.find(({ type }) => type === 'ReplicaFailure');
  return found?.status === 'True' && found.message ? words(found.reason ?? 'FailedCreate', found.message) : undefined;
}

/** A step before the server is well only when it is over: while it tries again, what it died of still counts. */
const isOver = ({ state }: ContainerStatus): boolean => state?.terminated?.exitCode === 0;

function ofContainer({ name, state = {}, lastState = {} }: ContainerStatus, isWell: boolean): Failure | undefined {
  const { waiting, terminated } = state;
  const last = lastState.terminated;
  if (waiting?.reason && !PATIENT.includes(waiting.reason)) {
    return words(waiting.reason, last?.message || waiting.message || `${name} waits: ${waiting.reason}`);
  }
  const ended = terminated && terminated.exitCode !== 0 ? terminated : undefined;
  const dead = ended ?? (isWell ? undefined : last);
  if (!dead || dead.exitCode === 0) return undefined;
  return words(dead.reason ?? 'Error', dead.message || `${name} ended with exit code ${dead.exitCode}.`);
}

const words = (reason: string, message: string): Failure => ({
  reason: /^[A-Za-z][A-Za-z0-9]*$/.test(reason) ? reason : 'Error',
  message: endOf(message.trim(), MAX_WORDS),
});

/** What the fetch step says of the artifact. */
export function artifactOf(pod: Pod): 'Verified' | 'Refused' | 'Unknown' {
  const fetch = pod.status?.initContainerStatuses?.find(({ name }) => name === 'fetch');
  if (!fetch) return 'Unknown';
  if (isOver(fetch)) return 'Verified';
  return ofContainer(fetch, false) ? 'Refused' : 'Unknown';
}
