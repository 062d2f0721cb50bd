/** What every part of the core works with, and what a request came down to. */
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { KubeObject } from '../../platform/cluster/port.ts';
import type { Plain } from './json.ts';
import type { Registry, ServedRow } from './registry.ts';
import type { Store } from './store.ts';

export interface Core {
  store: Store;
  registry: Registry;
  clock: Clock;
  log: Log;
}

export interface Target {
  row: ServedRow;
  namespace?: string;
  name?: string;
  subresource?: string;
}

export interface Item extends Target {
  name: string;
}

/** How a write is to be done: the query parameters that all of them share. */
export interface WriteMode {
  manager: string;
  dryRun: boolean;
  validation: 'Ignore' | 'Warn' | 'Strict';
  /** False for controllers of this process: what they write has its types from the compiler. */
  decoding: boolean;
  force: boolean;
  /** Filled by the write, sent as `Warning` headers. */
  warnings: string[];
}

/** RFC 3339 in seconds, as Kubernetes writes times. */
export const timeOf = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

export const asObject = (object: Plain): KubeObject => object as KubeObject;
