/** A disk that is full: said in words, nothing half-done under a name that anybody reads, and gone on with when there is room. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ClopsFault, createClopsClient } from '../../../src/client/index.ts';

const STORE = join(import.meta.dirname, 'store.ts');
/** 4 MiB of disk, of which 1 MiB is free. */
const SCRIPT =
  'mount -t tmpfs -o size=4m tmpfs "$1" && dd if=/dev/zero of="$1/ballast" bs=64k count=48 2>/dev/null && exec "$2" "$3" "$1" token';
const BYTES = randomBytes(2 * 1024 * 1024);
const DIGEST = `sha256:${createHash('sha256').update(BYTES).digest('hex')}`;
const headers = { authorization: 'Bearer token' };

let mount: string;
let store: ChildProcess;
let lines: AsyncIterator<string>;
let url: string | undefined;

beforeEach(async () => {
  mount = mkdtempSync(join(tmpdir(), 'clops-full-'));
  store = spawn('unshare', ['-m', 'sh', '-c', SCRIPT, 'sh', mount, process.execPath, STORE]);
  store.on('error', () => {}); // There is no such program: nothing to see here.
  lines = createInterface({ input: store.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  url = (await lines.next()).value;
});
afterEach(async () => {
  const ended = store.exitCode === null && store.pid !== undefined && once(store, 'exit');
  store.kill('SIGKILL');
  await ended;
  rmSync(mount, { recursive: true, force: true });
});

const at = (): string => `${url}/artifacts/${DIGEST}`;
const offset = async (): Promise<string | null> =>
  (await fetch(at(), { method: 'HEAD', headers })).headers.get('upload-offset');
const makeRoom = async (): Promise<void> => {
  store.stdin?.write('\n');
  expect((await lines.next()).value).toBe('room');
};
const isRoot = process.getuid?.() === 0 && process.platform === 'linux';

test.runIf(isRoot)('what does not fit is refused before a byte of it is kept', async ({ skip }) => {
  if (!url) skip('this container may not mount');
  const file = join(mount, '..', `${DIGEST.slice(7, 27)}.bin`);
  writeFileSync(file, BYTES);
  const client = createClopsClient({ url: url as string, token: 'token' });
  try {
    const fault = await client.uploadArtifact(file).then(
      () => undefined,
      (error: unknown) => error as ClopsFault,
    );
    expect(fault).toBeInstanceOf(ClopsFault);
    expect(fault).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      retryable: false,
      message: `The disk of the artifact store has no room for the ${BYTES.length} bytes that are missing. Make room there, then go on at byte 0.`,
    });
    expect(await offset()).toBeNull();
    await makeRoom();
    expect(await client.uploadArtifact(file)).toMatchObject({ digest: DIGEST });
  } finally {
    rmSync(file);
    await client.close();
  }
});

test.runIf(isRoot)(
  'what outgrows the disk unannounced stays as far as it came, and goes on from there',
  async ({ skip }) => {
    if (!url) skip('this container may not mount');
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array(BYTES));
        controller.close();
      },
    });
    const full = await fetch(at(), { method: 'PUT', headers, body, duplex: 'half' });
    const answer = (await full.json()) as { error: string; receivedBytes: number };
    expect([full.status, answer.error]).toEqual([
      507,
      `The disk of the artifact store has no room. Make room there, then go on at byte ${answer.receivedBytes}.`,
    ]);
    expect(answer.receivedBytes).toBeGreaterThan(0);
    expect((await fetch(at(), { headers })).status).toBe(404);
    expect(await offset()).toBe(String(answer.receivedBytes));
    await makeRoom();
    const range = `bytes ${answer.receivedBytes}-${BYTES.length - 1}/${BYTES.length}`;
    const rest = await fetch(at(), {
      method: 'PUT',
      headers: { ...headers, 'content-range': range },
      body: new Uint8Array(BYTES.subarray(answer.receivedBytes)),
    });
    expect(rest.status).toBe(201);
  },
);
