/** A disk that is full: said in words, nothing half-done under a name that anybody reads, and gone on with when there is room. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ClopsFault, createClopsClient } from '../../../src/client/index.ts';
import { eventually } from '../../support/eventually.ts';

const STORE = join(import.meta.dirname, 'store.ts');
/** 4 MiB of disk, of which 1 MiB is free. */
const SCRIPT =
  'mount -t tmpfs -o size=4m tmpfs "$1" && dd if=/dev/zero of="$1/ballast" bs=64k count=48 2>/dev/null && exec "$2" "$3" "$1" token';
const BYTES = randomBytes(2 * 1024 * 1024);
const DIGEST = `sha256:${createHash('sha256').update(BYTES).digest('hex')}`;
/** A twentieth of the disk. */
const RESERVE = Math.floor(4 * 1024 * 1024 * 0.05);
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
      message: `The disk of the artifact store has no room for the ${BYTES.length} bytes that are missing besides the ${RESERVE} bytes that stay free for the database. Make room there, then go on at byte 0.`,
    });
    expect(await offset()).toBeNull();
    await makeRoom();
    expect(await client.uploadArtifact(file)).toMatchObject({ digest: DIGEST });
  } finally {
    rmSync(file);
    await client.close();
  }
});

/** The disk as the store sees it. */
const disk = (): string => `/proc/${store.pid}/root${mount}`;
const free = (): number => {
  const { bavail, bsize } = statfsSync(disk());
  return bavail * bsize;
};

test.runIf(isRoot)(
  'what outgrows the disk unannounced leaves nothing behind, and the reserve free',
  async ({ skip }) => {
    if (!url) skip('this container may not mount');
    const before = free();
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array(BYTES));
        controller.close();
      },
    });
    const full = await fetch(at(), { method: 'PUT', headers, body, duplex: 'half' });
    expect([full.status, await full.json()]).toEqual([
      507,
      {
        error: `The disk of the artifact store has no room besides the ${RESERVE} bytes that stay free for the database. Make room there, then go on at byte 0.`,
        receivedBytes: 0,
      },
    ]);
    expect(await offset()).toBeNull();
    expect(free()).toBe(before);
    await makeRoom();
    expect((await fetch(at(), { method: 'PUT', headers, body: new Uint8Array(BYTES) })).status).toBe(201);
  },
);

test.runIf(isRoot)('the reserve is for others, and what uploads in flight were promised is taken', async ({ skip }) => {
  if (!url) skip('this container may not mount');
  const put = (sizeBytes: number) => upload(sizeBytes);
  const [tight, half] = [free() - Math.floor(RESERVE / 2), Math.floor((free() - RESERVE) * 0.6)];
  expect((await put(tight).answer()).status).toBe(507);
  const first = put(half);
  first.send(1000);
  await eventually(async () => expect(await first.received()).toBe(1000));
  expect((await put(half + 1).answer()).status).toBe(507);

  // Somebody else fills the disk meanwhile: what came stays, and goes on when there is room.
  writeFileSync(join(disk(), 'others'), Buffer.alloc(free() - RESERVE));
  first.send(half - 1000);
  expect((await first.answer()).status).toBe(507);
  expect(free()).toBeGreaterThan(RESERVE / 2);
  expect(await first.received()).toBeGreaterThanOrEqual(1000);
  rmSync(join(disk(), 'others'));
  expect((await put(half).end()).status).toBe(201);
});

/** An upload of known size that is sent as it is told. */
function upload(sizeBytes: number) {
  const bytes = BYTES.subarray(0, sizeBytes);
  const path = `${url}/artifacts/sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const sent = request(path, { method: 'PUT', headers: { ...headers, 'content-length': sizeBytes } });
  const answered = new Promise<IncomingMessage>((resolve, reject) => sent.on('response', resolve).on('error', reject));
  answered.catch(() => {});
  let at = 0;
  const send = (count: number): void => {
    sent.write(bytes.subarray(at, at + count));
    at += count;
  };
  const answer = async (): Promise<{ status: number | undefined }> => {
    sent.flushHeaders();
    const response = await answered;
    sent.destroy();
    return { status: response.statusCode };
  };
  return {
    send,
    answer,
    end: async () => {
      send(sizeBytes - at);
      return answer();
    },
    received: async () => Number((await fetch(path, { method: 'HEAD', headers })).headers.get('upload-offset')),
  };
}
