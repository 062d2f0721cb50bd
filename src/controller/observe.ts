/** Gathers from the caches what concerns one ModelDeployment and names it. Reads only; asks nobody but the prober. */
import type { ModelDeployment } from '../contract/modeldeployment.ts';
import { ANNOTATIONS, LABELS } from '../contract/names.ts';
import { hashOf } from '../contract/revision.ts';
import type { RolloutCommand } from '../contract/rolloutcommand.ts';
import type { ServingRuntime } from '../contract/servingruntime.ts';
import { keyOf } from '../platform/cluster/informer.ts';
import type { KubeObject } from '../platform/cluster/port.ts';
import type { Caches } from './caches.ts';
import { hashOfChild } from './desired/child.ts';
import { firstNumber } from './desired/revision.ts';
import { type Role, serviceName } from './desired/routing.ts';
import { artifactOf, failureOf, podsRefused } from './failure.ts';
import type { ControllerRevision, Deployment, HttpRoute, Pod, Service, Snapshot } from './kinds.ts';
import type { Prober, ProbeTarget } from './prober.ts';
import { type Failure, NO_SIDE, type Observed, type Ref, type Side, type TrafficState } from './rollout/types.ts';
import { routeState } from './route.ts';

export interface Context {
  key: string;
  md: ModelDeployment;
  runtime?: ServingRuntime;
  commands: RolloutCommand[];
  /** Children by the hash that is in their names. */
  revisions: ReadonlyMap<string, ControllerRevision>;
  deployments: ReadonlyMap<string, Deployment>;
  services: Partial<Record<Role, Service>>;
  route?: HttpRoute;
  /** Some pod was asked and has not answered yet. */
  isAsking: boolean;
  observed: Omit<Observed, 'traffic'>;
}

export function observe(caches: Caches, prober: Prober, key: string, md: ModelDeployment): Context {
  const uid = md.metadata.uid ?? '';
  const { name, namespace = '' } = md.metadata;
  const revisions = byHash(name, caches.revisions.by('owner', uid));
  const deployments = byHash(name, caches.deployments.by('owner', uid));
  const pods = caches.pods.by('deployment', key).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const service = (role: Role): Service | undefined => {
    const found = caches.services.get(`${namespace}/${serviceName(name, role)}`);
    return found?.metadata.ownerReferences?.some((owner) => owner.uid === uid) ? found : undefined;
  };
  const services = { stable: service('stable'), canary: service('canary') };
  const route = caches.routes.by('owner', uid).find(({ metadata }) => metadata.name === name);
  const runtime = caches.runtimes.get(md.spec.runtime);
  const { sides, isAsking } = sidesOf(key, revisions, deployments, pods, prober);
  return {
    key,
    md,
    ...(runtime && { runtime }),
    commands: caches.commands.by('deployment', key).sort(inOrder),
    revisions,
    deployments,
    services: {
      ...(services.stable && { stable: services.stable }),
      ...(services.canary && { canary: services.canary }),
    },
    ...(route && { route }),
    isAsking,
    observed: {
      desired: desiredRef(md, revisions),
      revisions: new Map([...revisions].map(([hash, { revision }]) => [hash, revision])),
      firstRevisions: new Map([...revisions].map(([hash, revision]) => [hash, firstNumber(revision)])),
      sides,
      selectors: {
        ...(services.stable && { stable: services.stable.spec.selector?.[LABELS.revision] ?? '' }),
        ...(services.canary && { canary: services.canary.spec.selector?.[LABELS.revision] ?? '' }),
      },
      endpoints: {
        stable: endpointHashes(caches, namespace, serviceName(name, 'stable')),
        canary: endpointHashes(caches, namespace, serviceName(name, 'canary')),
      },
      route: routeState(md, route, caches),
    },
  };
}

export const NO_TRAFFIC: TrafficState = { programmedForMs: 0 };

function byHash<T extends KubeObject>(deployment: string, children: readonly T[]): Map<string, T> {
  const found = new Map<string, T>();
  for (const child of children) {
    const hash = hashOfChild(deployment, child);
    if (hash !== undefined) found.set(hash, child);
  }
  return found;
}

/** A pod is of the revision that a Service finds it by. */
const revisionOfPod = ({ metadata }: Pod): string => metadata.labels?.[LABELS.revision] ?? '';

/** The number it has when it is the newest one, else the next: going back to an old revision raises its number. */
function desiredRef({ spec }: ModelDeployment, revisions: Context['revisions']): Ref {
  const hash = hashOf(spec);
  const newest = Math.max(0, ...[...revisions.values()].map(({ revision }) => revision));
  const own = revisions.get(hash)?.revision;
  return { hash, revision: own === newest && newest > 0 ? own : newest + 1, version: spec.model.version };
}

