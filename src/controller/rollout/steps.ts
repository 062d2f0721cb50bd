/** The arithmetic of steps: which weight is in force at a step, and how many pods it needs. */
import { createHash } from 'node:crypto';
import type { StepSpec } from '../../contract/modeldeployment.ts';

/** The nearest setWeight at or before `index`; 0 before the first, 100 after the last step. */
export function weightAt(steps: readonly StepSpec[], index: number): number {
  if (index >= steps.length) return 100;
  for (let i = index; i >= 0; i--) {
    const weight = steps[i]?.setWeight;
    if (weight !== undefined) return weight;
  }
  return 0;
}

/** Pods of the canary at a weight: its share rounded up, so that no pod gets more than one of stable. */
export const podsAt = (replicas: number, weight: number): number =>
  replicas === 0 || weight === 0 ? 0 : Math.max(1, Math.ceil((replicas * weight) / 100));

/**
 * Pods that carry a share where `least` carry all of it. A share of pods is rounded to whole percents, by less than one: two
 * of three pods are 67 %, and three were once kept for them, which held every rolling update of three pods for ever.
 */
export const podsFor = (share: number, least: number): number =>
  share === 0 || least <= 0 ? 0 : Math.max(1, Math.ceil((least * (share - 1)) / 100));

/** `from` and all after it, in front of `to`, besides those that were left out before. Absent when there are none. */
export function leftOut(from: number, to: number, before: readonly number[] = []): { skippedSteps?: number[] } {
  const skipped = Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
  const all = [...new Set([...before, ...skipped])].sort((a, b) => a - b);
  return all.length > 0 ? { skippedSteps: all } : {};
}

/** Changed steps begin the walk again. */
export const stepHashOf = (steps: readonly StepSpec[]): string =>
  createHash('sha256')
    .update(
      JSON.stringify(steps.map(({ setWeight, pause }) => ({ setWeight, pause: pause && { seconds: pause.seconds } }))),
    )
    .digest('hex')
    .slice(0, 10);

export const describeStep = (step: StepSpec): string => {
  if (step.setWeight !== undefined) return `weight ${step.setWeight} %`;
  return step.pause?.seconds === undefined ? 'pause until promoted' : `pause of ${step.pause.seconds} s`;
};
