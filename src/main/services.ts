/** What the API and the relay share: database, event log, caches of the cluster, live metrics, artifacts. */
import { join } from 'node:path';
import type { HealthCheck } from '../api/health.ts';
import type { ApiMetrics } from '../api/metrics.ts';
import type { Services } from '../graphql/context.ts';
import { systemClock } from '../lib/clock.ts';
import type { Use } from '../platform/artifacts/s3/check.ts';
import type { AddressForPods, UrlSigner } from '../platform/artifacts/sign.ts';
import type { Cache } from '../platform/cluster/view.ts';
import type { Parts } from '../start/run.ts';
import { artifactsOf } from './artifacts.ts';
import { clusterOf } from './clusterOf.ts';
import { ROOT, version } from './here.ts';

export interface Platform {
  services: Services;
  signer: UrlSigner;
  addressForPods: AddressForPods;
  metrics: ApiMetrics;
  /** Lines of `/readyz` that only this room can tell. */
  checks: HealthCheck[];
}

/**
 * Registers how each part ends. `artifacts`: whether this role receives them, or only says where they are. `caches`: which of
 * the cluster it reads; every pod of a large one is much to keep for nobody, and wants a right that is not needed.
 */
export async function servicesOf(
  parts: Parts,
  databaseUrl: string,
  { artifacts: use = 'write', caches }: { artifacts?: Use; caches?: readonly Cache[] } = {},
): Promise<Platform> {
  const { config, log, lifetime } = parts;
  const [{ createDb }, { migrate, migratedBeyond }, { createEventLog }] = await Promise.all([
    import('../platform/db/db.ts'),
    import('../platform/db/migrate.ts'),
    import('../platform/events/log.ts'),
  ]);
  const [{ createClusterView }, { createTrafficCounts }, { createLiveTraffic }] = await Promise.all([
    import('../platform/cluster/view.ts'),
    import('../platform/metrics/gateway.ts'),
    import('../platform/metrics/live.ts'),
  ]);
  const [{ createUrlSigner }, { signingKey }] = await Promise.all([
    import('../platform/artifacts/sign.ts'),
    import('../start/secrets.ts'),
  ]);
  const { maxArtifactBytes, secretsDir } = config;
  const artifactsUrl = `${config.url}/artifacts`;

  const db = createDb({ url: databaseUrl, log });
  lifetime.atEnd('database', () => db.close());
  const migrations = join(ROOT, 'drizzle');
  await migrate(db, migrations);
  const events = createEventLog({ db, log });
  await events.start();
  lifetime.atEnd('event log', () => events.close());
  const cluster = createClusterView(await clusterOf(config, 'clops-api'), log, caches && { keeps: caches });
  cluster.start();
  lifetime.atEnd('caches', () => cluster.stop());
  const traffic = createTrafficCounts();
  const gateway = () => cluster.gateways.get(`${config.gateway.namespace}/${config.gateway.name}`);
  const live = createLiveTraffic({ traffic, gateway, log });
  lifetime.atEnd('live metrics', () => live.close());

  const signer = createUrlSigner({ key: signingKey(secretsDir), artifactsUrl });
  const { artifacts, addressForPods, checks } = await artifactsOf(parts, signer, use);
  const settings = {
    version: version(),
    artifactsUrl,
    maxArtifactBytes,
    clusterName: config.cluster,
    gateway: config.gateway,
  };
  const services = { db, events, cluster, traffic, live, artifacts, clock: systemClock, log, settings };
  await import('reflect-metadata'); // type-graphql wants it before the first decorator.
  const [{ createApiMetrics }, { oldestUnpublished }] = await Promise.all([
    import('../api/metrics.ts'),
    import('../modules/serving/index.ts'),
  ]);
  return {
    services,
    metrics: createApiMetrics(services, oldestUnpublished),
    signer,
    addressForPods,
    checks: [{ name: 'migrations', check: () => migratedBeyond(db, migrations), isAdvisory: true }, ...checks],
  };
}
