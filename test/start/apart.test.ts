/** API and relay as processes of their own, as pods are: one Postgres, one cluster, one folder of secrets, no data folder in common. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClopsClient } from '../../src/client/index.ts';
import { silentLog } from '../../src/lib/log.ts';
import { newToken } from '../../src/lib/token.ts';
import { createClientNodeCluster } from '../../src/platform/cluster/clientNode.ts';
import { SECRETS } from '../../src/platform/cluster/resources.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/platform/db/embedded.ts';
import { freePort } from '../../src/platform/process/ports.ts';
import { anObjectStore, KEYS, REGION } from '../contract/artifacts/objectStore.ts';
import { missingPrograms } from '../kubernetes/build/build.ts';
import { eventually } from '../support/eventually.ts';
import { inDatabase } from '../support/postgres.ts';
import { MAIN } from '../support/program.ts';

const MODEL = join(import.meta.dirname, '..', 'modelserver', 'models', 'add_int64.onnx');
const token = newToken();
let folder: string;
let postgres: EmbeddedPostgres;
const children: ChildProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clops-apart-'));
  chmodSync(folder, 0o711);
  postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'pg'), log: silentLog, settings: { fsync: 'off' } });
}, 40_000);
afterAll(async () => {
  for (const child of children.reverse()) {
    if (child.exitCode !== null || child.signalCode) continue;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGTERM');
    await ended;
  }
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}, 40_000);

/** Answers what it has said so far. */
function start(role: string, env: NodeJS.ProcessEnv, name = role): () => string {
  const dataDir = join(folder, name);
  mkdirSync(dataDir, { recursive: true });
  const child = spawn(process.execPath, [MAIN, role], {
    env: { ...process.env, KUBECONFIG: '', CLOPS_DEMO: '', CLOPS_TOKEN: '', CLOPS_DATA_DIR: dataDir, ...env },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  children.push(child);
  return () => said;
}

interface Installation {
  /** Of each API. */
  urls: string[];
  upload(file: string): Promise<string>;
  /** Registers the artifact as a version of a model and deploys it. */
  deploy(digest: string): Promise<void>;
  /** What pods fetch it with. */
  address(): Promise<string>;
}

/** A cluster, a relay, and so many processes of the API, all ready. */
async function install(name: string, apis: number, more: NodeJS.ProcessEnv = {}): Promise<Installation> {
  const [cluster = 0, relay = 0, ...https] = await Promise.all(Array.from({ length: 2 + apis }, freePort));
  start('cluster', { CLOPS_CLUSTER_PORT: `${cluster}` }, `${name}-cluster`);
  const kubeconfig = join(folder, `${name}-cluster`, 'cluster', 'controller.kubeconfig');
  await eventually(() => expect(existsSync(kubeconfig)).toBe(true), { withinMs: 30_000 });

  const secrets = join(folder, `${name}-secrets`);
  mkdirSync(secrets);
  writeFileSync(join(secrets, 'token'), `${token}\n`);
  writeFileSync(join(secrets, 'signing.key'), 'a key that both have, and long enough\n');
  const urls = https.map((port) => `http://127.0.0.1:${port}`);
  const [url = ''] = urls;
  const env = {
    NODE_ENV: 'production',
    DATABASE_URL: postgres.url,
    CLOPS_CLUSTER: 'external',
    KUBECONFIG: kubeconfig,
    CLOPS_URL: url,
    CLOPS_SECRETS_DIR: secrets,
    ...more,
  };
  start('install', env, `${name}-install`);
  const said = [
    start('relay', { ...env, CLOPS_HTTP_PORT: `${relay}` }, `${name}-relay`),
    ...https.map((port, n) => start('api', { ...env, CLOPS_HTTP_PORT: `${port}` }, `${name}-api-${n}`)),
  ];
  const ready = async (port: number): Promise<string> =>
    (await fetch(`http://127.0.0.1:${port}/readyz?verbose`)).text();
  await eventually(
    async () => {
      for (const port of [...https, relay])
        expect(await ready(port)).toMatch(/\[\+\]relay ok[\s\S]*readyz check passed/);
    },
    { withinMs: 60_000 },
  ).catch((error: Error) => {
    throw new Error([error.message, ...said.map((words) => words())].join('\n'));
  });

  const ask = async (query: string, input: object): Promise<unknown> => {
    const response = await fetch(`${urls.at(-1)}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables: { input } }),
    });
    const { data, errors } = (await response.json()) as {
      data: Record<string, { errors: object[] }>;
      errors?: object[];
    };
    const [payload] = Object.values(data ?? {});
    expect([errors, payload?.errors]).toEqual([undefined, []]);
    return payload;
  };
  return {
    urls,
    async upload(file) {
      const client = createClopsClient({ url, token });
      const { digest } = await client.uploadArtifact(file);
      await client.close();
      return digest;
    },
    async deploy(digest) {
      await ask('mutation ($input: CreateTeamInput!) { createTeam(input: $input) { errors { message } } }', {
        name: 'speech',
      });
      const made = await ask(
        'mutation ($input: CreateModelInput!) { createModel(input: $input) { model { id } errors { message } } }',
        { team: 'speech', name: 'vad' },
      );
      const { id } = (made as { model: { id: string } }).model;
      await ask(
        'mutation ($input: CreateModelVersionInput!) { createModelVersion(input: $input) { errors { message } } }',
        { model: id, artifact: { digest }, format: 'ONNX' },
      );
      await ask('mutation ($input: DeployModelInput!) { deployModel(input: $input) { errors { message } } }', {
        ...{ team: 'speech', name: 'vad', model: 'vad', version: { latest: true } },
      });
    },
    async address() {
      const kube = createClientNodeCluster({ kubeconfig, userAgent: 'clops-test' });
      return eventually(async () => {
        const { items } = await kube.list(SECRETS, { namespace: 'speech' });
        const [secret] = items as { data?: { url?: string } }[];
        return Buffer.from(secret?.data?.url ?? expect.fail('no Secret yet'), 'base64')
          .toString()
          .trim();
      }).finally(() => kube.close());
    },
  };
}

test('an artifact address that the relay signed is accepted by the API, and the shared token is the one that counts', async () => {
  const { urls, upload, deploy, address } = await install('files', 1);
  const digest = await upload(MODEL);
  await deploy(digest);
  const signed = await address();
  expect(signed).toContain(`${urls[0]}/artifacts/${digest}?expires=`);
  const got = await fetch(signed);
  expect([got.status, Buffer.from(await got.arrayBuffer()).equals(readFileSync(MODEL))]).toEqual([200, true]);
  expect((await fetch(signed.slice(0, -1))).status).toBe(401);
  for (const name of ['token', 'signing.key'])
    for (const role of ['files-api-0', 'files-relay']) expect(existsSync(join(folder, role, name))).toBe(false);
}, 120_000);

test('two processes of the API take one upload after the other into a bucket, and pods fetch from the store', async ({
  skip,
}) => {
  const missing = missingPrograms(['s3']).join();
  if (missing) skip(`not built: ${missing}`);
  const store = await anObjectStore();
  try {
    await store.makeBucket('models');
    const client = new pg.Client(postgres.url);
    await client.connect();
    await client.query('create database bucket');
    await client.end();
    const { urls, deploy, address } = await install('bucket', 2, {
      DATABASE_URL: inDatabase(postgres.url, 'bucket'),
      CLOPS_ARTIFACTS: 's3://models/clops',
      AWS_ENDPOINT_URL_S3: store.url,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
    });
    const bytes = readFileSync(MODEL);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const middle = bytes.length >> 1;
    const put = async (url: string | undefined, from: number, to: number): Promise<number> => {
      const range = `bytes ${from}-${to - 1}/${bytes.length}`;
      const headers = { authorization: `Bearer ${token}`, 'content-range': range };
      const body = bytes.subarray(from, to);
      return (await fetch(`${url}/artifacts/${digest}`, { method: 'PUT', headers, body })).status;
    };
    expect([await put(urls[0], 0, middle), await put(urls[1], middle, bytes.length)]).toEqual([202, 201]);
    await deploy(digest);
    const signed = await address();
    expect(signed).toMatch(new RegExp(`^${store.url}/models/clops/bytes/.*X-Amz-Expires=86\\d+&.*#${digest}$`));
    expect(Buffer.from(await (await fetch(signed)).arrayBuffer()).equals(bytes)).toBe(true);
  } finally {
    await store.close();
  }
}, 120_000);

test('a second start on the database of one that is at work is refused, and begins nothing', async () => {
  const own = async (name: string) => {
    const ports = await Promise.all([freePort(), freePort(), freePort()]);
    const [http, gateway, cluster] = ports.map(String);
    const database = inDatabase(postgres.url, 'postgres');
    return start(
      'all',
      {
        DATABASE_URL: database,
        CLOPS_DEMO: 'off',
        CLOPS_HTTP_PORT: http,
        CLOPS_GATEWAY_PORT: gateway,
        CLOPS_CLUSTER_PORT: cluster,
      },
      name,
    );
  };
  const said = await own('first');
  await eventually(() => expect(said()).toContain('CLOps is ready'), { withinMs: 60_000 });
  const refused = await own('second');
  await eventually(
    () =>
      expect(refused()).toMatch(/✗ DATABASE_URL=\S+ is in use by another CLOps with a local cluster of its own: stop/),
    { withinMs: 60_000 },
  );
  await eventually(() => expect(children.at(-1)?.exitCode).toBe(1), { withinMs: 20_000 });
  expect(refused()).not.toContain('CLOps is ready');
}, 120_000);
