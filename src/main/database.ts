/** The role's Postgres: the one that DATABASE_URL names, or the embedded one, started. */
import type { Parts } from '../start/run.ts';

/** Answers its URL. That production has one of its own was checked before. */
export async function database({ config, log, lifetime, report }: Parts): Promise<string> {
  if (config.databaseUrl !== undefined) return config.databaseUrl;
  const { startEmbeddedPostgres } = await import('../platform/db/embedded.ts');
  const postgres = await report.step(
    ({ version, adopted }) => `postgres ${version} ${adopted ? 'found running' : 'ready'}`,
    startEmbeddedPostgres({ dataDir: config.dataDir, log }),
  );
  lifetime.atEnd('postgres', () => postgres.stop());
  if (postgres.note !== undefined) report.note(postgres.note);
  return postgres.url;
}
