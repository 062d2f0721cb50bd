/** The administrator's token of this data folder: a file that only its owner can read, made at the first start. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isToken, newToken } from '../lib/token.ts';
import { Refusal } from './report.ts';

export function adminToken(dataDir: string): { token: string; file: string } {
  const file = join(dataDir, 'token');
  if (!existsSync(file)) {
    mkdirSync(dataDir, { recursive: true });
    writeFileSync(file, `${newToken()}\n`, { mode: 0o600, flag: 'wx' });
  }
  chmodSync(file, 0o600);
  const token = readFileSync(file, 'utf8').trim();
  if (!isToken(token))
    throw new Refusal(`${file} holds no valid token: delete it, and the next start makes a new one.`);
  return { token, file };
}
