/**
 * What a ModelDeployment may say. Pure checks shared by GraphQL and the controller; where CEL can say it the CRD holds the
 * same rule in the same words, so that kubectl, the API and a condition read alike.
 *
 * Each check takes the path of what it looks at, so that a problem names the place in the caller's own input.
 */
import { invalid, type Problem } from '../lib/problem.ts';
import type { CanarySpec, IntOrPercent, ModelDeploymentSpec, StepSpec, StrategySpec } from './modeldeployment.ts';
import { DIGEST_PATTERN, isName, LIMITS, NAME_RULE } from './names.ts';

type Path = readonly string[];

const QUANTITY_PATTERN = /^[0-9]+(\.[0-9]+)?(n|u|m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$/;
const PERCENT_PATTERN = /^(100|[1-9]?[0-9])%$/;
const MODEL_NAME_PATTERN = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

const WORDS = {
  weightsMustRise: 'weights must rise',
  oneStrategy: 'exactly one of rolling and canary must be set',
  oneStepKind: 'a step must have exactly one of setWeight and pause',
  path: 'must be /{namespace}/{name}',
  digest: 'must be sha256: and 64 hex digits',
  quantity: 'must be a quantity as Kubernetes writes it: 500m, 2, 512Mi',
} as const;

export const checkName = (name: string, path: Path): Problem[] =>
  isName(name) ? [] : [invalid(path, 'pattern', `${path.at(-1)} ${NAME_RULE}.`)];

export const endpointPath = (namespace: string, name: string): string => `/${namespace}/${name}`;

/** Everything that is wrong with a spec, not only the first thing. Empty when it may be acted on. */
export function checkSpec(
  spec: ModelDeploymentSpec,
  of: { namespace: string; name: string },
  at: Path = ['spec'],
): Problem[] {
  const { model, endpoint, resources } = spec;
  const path = endpoint?.path;
  return [
    ...checkName(of.name, ['metadata', 'name']),
    ...(MODEL_NAME_PATTERN.test(model.name) && model.name.length <= 128
      ? []
      : [invalid([...at, 'model', 'name'], 'pattern', "model.name must be letters, digits, '-', '_' and '.'.")]),
    ...checkInteger(model.version, 1, 2 ** 31 - 1, [...at, 'model', 'version']),
    ...(DIGEST_PATTERN.test(model.artifact.digest)
      ? []
      : [invalid([...at, 'model', 'artifact', 'digest'], 'pattern', `digest ${WORDS.digest}.`)]),
    ...checkReplicas(spec.replicas, [...at, 'replicas']),
    ...(path === undefined || path === endpointPath(of.namespace, of.name)
      ? []
      : [
          invalid(
            [...at, 'endpoint', 'path'],
            'pattern',
            `endpoint.path ${WORDS.path}, here ${endpointPath(of.namespace, of.name)}.`,
          ),
        ]),
    ...checkQuantity(resources?.requests?.cpu, [...at, 'resources', 'requests', 'cpu']),
    ...checkQuantity(resources?.requests?.memory, [...at, 'resources', 'requests', 'memory']),
    ...(resources?.gpus ? checkInteger(resources.gpus.count, 0, 64, [...at, 'resources', 'gpus', 'count']) : []),
    ...checkStrategy(spec.strategy, [...at, 'strategy']),
  ];
}

export const checkReplicas = (replicas: number | undefined, path: Path): Problem[] =>
  replicas === undefined ? [] : checkInteger(replicas, 0, LIMITS.maxReplicas, path);

export const checkQuantity = (quantity: string | undefined, path: Path): Problem[] =>
  quantity === undefined || (quantity.length <= 32 && QUANTITY_PATTERN.test(quantity))
    ? []
    : [invalid(path, 'pattern', `${path.at(-1)} ${WORDS.quantity}.`)];

export function checkStrategy(strategy: StrategySpec | undefined, path: Path): Problem[] {
  if (!strategy) return [];
  const { rolling, canary } = strategy;
  if ((rolling ? 1 : 0) + (canary ? 1 : 0) !== 1) return [invalid(path, 'oneOf', `${sentence(WORDS.oneStrategy)}.`)];
  if (canary) return checkCanary(canary, [...path, 'canary']);
  return checkSurge(rolling?.maxSurge, rolling?.maxUnavailable, [...path, 'rolling']);
}

function checkCanary(canary: CanarySpec, path: Path): Problem[] {
  const { progressDeadlineSeconds: deadline, scaleDownDelaySeconds: delay } = canary;
  return [
    ...checkSteps(canary.steps, [...path, 'steps']),
    ...checkSurge(canary.maxSurge, canary.maxUnavailable, path),
    ...(deadline === undefined
      ? []
      : checkInteger(deadline, 1, LIMITS.maxPauseSeconds, [...path, 'progressDeadlineSeconds'])),
    ...(delay === undefined ? [] : checkInteger(delay, 0, LIMITS.maxPauseSeconds, [...path, 'scaleDownDelaySeconds'])),
  ];
}

/** 1 to 50 steps, each of one kind, weights from 0 to 100 that never fall. */
export function checkSteps(steps: readonly StepSpec[], path: Path): Problem[] {
  const problems: Problem[] = [];
  if (steps.length < 1) problems.push(invalid(path, 'min', 'A canary needs at least one step.'));
  if (steps.length > LIMITS.maxSteps)
    problems.push(invalid(path, 'max', `A canary has at most ${LIMITS.maxSteps} steps.`));
  let last = 0;
  for (const [index, step] of steps.entries()) {
    const at = [...path, String(index)];
    const { setWeight, pause } = step;
    if ((setWeight === undefined) === (pause === undefined)) {
      problems.push(invalid(at, 'oneOf', `${sentence(WORDS.oneStepKind)}.`));
    } else if (setWeight !== undefined) {
      const wrong = checkInteger(setWeight, 0, 100, [...at, 'setWeight']);
      problems.push(...wrong);
      if (wrong.length > 0) continue;
      if (setWeight < last) {
        const message = `${sentence(WORDS.weightsMustRise)}: ${setWeight} comes after ${last}.`;
        problems.push(invalid([...at, 'setWeight'], 'rising', message));
      }
      last = Math.max(last, setWeight);
    } else if (pause?.seconds !== undefined) {
      problems.push(...checkInteger(pause.seconds, 1, LIMITS.maxPauseSeconds, [...at, 'pause', 'seconds']));
    }
  }
  return problems;
}

function checkSurge(surge: IntOrPercent | undefined, unavailable: IntOrPercent | undefined, path: Path): Problem[] {
  return [
    ...checkIntOrPercent(surge, [...path, 'maxSurge']),
    ...checkIntOrPercent(unavailable, [...path, 'maxUnavailable']),
  ];
}

function checkIntOrPercent(value: IntOrPercent | undefined, path: Path): Problem[] {
  if (value === undefined) return [];
  if (typeof value === 'number') return checkInteger(value, 0, LIMITS.maxReplicas, path);
  if (PERCENT_PATTERN.test(value)) return [];
  return [invalid(path, 'pattern', `${path.at(-1)} must be a whole number or a percentage from 0% to 100%.`)];
}

function checkInteger(value: number, min: number, max: number, path: Path): Problem[] {
  if (Number.isInteger(value) && value >= min && value <= max) return [];
  const constraint = value < min ? 'min' : value > max ? 'max' : 'integer';
  return [invalid(path, constraint, `${path.at(-1)} must be a whole number from ${min} to ${max}.`)];
}

const sentence = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);
