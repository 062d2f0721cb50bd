/** What the journal's files are made of: records, a line each, and the folder they lie in. */
import { closeSync, fsyncSync, openSync, readFileSync } from 'node:fs';

export interface Record_ {
  /** Revision. */
  r: number;
  /** Storage name, `apps/deployments`. */
  s: string;
  /** The object as written; absent for a removal. */
  o?: unknown;
  /** Key of the removed object. */
  d?: string;
}

export function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

export const isRecord = (value: unknown): value is Record_ =>
  typeof value === 'object' && value !== null && 'r' in value && typeof value.r === 'number';

export function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export function syncFolder(dir: string): void {
  const handle = openSync(dir, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
