/** What an input of the tracking of experiments must look like. The words are answers for people; `constraint` is for programs. */
import { z } from 'zod';
import { idRule, parametersRule, tagsRule, textRule } from '../../lib/check.ts';
import { keyRule, nameRule } from '../identity/index.ts';

/** Values that one call of `logRun` may bring. */
const MAX_METRICS_A_CALL = 1_000;
/** Different metrics of one run: `latestMetrics` shows them all. */
export const MAX_METRIC_KEYS = 500;

export const sourceRule = z.object({
  repository: textRule(500).min(1),
  commit: textRule(100).min(1),
  path: textRule(1000).optional(),
});

const datasetRule = z.object({
  name: textRule(500).min(1),
  digest: textRule(200).min(1),
  uri: textRule(2000).optional(),
});

export const createExperimentRule = z.object({
  team: idRule,
  name: nameRule,
  description: textRule(10_000).default(''),
  tags: tagsRule.default({}),
  idempotencyKey: keyRule,
});

export const createRunRule = z.object({
  experiment: idRule,
  name: textRule(200).trim().min(1).optional(),
  parameters: parametersRule.default({}),
  tags: tagsRule.default({}),
  source: sourceRule.optional(),
  datasets: z.array(datasetRule).max(100).default([]),
  idempotencyKey: keyRule,
});

const metricRule = z.object({
  key: textRule(250).min(1),
  step: z.number().int(),
  /** null is NaN. */
  value: z.number().nullable().default(null),
  at: z.date().optional(),
});

export const logRunRule = z.object({
  run: idRule,
  metrics: z
    .array(metricRule)
    .max(MAX_METRICS_A_CALL, `One call takes at most ${MAX_METRICS_A_CALL} values.`)
    .default([]),
  parameters: parametersRule.default({}),
  tags: tagsRule.default({}),
  removeTags: z.array(textRule(256)).max(1_000, 'One call removes at most 1,000 tags.').default([]),
  idempotencyKey: keyRule,
});

/** What a run holds after a call has added to it. */
export const mergedRule = z.object({ parameters: parametersRule, tags: tagsRule });

export const finishRunRule = z.object({
  run: idRule,
  state: z.enum(['FINISHED', 'FAILED', 'KILLED'], 'A run ends as FINISHED, FAILED or KILLED.'),
  idempotencyKey: keyRule,
});
