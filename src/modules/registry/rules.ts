/** What an input of the registry must look like. The words are answers for people; `constraint` is for programs. */
import { z } from 'zod';
import { DIGEST_PATTERN } from '../../contract/names.ts';
import { idRule, jsonRule, parametersRule, tagsRule, textRule } from '../../lib/check.ts';
import { sourceRule } from '../experiments/index.ts';
import { keyRule, nameRule } from '../identity/index.ts';
import { selectorRule } from './selector.ts';

export const FORMATS = [
  'ONNX',
  'TENSORRT',
  'TORCHSCRIPT',
  'TENSORFLOW',
  'SAVED_MODEL',
  'SKLEARN',
  'XGBOOST',
  'LIGHTGBM',
  'SAFETENSORS',
  'GGUF',
  'MLFLOW',
  'CUSTOM',
] as const;
const DATATYPES = [
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP16',
  'FP32',
  'FP64',
  'BYTES',
  'BF16',
] as const;

const tensorRule = z.object({
  name: textRule(500).min(1),
  datatype: z.enum(DATATYPES),
  shape: z.array(z.number().int().min(-1)).max(32),
});

export const createModelRule = z.object({
  team: idRule,
  name: nameRule,
  description: textRule(10_000).default(''),
  tags: tagsRule.default({}),
  idempotencyKey: keyRule,
});

export const updateModelRule = z.object({
  model: idRule,
  description: textRule(10_000).optional(),
  tags: tagsRule.optional(),
  idempotencyKey: keyRule,
});

export const deleteModelRule = z.object({
  model: idRule,
  onlyIfEmpty: z.boolean().default(false),
  idempotencyKey: keyRule,
});

export const createVersionRule = z.object({
  model: idRule,
  artifact: z.object({
    digest: z.string().regex(DIGEST_PATTERN, 'The digest must be `sha256:` and 64 lower-case hex digits.'),
    uri: textRule(2000).optional(),
  }),
  format: z.enum(FORMATS),
  description: textRule(10_000).default(''),
  tags: tagsRule.default({}),
  signature: z
    .object({ inputs: z.array(tensorRule).max(200), outputs: z.array(tensorRule).min(1).max(200) })
    .optional(),
  source: sourceRule.optional(),
  parameters: parametersRule.default({}),
  metrics: jsonRule.default({}),
  run: idRule.optional(),
  idempotencyKey: keyRule,
});

export const updateVersionRule = z.object({
  version: idRule,
  description: textRule(10_000).optional(),
  tags: tagsRule.optional(),
  idempotencyKey: keyRule,
});

const aliasName = z
  .string()
  .regex(
    /^[a-z]([a-z0-9_-]{0,61}[a-z0-9])?$/,
    'An alias is at most 63 lower-case letters, digits, "-" and "_", beginning with a letter.',
  )
  .refine((name) => name !== 'latest', {
    message: '"latest" is the newest version by definition; choose another alias.',
    params: { constraint: 'reserved' },
  });

export const setAliasRule = z.object({
  model: idRule,
  name: aliasName,
  version: selectorRule,
  idempotencyKey: keyRule,
});
export const deleteAliasRule = z.object({
  model: idRule,
  name: textRule(63),
  idempotencyKey: keyRule,
});
