/** What a start refuses before it starts anything: one sentence with the setting, its value, what is wrong, what to do. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as listen, type Server as NetServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { openPki } from '../../src/local/apiserver/pki.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/platform/db/embedded.ts';
import { freePort } from '../../src/platform/process/ports.ts';
import { anObjectStore, KEYS, REGION } from '../contract/artifacts/objectStore.ts';
import { missingPrograms } from '../kubernetes/build/build.ts';
import { eventually } from '../support/eventually.ts';
import { MAIN } from '../support/program.ts';

const isRoot = process.getuid?.() === 0;
let folder: string;
let postgres: EmbeddedPostgres;
let notOurs: Server;
let nobody: number;
const tlsPostgres: NetServer[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clops refusals '));
  chmodSync(folder, 0o711);
  postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'own'), log: silentLog, settings: { fsync: 'off' } });
  notOurs = createServer((_, answer) => answer.end('hello'));
  await new Promise<void>((resolve) => notOurs.listen(0, '127.0.0.1', resolve));
  nobody = await freePort();
}, 40_000);
afterAll(async () => {
  await postgres.stop();
  notOurs.close();
  for (const server of tlsPostgres) server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function refusal(env: NodeJS.ProcessEnv, role = 'all'): Promise<{ code: number | null; said: string }> {
  const dataDir = join(folder, 'data');
  const none = {
    DATABASE_URL: '',
    CLOPS_ARTIFACTS: '',
    KUBECONFIG: '',
    NODE_ENV: '',
    CLOPS_DEMO: '',
    KUBERNETES_SERVICE_HOST: '',
  };
  const own = { CLOPS_DATA_DIR: dataDir, CLOPS_HTTP_PORT: '0', CLOPS_GATEWAY_PORT: '0', CLOPS_CLUSTER_PORT: '0' };
  const child = spawn(process.execPath, [MAIN, role], {
    env: { ...process.env, ...none, ...own, ...env },
  });
  let said = '';
  child.stdout.on('data', (chunk) => (said += chunk));
  child.stderr.on('data', (chunk) => (said += chunk));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  expect(said).not.toContain('✓');
  for (const made of ['postgres', 'cluster', 'run']) expect(existsSync(join(dataDir, made))).toBe(false);
  const sentences = said.split('\n').filter((line) => line.startsWith('✗'));
  expect(sentences).toHaveLength(1);
  return { code, said: sentences[0] ?? '' };
}

const EXTERNAL = { CLOPS_CLUSTER: 'external', CLOPS_URL: 'http://clops.example' };

test('settings that do not fit each other', async () => {
  const production = { NODE_ENV: 'production' };
  for (const [env, words, role] of [
    [production, 'NODE_ENV=production needs DATABASE_URL', 'all'],
    [production, 'NODE_ENV=production needs DATABASE_URL', 'relay'],
    [
      { ...production, DATABASE_URL: 'postgres://a/b', CLOPS_DEMO: 'on' },
      'CLOPS_DEMO=on is not for NODE_ENV=production',
      'all',
    ],
    [{ CLOPS_CLUSTER: 'external' }, 'CLOPS_CLUSTER=external needs CLOPS_URL', 'all'],
    [
      { ...EXTERNAL, CLOPS_DEMO: 'on' },
      'CLOPS_DEMO=on serves its model on this machine: set CLOPS_NODE_ADDRESS',
      'all',
    ],
    [EXTERNAL, 'CLOPS_CLUSTER=external needs KUBECONFIG', 'all'],
    [{ CLOPS_CLUSTER: 'external' }, 'CLOPS_CLUSTER=external needs KUBECONFIG', 'controller'],
    [{ DATABASE_URL: 'mysql://a:se/c@ret@b' }, 'DATABASE_URL=mysql://a:***@b is not a valid setting', 'all'],
    [{ CLOPS_ARTIFACTS: '/a/folder' }, 'CLOPS_ARTIFACTS=/a/folder is not a valid setting: expected s3://bucket', 'all'],
    [{ CLOPS_ARTIFACTS: 's3://models/' }, 'CLOPS_ARTIFACTS=s3://models/ needs keys: AWS_ACCESS_KEY_ID and', 'all'],
    [{ CLOPS_URL: 'ftp://x' }, 'CLOPS_URL=ftp://x is not a valid setting', 'all'],
  ] as const) {
    const { code, said } = await refusal(env, role);
    expect([said, code]).toEqual([expect.stringContaining(words), 2]);
  }
}, 60_000);

test('the data folder of a machine that has joined a cluster, without that cluster', async () => {
  const once = join(folder, 'once');
  mkdirSync(once);
  writeFileSync(join(once, 'joined'), 'an-uid\n');
  const { code, said } = await refusal({ CLOPS_DATA_DIR: once });
  expect([said, code]).toEqual([
    expect.stringContaining(`${once} belongs to a cluster that this machine has joined`),
    1,
  ]);
  expect(existsSync(join(once, 'cluster'))).toBe(false);
}, 30_000);

test('addresses with which this machine cannot be nodes of a cluster', async () => {
  const file = join(folder, 'joined');
  writeFileSync(file, '{}');
  const joined = {
    CLOPS_CLUSTER: 'external',
    KUBECONFIG: file,
    CLOPS_NODE_ADDRESS: '0.0.0.1',
    CLOPS_POD_CIDR: '198.51.100.0/23',
  };
  const here = Object.values(networkInterfaces()).flatMap((links) => links ?? []);
  const own = here.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
  for (const [env, words, role] of [
    [{ CLOPS_POD_CIDR: '' }, 'CLOPS_NODE_ADDRESS=0.0.0.1 needs CLOPS_POD_CIDR as well: a range', 'all'],
    [{ CLOPS_NODE_ADDRESS: '' }, 'CLOPS_POD_CIDR=198.51.100.0/23 needs CLOPS_NODE_ADDRESS as well: an address', 'node'],
    [{ CLOPS_POD_CIDR: '', CLOPS_NODE_ADDRESS: '' }, 'CLOPS_CLUSTER=external needs the addresses of a node', 'node'],
    [{ CLOPS_CLUSTER: '' }, 'CLOPS_NODE_ADDRESS=0.0.0.1 joins this machine to a cluster of your own: set', 'all'],
    [
      { NODE_ENV: 'production', DATABASE_URL: 'postgres://a/b' },
      'CLOPS_NODE_ADDRESS=0.0.0.1 is not for NODE_ENV=production',
      'all',
    ],
    [{ CLOPS_NODE_ADDRESS: '127.0.0.1' }, 'CLOPS_NODE_ADDRESS=127.0.0.1 is loopback', 'all'],
    [
      { CLOPS_NODE_ADDRESS: '192.0.2.1', CLOPS_POD_CIDR: '127.5.0.0/16' },
      'CLOPS_POD_CIDR=127.5.0.0/16 is loopback',
      'all',
    ],
    [{ CLOPS_NODE_ADDRESS: 'host' }, 'CLOPS_NODE_ADDRESS=host is not a valid setting', 'all'],
    [{ CLOPS_POD_CIDR: '10.0.0.0' }, 'CLOPS_POD_CIDR=10.0.0.0 is not a valid setting: expected a range', 'all'],
    [
      { CLOPS_NODE_ADDRESS: '192.0.2.1' },
      'CLOPS_NODE_ADDRESS=192.0.2.1 is no address of this machine, which has ',
      'node',
    ],
    [
      { CLOPS_NODE_ADDRESS: '192.0.2.1' },
      'CLOPS_NODE_ADDRESS=192.0.2.1 is no address of this machine, which has ',
      'all',
    ],
    ...(own === undefined
      ? []
      : [
          [
            { CLOPS_NODE_ADDRESS: own, CLOPS_POD_CIDR: '198.51.100.0/24' },
            'CLOPS_POD_CIDR=198.51.100.0/24 is too small for 2 nodes (gpu-1, gpu-2), each of which takes a /24: name a /23',
            'all',
          ] as const,
          [
            { CLOPS_NODE_ADDRESS: own },
            '198.51.100.2 cannot be listened on. `sudo ip route add local 198.51.100.0/23 dev lo`',
            'all',
          ] as const,
        ]),
  ] as const) {
    const { code, said } = await refusal({ ...joined, ...env }, role);
    expect([said, code]).toEqual([expect.stringContaining(words), 2]);
  }
}, 90_000);

/** As far as a Postgres says yes to TLS, with a certificate of an authority that nobody knows. */
async function aTlsPostgres(): Promise<AddressInfo> {
  const { server: pair } = await openPki({ dir: join(folder, 'authority'), bind: '127.0.0.1' });
  const server = listen((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write('S', () => new TLSSocket(socket, { isServer: true, ...pair }).on('error', () => {}));
    });
  });
  tlsPostgres.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server.address() as AddressInfo;
}

