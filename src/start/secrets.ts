/** Secrets of this data folder: files that only their owner can read, made when they are first asked for. */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isToken, newToken } from '../lib/token.ts';
import { Refusal } from './report.ts';

/** The administrator's token. */
export function adminToken(secretsDir: string): { token: string; file: string } {
  const file = join(secretsDir, 'token');
  const token = secretIn(file, newToken);
  if (!isToken(token))
    throw new Refusal(`${file} holds no valid token: delete it, and the next start makes a new one.`);
  return { token, file };
}

/** Where this folder's instance listens, beside its token: a client that is told the folder needs no port. */
export function rememberUrl(dataDir: string, url: string): void {
  writeFileSync(join(dataDir, 'url'), `${url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:')}\n`);
}

/** At its end: whoever listens on that port later would be sent this folder's token. */
export function forgetUrl(dataDir: string): void {
  rmSync(join(dataDir, 'url'), { force: true });
}

/** The files that roles which run apart have in common: each that made its own would not know what the other has given. */
export type Secret = 'token' | 'signing.key';

/** What is missing of them, in words. */
export function missingSecrets(secretsDir: string, names: readonly Secret[]): string | undefined {
  const missing = names.filter((name) => !existsSync(join(secretsDir, name)));
  if (missing.length === 0) return undefined;
  return `lacks ${missing.map((name) => `\`${name}\``).join(' and ')}, which API and relay must have in common: in production, apart, neither makes up its own. Mount the Secret that \`node dist/main.js install --secret NAME\` makes, or copy what the other has.`;
}

/** Signs the addresses that artifacts are put to and got from. */
export function signingKey(secretsDir: string): string {
  const file = join(secretsDir, 'signing.key');
  const key = secretIn(file, newSigningKey);
  // With an empty one, anybody could sign.
  if (key.length < SHORTEST_KEY)
    throw new Refusal(
      `${file} holds no signing key (${key.length} characters, and it takes ${SHORTEST_KEY}): delete it, and the next start makes a new one; where API and relay run apart, give both the same.`,
    );
  return key;
}

const SHORTEST_KEY = 32;

export const newSigningKey = (): string => randomBytes(32).toString('base64url');

/** Appears complete, as a link to a file that has reached the disk: after a power cut there would be an empty one. */
function secretIn(file: string, make: () => string): string {
  if (!existsSync(file)) {
    const draft = `${file}.${process.pid}`;
    try {
      writeFileSync(draft, `${make()}\n`, { mode: 0o600, flush: true });
      except(['EEXIST'], () => linkSync(draft, file));
    } finally {
      rmSync(draft, { force: true });
    }
  }
  // A mounted Secret belongs to others, and is only to be read.
  except(['EROFS', 'EPERM'], () => chmodSync(file, 0o600));
  return readFileSync(file, 'utf8').trim();
}

function except(codes: readonly string[], work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && codes.includes(String(error.code)))) throw error;
  }
}
