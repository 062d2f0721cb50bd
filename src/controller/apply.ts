/**
 * Makes the children what they should be: server-side apply, and only where the cache says that it would change something.
 * What was written a moment ago and the cache does not show yet is not written again. Every call may be repeated. The order
 * matters: pods before the Services that select them, Services before the route that names them, and what is removed last. A
 * child that the cluster refuses (a policy, a kind that is not installed) holds up no other: the way back must not wait for a
 * pod that may not be made. What is refused is tried again, ever less often.
 */
import { CONTROLLER_MANAGER } from '../contract/names.ts';
import { hashOf } from '../contract/revision.ts';
import { replicasOf } from '../contract/strategy.ts';
import { type Backoff, createBackoff } from '../lib/backoff.ts';
import { canonical, sameJson } from '../lib/canonical.ts';
import type { Clock } from '../lib/clock.ts';
import { type ClusterPort, isNotFound, type KubeObject, type Resource } from '../platform/cluster/port.ts';
import { CONTROLLERREVISIONS, DEPLOYMENTS, HTTPROUTES, SERVICES } from '../platform/cluster/resources.ts';
import type { Caches } from './caches.ts';
import { claim, notOwned } from './claim.ts';
import { desiredDeployment } from './desired/deployment.ts';
import { desiredRevision, firstNumber, snapshotIn, snapshotOf, withPlace } from './desired/revision.ts';
import { desiredRoute, desiredService, type Role } from './desired/routing.ts';
import type { ControllerRevision, Snapshot } from './kinds.ts';
import type { Context } from './observe.ts';
import { type Refusal, refusalOf } from './refusal.ts';
import type { Decision, Failure } from './rollout/types.ts';

export interface Applier {
  /** Answers with the first child that the cluster refuses, and when to try again what was refused. */
  children(context: Context, decision: Decision): Promise<{ refused?: Failure; retryInMs?: number }>;
  /** The ModelDeployment `key` is gone, and its children go by their owner. */
  forget(key: string): void;
}

interface Applied {
  wanted: string;
  resourceVersion?: string | undefined;
  /** What the server made of it: the same in its own form (1000m as 1). That is none of our changes. */
  taken?: unknown;
  refused?: Refused;
}

/** What was said, and when to try again. */
interface Refused {
  why: Refusal;
  until: number;
  backoff: Backoff;
}

const AGAIN = { initialMs: 1000, maxMs: 30_000 };