function sidesOf(
  key: string,
  revisions: Context['revisions'],
  deployments: Context['deployments'],
  pods: readonly Pod[],
  prober: Prober,
): { sides: Map<string, Side>; isAsking: boolean } {
  const sides = new Map<string, Side>();
  const ids = new Set<string>();
  let isAsking = false;
  for (const [hash, deployment] of deployments) {
    const snapshot = revisions.get(hash)?.data;
    const refused = podsRefused(deployment);
    const side: Side = { ...NO_SIDE, exists: true, replicas: deployment.spec.replicas ?? 1 };
    if (refused) side.failure = refused;
    const own = pods.filter((pod) => revisionOfPod(pod) === hash);
    const active = own.filter((pod) => !hasEnded(pod));
    side.pods = active.length;
    for (const pod of active.length > 0 ? active : own) {
      const artifact = artifactOf(pod);
      if (artifact === 'Verified' || side.artifact === 'Unknown') side.artifact = artifact;
      const failure = failureOf(pod);
      if (failure) side.failure ??= failure;
      if (hasEnded(pod) || !isReady(pod)) continue;
      side.ready++;
      side.available++;
      const target = targetOf(key, pod, snapshot);
      if (target) ids.add(target.id);
      const { verdict, why } = target ? prober.verdict(target) : unasked(snapshot);
      if (verdict === 'Verified') side.verified++;
      else if (verdict === 'Refuted') {
        side.refuted++;
        side.failure ??= notServing(pod, target?.url, why);
      } else if (verdict === 'Asking') isAsking = true;
    }
    sides.set(hash, side);
  }
  prober.retain(key, ids);
  return { sides, isAsking };
}

/** What to ask the pod, and where. Undefined when nobody knows that, or needs to: then there is no answer to wait for. */
function targetOf(key: string, pod: Pod, snapshot: Snapshot | undefined): ProbeTarget | undefined {
  if (!snapshot || !saysItsModel(snapshot)) return undefined;
  const { podIP } = pod.status ?? {};
  const restarts = pod.status?.containerStatuses?.reduce((sum, { restartCount = 0 }) => sum + restartCount, 0) ?? 0;
  const port = portOf(pod);
  if (!podIP || port === undefined) return undefined;
  const host = podIP.includes(':') ? `[${podIP}]` : podIP;
  const { name, version } = snapshot.model;
  return { id: `${pod.metadata.uid}/${restarts}`, key, url: `http://${host}:${port}`, model: name, version };
}

const saysItsModel = ({ runtime }: Snapshot): boolean => runtime.capabilities?.includes('ModelMetadata') ?? false;

/** A runtime that cannot say which model it serves is believed. */
const unasked = (snapshot: Snapshot | undefined): { verdict: 'Verified' | 'Unasked'; why?: string } => ({
  verdict: snapshot && !saysItsModel(snapshot) ? 'Verified' : 'Unasked',
});

/** A policy of the network, or a controller outside it, once looked like a server of another model. */
function notServing({ metadata }: Pod, url: string | undefined, why: string | undefined): Failure {
  if (why === undefined)
    return { reason: 'ModelNotServed', message: `Pod ${metadata.name} is ready but does not serve the version.` };
  return { reason: 'PodUnreachable', message: `Pod ${metadata.name} could not be asked at ${url}: ${why}.` };
}

/** Where the pod really listens: a node without an address for each pod gives it another port. */
function portOf(pod: Pod): number | undefined {
  const declared = pod.spec.containers.flatMap(({ ports }) => ports ?? []).find(({ name }) => name === 'http');
  const given = pod.metadata.annotations?.[ANNOTATIONS.ports];
  if (given === undefined) return declared?.containerPort;
  try {
    const ports = JSON.parse(given) as Record<string, number>;
    return ports['http'] ?? declared?.containerPort;
  } catch {
    return declared?.containerPort;
  }
}

/** Evicted, or on a node that was shut down: it stays for its last words, and another has come in its place. */
const hasEnded = ({ status }: Pod): boolean => status?.phase === 'Failed' || status?.phase === 'Succeeded';

const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;

function endpointHashes(caches: Caches, namespace: string, service: string): string[] {
  const hashes: string[] = [];
  for (const { endpoints } of caches.slices.by('service', `${namespace}/${service}`)) {
    for (const { conditions, targetRef } of endpoints ?? []) {
      if (conditions?.ready === false || targetRef?.kind !== 'Pod') continue;
      const pod = caches.pods.get(`${namespace}/${targetRef.name}`);
      if (pod) hashes.push(revisionOfPod(pod));
    }
  }
  return hashes;
}

/** Older first, then by name: an operation's id sorts by time. */
const inOrder = (a: RolloutCommand, b: RolloutCommand): number => {
  const [timeA, timeB] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  if (timeA !== timeB) return timeA < timeB ? -1 : 1;
  return keyOf(a) < keyOf(b) ? -1 : 1;
};
