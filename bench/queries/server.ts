/** The two servers under test, in a process of their own: ours, and the least one could do (bare HTTP and one hand-written statement). */
import { createServer } from 'node:http';
import { join } from 'node:path';
import pg from 'pg';
import { WORKLOADS } from './workloads.ts';

const dist = (path: string) => new URL(`../../dist/${path}`, import.meta.url).href;
const load = async <T>(path: string): Promise<T> => (await import(dist(path))) as T;
type Src = {
  api: typeof import('../../src/api/index.ts');
  auth: typeof import('../../src/api/authenticate.ts');
  log: typeof import('../../src/lib/log.ts');
  clock: typeof import('../../src/lib/clock.ts');
  db: typeof import('../../src/platform/db/db.ts');
  events: typeof import('../../src/platform/events/log.ts');
  files: typeof import('../../src/platform/artifacts/files.ts');
  sign: typeof import('../../src/platform/artifacts/sign.ts');
  view: typeof import('../../src/platform/cluster/view.ts');
  gateway: typeof import('../../src/platform/metrics/gateway.ts');
  live: typeof import('../../src/platform/metrics/live.ts');
  core: typeof import('../../src/local/apiserver/handler.ts');
  inProcess: typeof import('../../src/local/apiserver/inProcess.ts');
};

const [url, dataDir, actorId] = process.argv.slice(2) as [string, string, string];

async function ours(): Promise<string> {
  await import('reflect-metadata');
  const { startApi } = await load<Src['api']>('api/index.js');
  const { adminTokenStrategy } = await load<Src['auth']>('api/authenticate.js');
  const { silentLog: log } = await load<Src['log']>('lib/log.js');
  const { systemClock: clock } = await load<Src['clock']>('lib/clock.js');
  const { createDb } = await load<Src['db']>('platform/db/db.js');
  const { createEventLog } = await load<Src['events']>('platform/events/log.js');
  const { createFileArtifacts } = await load<Src['files']>('platform/artifacts/files.js');
  const { createUrlSigner } = await load<Src['sign']>('platform/artifacts/sign.js');
  const { createClusterView } = await load<Src['view']>('platform/cluster/view.js');
  const { createTrafficCounts } = await load<Src['gateway']>('platform/metrics/gateway.js');
  const { createLiveTraffic } = await load<Src['live']>('platform/metrics/live.js');
  const { createApi } = await load<Src['core']>('local/apiserver/handler.js');
  const { createInProcessCluster } = await load<Src['inProcess']>('local/apiserver/inProcess.js');
  const { seedCluster } = await import('./cluster.ts');

  const cluster = createInProcessCluster(await createApi({ dataDir: join(dataDir, 'cluster'), clock, log }));
  const db = createDb({ url, log });
  await seedCluster(cluster, url);
  const view = createClusterView(cluster, log);
  view.start();
  await view.pods.synced();
  const events = createEventLog({ db, log });
  await events.start();
  const traffic = createTrafficCounts();
  const artifactsUrl = 'http://127.0.0.1/artifacts';
  const api = await startApi({
    services: {
      db,
      events,
      cluster: view,
      traffic,
      live: createLiveTraffic({ traffic, gateway: () => undefined, log }),
      artifacts: createFileArtifacts({ dir: join(dataDir, 'artifacts'), maxBytes: 1e9 }),
      clock,
      log,
      settings: {
        version: '0.1.0',
        artifactsUrl,
        maxArtifactBytes: 1e9,
        clusterName: 'local',
        gateway: { namespace: 'clops-system', name: 'clops' },
      },
    },
    signer: createUrlSigner({ key: 'bench', artifactsUrl }),
    strategies: [adminTokenStrategy('bench', { actorId, name: 'admin', isPlatformAdmin: true })],
    port: 0,
    bind: '127.0.0.1',
    corsOrigins: [],
  });
  return `${api.url}/graphql`;
}

/** The same answers with nothing in between. Only for workloads that one statement can answer. */
function limit(): Promise<string> {
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', async () => {
      const { name, variables } = JSON.parse(body) as { name: string; variables: { id?: string } };
      const sql = WORKLOADS.find((workload) => workload.name === name)?.sql ?? '';
      const answer =
        sql === ''
          ? '{"__typename":"Query"}'
          : (await pool.query({ name, text: sql, values: [variables.id ?? ''] })).rows[0].answer;
      response.setHeader('content-type', 'application/json').end(`{"data":${answer}}`);
    });
  });
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as { port: number }).port}/`)),
  );
}

process.send?.({ ours: await ours(), limit: await limit() });
process.on('message', (message) => {
  if (message === 'cpu') process.send?.({ cpu: process.cpuUsage() });
});
process.on('disconnect', () => process.exit(0));