export function createApplier(
  cluster: ClusterPort,
  caches: Pick<Caches, 'revisions' | 'deployments' | 'services' | 'routes'>,
  clock: Clock,
): Applier {
  /** What was applied last and what came of it, by ModelDeployment and child. */
  const applied = new Map<string, Map<string, Applied>>();
  /** By uid, children whose deletion was asked for and that the cache still shows: whether it was refused, by ModelDeployment. */
  const removed = new Map<string, Map<string, Refused | undefined>>();
  const written = [caches.revisions, caches.deployments, caches.services, caches.routes];
  const hasSeen = ({ plural }: Resource, version: string): boolean =>
    written.find(({ resource }) => resource.plural === plural)?.hasSeen(version) ?? true;

  async function apply(
    { key }: Context,
    resource: Resource,
    wanted: KubeObject,
    present: KubeObject | undefined,
  ): Promise<Refusal | undefined> {
    if (present && isContained(wanted, present)) return undefined;
    const child = `${resource.plural}/${wanted.metadata.name}`;
    const text = canonical(wanted, 'empty');
    const children = applied.get(key) ?? new Map<string, Applied>();
    applied.set(key, children);
    const last = children.get(child);
    const isSame = last?.wanted === text;
    if (isSame && last.resourceVersion !== undefined) {
      if (!hasSeen(resource, last.resourceVersion)) return undefined; // its change brings the key back
      if (present && isContained(last.taken, present)) return undefined;
    }
    const before = isSame ? last.refused : undefined;
    const still = stillOf(before);
    if (still) return still;
    const backoff = before?.backoff ?? createBackoff(AGAIN);
    let why: Refusal | undefined;
    try {
      const answer = present
        ? await cluster.apply(resource, wanted, { fieldManager: CONTROLLER_MANAGER, force: true })
        : await claim(cluster, resource, wanted);
      if (answer) {
        const { resourceVersion } = answer.metadata;
        children.set(child, { wanted: text, resourceVersion, taken: takenOf(wanted, answer) });
        return undefined;
      }
      why = { ...notOwned(resource, wanted), retryInMs: backoff.next() };
    } catch (error) {
      why = refusalOf(error, resource, wanted.metadata.name, backoff);
      if (!why) throw error;
    }
    children.set(child, { wanted: text, refused: refusedNow(why, backoff) });
    return why;
  }

  async function remove({ key }: Context, resource: Resource, { metadata }: KubeObject): Promise<Refusal | undefined> {
    const { name, namespace, uid = '' } = metadata;
    const asked = removed.get(key) ?? new Map<string, Refused | undefined>();
    removed.set(key, asked);
    const before = asked.get(uid);
    if (asked.has(uid) && !before) return undefined;
    const still = stillOf(before);
    if (still) return still;
    const backoff = before?.backoff ?? createBackoff(AGAIN);
    let why: Refusal | undefined;
    try {
      await cluster.delete(resource, name, namespace, { propagationPolicy: 'Background', ...(uid && { uid }) });
    } catch (error) {
      if (!isNotFound(error)) {
        why = refusalOf(error, resource, name, backoff, 'the deletion of ');
        if (!why) throw error;
      }
    }
    asked.set(uid, why && refusedNow(why, backoff));
    if (!why) applied.get(key)?.delete(`${resource.plural}/${name}`);
    return why;
  }

  function forgetGone({ key, deployments, revisions }: Context): void {
    const here = new Set([...deployments.values(), ...revisions.values()].map(({ metadata }) => metadata.uid));
    const asked = removed.get(key);
    for (const uid of asked?.keys() ?? []) if (!here.has(uid)) asked?.delete(uid);
  }

  /** What was refused is not asked again before its time. */
  function stillOf(before: Refused | undefined): Refusal | undefined {
    const left = (before?.until ?? Number.NEGATIVE_INFINITY) - clock.monotonic();
    return before && left > 0 ? { ...before.why, retryInMs: left } : undefined;
  }

  const refusedNow = (why: Refusal, backoff: Backoff): Refused => ({
    why,
    until: clock.monotonic() + why.retryInMs,
    backoff,
  });

  async function applyRevision(context: Context): Promise<{ snapshot?: Snapshot; refused?: Refusal | undefined }> {
    const { md, runtime, revisions, observed } = context;
    const { hash, revision } = observed.desired;
    const present = revisions.get(hash);
    // While the spec has an obstacle it is another revision that is looked at, and the spec says nothing of that one.
    if (hash !== hashOf(md.spec)) return {};
    const data = present?.data ?? (runtime && snapshotOf(md.spec, runtime));
    if (!data) return {};
    const numbers = { revision, first: present ? firstNumber(present) : revision };
    const refused = await apply(context, CONTROLLERREVISIONS, desiredRevision(md, hash, numbers, data), present);
    return { snapshot: withPlace(data, md.spec.model.artifact), refused };
  }

  /** The new one first: while it may not be made, stable gives no pods away for it. */
  async function applyDeployments(context: Context, decision: Decision, wanted: Wanted) {
    const { md, deployments, observed } = context;
    const isNew = (hash: string): boolean => hash === observed.desired.hash;
    const inOrder = decision.deployments.toSorted((a, b) => Number(isNew(b.hash)) - Number(isNew(a.hash)));
    const all: (Refusal | undefined)[] = [];
    let isHeldUp = false;
    for (const { hash, replicas } of inOrder) {
      const present = deployments.get(hash);
      const isKept = isHeldUp && hash === decision.run.stable?.hash;
      const least = isKept ? Math.min(present?.spec.replicas ?? 0, replicasOf(md.spec)) : 0;
      const deployment = wanted(hash, Math.max(replicas, least));
      const why = deployment && (await apply(context, DEPLOYMENTS, deployment, present));
      all.push(why);
      if (isNew(hash) && !present && !isOver(decision)) isHeldUp = !deployment || why !== undefined;
    }
    return all;
  }

  async function removeIdle(context: Context, decision: Decision, wanted: Wanted) {
    const all: (Refusal | undefined)[] = [];
    for (const hash of decision.remove) {
      const deployment = context.deployments.get(hash);
      const why = deployment && (await remove(context, DEPLOYMENTS, deployment));
      all.push(why);
      // Its pods would hold their places, and the next rollout find none.
      const without = why && wanted(hash, 0);
      if (without) all.push(await apply(context, DEPLOYMENTS, without, deployment));
    }
    return all;
  }

  return {
    async children(context, decision) {
      const { md, services, route } = context;
      const { snapshot, refused } = await applyRevision(context);
      const wanted = wantedIn(context, refused ? undefined : snapshot);
      const all = [refused, ...(await applyDeployments(context, decision, wanted))];
      for (const role of ['stable', 'canary'] satisfies Role[]) {
        all.push(await apply(context, SERVICES, desiredService(md, role, decision.services[role]), services[role]));
      }
      if (decision.weights) all.push(await apply(context, HTTPROUTES, desiredRoute(md, decision.weights), route));
      forgetGone(context);
      const kept = await removeIdle(context, decision, wanted);
      // A rollout that goes on has more to say than what is left of another, and so has one that was aborted.
      if (isOver(decision) && decision.run.rollout.outcome !== 'Aborted') all.push(...kept);
      // One of these that stays is in nobody's way.
      for (const revision of forgotten(context, decision))
        kept.push(await remove(context, CONTROLLERREVISIONS, revision));
      const told = all.find((one) => one !== undefined);
      const waits = [...all, ...kept].flatMap((one) => one?.retryInMs ?? []);
      return { ...(told && { refused: told }), ...(waits.length > 0 && { retryInMs: Math.min(...waits) }) };
    },
    forget(key) {
      applied.delete(key);
      removed.delete(key);
    },
  };
}