test('a DATABASE_URL with which nothing can be done, without its password', async () => {
  const { port } = notOurs.address() as AddressInfo;
  const at = (where: number) => `postgres://ada:s3cret@127.0.0.1:${where}/x`;
  for (const [url, words, expected] of [
    [at(nobody), 'does not answer (ECONNREFUSED)', 1],
    [at(port), 'does not speak as Postgres does', 1],
    [postgres.url.replace(/:[^:@]+@/, ':s3cret@'), 'put right the user and the password', 2],
    [`${at((await aTlsPostgres()).port)}?sslmode=verify-full`, 'has a certificate that does not prove who it is (', 2],
    [
      postgres.url.replace('/clops?', '/nope?'),
      'names a database that is not there (database "nope" does not exist)',
      2,
    ],
  ] as const) {
    const { code, said } = await refusal({ DATABASE_URL: url });
    expect([said, code]).toEqual([expect.stringContaining(words), expected]);
    expect(said).toMatch(/^✗ DATABASE_URL=postgres:\/\/\w+:\*\*\*@127\.0\.0\.1:\d+\/\w+(\?\S+)? /);
    expect(said).not.toContain('s3cret');
  }
}, 60_000);

test('an object store that is away, or with which nothing can be done', async ({ skip }) => {
  const keys = { AWS_ACCESS_KEY_ID: KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey, AWS_REGION: REGION };
  const setting = { CLOPS_ARTIFACTS: 's3://models/clops', AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${nobody}`, ...keys };
  expect(await refusal(setting)).toEqual({
    said: '✗ CLOPS_ARTIFACTS=s3://models/clops: The artifact store does not answer.',
    code: 1,
  });
  const missing = missingPrograms(['s3']).join();
  if (missing) skip(`not built: ${missing}`);
  const store = await anObjectStore();
  try {
    const at = { ...setting, AWS_ENDPOINT_URL_S3: store.url };
    const noBucket = 'has no bucket of the name that is set (NoSuchBucket)';
    expect(await refusal(at)).toEqual({ said: expect.stringContaining(noBucket), code: 2 });
    await store.makeBucket('models');
    const { said, code } = await refusal({ ...at, AWS_SECRET_ACCESS_KEY: 'another s3cret' });
    expect([said, code]).toEqual([expect.stringContaining('(SignatureDoesNotMatch)'), 2]);
    expect(said).not.toContain('s3cret');
  } finally {
    await store.close();
  }
}, 60_000);

test('a KUBECONFIG that names no cluster, or one that is away', async () => {
  const file = join(folder, 'kubeconfig');
  const config = (server: string, user = 'u') =>
    JSON.stringify({
      'current-context': 'c',
      contexts: [{ name: 'c', context: { cluster: 'k', user } }],
      clusters: [{ name: 'k', cluster: { server } }],
      users: [{ name: 'u', user: { token: 't' } }],
    });
  const { port } = notOurs.address() as AddressInfo;
  for (const [text, words, expected] of [
    [undefined, 'is not there', 2],
    ['a: [', 'is no valid YAML', 2],
    ['{}', 'has no current-context', 2],
    ['current-context: gone', 'has the current-context "gone", which is not among its contexts', 2],
    [config('https://127.0.0.1:1', 'w'), 'whose user "w" is not there', 2],
    [config(`https://127.0.0.1:${nobody}`), 'names a cluster that does not answer (', 1],
    [config(`http://127.0.0.1:${port}`), 'names a ', 1],
  ] as const) {
    rmSync(file, { force: true });
    if (text !== undefined) writeFileSync(file, text);
    const { code, said } = await refusal({ ...EXTERNAL, KUBECONFIG: file });
    expect([said, code]).toEqual([expect.stringContaining(words), expected]);
    expect(said).toContain(`KUBECONFIG=${file} `);
  }
}, 60_000);

