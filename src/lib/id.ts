/**
 * Prefixed, opaque, time-ordered ids: `dep_01jd8x…`. 26 characters of Crockford base32 in lower case: 48 bits of
 * milliseconds, 80 random bits. They sort by creation time, are copy-paste friendly in a terminal or a chat, and name
 * their type, so that `node(id)` needs no lookup table. With `-` for `_` they are valid Kubernetes names.
 */
import { randomBytes } from 'node:crypto';
import { unstorable } from './text.ts';

export const ID_PREFIXES = {
  Team: 'team',
  Person: 'per',
  ServiceAccount: 'sa',
  SystemActor: 'sys',
  ApiToken: 'tok',
  Event: 'evt',
  Operation: 'op',
  Model: 'mdl',
  ModelVersion: 'ver',
  ServingRuntime: 'rt',
  Cluster: 'cl',
  GpuNode: 'node',
  Gpu: 'gpu',
  Deployment: 'dep',
  Revision: 'rev',
  Rollout: 'rol',
  Replica: 'rep',
  Experiment: 'exp',
  Run: 'run',
} as const;

export type NodeType = keyof typeof ID_PREFIXES;

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
let lastMs = 0;
let lastRandom = 0n;

/** A new id of the given type. Ids made by one process in one millisecond still sort in the order they were made. */
export function newId(type: NodeType, nowMs: number = Date.now()): string {
  let random = BigInt(`0x${randomBytes(10).toString('hex')}`);
  const ms = Math.max(nowMs, lastMs);
  if (ms === lastMs) random = (lastRandom + 1n) & ((1n << 80n) - 1n);
  lastMs = ms;
  lastRandom = random;
  return `${ID_PREFIXES[type]}_${base32((BigInt(ms) << 80n) | random)}`;
}

function base32(value: bigint): string {
  let text = '';
  for (let i = 25; i >= 0; i--) text += ALPHABET[Number((value >> BigInt(i * 5)) & 31n)];
  return text;
}

const TYPE_BY_PREFIX = new Map<string, NodeType>(
  Object.entries(ID_PREFIXES).map(([type, prefix]) => [prefix, type as NodeType]),
);

/** The type an id claims to be of, or null when it is not one of ours. Says nothing about whether the thing exists. */
export function typeOfId(id: string): NodeType | null {
  const at = id.indexOf('_');
  return at > 0 && id.length <= 300 && !unstorable(id) ? (TYPE_BY_PREFIX.get(id.slice(0, at)) ?? null) : null;
}

/** For things that live in the cluster and have a name instead of a row: `node_gpu-1`, `rep_<pod uid>`. */
export function namedId(type: NodeType, ...parts: string[]): string {
  return `${ID_PREFIXES[type]}_${parts.join('/')}`;
}

/** The parts behind the prefix of a `namedId`. */
export function partsOfId(id: string): string[] {
  return id.slice(id.indexOf('_') + 1).split('/');
}

/** The same id as a Kubernetes object name (`op_01…` → `op-01…`) and back. */
export const idToName = (id: string): string => id.replace('_', '-');
export const nameToId = (name: string): string => name.replace('-', '_');