const isOver = ({ run }: Decision): boolean => run.rollout.outcome !== undefined;

/** A revision's Deployment; none of one that was deleted by hand, or may not be kept: pods of it could not be gone back to. */
type Wanted = (hash: string, replicas: number) => KubeObject | undefined;

/** `newest` is of the desired revision, as it was just kept. */
function wantedIn({ md, revisions, observed }: Context, newest: Snapshot | undefined): Wanted {
  // As it is written: one that is not written yet would be another at the next try, and the pods be replaced each time.
  const restartedAt = md.status?.restartedAt;
  return (hash, replicas) => {
    const kept = revisions.get(hash);
    const snapshot = newest && hash === observed.desired.hash ? newest : kept && snapshotIn(kept);
    return snapshot && desiredDeployment({ owner: md, hash, snapshot, replicas, ...(restartedAt && { restartedAt }) });
  };
}

/** Revisions beyond the limit, the oldest first, never one that runs. */
function forgotten({ md, revisions, observed }: Context, { run }: Decision): ControllerRevision[] {
  const used = new Set([run.stable?.hash, run.canary?.hash, run.rollout.hash, ...observed.sides.keys()]);
  const idle = [...revisions].filter(([hash]) => !used.has(hash)).map(([, revision]) => revision);
  idle.sort((a, b) => b.revision - a.revision);
  return idle.slice(md.spec.revisionHistoryLimit ?? 10);
}

/** What of the server's answer is in the places of what was wanted. What `isContained` compares whole is taken whole. */
export function takenOf(wanted: unknown, answer: unknown): unknown {
  if (Array.isArray(wanted) && Array.isArray(answer) && wanted.length === answer.length)
    return wanted.map((item, i) => takenOf(item, answer[i]));
  if (!isObject(wanted) || !isObject(answer)) return answer;
  return Object.fromEntries(
    Object.entries(wanted).map(([name, value]) => [
      name,
      WHOLE.includes(name) ? answer[name] : takenOf(value, answer[name]),
    ]),
  );
}

/** Everything that is wanted is there already; what others or the server added does not matter. Lists must be as long, selectors the same. */
export function isContained(wanted: unknown, present: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(present) &&
      present.length === wanted.length &&
      wanted.every((item, i) => isContained(item, present[i]))
    );
  }
  if (!isObject(wanted)) return wanted === present;
  if (!isObject(present)) return false;
  return Object.entries(wanted).every(
    ([name, value]) =>
      value === undefined ||
      (WHOLE.includes(name) ? sameJson(value, present[name]) : isContained(value, present[name])),
  );
}

/** Maps that are one value to Kubernetes: with a key that somebody added, a Service selects nobody and a pod finds no node. */
const WHOLE: readonly string[] = ['selector', 'nodeSelector'];

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
