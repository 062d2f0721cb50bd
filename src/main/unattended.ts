/**
 * The end of a Postgres that nobody looks after. It has no parent's channel that could tell it so, as the other children
 * have: the last of them to end takes it along. It does so only where no platform lives, for whose life is the data
 * folder's lock: held meanwhile, it keeps a new start from taking over what is just ending.
 */
import { join } from 'node:path';
import { stopUnattendedPostgres } from '../platform/db/embedded/unattended.ts';
import { takeLock } from '../platform/process/lock.ts';
import type { Parts } from '../start/run.ts';

/** Does nothing for a role that was started by hand, beside which people may run what they like. */
export function endPostgresWithUs({ config: { dataDir }, lifetime, log }: Parts): void {
  if (!process.connected) return;
  lifetime.atEnd('postgres', async () => {
    const lock = takeLock(join(dataDir, 'lock'));
    if ('heldBy' in lock) return;
    try {
      if (await stopUnattendedPostgres(dataDir)) log.info('ended Postgres, which nobody looks after');
    } finally {
      lock.release();
    }
  });
}
