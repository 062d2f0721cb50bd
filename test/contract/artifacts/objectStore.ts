/** A real object store for a test: Versity's S3 gateway over a folder, with signatures checked and parts of 5 MiB or more. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AwsClient } from 'aws4fetch';
import { createObjects, type Objects } from '../../../src/platform/artifacts/s3/objects.ts';
import { freePort } from '../../../src/platform/process/ports.ts';
import { pathOf } from '../../kubernetes/build/build.ts';
import { eventually } from '../../support/eventually.ts';

export const KEYS = { accessKeyId: 'clops-test', secretAccessKey: 'not-a-secret-at-all' };
export const REGION = 'eu-test-1';

export interface ObjectStore {
  url: string;
  makeBucket(name: string): Promise<void>;
  removeBucket(name: string): Promise<void>;
  /** The names of all objects, in order. */
  keys(bucket: string): Promise<string[]>;
  /** As one of our processes asks it, with these settings changed; closed with the store. */
  objects(given?: Partial<Parameters<typeof createObjects>[0]>): Objects;
  /** As anybody with keys may ask. */
  ask(path: string, init?: RequestInit): Promise<Response>;
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

export async function anObjectStore(): Promise<ObjectStore> {
  const folder = mkdtempSync(join(tmpdir(), 'clops-s3-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const client = new AwsClient({ ...KEYS, region: REGION, service: 's3', retries: 0 });
  const opened: Objects[] = [];
  let running: ReturnType<typeof spawn> | undefined;
  const ask: ObjectStore['ask'] = (path, init) => client.fetch(`${url}/${path}`, init);

  async function start(): Promise<void> {
    if (running) return;
    const words = ['--quiet', '--keep-alive', '--port', `127.0.0.1:${port}`, '--region', REGION];
    const keys = ['--access', KEYS.accessKeyId, '--secret', KEYS.secretAccessKey];
    running = spawn(
      pathOf('versitygw'),
      [...words, ...keys, 'posix', '--sidecar', join(folder, 'meta'), join(folder, 'data')],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
    await eventually(async () => expectOk(await ask('')));
  }
  async function stop(): Promise<void> {
    const ended = running && once(running, 'exit');
    running?.kill('SIGKILL');
    await ended;
    running = undefined;
  }
  for (const name of ['data', 'meta']) mkdirSync(join(folder, name));
  await start();
  return {
    url,
    ask,
    start,
    stop,
    makeBucket: async (name) => expectOk(await ask(name, { method: 'PUT' })),
    removeBucket: async (name) => expectOk(await ask(name, { method: 'DELETE' })),
    async keys(bucket) {
      const text = await (await ask(`${bucket}?list-type=2`)).text();
      return [...text.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key = '']) => key).sort();
    },
    objects(given) {
      const usual = { endpoint: url, region: REGION, bucket: 'models', credentials: async () => KEYS };
      const made = createObjects({ ...usual, ...given });
      opened.push(made);
      return made;
    },
    async close() {
      await Promise.all(opened.map((one) => one.close()));
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function expectOk(response: Response): void {
  if (!response.ok) throw new Error(`the object store answered ${response.status}`);
}
