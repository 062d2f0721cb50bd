/** The role "api": GraphQL, artifacts and health on one port. */
import type { Parts } from '../start/run.ts';
import { GRAPHIQL_TABS } from '../start/tabs.ts';
import { database } from './database.ts';
import { serveMetrics } from './metrics.ts';
import { preflight } from './preflight.ts';
import { type Platform, servicesOf } from './services.ts';

export async function api(parts: Parts): Promise<unknown> {
  await preflight(parts, { patient: true, secrets: ['token', 'signing.key'] });
  const caches = ['nodes', 'pods', 'deployments', 'runtimes', 'gateways'] as const;
  const platform = await servicesOf(parts, await database(parts), { caches });
  await serveMetrics(parts, platform.metrics);
  return { url: await serveApi(parts, platform) };
}

/** The largest part of the program: a second to load, which `all` spends while its children start. */
export async function apiCode() {
  await import('reflect-metadata'); // type-graphql wants it before the first decorator.
  return Promise.all([
    import('../api/index.ts'),
    import('../api/authenticate.ts'),
    import('../api/graphiql.ts'),
    import('../modules/identity/index.ts'),
    import('../modules/registry/index.ts'),
    import('../start/secrets.ts'),
  ]);
}

/** Answers its URL. */
export async function serveApi(
  { config, lifetime }: Parts,
  { services, signer, checks, metrics }: Platform,
): Promise<string> {
  const [
    { startApi },
    { adminTokenStrategy },
    { registerGraphiql },
    { ensureActor },
    { startSweeping },
    { adminToken, forgetUrl, rememberUrl },
  ] = await apiCode();
  const admin = await ensureActor(services.db, 'PERSON', 'admin', true);
  const principal = { actorId: admin.id, name: admin.name, isPlatformAdmin: true };
  const running = await startApi({
    services,
    signer,
    checks,
    metrics,
    strategies: [adminTokenStrategy(adminToken(config.secretsDir).token, principal)],
    port: config.httpPort,
    bind: config.bind,
    corsOrigins: config.production ? config.corsOrigins : [...config.corsOrigins, 'localhost'],
    explorer: (app) => registerGraphiql(app, { tabs: GRAPHIQL_TABS }),
  });
  lifetime.atEnd('api', () => running.close());
  lifetime.atEnd('artifact sweep', startSweeping(services));
  rememberUrl(config.dataDir, running.url);
  lifetime.atEnd('address', () => forgetUrl(config.dataDir));
  return running.url;
}
