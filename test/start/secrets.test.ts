/** Secrets that are made when they are first asked for, and what is in their place after a power cut. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { adminToken, forgetUrl, rememberUrl, signingKey } from '../../src/start/secrets.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clops-secrets-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('are made once, for their owner alone, and nothing else stays beside them', () => {
  const [{ token, file }, key] = [adminToken(folder), signingKey(folder)];
  expect([adminToken(folder).token, signingKey(folder)]).toEqual([token, key]);
  expect(readFileSync(join(folder, 'signing.key'), 'utf8')).toBe(`${key}\n`);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder).sort()).toEqual(['signing.key', 'token']);
});

test.each(['', '\n', 'short\n'])('that hold %j are refused in words: with an empty key anybody could sign', (text) => {
  for (const name of ['token', 'signing.key']) writeFileSync(join(folder, name), text);
  expect(() => adminToken(folder)).toThrow(`${join(folder, 'token')} holds no valid token: delete it`);
  expect(() => signingKey(folder)).toThrow(`${join(folder, 'signing.key')} holds no signing key (`);
});

test('the address of an instance is taken back at its end', () => {
  rememberUrl(folder, 'http://0.0.0.0:4000');
  expect(readFileSync(join(folder, 'url'), 'utf8')).toBe('http://127.0.0.1:4000\n');
  forgetUrl(folder);
  forgetUrl(folder);
  expect(existsSync(join(folder, 'url'))).toBe(false);
});
