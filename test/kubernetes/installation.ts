/**
 * What an installation of the chart needs around it, for a cluster of this machine: the image in the node, a Postgres and a
 * volume that pods reach, Helm. Everything is ended by `close`.
 */
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assembleImage } from '../../scripts/image.ts';
import { silentLog } from '../../src/lib/log.ts';
import { startEmbeddedPostgres } from '../../src/platform/db/embedded.ts';
import { pathOf } from './build/build.ts';
import type { Kubernetes } from './cluster.ts';
import { buildImage } from './image.ts';
import { run } from './parts/run.ts';

export const NAMESPACE = 'clops-system';
export const IMAGE = 'clops.invalid/clops:test';
/** Of the image; files of the volume belong to it. */
const USER = 65532;

export interface Surroundings {
  /** Where the API is reached from here. */
  url: string;
  /** The folder under the API's volume. */
  volume: string;
  /** Values for this cluster. */
  values: Record<string, unknown>;
  helm(...args: string[]): Promise<string>;
  /** The command line of the same build as the image: the tree may have gone on since. */
  clops(args: readonly string[], token: string): Promise<string>;
  close(): Promise<void>;
}

/** Namespaces enforce Pod Security's profile `restricted`, so that nothing which breaks it would start. */
export async function surround(kubernetes: Kubernetes, teams: readonly string[]): Promise<Surroundings> {
  const folder = mkdtempSync(join(tmpdir(), 'clops-chart-'));
  chmodSync(folder, 0o711); // Postgres runs as another user when this is root
  const [, number = '0'] = /10\.250\.(\d+)\./.exec(kubernetes.url) ?? [];
  const [machine, service] = [`10.250.${number}.1`, `10.96.${number}.77`];
  const volume = join(folder, 'volume');
  mkdirSync(volume);
  chownSync(volume, USER, USER);
  const app = join(folder, 'app');
  assembleImage(app);
  await loadImage(kubernetes, folder, app);
  const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), log: silentLog });
  const database = new URL(postgres.url);
  const bridge = await forward(machine, Number(database.port));
  database.hostname = machine;
  database.port = String((bridge.address() as { port: number }).port);

  const gatewayPort = Number(new URL(kubernetes.gateway ?? 'http://unused:80').port);
  const restricted = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  const managed = { 'app.kubernetes.io/managed-by': 'clops' };
  await apply(kubernetes, [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels: restricted } },
    ...teams.map((name) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: { ...restricted, ...managed } },
    })),
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'clops-database', namespace: NAMESPACE },
      stringData: { DATABASE_URL: database.href },
    },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'artifacts' },
      spec: {
        capacity: { storage: '20Gi' },
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'by-hand',
        hostPath: { path: volume },
      },
    },
  ]);

  return {
    url: `http://${service}`,
    volume,
    values: {
      image: { tag: 'test', pullPolicy: 'Never' },
      database: { existingSecret: 'clops-database' },
      // For us, who are outside; pods find it by its name.
      api: { service: { clusterIP: service } },
      artifacts: { storageClass: 'by-hand' },
      gateway: { create: true, className: 'traefik', port: gatewayPort },
    },
    helm: (...args) =>
      run([pathOf('helm'), ...args], {
        env: { PATH: process.env['PATH'], HOME: folder, KUBECONFIG: kubernetes.kubeconfig },
        timeoutMs: 250_000,
      }),
    clops: (args, token) =>
      run([join(app, 'node'), join(app, 'bin/clops.js'), ...args], {
        env: { HOME: folder, NO_COLOR: '1', CLOPS_URL: `http://${service}`, CLOPS_TOKEN: token },
      }),
    async close() {
      bridge.close();
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const apply = (kubernetes: Kubernetes, items: readonly object[]): Promise<string> =>
  kubernetes.kubectl(['apply', '--server-side', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
  });

async function loadImage(kubernetes: Kubernetes, folder: string, app: string): Promise<void> {
  const { file } = await buildImage(IMAGE, folder, app);
  await kubernetes.importImage(file);
  rmSync(file);
}

/** The embedded Postgres listens on this machine alone; pods come by the link to it. */
function forward(host: string, port: number): Promise<Server> {
  const server = createServer((incoming) => {
    const outgoing = connect(port, '127.0.0.1');
    for (const socket of [incoming, outgoing]) {
      socket.on('error', () => {
        incoming.destroy();
        outgoing.destroy();
      });
    }
    incoming.pipe(outgoing).pipe(incoming);
  });
  server.unref();
  return new Promise((resolve, reject) => server.on('error', reject).listen(0, host, () => resolve(server)));
}
