import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { Agent, type RequestOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { type ApiServer, startApiServer } from '../../src/local/apiserver/index.ts';
import { openPki, type Pair, type Pki } from '../../src/local/apiserver/pki.ts';
import { createClientNodeCluster } from '../../src/platform/cluster/clientNode.ts';
import { isNotFound, type KubeObject, type WatchEvent } from '../../src/platform/cluster/port.ts';
import { CONFIGMAPS, NAMESPACES, NODES, PODS } from '../../src/platform/cluster/resources.ts';
import { eventually } from '../support/eventually.ts';
import { type LogEndpoint, openLogEndpoint } from './support/logEndpoint.ts';

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: bodies of many kinds are read in assertions
  json: any;
}

let dataDir: string;
let server: ApiServer;
let pki: Pki;
let endpoint: LogEndpoint;

interface Asked extends RequestOptions {
  body?: string | Buffer;
  client?: Pair;
  token?: string;
}

function ask(path: string, { body, client, token, headers, ...more }: Asked = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${server.url}${path}`,
      {
        ca: pki.ca,
        ...client,
        agent: more.agent ?? false,
        headers: { ...(token && { authorization: `Bearer ${token}` }), ...headers },
        ...more,
      },
      (res) => {
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('error', reject);
        res.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const json = text.startsWith('{') && !text.trimEnd().includes('\n') ? JSON.parse(text) : undefined;
          resolve({ status: res.statusCode ?? 0, headers: res.headers, text, json });
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

const asAdmin = (path: string, asked: Asked = {}): Promise<Answer> =>
  ask(path, { client: pki.clients.admin, ...asked });
const post = (path: string, object: object): Promise<Answer> =>
  asAdmin(path, {
    method: 'POST',
    body: JSON.stringify(object),
    headers: { 'content-type': 'application/json', 'user-agent': 'test/1' },
  });

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'clops-front-'));
  server = await startApiServer({ dataDir, port: 0, bind: '127.0.0.1', log: silentLog });
  pki = await openPki({ dir: join(dataDir, 'cluster/pki'), bind: '127.0.0.1' });
  endpoint = await openLogEndpoint(pki.server, pki.ca);
  await post('/api/v1/nodes', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'local' },
    status: {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: endpoint.port } },
    },
  });
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: endpoint.port } },
  };
  await server.cluster.patch(NODES, 'local', undefined, 'merge', { status }, { subresource: 'status' });
  const container = (name: string): object => ({ name, image: 'x' });
  const pod = (name: string, nodeName: string | undefined, names: string[]): object => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { ...(nodeName && { nodeName }), containers: names.map(container) },
  });
  await post('/api/v1/namespaces/default/pods', pod('web', 'local', ['web']));
  await post('/api/v1/namespaces/default/pods', pod('two', 'local', ['web', 'waiting']));
  await post('/api/v1/namespaces/default/pods', pod('unplaced', undefined, ['web']));
});

afterAll(async () => {
  await server.close();
  await endpoint.close();
  await rm(dataDir, { recursive: true });
});

describe('who asks', () => {
  test('a certificate of this authority is somebody, also when the TLS session is resumed', async () => {
    const agent = new Agent({ ca: pki.ca, ...pki.clients.node, keepAlive: false, maxCachedSessions: 10 });
    for (let turn = 0; turn < 3; turn++) expect((await ask('/api/v1/namespaces', { agent })).status).toBe(200);
    agent.destroy();
  });

  test('a certificate of another authority, the server’s own or none at all is nobody', async () => {
    const other = await openPki({ dir: join(dataDir, 'other'), bind: '127.0.0.1' });
    for (const client of [other.clients.admin, pki.server, undefined]) {
      const { status, json } = await ask('/api/v1/namespaces', { ...(client && { client }) });
      expect(status).toBe(401);
      expect(json).toMatchObject({ kind: 'Status', reason: 'Unauthorized', message: 'Unauthorized', code: 401 });
    }
  });

  test('the token is the admin, another token is nobody even with a good certificate', async () => {
    expect((await ask('/api/v1/namespaces', { token: pki.token })).status).toBe(200);
    expect((await asAdmin('/api/v1/namespaces', { token: `${pki.token}x` })).status).toBe(401);
  });

  test('health and version may be asked by anybody', async () => {
    for (const path of ['/healthz', '/livez', '/readyz'])
      expect(await ask(path)).toMatchObject({ status: 200, text: 'ok' });
    expect((await ask('/version')).json.gitVersion).toMatch(/^v1\.\d+\.\d+\+clops$/);
    expect((await ask('/api')).status).toBe(401);
  });
});

describe('what is sent', () => {
  const configMap = (name: string): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
  const path = '/api/v1/namespaces/default/configmaps';

  test('protobuf alone is 406, protobuf before JSON is JSON, a protobuf body that is not read is 415', async () => {
    const protobuf = 'application/vnd.kubernetes.protobuf';
    expect(await asAdmin(path, { headers: { accept: protobuf } })).toMatchObject({
      status: 406,
      json: { reason: 'NotAcceptable' },
    });
    expect((await asAdmin(path, { headers: { accept: `${protobuf},application/json` } })).json.kind).toBe(
      'ConfigMapList',
    );
    const refused = await asAdmin(path, { method: 'POST', body: 'k8s', headers: { 'content-type': protobuf } });
    expect(refused).toMatchObject({ status: 415, json: { reason: 'UnsupportedMediaType' } });
  });

  test('a body over 3 MiB is 413, with and without a stated length', async () => {
    const body = JSON.stringify({ ...configMap('large'), data: { x: 'x'.repeat(3 * 1024 * 1024) } });
    const headers = { 'content-type': 'application/json' };
    expect((await asAdmin(path, { method: 'POST', body, headers })).status).toBe(413);
    const chunked = { ...headers, 'transfer-encoding': 'chunked' };
    expect(await asAdmin(path, { method: 'POST', body, headers: chunked })).toMatchObject({
      status: 413,
      json: { message: 'Request entity too large: limit is 3145728' },
    });
  });

  test('YAML is read; what does not parse is 400', async () => {
    const headers = { 'content-type': 'application/yaml' };
    const body = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\ndata: {a: "1"}\n';
    expect(await asAdmin(path, { method: 'POST', body, headers })).toMatchObject({
      status: 201,
      json: { data: { a: '1' } },
    });
    expect((await asAdmin(path, { method: 'POST', body: 'a: [', headers })).status).toBe(400);
    const json = { 'content-type': 'application/json' };
    expect((await asAdmin(path, { method: 'POST', body: '{"a"', headers: json })).json.reason).toBe('BadRequest');
    for (const deep of ['['.repeat(200_000), `{"a":${'['.repeat(2000)}${']'.repeat(2000)}}`]) {
      expect((await asAdmin(path, { method: 'POST', body: deep, headers })).json.message).toContain('nested deeper');
    }
  });

  test('warnings are UTF-8, and cut where there are too many', async () => {
    const sent = (fields: readonly string[]): Promise<Answer> =>
      asAdmin(`${path}?dryRun=All`, {
        method: 'POST',
        body: JSON.stringify({ ...configMap('warned'), ...Object.fromEntries(fields.map((field) => [field, 1])) }),
        headers: { 'content-type': 'application/json' },
      });
    const one = await sent(['größe中']);
    expect(one.status).toBe(201);
    expect(Buffer.from(String(one.headers['warning']), 'latin1').toString()).toBe(
      '299 - "unknown field \\"größe中\\""',
    );
    const many = await sent(Array.from({ length: 500 }, (_, i) => `${i}${'x'.repeat(300)}`));
    expect(many.status).toBe(201);
    const texts = String(many.headers['warning']).split(', ');
    expect(texts).toHaveLength(16);
    for (const text of texts) expect(text.replaceAll('\\', '')).toHaveLength('299 - ""'.length + 256);
  });

  test('a path that is not one and a method that is not served are Statuses', async () => {
    expect((await asAdmin('/api/v1/nothings')).json).toMatchObject({ kind: 'Status', code: 404 });
    expect((await asAdmin('/apis/none.example')).status).toBe(404);
    expect((await asAdmin('/api/v1', { method: 'POST' })).status).toBe(405);
  });
});

describe('in which form', () => {
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

  test('Table and PartialObjectMetadata by Accept', async () => {
    const { json, headers } = await asAdmin('/api/v1/namespaces', { headers: { accept: table } });
    expect(headers['content-type']).toContain('as=Table');
    expect(json.columnDefinitions.map(({ name }: { name: string }) => name)).toEqual(['Name', 'Status', 'Age']);
    expect(json.rows[0]).toMatchObject({ cells: ['default', 'Active', expect.stringMatching(/^\d+s$/)] });
    expect(json.rows[0].object.kind).toBe('PartialObjectMetadata');
    expect(json.rows[0].object.spec).toBeUndefined();
    const whole = await asAdmin('/api/v1/namespaces/default?includeObject=Object', { headers: { accept: table } });
    expect(whole.json.rows[0].object).toMatchObject({ kind: 'Namespace', status: { phase: 'Active' } });
    const accept = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
    const list = (await asAdmin('/api/v1/namespaces', { headers: { accept } })).json;
    expect(list.kind).toBe('PartialObjectMetadataList');
    expect(list.items.every((item: object) => !('spec' in item))).toBe(true);
    expect((await asAdmin('/api/v1/namespaces?includeObject=All', { headers: { accept: table } })).status).toBe(400);
  });

  test('an Event has the same cells in both groups', async () => {
    await post('/api/v1/namespaces/default/events', {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'told' },
      involvedObject: { kind: 'Pod', name: 'web', namespace: 'default' },
      reason: 'Started',
      message: 'hello',
      type: 'Normal',
      source: { component: 'test' },
      count: 3,
      lastTimestamp: new Date().toISOString(),
    });
    const cells = async (root: string): Promise<unknown[]> => {
      const { json } = await asAdmin(`${root}/namespaces/default/events/told`, { headers: { accept: table } });
      return json.rows[0].cells;
    };
    const told = ['Normal', 'Started', 'pod/web', '', 'test', 'hello'];
    for (const root of ['/api/v1', '/apis/events.k8s.io/v1'])
      expect(await cells(root)).toEqual([expect.stringMatching(/s$/), ...told, null, 3, 'told']);
  });

  test('a watch in Tables names its columns once', async () => {
    const { text } = await asAdmin('/api/v1/namespaces?watch=1&timeoutSeconds=1', { headers: { accept: table } });
    const events = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.length).toBeGreaterThanOrEqual(4);
    expect(events.every(({ type, object }) => type === 'ADDED' && object.kind === 'Table')).toBe(true);
    expect(events.map(({ object }) => object.columnDefinitions === null)).toEqual([
      false,
      ...events.slice(1).map(() => true),
    ]);
  });
});

describe('a client of the platform', () => {
  test('reads, writes, applies and watches over HTTPS', async () => {
    const cluster = createClientNodeCluster({ kubeconfig: server.kubeconfigPath, userAgent: 'test/1' });
    try {
      const { resourceVersion } = await cluster.list(CONFIGMAPS, { namespace: 'default' });
      const abort = new AbortController();
      const seen: WatchEvent<KubeObject>[] = [];
      const watching = (async () => {
        const options = { namespace: 'default', resourceVersion, signal: abort.signal };
        for await (const event of cluster.watch(CONFIGMAPS, options)) seen.push(event);
      })();
      const object = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'applied', namespace: 'default' },
        data: { a: '1' },
      };
      await cluster.apply(CONFIGMAPS, object, { fieldManager: 'test' });
      await cluster.delete(CONFIGMAPS, 'applied', 'default');
      await eventually(() => expect(seen.map(({ type }) => type)).toEqual(['ADDED', 'DELETED']));
      abort.abort();
      await watching;
      await expect(cluster.get(CONFIGMAPS, 'applied', 'default')).rejects.toSatisfy(isNotFound);
      expect((await cluster.version()).gitVersion).toContain('+clops');
    } finally {
      await cluster.close();
    }
  });
});

describe('logs', () => {
  const logOf = (pod: string, query = ''): Promise<Answer> =>
    asAdmin(`/api/v1/namespaces/default/pods/${pod}/log${query}`);

  test('come from the pod’s node, asked with this server’s certificate', async () => {
    expect(await logOf('web', '?tailLines=5&timestamps=true&pretty=1')).toMatchObject({
      status: 200,
      text: 'one\ntwo\n',
    });
    expect(endpoint.asked.at(-1)).toBe('clops:apiserver /containerLogs/default/web/web?timestamps=true&tailLines=5');
    let text = '';
    for await (const chunk of server.cluster.log('web', 'default')) text += Buffer.from(chunk).toString();
    expect(text).toBe('one\ntwo\n');
  });

  test('a follower that goes away ends the node’s answer', async () => {
    const abort = new AbortController();
    let text = '';
    const path = `${server.url}/api/v1/namespaces/default/pods/web/log?follow=true`;
    const sent = request(path, { ca: pki.ca, ...pki.clients.admin, agent: false, signal: abort.signal }, (res) => {
      res.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      res.on('error', () => undefined);
    });
    sent.on('error', () => undefined);
    sent.end();
    await eventually(() => expect(text).toBe('one\ntwo\nthree\n'));
    expect(endpoint.open()).toBe(1);
    abort.abort();
    await eventually(() => expect(endpoint.open()).toBe(0));
  });

  test('refusals are Kubernetes’ own words', async () => {
    const messageOf = async (pod: string, query?: string): Promise<string> => {
      const { json } = await logOf(pod, query);
      return `${json.code} ${json.message}`;
    };
    expect(await messageOf('nope')).toBe('404 pods "nope" not found');
    expect(await messageOf('web', '?container=other')).toBe('400 container other is not valid for pod web');
    expect(await messageOf('two')).toBe(
      '400 a container name must be specified for pod two, choose one of: [web waiting]',
    );
    expect(await messageOf('two', '?container=waiting')).toBe(
      '400 container "waiting" in pod "web" is waiting to start: ContainerCreating',
    );
    expect(await messageOf('web', '?tailLines=-1')).toContain(
      'tailLines: Invalid value: -1: must be greater than or equal to 0',
    );
    expect((await logOf('unplaced')).status).toBe(204);
  });
});

describe('certificates', () => {
  test('are private, kept, and made anew when broken or old', async () => {
    const dir = join(dataDir, 'renewal');
    const first = await openPki({ dir, bind: '127.0.0.1' });
    for (const file of await readdir(dir)) expect((await stat(join(dir, file))).mode & 0o777, file).toBe(0o600);
    expect(await openPki({ dir, bind: '127.0.0.1' })).toEqual(first);

    const whole = await readFile(join(dir, 'admin.pem'), 'utf8');
    await writeFile(join(dir, 'admin.pem'), whole.slice(0, whole.length / 2));
    const mended = await openPki({ dir, bind: '127.0.0.1' });
    expect(mended.clients.admin.cert).not.toBe(first.clients.admin.cert);
    expect(mended.clients.node).toEqual(first.clients.node);

    const elsewhere = await openPki({ dir, bind: '127.0.0.9' });
    expect(elsewhere.server.cert).not.toBe(first.server.cert);
    expect(elsewhere.ca).toBe(first.ca);

    const later = await openPki({ dir, bind: '127.0.0.9', now: Date.now() + 500 * 24 * 3600 * 1000 });
    expect(later.clients.node.cert).not.toBe(first.clients.node.cert);
    expect(later.ca).toBe(first.ca);

    await rm(join(dir, 'ca.pem'));
    const anew = await openPki({ dir, bind: '127.0.0.9' });
    expect(anew.ca).not.toBe(first.ca);
    expect(anew.clients.admin.cert).not.toBe(later.clients.admin.cert);
  });

  test('the kubeconfig is private', async () => {
    expect((await stat(server.kubeconfigPath)).mode & 0o777).toBe(0o600);
  });
});

test('a close ends watches at once and cleanly', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'clops-front-'));
  const own = await startApiServer({ dataDir: folder, port: 0, bind: '127.0.0.1', log: silentLog });
  const cluster = createClientNodeCluster({ kubeconfig: own.kubeconfigPath, userAgent: 'test/1' });
  const { resourceVersion } = await cluster.list(NAMESPACES);
  const seen: WatchEvent<KubeObject>[] = [];
  const watching = (async () => {
    for await (const event of cluster.watch(NAMESPACES, { resourceVersion })) seen.push(event);
  })();
  await own.cluster.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x' } });
  await eventually(() => expect(seen).toHaveLength(1));
  const start = performance.now();
  await own.close();
  await watching;
  expect(performance.now() - start).toBeLessThan(2000);
  await expect(cluster.list(PODS)).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
  await cluster.close();
  await rm(folder, { recursive: true });
});
