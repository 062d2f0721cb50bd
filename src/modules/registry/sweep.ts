/**
 * Removes bytes that no version names, and uploads that were given up. Bytes come before their version does, so what was
 * put, or counted on for a version, within the last day stays: the store looks at that once more when it removes.
 */

import type { Services } from '../../graphql/context.ts';
import type { Held } from '../../platform/artifacts/port.ts';
import { statement } from '../../platform/db/db.ts';

const UNUSED_KEPT_MS = 24 * 3_600_000;
const SWEEP_EVERY_MS = 3_600_000;
/** With a store that is away none can be removed: so many are named, the others are counted. */
const NAMED = 20;

const selectReferenced = statement<{ digest: string }>(
  'referencedDigests',
  'select distinct v.digest from clops.model_versions v where v.digest = any($1)',
);

/** Every hour, from an hour after the start. Returns how it ends. */
export function startSweeping(services: Pick<Services, 'db' | 'artifacts' | 'clock' | 'log'>): () => void {
  const { clock, log } = services;
  let cancel = () => {};
  const end = new AbortController();
  const again = (): void => {
    if (!end.signal.aborted) cancel = clock.after(SWEEP_EVERY_MS, sweep);
  };
  const sweep = (): void => {
    sweepArtifacts(services, end.signal)
      .then(({ removed, failed }) => {
        if (failed > 0) log.warn({ removed, failed }, 'not all that no version names was removed, will try again');
        else if (removed > 0)
          log.info({ removed }, 'removed artifacts that no version names, and uploads that were given up');
      })
      .catch((err) => log.warn({ err }, 'removing artifacts that no version names failed, will try again'))
      .finally(again);
  };
  again();
  return () => {
    end.abort();
    cancel();
  };
}

/**
 * Returns how many artifacts and unfinished uploads were removed, and how many could not be: one of those once ended the
 * sweep of every hour at the same place, and what came after it was never removed.
 */
async function sweepArtifacts(
  { db, artifacts, clock, log }: Pick<Services, 'db' | 'artifacts' | 'clock' | 'log'>,
  signal: AbortSignal,
): Promise<{ removed: number; failed: number }> {
  const since = clock.now() - UNUSED_KEPT_MS;
  const referenced = async (digests: string[]): Promise<Set<string>> =>
    new Set((await db.read(selectReferenced, [digests])).map(({ digest }) => digest));
  const counts = { removed: 0, failed: 0 };
  const remove = async (held: Held): Promise<void> => {
    try {
      if (await artifacts.removeUnused(held, since)) counts.removed++;
    } catch (err) {
      counts.failed++;
      if (counts.failed <= NAMED) log.warn({ err, ...held }, 'an artifact that no version names could not be removed');
    }
  };
  let batch: string[] = [];
  const flush = async () => {
    const named = await referenced(batch);
    for (const digest of batch) {
      // Once more for each: while hundreds are deleted, a version may be registered for one that is still to come.
      if (signal.aborted || named.has(digest) || (await referenced([digest])).size > 0) continue;
      await remove({ digest, complete: true });
    }
    batch = [];
  };
  for await (const { digest, complete, usedAt } of artifacts.list()) {
    if (signal.aborted) return counts;
    if (usedAt.getTime() >= since) continue;
    if (!complete) {
      await remove({ digest, complete });
      continue;
    }
    batch.push(digest);
    if (batch.length >= 500) await flush();
  }
  if (batch.length > 0) await flush();
  return counts;
}
