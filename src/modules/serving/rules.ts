/** What an input of serving must look like. The finer rules of strategies are the contract's, shared with the controller. */
import { z } from 'zod';
import type { ResourcesSpec, StrategySpec } from '../../contract/modeldeployment.ts';
import { checkQuantity, checkReplicas, checkStrategy } from '../../contract/validation.ts';
import { idRule, textRule } from '../../lib/check.ts';
import { invalid, type Problem } from '../../lib/problem.ts';
import { keyRule, nameRule } from '../identity/index.ts';
import { selectorRule } from '../registry/index.ts';

const intOrPercent = z.union([z.number(), z.string().max(10)]).optional();
const rollingRule = z.object({ maxSurge: intOrPercent, maxUnavailable: intOrPercent });
const canaryRule = rollingRule.extend({
  steps: z
    .array(
      z.object({ setWeight: z.number().optional(), pause: z.object({ seconds: z.number().optional() }).optional() }),
    )
    .max(1000),
  progressDeadlineSeconds: z.number().optional(),
  abortOnDeadline: z.boolean().optional(),
  scaleDownDelaySeconds: z.number().optional(),
});

const strategyRule = z.object({ rolling: rollingRule.optional(), canary: canaryRule.optional() }).optional();
const resourcesRule = z
  .object({
    cpu: z.string().max(100).optional(),
    memory: z.string().max(100).optional(),
    gpus: z.number().int().min(0).max(64).optional(),
    gpuProduct: z
      .string()
      .max(63)
      .regex(/^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/, 'A product is a label value: NVIDIA-H200.')
      .optional(),
    gpuMemoryMib: z.number().int().min(1).max(10_000_000).optional(),
    migProfile: z
      .string()
      .regex(/^[1-9]g\.[0-9]{1,3}gb$/, 'A MIG profile looks like 1g.10gb.')
      .optional(),
  })
  .optional();

const wanted = {
  runtime: z
    .string()
    .max(253)
    .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'The name of a runtime is lower-case letters, digits, "-" and ".".')
    .optional(),
  replicas: z.number().optional(),
  resources: resourcesRule,
  strategy: strategyRule,
  expectedGeneration: z.number().int().optional(),
  idempotencyKey: keyRule,
};

export const deployRule = z.object({
  team: idRule,
  name: nameRule,
  model: idRule,
  version: selectorRule,
  ...wanted,
});
export const updateRule = z.object({ deployment: idRule, ...wanted });
export const deleteRule = z.object({
  deployment: idRule,
  expectedGeneration: z.number().int().optional(),
  idempotencyKey: keyRule,
});
export const rolloutRule = z.object({ rollout: idRule, reason: textRule(1000).optional(), idempotencyKey: keyRule });
export const promoteRule = rolloutRule.extend({
  to: z.enum(['NEXT_STEP', 'END', 'FULL']).default('NEXT_STEP'),
  step: z.number().int().min(0).optional(),
});
export const rollbackRule = z.object({
  deployment: idRule,
  toRevision: z.number().int().min(1).optional(),
  reason: textRule(1000).optional(),
  idempotencyKey: keyRule,
});

/** A thousand bad steps would answer with a thousand errors. */
const MAX_PROBLEMS = 20;

export interface Change {
  runtime?: string | undefined;
  replicas?: number | undefined;
  /** Only what is to be otherwise; 0 GPUs: none any more. */
  resources?: ResourcesSpec | undefined;
  strategy?: StrategySpec | undefined;
}

type WantedInput = Pick<z.output<typeof updateRule>, 'runtime' | 'replicas' | 'resources' | 'strategy'>;

/** The input as the resource spells it, and everything that is wrong with it. */
export function changeOf(input: WantedInput): { change: Change; problems: Problem[] } {
  const resources = input.resources && resourcesOf(input.resources);
  const strategy = input.strategy && withoutUndefined(input.strategy);
  const problems = [
    ...checkReplicas(input.replicas, ['replicas']),
    ...checkQuantity(input.resources?.cpu, ['resources', 'cpu']),
    ...checkQuantity(input.resources?.memory, ['resources', 'memory']),
    ...checkStrategy(strategy, ['strategy']),
  ];
  const { gpus, gpuProduct, gpuMemoryMib, migProfile } = input.resources ?? {};
  if (!gpus && (gpuProduct || gpuMemoryMib || migProfile)) {
    problems.push(
      invalid(
        ['resources', 'gpus'],
        'required',
        'Say how many GPUs; a product, memory or profile alone asks for none.',
      ),
    );
  }
  const change = { runtime: input.runtime, replicas: input.replicas, resources, strategy };
  return { change, problems: problems.slice(0, MAX_PROBLEMS) };
}

function resourcesOf({
  cpu,
  memory,
  gpus,
  gpuProduct,
  gpuMemoryMib,
  migProfile,
}: NonNullable<WantedInput['resources']>): ResourcesSpec {
  const requests = { ...(cpu && { cpu }), ...(memory && { memory }) };
  return {
    ...(Object.keys(requests).length > 0 && { requests }),
    ...(gpus !== undefined && {
      gpus: {
        count: gpus,
        ...(gpuProduct && { product: gpuProduct }),
        ...(gpuMemoryMib && { memoryMib: gpuMemoryMib }),
        ...(migProfile && { migProfile }),
      },
    }),
  };
}

/** Field by field: who asked for a little more CPU once lost the GPU. */
export function resourcesAfter(before: ResourcesSpec, change: ResourcesSpec): ResourcesSpec {
  const requests = { ...before.requests, ...change.requests };
  const gpus = change.gpus ? { ...before.gpus, ...change.gpus } : before.gpus;
  return {
    ...(Object.keys(requests).length > 0 && { requests }),
    ...(gpus && gpus.count > 0 && { gpus }),
  };
}

const withoutUndefined = <T>(value: T): StrategySpec => JSON.parse(JSON.stringify(value)) as StrategySpec;
