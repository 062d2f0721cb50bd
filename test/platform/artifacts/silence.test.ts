/** Who is silent: a client that does not send is cut off, one that waits for the store is not. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';

const SILENCE_MS = 100;
const headers = { authorization: 'Bearer token' };
const HEX = createHash('sha256').update('never these bytes').digest('hex');
let folder: string;
let store: ChildProcess;
let url: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clops-silence-'));
  store = spawn(process.execPath, [join(import.meta.dirname, 'store.ts'), folder, 'token', `${SILENCE_MS}`]);
  const lines = createInterface({ input: store.stdout as NodeJS.ReadableStream });
  url = String((await once(lines, 'line'))[0]);
});
afterAll(async () => {
  const ended = once(store, 'exit');
  store.kill('SIGKILL');
  await ended;
  rmSync(folder, { recursive: true, force: true });
});

test('an upload goes on however long the store reads again what came before', async () => {
  const uploads = join(folder, 'artifacts', 'uploads');
  const size = 200 * 1024 ** 2; // Takes several times SILENCE_MS to be hashed.
  mkdirSync(uploads, { recursive: true });
  writeFileSync(join(uploads, HEX), '');
  truncateSync(join(uploads, HEX), size);
  const range = `bytes ${size}-${size + 3}/${size + 4}`;
  const answer = await fetch(`${url}/artifacts/sha256:${HEX}`, {
    method: 'PUT',
    headers: { ...headers, 'content-range': range },
    body: 'last',
  });
  expect(answer.status).toBe(422); // All of it was read.
});

test('a client that stops sending is cut off', async () => {
  const sent = request(`${url}/artifacts/sha256:${HEX}`, {
    method: 'PUT',
    headers: { ...headers, 'content-length': 10 },
  });
  sent.write('half');
  const [error] = await once(sent, 'error').catch((reason: unknown) => [reason]);
  expect(error).toMatchObject({ code: 'ECONNRESET' });
});
