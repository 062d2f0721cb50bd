/** The role "relay": tells the cluster what is wanted, takes in what it reports. */
import type { Parts } from '../start/run.ts';
import { database } from './database.ts';
import { preflight } from './preflight.ts';
import { type Platform, servicesOf } from './services.ts';

export async function relay(parts: Parts): Promise<unknown> {
  await preflight(parts, { patient: true });
  await startTheRelay(parts, await servicesOf(parts, await database(parts)));
  return {};
}

export async function startTheRelay({ lifetime }: Parts, platform: Platform): Promise<void> {
  await import('reflect-metadata');
  const { startRelay } = await import('../modules/serving/index.ts');
  const relay = await startRelay(platform);
  lifetime.atEnd('relay', () => relay.close());
}
