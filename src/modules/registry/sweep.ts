/**
 * Removes bytes that no version names, and uploads that were given up. Bytes come before their version does, so what was
 * put, or counted on for a version, within the last day stays: the store looks at that once more when it removes.
 */

import type { Services } from '../../graphql/context.ts';
import { statement } from '../../platform/db/db.ts';

const UNUSED_KEPT_MS = 24 * 3_600_000;
const SWEEP_EVERY_MS = 3_600_000;

const selectReferenced = statement<{ digest: string }>(
  'referencedDigests',
  'select distinct v.digest from clops.model_versions v where v.digest = any($1)',
);

/** Every hour, from an hour after the start. Returns how it ends. */
export function startSweeping(services: Pick<Services, 'db' | 'artifacts' | 'clock' | 'log'>): () => void {
  const { clock, log } = services;
  let cancel = () => {};
  let ended = false;
  const again = (): void => {
    if (!ended) cancel = clock.after(SWEEP_EVERY_MS, sweep);
  };
  const sweep = (): void => {
    sweepArtifacts(services)
      .then(
        (removed) =>
          removed > 0 &&
          log.info({ removed }, 'removed artifacts that no version names, and uploads that were given up'),
      )
      .catch((err) => log.warn({ err }, 'removing artifacts that no version names failed, will try again'))
      .finally(again);
  };
  again();
  return () => {
    ended = true;
    cancel();
  };
}

/** Returns how many artifacts and unfinished uploads were removed. */
async function sweepArtifacts({ db, artifacts, clock }: Pick<Services, 'db' | 'artifacts' | 'clock'>): Promise<number> {
  const since = clock.now() - UNUSED_KEPT_MS;
  const referenced = async (digests: string[]): Promise<Set<string>> =>
    new Set((await db.read(selectReferenced, [digests])).map(({ digest }) => digest));
  let removed = 0;
  let batch: string[] = [];
  const flush = async () => {
    const named = await referenced(batch);
    for (const digest of batch) {
      // Once more for each: while hundreds are deleted, a version may be registered for one that is still to come.
      if (named.has(digest) || (await referenced([digest])).size > 0) continue;
      if (await artifacts.removeUnused({ digest, complete: true }, since)) removed++;
    }
    batch = [];
  };
  for await (const { digest, complete, usedAt } of artifacts.list()) {
    if (usedAt.getTime() >= since) continue;
    if (!complete) {
      if (await artifacts.removeUnused({ digest, complete }, since)) removed++;
      continue;
    }
    batch.push(digest);
    if (batch.length >= 500) await flush();
  }
  if (batch.length > 0) await flush();
  return removed;
}
