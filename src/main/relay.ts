/** The role "relay": tells the cluster what is wanted, takes in what it reports. */
import type { Relay } from '../modules/serving/index.ts';
import type { Parts } from '../start/run.ts';
import { database } from './database.ts';
import { serveHealth } from './health.ts';
import { serveMetrics } from './metrics.ts';
import { preflight } from './preflight.ts';
import { type Platform, servicesOf } from './services.ts';

export async function relay(parts: Parts): Promise<unknown> {
  await preflight(parts, { patient: true, secrets: ['signing.key'], artifacts: 'read' });
  const platform = await servicesOf(parts, await database(parts), {
    artifacts: 'read',
    caches: ['deployments', 'commands'],
  });
  await serveMetrics(parts, platform.metrics);
  const { readinessOf } = await import('../api/readiness.ts');
  await serveHealth(parts, [...readinessOf(platform.services), ...platform.checks]);
  await startTheRelay(parts, platform);
  return {};
}

export async function startTheRelay({ config, lifetime }: Parts, platform: Platform): Promise<Relay> {
  await import('reflect-metadata');
  const { startRelay } = await import('../modules/serving/index.ts');
  const relay = await startRelay({ ...platform, newCluster: config.newCluster, extraCaFile: config.extraCaFile });
  lifetime.atEnd('relay', () => relay.close());
  return relay;
}
