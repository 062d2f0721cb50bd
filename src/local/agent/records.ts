/** What the agent must remember over its own death, as small JSON files: written whole, by rename, before it matters. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Terminated } from './types.ts';

export interface PodRecord {
  uid: string;
  namespace: string;
  name: string;
  address: string;
  startTime: string;
  /** containerPort → the port it was given, where pods share an address. */
  ports: Record<string, number>;
  /** Indexes of the devices this pod holds, by resource. */
  devices: Record<string, number[]>;
}

/** One container: its present attempt, and how the one before ended. */
export interface ContainerRecord {
  id: string;
  /** 0 for the first start: the restart count. */
  attempt: number;
  /** Milliseconds since the epoch. */
  startedAt: number;
  pid?: number;
  startTime?: string;
  started: boolean;
  ready: boolean;
  /** The agent itself ended it together with everything else: it starts again without that counting. */
  stoppedByAgent?: boolean;
  ended?: Terminated;
  /** Milliseconds since the epoch; `ended` has whole seconds only. */
  endedAt?: number;
  last?: Terminated;
  backoff: { ms: number; at: number };
}

export const nodesDir = (dataDir: string): string => join(dataDir, 'node');
export const nodeDirOf = (dataDir: string, node: string): string => join(nodesDir(dataDir), node);
export const podsDir = (nodeDir: string): string => join(nodeDir, 'pods');
export const podDirOf = (nodeDir: string, uid: string): string => join(podsDir(nodeDir), uid);
export const podFile = (podDir: string): string => join(podDir, 'pod.json');
export const containerDirOf = (podDir: string, container: string): string => join(podDir, 'containers', container);
export const containerFile = (podDir: string, container: string): string =>
  join(containerDirOf(podDir, container), 'container.json');
export const logFile = (podDir: string, container: string, attempt: number): string =>
  join(containerDirOf(podDir, container), `${attempt}.log`);

export function writeRecord(path: string, record: object): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.tmp`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}

/** Undefined when it is absent or torn. */
export function readRecord<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

/** Names in a folder; none when there is no such folder. */
export function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

export function removeFolder(dir: string): void {
  const remove = (): void => rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  try {
    remove();
  } catch {
    makeWritable(dir);
    remove();
  }
}

/** A kubelet is root. We own what our pods have written, but not even an owner empties a folder that a program made read-only. */
function makeWritable(dir: string): void {
  chmodSync(dir, 0o700);
  for (const entry of readdirSync(dir, { withFileTypes: true }))
    if (entry.isDirectory()) makeWritable(join(dir, entry.name));
}
