/** The file that CLOPS_LOCAL_CONFIG names: which nodes the local cluster has and what an image is on this machine. */
import { readFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { parse } from 'yaml';
import { z } from 'zod';
import { isQuantity } from '../contract/quantity.ts';
import type { Images } from './agent/types.ts';

const MAX_FILE_BYTES = 1024 * 1024;
const name = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be lower-case letters, digits, "-" and "."');
const quantity = z
  .union([z.string(), z.number()])
  .transform(String)
  .refine(isQuantity, 'must be a quantity such as 4, 500m or 16Gi');
const absolute = z.string().max(4096).startsWith('/', 'must be an absolute path');

const node = z.strictObject({
  name,
  cpu: quantity.default('8'),
  memory: quantity.default('32Gi'),
  /** Simulated: they are counted and given to pods by index, no program sees them. */
  gpus: z
    .strictObject({
      product: z
        .string()
        .max(63)
        .regex(/^[\w.-]+$/, 'must be a label value such as NVIDIA-H200'),
      memoryMib: z.number().int().positive().max(10_000_000),
      count: z.number().int().positive().max(64),
      migCapable: z.boolean().optional(),
    })
    .optional(),
  labels: z.record(z.string().max(317), z.string().max(63)).default({}),
  taints: z
    .array(
      z.strictObject({
        key: z.string().max(317),
        value: z.string().max(63).optional(),
        effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']),
      }),
    )
    .max(20)
    .default([]),
});

const image = z.strictObject({
  command: z.array(z.string().max(4096)).min(1).max(100).optional(),
  files: z.record(absolute, absolute).optional(),
  env: z.record(z.string().max(256), z.string().max(32_768)).optional(),
});

const schema = z.strictObject({
  nodes: z
    .array(node)
    .min(1)
    .max(16)
    .refine((nodes) => new Set(nodes.map(({ name }) => name)).size === nodes.length, 'two nodes have the same name')
    .optional(),
  images: z.record(z.string().max(1024), image).default({}),
});

export type NodeDeclaration = z.infer<typeof node>;

export interface LocalDeclaration {
  nodes: NodeDeclaration[];
  images: Images;
}

interface Machine {
  processors: number;
  memoryBytes: number;
}

/** What it may use: a container of its own, or a limit on its processes, counts as a small machine. */
function thisMachine(): Machine {
  const limit = process.constrainedMemory();
  const memoryBytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return { processors: availableParallelism(), memoryBytes };
}

/** Who shares a processor waits; who shares memory that is not there is killed. So small machines are believed to have more. */
const LEAST_PROCESSORS = 4;

/**
 * The nodes that are there without a file. Their GPUs are made up, their memory is the machine's, half each: it was made up
 * once as well, and a hundred replicas were all placed on a laptop. Each has all processors of the machine.
 */
export function defaultNodes({ processors, memoryBytes }: Machine): NodeDeclaration[] {
  const shared = {
    cpu: `${Math.max(LEAST_PROCESSORS, processors)}`,
    memory: `${Math.floor(memoryBytes / 2 / 2 ** 20)}Mi`,
    labels: {},
    taints: [],
  };
  return [
    { name: 'gpu-1', ...shared, gpus: { product: 'NVIDIA-H200', memoryMib: 143_771, count: 4, migCapable: true } },
    { name: 'gpu-2', ...shared, gpus: { product: 'NVIDIA-L4', memoryMib: 23_034, count: 2 } },
  ];
}

/** The image in which this project ships itself. Here it is the running Node and the built program. */
export const OWN_IMAGE = 'clops.invalid/clops:dev';

class DeclarationError extends Error {
  override readonly name = 'DeclarationError';
}

/**
 * `file` may be absent: two nodes with simulated GPUs, and the own image. What the file declares comes on top of the own
 * image and instead of the nodes, and is believed: more than this machine has, to try where pods would go.
 * @throws DeclarationError naming file, place and rule.
 */
export async function readDeclaration(options: {
  file: string | undefined;
  mainJs: string;
}): Promise<LocalDeclaration> {
  // Without a prototype: an image "constructor" would be declared otherwise.
  const own: Images = Object.assign(Object.create(null) as Images, {
    [OWN_IMAGE]: { files: { '/opt/app/node': process.execPath, '/opt/app/main.js': options.mainJs } },
  });
  if (!options.file) return { nodes: defaultNodes(thisMachine()), images: own };
  const parsed = schema.safeParse(await load(options.file));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = issue?.path.map(String).join('.') || 'the file';
    throw new DeclarationError(`${options.file}: ${place} ${issue?.message} (CLOPS_LOCAL_CONFIG names this file)`);
  }
  return { nodes: parsed.data.nodes ?? defaultNodes(thisMachine()), images: Object.assign(own, parsed.data.images) };
}

async function load(file: string): Promise<unknown> {
  try {
    const text = await readFile(file, 'utf8');
    if (text.length > MAX_FILE_BYTES) throw new Error(`is larger than ${MAX_FILE_BYTES} bytes`);
    return parse(text) ?? {};
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new DeclarationError(`${file} cannot be read: ${why} (CLOPS_LOCAL_CONFIG names this file)`);
  }
}
