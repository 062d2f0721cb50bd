/** Ends the Postgres of a data folder whose platform is gone. Loads no database driver: other processes call it as they end. */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { stopLeftover } from './postmaster.ts';

/** Answers whether one was running. */
export async function stopUnattendedPostgres(dataDir: string): Promise<boolean> {
  const home = join(dataDir, 'postgres');
  if (!existsSync(home)) return false;
  const outside = join(home, 'outside');
  const place = existsSync(outside) ? readFileSync(outside, 'utf8') : realpathSync(home);
  return stopLeftover(join(place, 'data'));
}
