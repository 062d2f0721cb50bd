/** How long a call waits: for the credentials it needs, and for an answer. */
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { Unavailable } from '../../../src/lib/problem.ts';
import { type ClientNodeOptions, createClientNodeCluster } from '../../../src/platform/cluster/clientNode.ts';
import type { ClusterPort } from '../../../src/platform/cluster/port.ts';
import { CONFIGMAPS } from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';

let folder: string;
let url: string;
let cluster: ClusterPort;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clops-patience-'));
  const server = createServer((request, response) => answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  answer = (_, response) => response.end('{"gitVersion":"v1"}');
  cleanups.push(
    () => server.closeAllConnections(),
    () => new Promise((resolve) => server.close(resolve)),
    () => rmSync(folder, { recursive: true }),
  );
});
afterEach(async () => {
  await cluster.close();
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const path = (): string => join(folder, 'kubeconfig');

function write(user: object, current = 'a'): void {
  const file = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'a', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'a', user }],
    contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
    'current-context': current,
  };
  writeFileSync(path(), stringify(file));
}

function connect(options: Partial<ClientNodeOptions>): void {
  cluster = createClientNodeCluster({ kubeconfig: path(), userAgent: 'test/1', ...options });
}

test('a plugin that waits for a login is run once, and no call waits for it beyond its limit', async () => {
  const [go, runs, plugin] = ['go', 'runs', 'login'].map((name) => join(folder, name)) as [string, string, string];
  const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token: 'x' } };
  const script = `#!/bin/sh\necho run >> ${runs}\nwhile [ -e ${runs} ] && [ ! -e ${go} ]; do sleep 0.02; done\necho '${JSON.stringify(credential)}'\n`;
  writeFileSync(plugin, script, { mode: 0o700 });
  cleanups.unshift(() => writeFileSync(go, ''));
  write({ exec: { apiVersion: credential.apiVersion, command: plugin, interactiveMode: 'Never' } });
  connect({ timeoutMs: 300, writeTimeoutMs: 300 });
  const asked = cluster.version().catch(() => undefined);
  await eventually(() => expect(existsSync(runs)).toBe(true));
  await asked;
  const abort = new AbortController();
  const aborted = cluster.version({ signal: abort.signal });
  abort.abort(new Error('enough'));
  await expect(aborted).rejects.toThrow('enough');
  const metadata = { name: 'a', namespace: 'default' };
  const calls = [
    cluster.version(),
    cluster.create(CONFIGMAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata }),
    cluster.watch(CONFIGMAPS, { resourceVersion: '1' })[Symbol.asyncIterator]().next(),
  ].map((call) =>
    call.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
  for (const error of await Promise.all(calls)) {
    expect(error).toBeInstanceOf(Unavailable);
    expect(error).toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
    expect(String(error)).toMatch(`the plugin "${plugin}", which gives its credentials, has not answered for `);
  }

  let authorization: string | undefined;
  answer = (request, response) => {
    authorization = request.headers.authorization;
    response.end('{"gitVersion":"v1"}');
  };
  writeFileSync(go, '');
  await eventually(() => cluster.version());
  expect(authorization).toBe('Bearer x');
  expect(readFileSync(runs, 'utf8')).toBe('run\n');
});

test('a kubeconfig that could not be read is read again', async () => {
  write({ token: 'x' }, '');
  connect({});
  await expect(cluster.version()).rejects.toThrow('has no current context');
  write({ token: 'x' });
  expect(await cluster.version()).toEqual({ gitVersion: 'v1' });
});

test('a write waits longer than a read: for webhooks, and what is said of them', async () => {
  write({ token: 'x' });
  const message = 'failed calling webhook "policy.acme.com": context deadline exceeded';
  let late: ServerResponse | undefined;
  answer = ({ method }, response) => {
    if (method === 'POST') late = response;
  };
  connect({ timeoutMs: 300, writeTimeoutMs: 20_000 });
  const metadata = { name: 'a', namespace: 'default' };
  const written = cluster.create(CONFIGMAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
  const refused = expect(written).rejects.toMatchObject({ code: 500, message });
  await eventually(() => expect(late).toBeDefined());
  await expect(cluster.get(CONFIGMAPS, 'a', 'default')).rejects.toBeInstanceOf(Unavailable);
  late?.writeHead(500).end(JSON.stringify({ kind: 'Status', code: 500, reason: 'InternalError', message }));
  await refused;
});
