/** Refuses a dist that was built from other sources. */
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

interface SetUp {
  buildIsDue(root: string): boolean;
  newestIn(folder: string): number;
}

/** A build by the compiler itself (`npm run build`) leaves no mark of the set-up, and is as good for a test. */
export function requireBuilt(root: string): void {
  const { buildIsDue, newestIn } = createRequire(import.meta.url)('../../scripts/setup.cjs') as SetUp;
  if (!buildIsDue(root)) return;
  const record = statSync(join(root, 'dist', '.tsbuildinfo'), { throwIfNoEntry: false });
  if (record && record.mtimeMs >= newestIn(join(root, 'src'))) return;
  throw new Error(
    'dist is older than src, and this test runs what is in dist: run `node scripts/setup.cjs test` first.',
  );
}
