/** Where this program lies, which version it is, and which of its processes on this machine is meant. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { identityOf } from '../platform/process/identity.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The entry of every role: `dist/main.js`, or `src/main.ts` where the sources run as they are. */
export const MAIN = join(import.meta.dirname, '..', `main${extname(import.meta.filename)}`);

export function version(): string {
  const text: unknown = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return typeof text === 'object' && text !== null && 'version' in text ? String(text.version) : '';
}

export const identityHere = (pid: number): string => `${hostname()}_${identityOf(pid)?.replaceAll(' ', '_')}`;

/** A holder on this machine whose process is gone: after a kill -9 the next start need not wait for its lease to end. */
export function isDead(identity: string): boolean {
  const here = `${hostname()}_`;
  return identity.startsWith(here) && identity !== identityHere(Number.parseInt(identity.slice(here.length), 10));
}
