/** What a strategy means once its defaults are filled in: the same numbers for the controller that acts and the API that explains. */
import {
  type CanarySpec,
  type IntOrPercent,
  type ModelDeploymentSpec,
  type RollingSpec,
  STRATEGY_DEFAULTS,
  type StepSpec,
} from './modeldeployment.ts';

export interface FilledStrategy {
  kind: 'rolling' | 'canary';
  /** Empty for rolling. */
  steps: readonly StepSpec[];
  /** Pods beyond and below the wanted number, resolved against it. Never both 0, or nothing could move. */
  surge: number;
  unavailable: number;
  progressDeadlineSeconds: number;
  abortOnDeadline: boolean;
  scaleDownDelaySeconds: number;
}

/**
 * The pods of a rolling update go as the others come. Its last ones stay until routers have forgotten them, and no longer:
 * the next update, or stable after an abort, has no room for its pods before.
 */
const ROLLING_DELAY_SECONDS = 5;

export const replicasOf = (spec: ModelDeploymentSpec): number => spec.replicas ?? 1;

export function strategyOf(spec: ModelDeploymentSpec): FilledStrategy {
  const replicas = replicasOf(spec);
  const canary = spec.strategy?.canary;
  const given: RollingSpec & Partial<CanarySpec> = canary ?? spec.strategy?.rolling ?? {};
  const surge = resolveIntOrPercent(given.maxSurge ?? STRATEGY_DEFAULTS.maxSurge, replicas, 'up');
  const unavailable = resolveIntOrPercent(given.maxUnavailable ?? STRATEGY_DEFAULTS.maxUnavailable, replicas, 'down');
  return {
    kind: canary ? 'canary' : 'rolling',
    steps: canary?.steps ?? [],
    surge,
    unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable,
    progressDeadlineSeconds: given.progressDeadlineSeconds ?? STRATEGY_DEFAULTS.progressDeadlineSeconds,
    abortOnDeadline: given.abortOnDeadline ?? STRATEGY_DEFAULTS.abortOnDeadline,
    scaleDownDelaySeconds: canary
      ? (canary.scaleDownDelaySeconds ?? STRATEGY_DEFAULTS.scaleDownDelaySeconds)
      : ROLLING_DELAY_SECONDS,
  };
}

/** `25%` of 4 or a plain number. What cannot be read counts as 0; validation has refused it before. */
export function resolveIntOrPercent(value: IntOrPercent, of: number, round: 'up' | 'down'): number {
  if (typeof value === 'number') return Math.max(0, Math.trunc(value));
  const percent = /^(\d{1,3})%$/.exec(value);
  if (!percent) return 0;
  const exact = (Number(percent[1]) * of) / 100;
  return round === 'up' ? Math.ceil(exact) : Math.floor(exact);
}
