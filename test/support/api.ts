/** The whole API on a real Postgres, over real HTTP and WebSocket. The cluster is the local one, or none. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { adminTokenStrategy } from '../../src/api/authenticate.ts';
import type { HealthCheck } from '../../src/api/health.ts';
import { type Api, startApi } from '../../src/api/index.ts';
import { type ApiMetrics, createApiMetrics } from '../../src/api/metrics.ts';
import type { Services } from '../../src/graphql/context.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Unavailable } from '../../src/lib/problem.ts';
import { ensureActor } from '../../src/modules/identity/index.ts';
import { oldestUnpublished } from '../../src/modules/serving/index.ts';
import { createFileArtifacts } from '../../src/platform/artifacts/files.ts';
import type { ArtifactStore } from '../../src/platform/artifacts/port.ts';
import { type AddressForPods, createUrlSigner, type UrlSigner } from '../../src/platform/artifacts/sign.ts';
import type { ClusterPort } from '../../src/platform/cluster/port.ts';
import { createClusterView } from '../../src/platform/cluster/view.ts';
import { createEventLog } from '../../src/platform/events/log.ts';
import { createTrafficCounts } from '../../src/platform/metrics/gateway.ts';
import { createLiveTraffic } from '../../src/platform/metrics/live.ts';
import { aDatabase, type TestDatabase } from './database.ts';

export const TOKEN = 'clops_test-token';

export interface TestApi {
  api: Api;
  metrics: ApiMetrics;
  services: Services;
  signer: UrlSigner;
  addressForPods: AddressForPods;
  database: TestDatabase;
  /** Sends a document with the admin's token; fails on top-level errors. */
  ask<T = Record<string, unknown>>(query: string, variables?: Record<string, unknown>): Promise<T>;
  /** The same without the check: the whole answer. */
  send(query: string, variables?: Record<string, unknown>, headers?: Record<string, string>): Promise<GraphQLAnswer>;
  socket(): Client;
  close(): Promise<void>;
}

export type GraphQLAnswer = {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely by tests
  data?: any;
  errors?: { message: string; path?: unknown; extensions: Record<string, unknown> }[];
};

/** A cluster that is away: every call is refused as when nothing listens. */
const noCluster: ClusterPort = new Proxy({} as ClusterPort, {
  get: (_target, key) => {
    if (key === 'watch' || key === 'log') {
      return async function* () {
        yield await Promise.reject(new Unavailable('CLUSTER_UNAVAILABLE', 'The cluster does not answer.'));
      };
    }
    if (key === 'close') return async () => {};
    return async () => {
      throw new Unavailable('CLUSTER_UNAVAILABLE', 'The cluster does not answer.');
    };
  },
});

interface TestApiOptions {
  cluster?: ClusterPort;
  clusterName?: string;
  maxArtifactBytes?: number;
  /** Another store than a folder. */
  artifacts?: ArtifactStore;
  checks?: readonly HealthCheck[];
  /** Puts something between the database and its clients. */
  databaseThrough?: (url: string) => Promise<string>;
}

export async function anApi(options: TestApiOptions = {}): Promise<TestApi> {
  const { cluster = noCluster, clusterName = 'local', maxArtifactBytes = 64 * 1024 * 1024 } = options;
  const database = await aDatabase(options.databaseThrough);
  const { db } = database;
  const dir = await mkdtemp(join(tmpdir(), 'clops-test-api-'));
  const events = createEventLog({ db, log: silentLog });
  await events.start();
  const admin = await ensureActor(db, 'PERSON', 'admin', true);
  const view = createClusterView(cluster, silentLog);
  view.start();
  const artifactsUrl = 'http://127.0.0.1/artifacts';
  const traffic = createTrafficCounts();
  const live = createLiveTraffic({ traffic, gateway: () => view.gateways.get('clops-system/clops'), log: silentLog });
  const services: Services = {
    db,
    events,
    cluster: view,
    traffic,
    live,
    artifacts: options.artifacts ?? createFileArtifacts({ dir, maxBytes: maxArtifactBytes }),
    clock: systemClock,
    log: silentLog,
    settings: {
      version: '0.1.0',
      artifactsUrl,
      maxArtifactBytes,
      clusterName,
      gateway: { namespace: 'clops-system', name: 'clops' },
    },
  };
  const signer = createUrlSigner({ key: 'test', artifactsUrl });
  const metrics = createApiMetrics(services, oldestUnpublished);
  const api = await startApi({
    services,
    metrics,
    signer,
    strategies: [adminTokenStrategy(TOKEN, { actorId: admin.id, name: admin.name, isPlatformAdmin: true })],
    port: 0,
    bind: '127.0.0.1',
    corsOrigins: [],
    ...(options.checks && { checks: options.checks }),
  });

  const send: TestApi['send'] = async (query, variables = {}, headers = { authorization: `Bearer ${TOKEN}` }) => {
    const response = await fetch(`${api.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query, variables }),
    });
    return { status: response.status, ...((await response.json()) as object) } as GraphQLAnswer;
  };
  return {
    api,
    metrics,
    services,
    signer,
    addressForPods: async (digest, expiresAtMs) => signer.sign(digest, expiresAtMs),
    database,
    send,
    async ask<T>(query: string, variables?: Record<string, unknown>): Promise<T> {
      const answer = await send(query, variables);
      if (answer.errors) throw new Error(JSON.stringify(answer.errors));
      return answer.data as T;
    },
    socket: () =>
      createClient({
        url: `${api.url.replace('http', 'ws')}/graphql`,
        webSocketImpl: WebSocket,
        connectionParams: { authorization: `Bearer ${TOKEN}` },
        retryAttempts: 0,
      }),
    async close() {
      await api.close();
      live.close();
      await view.stop();
      await events.close();
      await database.drop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
