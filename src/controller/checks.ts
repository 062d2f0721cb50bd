/**
 * Is there anything that keeps this ModelDeployment from being acted on at all? An ordered chain of pure checks, each named
 * after the bad state. The first that finds something stops the rollout where it is; what serves goes on serving.
 */
import { checkSpec } from '../contract/validation.ts';
import type { OBSTACLES } from '../contract/verbs.ts';
import type { Context } from './observe.ts';
import type { Failure } from './rollout/types.ts';

interface Obstacle extends Failure {
  reason: (typeof OBSTACLES)[number];
}

type Check = (context: Context) => Obstacle | undefined;

const CHAIN: readonly Check[] = [
  specIsInvalid, // nothing below can be trusted with a spec that means nothing
  runtimeDoesNotExist, // a known revision needs none: its snapshot has it
  formatIsNotServed, // the runtime would fail with words nobody understands
];

export function firstObstacle(context: Context): Obstacle | undefined {
  for (const check of CHAIN) {
    const obstacle = check(context);
    if (obstacle) return obstacle;
  }
  return undefined;
}

function specIsInvalid({ md }: Context): Obstacle | undefined {
  const { name, namespace = '' } = md.metadata;
  const [problem, ...more] = checkSpec(md.spec, { name, namespace });
  if (!problem) return undefined;
  const others = more.length > 0 ? ` And ${more.length} more.` : '';
  return { reason: 'InvalidSpec', message: `${problem.path?.join('.')}: ${problem.message}${others}` };
}

const isKnown = ({ observed }: Context): boolean => observed.revisions.has(observed.desired.hash);

function runtimeDoesNotExist(context: Context): Obstacle | undefined {
  if (context.runtime || isKnown(context)) return undefined;
  const message = `There is no ServingRuntime ${context.md.spec.runtime}; kubectl get servingruntimes shows those there are.`;
  return { reason: 'RuntimeNotFound', message };
}

function formatIsNotServed(context: Context): Obstacle | undefined {
  const { runtime, md } = context;
  const { format } = md.spec.model;
  if (!runtime || isKnown(context) || runtime.spec.formats.includes(format)) return undefined;
  const message = `ServingRuntime ${md.spec.runtime} serves ${runtime.spec.formats.join(', ')}, not ${format}.`;
  return { reason: 'FormatNotServed', message };
}
