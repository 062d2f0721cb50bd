/**
 * Where pods live. With a block: each pod has an address of its own and keeps its port numbers, as in Kubernetes. On
 * Linux the block is a /24 of 127.0.0.0/8, all of which is this machine; joined to a real cluster it is a /24 of a range
 * that the machine owns. Elsewhere only 127.0.0.1 exists: pods share it and get a free port for each port they declare.
 */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { readRecord, writeRecord } from '../records.ts';
import type { AgentPod } from '../types.ts';

export type Network =
  | { mode: 'addresses'; block: string; nodeAddress: string }
  | { mode: 'ports'; nodeAddress: string };

/** A port that an agent's log endpoint takes, as a kubelet's does: holding it on a block's first address claims the block. */
export const CLAIM_PORT = 10_250;
const TRIES = 8;

export interface NetworkOptions {
  nodeDir: string;
  /** `ports` forces what is the rule where 127.0.0.2 does not exist. */
  mode?: 'addresses' | 'ports';
  /** An address and a block that the machine owns, for a cluster whose API server must reach this node. */
  joined?: { nodeAddress: string; block: string } | undefined;
}

const networkFile = (nodeDir: string): string => join(nodeDir, 'network.json');

/** The block that a node had when it was last started. */
export const blockBefore = (nodeDir: string): string | undefined =>
  readRecord<{ block: string }>(networkFile(nodeDir))?.block;

/** The block of this data folder: chosen once, probed by binding, stored. */
export async function openNetwork({ nodeDir, mode, joined }: NetworkOptions): Promise<Network> {
  const stored = blockBefore(nodeDir);
  const isKept = (block: string): boolean => stored === block;
  if (joined) {
    const { block, nodeAddress } = joined;
    if (!isKept(block)) writeRecord(networkFile(nodeDir), { block });
    return { mode: 'addresses', block, nodeAddress };
  }
  const chosen = mode ?? (process.platform === 'linux' ? 'addresses' : 'ports');
  if (chosen === 'ports') return { mode: 'ports', nodeAddress: '127.0.0.1' };
  const block = stored?.startsWith('127.') ? stored : await freeBlock();
  if (!isKept(block)) writeRecord(networkFile(nodeDir), { block });
  return { mode: 'addresses', block, nodeAddress: `${block}.1` };
}

/** The /24s of a range, as their first three parts: `10.99.0`. None when it is smaller than one. */
export function blocksOf(cidr: string): string[] {
  const [base = '', length = '32'] = cidr.split('/');
  const [a = 0, b = 0, c = 0] = base.split('.').map(Number);
  const count = 2 ** (24 - Number(length));
  if (count < 1) return [];
  const number = (a * 256 + b) * 256 + c;
  const first = number - (number % count);
  return Array.from({ length: Math.min(count, MOST_BLOCKS) }, (_, i) => {
    const block = first + i;
    return [block >>> 16, (block >>> 8) & 255, block & 255].join('.');
  });
}

/** Nodes that may be declared are fewer. */
const MOST_BLOCKS = 64;

/**
 * A block for each node: the one it had before, since its pods live there, or the first that nobody has. `before`: of each
 * node, in the same order. Undefined where the range has no more.
 */
export function divide(cidr: string, before: readonly (string | undefined)[]): (string | undefined)[] {
  const blocks = blocksOf(cidr);
  const kept = before.map((block, i) =>
    block && blocks.includes(block) && before.indexOf(block) === i ? block : undefined,
  );
  const free = blocks.filter((block) => !kept.includes(block));
  return kept.map((block) => block ?? free.shift());
}

async function freeBlock(): Promise<string> {
  let block = '';
  for (let i = 0; i < TRIES; i++) {
    // 127.0 and 127.1 are what people type by hand.
    block = `127.${randomInt(16, 250)}.${randomInt(1, 255)}`;
    if (await isFree(`${block}.1`, CLAIM_PORT)) return block;
  }
  return block; // a listener on all addresses holds the port: any block is as good
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Whether a pod may keep an address: not when the node has been given others since. */
export const isOf = (network: Network, address: string): boolean =>
  address === network.nodeAddress || (network.mode === 'addresses' && address.startsWith(`${network.block}.`));

/** An address for one more pod, never one of `taken`. Undefined when all are. */
export function nextAddress(network: Network, taken: ReadonlySet<string>): string | undefined {
  if (network.mode === 'ports') return network.nodeAddress;
  for (let last = 2; last < 255; last++) {
    const address = `${network.block}.${last}`;
    if (!taken.has(address) && address !== network.nodeAddress) return address;
  }
  return undefined;
}

/** containerPort → a port that is free now, for every port the pod declares. Empty where the pod has its own address. */
export async function portsFor(pod: AgentPod, network: Network): Promise<Record<string, number>> {
  const ports: Record<string, number> = {};
  if (network.mode === 'addresses') return ports;
  for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers])
    for (const { containerPort } of container.ports ?? []) ports[containerPort] ??= await freePort(network.nodeAddress);
  return ports;
}

function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host, port: 0 }, () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** JSON of port name (or number, where it has no name) → the port it really listens on: `ANNOTATIONS.ports`. */
export function portsAnnotation(pod: AgentPod, ports: Record<string, number>): string | undefined {
  const entries = [...(pod.spec.initContainers ?? []), ...pod.spec.containers]
    .flatMap((container) => container.ports ?? [])
    .map(({ name, containerPort }) => [name ?? String(containerPort), ports[containerPort]]);
  return entries.length > 0 && Object.keys(ports).length > 0 ? JSON.stringify(Object.fromEntries(entries)) : undefined;
}
