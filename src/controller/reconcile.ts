/** One ModelDeployment, five beats: observe, check, decide, apply, report. Never sleeps: it says when to look again. */
import type { ModelDeployment, ModelDeploymentStatus } from '../contract/modeldeployment.ts';
import { ANNOTATIONS, CONTROLLER_MANAGER } from '../contract/names.ts';
import { endpointPath } from '../contract/validation.ts';
import type { Clock } from '../lib/clock.ts';
import { after, type Outcome } from '../lib/workqueue.ts';
import { type ClusterPort, isNotFound, isRefusal } from '../platform/cluster/port.ts';
import { MODELDEPLOYMENTS } from '../platform/cluster/resources.ts';
import type { Applier } from './apply.ts';
import type { Caches } from './caches.ts';
import { firstObstacle } from './checks.ts';
import type { Commands } from './commands.ts';
import { type GatewayRef, parentRefsOf, withGateway } from './desired/routing.ts';
import { inSpite } from './inSpite.ts';
import { type Context, NO_TRAFFIC, observe } from './observe.ts';
import type { Prober } from './prober.ts';
import type { Recorder } from './recorder.ts';
import { saidBy } from './refusal.ts';
import { decide } from './rollout/machine.ts';
import { COUNT_AGAIN_MS } from './rollout/share.ts';
import type { Decision, RolloutInput } from './rollout/types.ts';
import { urlOf } from './route.ts';
import { mayWait, mergeDiff, statusFor } from './status.ts';
import { type Counting, gatewayOf, type TrafficWatch } from './traffic.ts';

export interface Parts {
  cluster: ClusterPort;
  gateway: GatewayRef;
  caches: Caches;
  prober: Prober;
  traffic: TrafficWatch;
  applier: Applier;
  commands: Commands;
  recorder: Recorder;
  clock: Clock;
}

/** How long a change of the status waits for another when nobody misses it. */
const WAIT_MS = 1000;

