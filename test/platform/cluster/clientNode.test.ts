/** The HTTPS adapter and the informer over it, in front of the local API server and a proxy that misbehaves. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { install } from '../../../src/controller/install.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { Unavailable } from '../../../src/lib/problem.ts';
import { type ApiServer, startApiServer } from '../../../src/local/apiserver/index.ts';
import { createClientNodeCluster } from '../../../src/platform/cluster/clientNode.ts';
import { createInformer, type Informer } from '../../../src/platform/cluster/informer.ts';
import { ApiError, type ClusterPort, type KubeObject } from '../../../src/platform/cluster/port.ts';
import { CONFIGMAPS } from '../../../src/platform/cluster/resources.ts';
import { createClusterView } from '../../../src/platform/cluster/view.ts';
import { eventually } from '../../support/eventually.ts';
import { type FaultProxy, startFaultProxy } from '../../support/faultProxy.ts';

let dataDir: string;
let server: ApiServer;
let direct: ClusterPort;
let proxy: FaultProxy;
let cluster: ClusterPort;
let count = 0;

interface KubeConfigFile {
  clusters: { cluster: { server: string; 'certificate-authority-data'?: string } }[];
  users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[];
}

const configMap = (name: string, value = 'x'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data: { value },
});

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'clops-client-'));
  server = await startApiServer({ dataDir, port: 0, bind: '127.0.0.1', log: silentLog });
  direct = createClientNodeCluster({ kubeconfig: server.kubeconfigPath, userAgent: 'test/1' });
});
afterAll(async () => {
  await direct.close();
  await server.close();
  await rm(dataDir, { recursive: true, force: true });
});
beforeEach(async () => {
  const file = parse(await readFile(server.kubeconfigPath, 'utf8')) as KubeConfigFile;
  const bytes = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64');
  const [{ cluster: target }] = file.clusters as [KubeConfigFile['clusters'][number]];
  const [{ user }] = file.users as [KubeConfigFile['users'][number]];
  const tls = {
    ca: bytes(target['certificate-authority-data']),
    cert: bytes(user['client-certificate-data']),
    key: bytes(user['client-key-data']),
  };
  proxy = await startFaultProxy({ url: server.url, tls });
  const path = join(dataDir, 'proxied.kubeconfig');
  const proxied = {
    ...file,
    clusters: [
      {
        name: (file.clusters[0] as { name?: string }).name,
        cluster: { server: proxy.url, 'insecure-skip-tls-verify': true },
      },
    ],
  };
  await writeFile(path, stringify(proxied));
  cluster = createClientNodeCluster({ kubeconfig: path, userAgent: 'test/1', timeoutMs: 8000, silenceMs: 1500 });
});
afterEach(async () => {
  await cluster.close();
  await proxy.close();
});

describe('calls', () => {
  it('writes, reads, patches, applies, lists and deletes over HTTPS', async () => {
    const name = `a-${count++}`;
    const made = await direct.create(CONFIGMAPS, configMap(name));
    expect(made.metadata.uid).toBeTruthy();
    await direct.patch(CONFIGMAPS, name, 'default', 'merge', { data: { more: 'y' } });
    await direct.patch(CONFIGMAPS, name, 'default', 'json', [{ op: 'replace', path: '/data/value', value: 'z' }]);
    const applied = await direct.apply(
      CONFIGMAPS,
      { ...configMap(name), data: { applied: 'yes' } },
      { fieldManager: 'test', force: true },
    );
    expect(applied['data']).toEqual({ value: 'z', more: 'y', applied: 'yes' });
    const stale = { ...made, data: {} };
    await expect(direct.replace(CONFIGMAPS, stale)).rejects.toMatchObject({ code: 409, reason: 'Conflict' });
    const { items } = await direct.list(CONFIGMAPS, { namespace: 'default', fieldSelector: `metadata.name=${name}` });
    expect(items).toMatchObject([{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }]);
    await expect(direct.delete(CONFIGMAPS, name, 'default', { uid: 'other' })).rejects.toMatchObject({ code: 409 });
    await direct.delete(CONFIGMAPS, name, 'default');
    await expect(direct.get(CONFIGMAPS, name, 'default')).rejects.toMatchObject({ code: 404, reason: 'NotFound' });
    expect((await direct.version()).gitVersion).toMatch(/^v1\./);
  });

  it('keeps what a refusal says, and how long to wait', async () => {
    const body = { kind: 'Status', code: 429, reason: 'TooManyRequests', message: 'slow down' };
    proxy.rules.push({ match: () => true, times: 1, answer: { status: 429, body, headers: { 'retry-after': '7' } } });
    const refused = await cluster.get(CONFIGMAPS, 'x', 'default').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ApiError);
    expect(refused).toMatchObject({ code: 429, reason: 'TooManyRequests', message: 'slow down', retryAfterMs: 7000 });
  });

  it.each(['reset', 'silent'] as const)('is unavailable when the other side is %s', async (fault) => {
    proxy.rules.push({ match: () => true, times: 1, [fault]: true });
    const failed = await cluster.get(CONFIGMAPS, 'x', 'default').catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(Unavailable);
    expect(failed).toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
  });

  it('hands the caller’s own abort back', async () => {
    proxy.rules.push({ match: () => true, times: 1, silent: true });
    const abort = new AbortController();
    const call = cluster.get(CONFIGMAPS, 'x', 'default', { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
  });
});

describe('a watch', () => {
  const listed = async (): Promise<string> => (await cluster.list(CONFIGMAPS)).resourceVersion;

  it('ends at once when aborted while it connects, and leaves no connection', async () => {
    const resourceVersion = await listed();
    proxy.rules.push({ match: ({ url }) => url.includes('watch=true'), times: 1, silent: true });
    const abort = new AbortController();
    const events = cluster.watch(CONFIGMAPS, { resourceVersion, signal: abort.signal })[Symbol.asyncIterator]();
    const next = events.next();
    await eventually(() => expect(proxy.seen.some(({ url }) => url.includes('watch=true'))).toBe(true));
    abort.abort();
    expect(await next).toMatchObject({ done: true });
    await eventually(() => expect(proxy.open()).toBe(1)); // the list's, kept alive
  });

  it('return() wakes a waiting next()', async () => {
    const events = cluster.watch(CONFIGMAPS, { resourceVersion: await listed() })[Symbol.asyncIterator]();
    const next = events.next();
    await events.return?.();
    expect(await next).toMatchObject({ done: true });
  });

  it.each([
    [
      'a line that is not JSON',
      { text: '{"type":"ADDED", oops\n', ending: 'end' as const },
      { code: 'CLUSTER_UNAVAILABLE' },
    ],
    ['an event cut in half', { text: '{"type":"ADDED","obj', ending: 'end' as const }, { code: 'CLUSTER_UNAVAILABLE' }],
    [
      'an ERROR event',
      {
        text: '{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}\n',
        ending: 'end' as const,
      },
      { code: 410, reason: 'Expired' },
    ],
  ])('fails on %s', async (_, inject, error) => {
    const resourceVersion = await listed();
    proxy.rules.push({ match: ({ url }) => url.includes('watch=true'), times: 1, inject });
    const drain = async (): Promise<void> => {
      for await (const event of cluster.watch(CONFIGMAPS, { resourceVersion })) void event;
    };
    await expect(drain()).rejects.toMatchObject(error);
  });

  it('counts silence as broken', async () => {
    const resourceVersion = await listed();
    const events = cluster.watch(CONFIGMAPS, { resourceVersion })[Symbol.asyncIterator]();
    await expect(events.next()).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
  });
});

describe('an informer', () => {
  let informer: Informer<KubeObject>;
  beforeEach(() => {
    informer = createInformer({ cluster, resource: CONFIGMAPS, log: silentLog, random: () => 0 });
  });
  afterEach(() => informer.stop());

  const status = (code: number, reason: string): object => ({ kind: 'Status', code, reason, message: reason });
  const isWatch = ({ url }: { url: string }): boolean => url.includes('watch=true');
  const isList = ({ url }: { url: string }): boolean => !isWatch({ url });

  it.each<[string, FaultProxy['rules'][number]]>([
    ['list 500', { match: isList, times: 1, answer: { status: 500, body: status(500, 'InternalError') } }],
    ['watch 500', { match: isWatch, times: 1, answer: { status: 500, body: status(500, 'InternalError') } }],
    [
      'watch 429',
      {
        match: isWatch,
        times: 1,
        answer: { status: 429, body: status(429, 'TooManyRequests'), headers: { 'retry-after': '1' } },
      },
    ],
    ['watch 410', { match: isWatch, times: 1, answer: { status: 410, body: status(410, 'Expired') } }],
    ['watch reset', { match: isWatch, times: 1, reset: true }],
    ['garbage in the stream', { match: isWatch, times: 1, inject: { text: 'oops\n', ending: 'end' } }],
    ['a reset in the stream', { match: isWatch, times: 1, inject: { text: '{"type"', ending: 'reset' } }],
    ['silence', { match: isWatch, times: 1, silent: true }],
  ])('survives %s and hears what comes after', async (_, rule) => {
    proxy.rules.push(rule);
    informer.start();
    await informer.synced();
    await eventually(() => expect(rule.times).toBe(0));
    const name = `b-${count++}`;
    await direct.create(CONFIGMAPS, configMap(name));
    await eventually(() => expect(informer.get(`default/${name}`)).toBeDefined());
    expect(proxy.seen.length).toBeLessThan(8); // it waits between tries
  });
});

describe('a client certificate that is rotated', () => {
  it('is used for the next connections', async () => {
    const local = parse(await readFile(server.kubeconfigPath, 'utf8')) as KubeConfigFile;
    const node = parse(await readFile(join(dataDir, 'cluster', 'node.kubeconfig'), 'utf8')) as KubeConfigFile;
    const pairOf = ({ users }: KubeConfigFile) => {
      const { user } = users[0] as KubeConfigFile['users'][number];
      return {
        cert: Buffer.from(user['client-certificate-data'], 'base64'),
        key: Buffer.from(user['client-key-data'], 'base64'),
      };
    };
    const write = async ({ cert, key }: ReturnType<typeof pairOf>): Promise<void> => {
      await writeFile(join(dataDir, 'rotated.crt'), cert);
      await writeFile(join(dataDir, 'rotated.key'), key);
    };
    const subjectOf = (request: { socket: object }): string =>
      (request.socket as TLSSocket).getPeerCertificate().subject.CN?.toString() ?? '';
    const seen: string[] = [];
    let refused: string | undefined;
    const tls = { ...pairOf(local), requestCert: true, rejectUnauthorized: false };
    const fake = https.createServer(tls, (request, response) => {
      const who = subjectOf(request);
      seen.push(who);
      response.writeHead(who === refused ? 401 : 200, { 'content-type': 'application/json' });
      response.end('{"gitVersion":"v1"}');
    });
    fake.listen(0, '127.0.0.1');
    await once(fake, 'listening');
    const path = join(dataDir, 'rotated.kubeconfig');
    const user = {
      'client-certificate': join(dataDir, 'rotated.crt'),
      'client-key': join(dataDir, 'rotated.key'),
    };
    const target = {
      server: `https://127.0.0.1:${(fake.address() as AddressInfo).port}`,
      'insecure-skip-tls-verify': true,
    };
    const file = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'a', cluster: target }],
      users: [{ name: 'a', user }],
      contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
      'current-context': 'a',
    };
    await writeFile(path, stringify(file));
    await write(pairOf(local));
    const rotating = createClientNodeCluster({ kubeconfig: path, userAgent: 'test/1' });
    try {
      await rotating.version();
      await rotating.version();
      await write(pairOf(node));
      refused = seen[0] ?? '';
      await expect(rotating.version()).rejects.toMatchObject({ code: 401 });
      await rotating.version();
      expect(new Set(seen).size).toBe(2);
      expect(seen.at(-1)).not.toBe(refused);
    } finally {
      await rotating.close();
      fake.closeAllConnections();
      await new Promise((resolve) => fake.close(resolve));
    }
  });
});

describe('whether a cluster is reachable', () => {
  it('is asked where nothing is written, and no when it does not answer', async () => {
    await install(direct, { gateway: false });
    let ahead = 0;
    const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + ahead };
    const view = createClusterView(cluster, silentLog, { clock, everyMs: 50 });
    // Watches of which nothing is heard: what a quiet cluster looks like.
    proxy.rules.push({ match: ({ url }) => url.includes('watch=true'), times: 1_000, silent: true });
    expect(view.reachable()).toBe(false);
    view.start();
    try {
      await eventually(() => expect(view.reachable()).toBe(true));
      ahead += 600_000;
      await eventually(() => expect(view.reachable()).toBe(true));
      proxy.rules.unshift({ match: () => true, times: 10_000, reset: true });
      await eventually(async () => {
        const asked = proxy.seen.filter(({ url }) => url === '/version').length;
        await eventually(() =>
          expect(proxy.seen.filter(({ url }) => url === '/version').length).toBeGreaterThan(asked + 1),
        );
        ahead += 600_000;
        expect(view.reachable()).toBe(false);
      });
    } finally {
      await view.stop();
    }
  });
});