test('secrets that roles which run apart do not have in common', async () => {
  const secrets = join(folder, 'secrets');
  mkdirSync(secrets);
  const env = { ...EXTERNAL, NODE_ENV: 'production', DATABASE_URL: postgres.url, KUBECONFIG: join(folder, 'none') };
  for (const [role, words] of [
    ['api', 'lacks `token` and `signing.key`, which API and relay must have in common'],
    ['relay', 'lacks `signing.key`, which API and relay must have in common'],
  ] as const) {
    const { code, said } = await refusal({ ...env, CLOPS_SECRETS_DIR: secrets }, role);
    expect([said, code]).toEqual([expect.stringContaining(`✗ CLOPS_SECRETS_DIR=${secrets} ${words}`), 2]);
  }
}, 40_000);

test('a data folder that cannot be one', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const places: [string, RegExp][] = [[join(file, 'data'), /is a file or lies below one/]];
  if (process.platform === 'linux') places.push(['/proc/clops', /cannot be/], ['/proc/1/x/y', /cannot be/]);
  for (const [place, words] of places) {
    const { code, said } = await refusal({ CLOPS_DATA_DIR: place });
    expect([said, code]).toEqual([expect.stringMatching(words), 2]);
    expect(said).toContain(`CLOPS_DATA_DIR=${place} `);
  }
}, 40_000);

