/** Removes bytes that no version names. Uploads come before their version does, so what is younger than a day stays. */

import type { Services } from '../../graphql/context.ts';
import { statement } from '../../platform/db/db.ts';

const UNREFERENCED_KEPT_MS = 24 * 3_600_000;
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
      .then((removed) => removed > 0 && log.info({ removed }, 'removed artifacts that no version names'))
      .catch((err) => log.warn({ err }, 'removing artifacts that no version names failed, will try again'))
      .finally(again);
  };
  again();
  return () => {
    ended = true;
    cancel();
  };
}

/** Returns how many artifacts were removed. */
async function sweepArtifacts({ db, artifacts, clock }: Pick<Services, 'db' | 'artifacts' | 'clock'>): Promise<number> {
  let removed = 0;
  let batch: string[] = [];
  const flush = async () => {
    const referenced = new Set((await db.read(selectReferenced, [batch])).map((row) => row.digest));
    for (const digest of batch) {
      if (referenced.has(digest)) continue;
      await artifacts.delete(digest);
      removed++;
    }
    batch = [];
  };
  for await (const { digest, completedAt } of artifacts.list()) {
    if (clock.now() - completedAt.getTime() < UNREFERENCED_KEPT_MS) continue;
    batch.push(digest);
    if (batch.length >= 500) await flush();
  }
  if (batch.length > 0) await flush();
  return removed;
}
