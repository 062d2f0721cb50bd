/** Where the bytes of models are: files in the data folder, or a bucket that several processes share. */

import { join } from 'node:path';
import type { HealthCheck } from '../api/health.ts';
import type { Config, ObjectStoreConfig } from '../config.ts';
import { systemClock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { ArtifactStore } from '../platform/artifacts/port.ts';
import type { Use } from '../platform/artifacts/s3/check.ts';
import type { AddressForPods, UrlSigner } from '../platform/artifacts/sign.ts';
import type { Parts } from '../start/run.ts';

/** Asked once for each of the two things that an address needs: pauses and rollbacks wait behind it. */
const ADDRESS = { patienceMs: 1_000, tries: 1 };

export interface Artifacts {
  artifacts: ArtifactStore;
  addressForPods: AddressForPods;
  /** Lines of `/readyz`. */
  checks: HealthCheck[];
}

export async function artifactsOf({ config, log, lifetime }: Parts, signer: UrlSigner, use: Use): Promise<Artifacts> {
  const { dataDir, maxArtifactBytes: maxBytes, objectStore } = config;
  if (!objectStore) {
    const { createFileArtifacts } = await import('../platform/artifacts/files.ts');
    return {
      artifacts: createFileArtifacts({ dir: join(dataDir, 'artifacts'), maxBytes }),
      addressForPods: async (digest, expiresAtMs) => signer.sign(digest, expiresAtMs),
      checks: [],
    };
  }
  const [{ createS3Artifacts }, { createStoreCheck }] = await Promise.all([
    import('../platform/artifacts/s3/store.ts'),
    import('../platform/artifacts/s3/check.ts'),
  ]);
  const [objects, hasty] = [await objectsOf(objectStore, log), await objectsOf(objectStore, log, ADDRESS)];
  for (const one of [objects, hasty]) lifetime.atEnd('artifact store', () => one.close());
  const { prefix } = objectStore;
  const artifacts = createS3Artifacts({ objects, prefix, maxBytes });
  const { addressOf } = createS3Artifacts({ objects: hasty, prefix, maxBytes });
  return {
    artifacts,
    async addressForPods(digest, expiresAtMs) {
      const seconds = Math.floor((expiresAtMs - systemClock.now()) / 1000);
      try {
        const address = await addressOf(digest, seconds);
        if (address !== null) return address;
      } catch (err) {
        log.warn(
          { err, digest },
          'the artifact store does not say where an artifact is: pods are sent to the API for it',
        );
      }
      return signer.sign(digest, expiresAtMs);
    },
    checks: [
      {
        name: 'artifact-store',
        check: createStoreCheck(objects, prefix, use, () => systemClock.monotonic()),
        isAdvisory: true,
      },
    ],
  };
}

async function objectsOf(
  { bucket, endpoint, region, keys, credentialsFile = '' }: ObjectStoreConfig,
  log: Log,
  limits: { patienceMs?: number; tries?: number } = {},
) {
  const [{ createObjects }, { credentialsIn }] = await Promise.all([
    import('../platform/artifacts/s3/objects.ts'),
    import('../platform/artifacts/s3/credentials.ts'),
  ]);
  const inFile = credentialsIn(credentialsFile);
  const credentials = async () => {
    if (keys) return keys;
    try {
      return await inFile();
    } catch (err) {
      log.warn({ err }, 'the keys of the artifact store cannot be read');
      throw err;
    }
  };
  return createObjects({ endpoint, region, bucket, credentials, ...limits });
}

/** What keeps the store from being used, in words. */
export async function troubleWithArtifacts({ objectStore }: Config, log: Log, use: Use) {
  if (!objectStore) return undefined;
  const { troubleWithStore } = await import('../platform/artifacts/s3/check.ts');
  const objects = await objectsOf(objectStore, log);
  try {
    return await troubleWithStore(objects, objectStore.prefix, use);
  } finally {
    await objects.close();
  }
}