export function createReconciler(parts: Parts): (key: string) => Promise<Outcome> {
  const { cluster, caches, prober, traffic, applier, commands, recorder, clock } = parts;
  /** Status written here that the cache may not show yet: deciding on an older one would do a step twice. */
  const written = new Map<string, string>();
  /** Seen in this process's life: the first look waits for all pods to have been asked. */
  const visited = new Set<string>();
  /** Since when something waits to be written. */
  const waiting = new Map<string, number>();
  /** What the cluster said of a status that it does not take: told once. */
  const unwritable = new Map<string, string>();

  async function reconcile(key: string): Promise<Outcome> {
    const found = caches.modelDeployments.get(key);
    if (!found) {
      forget(key);
      await commands.refuseOrphans(caches.commands.by('deployment', key));
      return undefined;
    }
    const md = withGateway(found, parts.gateway);
    if (isBehind(md, written.get(key))) return undefined; // the cache's own event brings the key back

    const context = observe(caches, prober, key, md);
    if (md.metadata.deletionTimestamp !== undefined) {
      await report(context, { ...md.status, phase: 'Deleting' });
      return undefined; // the children go by their owner
    }
    if (!visited.has(key) && context.isAsking) return undefined; // so does each answer
    visited.add(key);
    const obstacle = firstObstacle(context);
    const open = commands.open(context);
    const input = inputOf(context, open.unanswered);
    const inSpiteOfIt = obstacle && inSpite(context, input, obstacle);
    if (obstacle && !inSpiteOfIt) {
      const status = statusFor({ md, input, obstacle, handledCommands: open.handled, ...urlFor(md) });
      const waits = await report(context, status);
      await commands.refuse(context, obstacle.message);
      return waits === undefined ? undefined : after(waits);
    }
    const look = inSpiteOfIt ?? { context, input };
    const decision = decide(look.input);
    const { refused, retryInMs } = await applier.children(look.context, decision);
    const isDone = decision.answer?.state === 'Done' && decision.answer.name;
    const handledCommands = isDone ? [...open.handled, isDone] : open.handled;
    const seen = { ...look.input, spec: md.spec }; // as it is, and not as it was held
    const done = { md, input: seen, decision, ...(obstacle && { obstacle }), ...(refused && { refused }) };
    const waits = await report(context, statusFor({ ...done, handledCommands, ...urlFor(md) }));
    await recorder.record(md, decision.events);
    await commands.mark(context, decision);
    if (obstacle) await commands.refuse(context, obstacle.message);
    return waitFor(context, decision, [retryInMs, waits]);
  }

  function forget(key: string): void {
    prober.retain(key, new Set());
    traffic.forget(key);
    applier.forget(key);
    commands.forget(key);
    written.delete(key);
    visited.delete(key);
    waiting.delete(key);
    unwritable.delete(key);
  }

  function inputOf(context: Context, unanswered: RolloutInput['commands']): RolloutInput {
    const { key, md, observed } = context;
    const status = md.status ?? {};
    const counting = observed.route.state === 'Programmed' ? countingFor(status) : 'Never';
    const rolloutId = md.metadata.annotations?.[ANNOTATIONS.rollout];
    const rolloutsBefore = Number(md.metadata.annotations?.[ANNOTATIONS.rolloutsBefore]);
    const counted = observed.route.weights ? traffic.state(key, md, observed.route, counting) : NO_TRAFFIC;
    return {
      spec: md.spec,
      status,
      ...(rolloutId && { rolloutId }),
      ...(Number.isSafeInteger(rolloutsBefore) && rolloutsBefore > 0 && { rolloutsBefore }),
      observed: { ...observed, traffic: counted },
      commands: unanswered,
      now: clock.now(),
    };
  }

  function urlFor(md: ModelDeployment): { url?: string } {
    const path = endpointPath(md.metadata.namespace ?? '', md.metadata.name);
    const url = urlOf(gatewayOf(caches, md), parentRefsOf(md)[0]?.sectionName, path);
    return url ? { url } : {};
  }

  /**
   * One patch, only when something happened, and only over the status that was decided on. Answers in how many milliseconds
   * it will be written when it is not now.
   */
  async function report({ key, md }: Context, status: ModelDeploymentStatus): Promise<number | undefined> {
    const change = mergeDiff(md.status ?? {}, status);
    if (change !== undefined && mayWait(md.status ?? {}, status)) {
      const now = clock.monotonic();
      const left = (waiting.get(key) ?? now) + WAIT_MS - now;
      if (!waiting.has(key)) waiting.set(key, now);
      if (left > 0) return left;
    }
    waiting.delete(key);
    if (change === undefined) return undefined;
    const { name, namespace, resourceVersion } = md.metadata;
    try {
      const patch = { metadata: { resourceVersion }, status: change };
      const options = { subresource: 'status' as const, fieldManager: CONTROLLER_MANAGER };
      const { metadata } = await cluster.patch(MODELDEPLOYMENTS, name, namespace, 'merge', patch, options);
      written.set(key, metadata.resourceVersion ?? '');
      unwritable.delete(key);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      if (isRefusal(error)) await tellUnwritable(key, md, saidBy(error));
      throw error;
    }
    return undefined;
  }

  /** Nowhere else could it be read: the status is where everything else is told. */
  async function tellUnwritable(key: string, md: ModelDeployment, said: string): Promise<void> {
    if (unwritable.get(key) === said) return;
    unwritable.set(key, said);
    const message = `The cluster refuses the status of this deployment, and its rollout stands still: ${said}`;
    await recorder.record(md, [{ type: 'Warning', reason: 'StatusRefused', message }]);
  }

  /** While weights are not known to be in force, or a paused canary has not been counted, somebody must look. */
  function waitFor({ observed }: Context, decision: Decision, others: (number | undefined)[]): Outcome {
    const { run, traffic: verdict } = decision;
    const isRouted = observed.route.state === 'Programmed' && decision.weights !== undefined;
    const isDrifting = verdict.status === 'False';
    const counting = !isRouted || (verdict.proceed && !isDrifting) ? undefined : isDrifting ? 1000 : COUNT_AGAIN_MS;
    const isShared = run.rollout.outcome === undefined && (decision.weights?.canary ?? 0) > 0;
    const idle = isRouted && isShared && verdict.status === 'Unknown' && verdict.proceed ? 5000 : undefined;
    const soonest = Math.min(...[decision.after, counting, idle, ...others].filter((ms) => ms !== undefined));
    return Number.isFinite(soonest) ? after(soonest) : undefined;
  }

  return reconcile;
}

/** A rollout in progress, or one whose last weights nobody has judged yet. */
function countingFor({ rollout, conditions }: ModelDeploymentStatus): Counting {
  if (rollout && rollout.outcome === undefined) return 'Always';
  const judged = conditions?.find(({ type }) => type === 'TrafficVerified');
  if (judged?.status === 'True') return 'Never';
  return ['NoRequests', 'TooFewRequests', 'NotCounted'].includes(judged?.reason ?? '') ? 'WhileNew' : 'Always';
}

/** Resource versions are numbers on every Kubernetes there is; where they are not, the patch's precondition catches it. */
function isBehind({ metadata }: ModelDeployment, written: string | undefined): boolean {
  if (written === undefined || metadata.resourceVersion === written) return false;
  return Number(metadata.resourceVersion) < Number(written);
}
