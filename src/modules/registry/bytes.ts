/**
 * Counting on bytes and removing them, one after the other, also between processes that share a store: who looks whether
 * they are old and who says that they are needed must not do so at once.
 */
import { type Db, statement } from '../../platform/db/db.ts';

const lockDigest = statement<never>('lockDigest', 'select pg_advisory_xact_lock(hashtextextended($1, 0))');

/** Nobody else does anything with these bytes meanwhile. */
export const withBytes = <T>(db: Pick<Db, 'tx'>, digest: string, work: () => Promise<T>): Promise<T> =>
  db.tx(async (tx) => {
    await tx.read(lockDigest, [digest]);
    return work();
  });