test.runIf(isRoot && process.platform === 'linux')('a data folder that is read-only, full or small', ({ skip }) => {
  const mount = join(folder, 'mount');
  mkdirSync(mount);
  const script = (options: string, fill: string) =>
    `mount -t tmpfs -o ${options} tmpfs "$1" && ${fill} && exec "$2" "$3" all`;
  for (const [options, fill, words] of [
    ['size=1m', 'dd if=/dev/zero of="$1/x" bs=64k count=20 2>/dev/null; true', 'is on a disk that is full'],
    ['size=64m', 'true', 'has 64 MB of free disk, and a first start needs 200 MB'],
    ['size=64m', 'mount -o remount,ro "$1"', 'is on a file system that is read-only'],
  ] as const) {
    const { status, stdout, stderr } = spawnSync(
      'unshare',
      ['-m', 'sh', '-c', script(options, fill), 'sh', mount, process.execPath, MAIN],
      { encoding: 'utf8', env: { ...process.env, CLOPS_DATA_DIR: mount, DATABASE_URL: '' } },
    );
    if (/unshare|mount:/.test(stderr)) skip('this container may not mount');
    expect([stdout, status]).toEqual([expect.stringContaining(`✗ CLOPS_DATA_DIR=${mount} ${words}`), 2]);
  }
});

test('a controller alone starts while its cluster is away, says so, and stays until it is told to end', async () => {
  const server = `https://127.0.0.1:${nobody}`;
  const file = join(folder, 'away');
  const [name, context] = ['c', { cluster: 'c', user: 'c' }];
  const lists = {
    contexts: [{ name, context }],
    clusters: [{ name, cluster: { server } }],
    users: [{ name, user: { token: 't' } }],
  };
  writeFileSync(file, JSON.stringify({ 'current-context': name, ...lists }));
  const ports = { CLOPS_DATA_DIR: join(folder, 'alone'), CLOPS_HTTP_PORT: '0' };
  const env = { ...process.env, ...ports, CLOPS_CLUSTER: 'external', CLOPS_URL: '', KUBECONFIG: file };
  const child = spawn(process.execPath, [MAIN, 'controller'], { env });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  let said = '';
  child.stdout.on('data', (chunk) => (said += chunk));
  child.stderr.on('data', (chunk) => (said += chunk));
  // It ended after 26 such lines, when no timer was left that kept it.
  const tries = (): number => said.split('could not be asked').length - 1;
  await eventually(() => expect(tries()).toBeGreaterThan(45), { withinMs: 60_000 });
  expect(said).toContain(`! KUBECONFIG=${file} names a cluster that does not answer`);
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
}, 90_000);
