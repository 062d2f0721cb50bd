/**
 * `npm run schema` writes schema/schema.graphql and drizzle/schema.sql; with `--check` it fails when they differ, so that
 * every change of the API or of the database is seen in review.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildApiSchema, printApiSchema } from '../dist/api/schema.js';
import { silentLog } from '../dist/lib/log.js';
import { createDb } from '../dist/platform/db/db.js';
import { dumpSchema } from '../dist/platform/db/dump.js';
import { startEmbeddedPostgres } from '../dist/platform/db/embedded.js';
import { migrate } from '../dist/platform/db/migrate.js';

const check = process.argv.includes('--check');
const dataDir = mkdtempSync(join(tmpdir(), 'clops-schema-'));
const postgres = await startEmbeddedPostgres({ dataDir, log: silentLog });
const db = createDb({ url: postgres.url, log: silentLog });
let stale = false;
try {
  await migrate(db, 'drizzle');
  for (const [path, text] of [
    ['schema/schema.graphql', printApiSchema(buildApiSchema())],
    ['drizzle/schema.sql', await dumpSchema(db)],
  ] as const) {
    const present = readFile(path);
    if (present === text) continue;
    stale = true;
    if (check) console.error(`${path} is not what the code makes. Run \`npm run schema\`, read the change, commit it.`);
    else writeFileSync(path, text);
  }
} finally {
  await db.close();
  await postgres.stop();
  rmSync(dataDir, { recursive: true, force: true });
}
process.exitCode = check && stale ? 1 : 0;

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
