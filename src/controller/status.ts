/**
 * The status of a ModelDeployment as one value, the smallest patch that brings it about, and whether that may wait a moment.
 * Pure.
 */
import type {
  DeploymentPhase,
  ModelDeployment,
  ModelDeploymentStatus,
  TargetStatus,
} from '../contract/modeldeployment.ts';
import { CONDITIONS, LABELS } from '../contract/names.ts';
import { replicasOf, strategyOf } from '../contract/strategy.ts';
import { sameJson } from '../lib/canonical.ts';
import { conditionsFor } from './conditions.ts';
import { sideOf } from './rollout/phase.ts';
import { alive } from './rollout/plan.ts';
import { shareOf } from './rollout/routing.ts';
import type { Decision, Failure, Ref, RolloutInput } from './rollout/types.ts';
import { UNSERVED } from './route.ts';

export interface StatusInput {
  md: ModelDeployment;
  input: RolloutInput;
  decision?: Decision;
  obstacle?: Failure;
  /** A child that the cluster does not take. */
  refused?: Failure;
  /** Names of commands acted on, as far as they are not yet seen as marked. */
  handledCommands: readonly string[];
  url?: string;
}

export function statusFor(given: StatusInput): ModelDeploymentStatus {
  const { md, input, decision, obstacle, refused, handledCommands, url } = given;
  const generation = md.metadata.generation ?? 0;
  const before = input.status;
  const conditions = conditionsFor({
    input,
    generation,
    ...(decision && { decision }),
    ...(obstacle && { obstacle }),
    ...(refused && { refused }),
  });
  const run = decision?.run;
  const weights = decision && (decision.weights ?? input.observed.route.weights);
  const target = (ref: Ref): TargetStatus =>
    targetOf(ref, input, decision ? shareOf(ref.hash, decision.services, weights) : 0);
  const stable = run ? run.stable && target(run.stable) : before.stable;
  const canary = run ? run.canary && target(run.canary) : before.canary;
  const decided = run?.rollout ?? before.rollout;
  const rollout =
    decided && refused && decided.outcome === undefined ? { ...decided, message: refused.message } : decided;
  const sides = [...input.observed.sides.values()];
  const pods = sides.reduce((sum, side) => sum + side.pods, 0);
  const ready = sides.reduce((sum, side) => sum + side.ready, 0);
  const { steps } = strategyOf(md.spec);
  const status: ModelDeploymentStatus = {
    observedGeneration: generation,
    replicas: pods,
    selector: `${LABELS.deployment}=${md.metadata.name}`,
    ready: `${ready}/${pods}`,
    conditions,
    ...(steps.length > 0 && rollout && { step: `${Math.min(steps.length, rollout.stepIndex + 1)}/${steps.length}` }),
    ...((url ?? before.url) && { url: url ?? before.url }),
    ...(stable && { stable }),
    ...(canary && { canary }),
    ...(rollout && { rollout }),
    ...((run?.restartedAt ?? before.restartedAt) && { restartedAt: run?.restartedAt ?? before.restartedAt }),
    ...(handledCommands.length > 0 && { handledCommands: [...handledCommands] }),
    ...((run?.history ?? before.history)?.length && { history: [...(run?.history ?? before.history ?? [])] }),
  };
  return { ...status, phase: phaseOf(given, status, pods) };
}

function targetOf({ hash, revision, version }: Ref, input: RolloutInput, weight: number): TargetStatus {
  const side = sideOf(input, hash);
  return { revision, hash, version, replicas: side.pods, readyReplicas: side.ready, weight };
}

function phaseOf({ md, input, obstacle }: StatusInput, status: ModelDeploymentStatus, pods: number): DeploymentPhase {
  const has = (type: string, value: string): boolean =>
    status.conditions?.some((condition) => condition.type === type && condition.status === value) ?? false;
  if (obstacle) return status.stable || (status.canary?.weight ?? 0) > 0 ? 'Degraded' : 'Pending';
  if (replicasOf(md.spec) === 0 && pods === 0) return 'Stopped';
  const phase = status.rollout?.phase;
  if (phase === 'Aborted' || phase === 'Degraded' || phase === 'Aborting') return 'Degraded';
  if (has(CONDITIONS.paused, 'True')) return 'Paused';
  if (phase !== 'Healthy' || replicasOf(md.spec) === 0) return 'Progressing';
  if (has(CONDITIONS.available, 'False')) return isGrowing(input, status) ? 'Progressing' : 'Degraded';
  if (has(CONDITIONS.ready, 'False') || UNSERVED.includes(input.observed.route.reason)) return 'Degraded';
  return alive(sideOf(input, status.stable?.hash)) < replicasOf(md.spec) ? 'Progressing' : 'Healthy';
}

/**
 * Fewer pods serve than are needed because more were asked for, and those are on their way: no rollout, and nothing is wrong.
 * When pods were lost, or those to come cannot, it stays degraded until there are enough.
 */
function isGrowing(input: RolloutInput, { stable }: ModelDeploymentStatus): boolean {
  const side = sideOf(input, stable?.hash);
  const { phase, stable: before } = input.status;
  const had = before?.hash === stable?.hash ? (before?.readyReplicas ?? 0) : 0;
  return phase !== 'Degraded' && !side.failure && alive(side) >= had;
}

/**
 * Nothing has changed but numbers of pods, words, and what is not known for the moment: it is written with the next change,
 * or soon without one. Pods that become ready one by one and a gateway that takes new weights once cost half of all writes.
 * What is decided, what somebody asked for, and what is False or no longer so, never waits.
 */
export function mayWait(before: ModelDeploymentStatus, after: ModelDeploymentStatus): boolean {
  const answered = after.handledCommands?.every((name) => before.handledCommands?.includes(name)) ?? true;
  return answered && sameJson(gistOf(before), gistOf(after));
}

function gistOf({ replicas, ready, handledCommands, conditions = [], ...status }: ModelDeploymentStatus): object {
  const { stable, canary, rollout } = status;
  // Pods that serve before their Service has them are to be verified already, and the share comes with the endpoints.
  const phase = rollout?.phase === 'Verifying' ? 'Progressing' : rollout?.phase;
  return {
    ...status,
    ...(stable && { stable: { ...stable, replicas: 0, readyReplicas: 0 } }),
    ...(canary && { canary: { ...canary, replicas: 0, readyReplicas: 0 } }),
    ...(rollout && { rollout: { ...rollout, phase, message: '', progressedAt: '' } }),
    conditions: conditions.filter(({ status }) => status === 'False').map(({ type }) => type),
  };
}

/**
 * RFC 7386: what must be said to get from one value to the other, or undefined when nothing. Lists are whole. A real API
 * server answers with sorted keys: compared as text, conditions were once written anew at every visit.
 */
export function mergeDiff(from: unknown, to: unknown): unknown {
  if (!isObject(from) || !isObject(to)) return sameJson(from, to) ? undefined : to;
  const patch: Record<string, unknown> = {};
  for (const name of Object.keys(from)) if (to[name] === undefined) patch[name] = null;
  for (const [name, value] of Object.entries(to)) {
    if (value === undefined) continue;
    const change = from[name] === undefined ? value : mergeDiff(from[name], value);
    if (change !== undefined) patch[name] = change;
  }
  return Object.keys(patch).length > 0 ? patch : undefined;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
