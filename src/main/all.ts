/**
 * The role "all": everything on one machine. Postgres, the local cluster and its node are children, the platform is this
 * process; with somebody's cluster the node alone, or neither. What can be refused is refused before the first of them is
 * started.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withoutPassword } from '../config.ts';
import type { Relay } from '../modules/serving/index.ts';
import { Refusal } from '../start/report.ts';
import type { Parts } from '../start/run.ts';
import { type TriedDemo, thingsToTry } from '../start/tries.ts';
import { apiCode, serveApi } from './api.ts';
import { joinedNode, localCluster } from './children.ts';
import { claim } from './claim.ts';
import { controller } from './controller.ts';
import { database } from './database.ts';
import { ROOT } from './here.ts';
import { serveMetrics } from './metrics.ts';
import { preflight } from './preflight.ts';
import { startTheRelay } from './relay.ts';
import { servicesOf } from './services.ts';

/** How long the table waits for the demo. */
const DEMO_MS = 60_000;
/** The local cluster says at once who it is. */
const ASKED_MS = 5_000;

export async function all(parts: Parts): Promise<unknown> {
  const { config, lifetime, report } = parts;
  const { dataDir } = config;
  const joining = config.joined && (await import('./joining.ts'));
  await joining?.checkMachine(config);
  await preflight(parts, { patient: config.production });
  await joining?.checkPlace(config);
  await claim(parts);
  const local = config.cluster === 'local';
  // First: its process loads while Postgres is looked for.
  const ofCluster = local ? localCluster(parts) : joining ? joinedNode(parts) : undefined;
  const started = bothOf(database(parts), ofCluster);
  apiCode().catch(() => {}); // Fails once more, and is reported, where it is used.
  const [databaseUrl, gateway] = await started;
  if (lifetime.signal.aborted) return undefined;
  await controller(parts);
  const platform = await report.step('database migrated, caches open', servicesOf(parts, databaseUrl));
  await serveMetrics(parts, platform.metrics);
  const url = await report.step('api ready', serveApi(parts, platform));
  const relay = await startTheRelay(parts, platform);
  if (local) await requireOwnDatabase(relay, config.databaseUrl ?? '');
  const { adminToken } = await import('../start/secrets.ts');
  const { token, file: tokenFile } = adminToken(config.secretsDir);
  const shown = config.demo === 'off' ? undefined : await demo(parts, url, token);
  if (lifetime.signal.aborted) return undefined;
  const kubeconfig = local || (joining && config.kubeconfig) ? join(dataDir, 'kubeconfig') : undefined;
  report.table({
    graphql: `${url}/graphql`,
    token: config.production ? undefined : token,
    gateway,
    kubeconfig: kubeconfig ?? config.kubeconfig,
    tokenFile,
    logs: join(dataDir, 'logs'),
    tookMs: performance.now(),
    tries: thingsToTry({ url, tokenFile, kubeconfig, demo: shown, root: ROOT, config }),
  });
  return undefined;
}

/** A local cluster of our own is foreign to the database only while somebody else fills another one from it. @throws Refusal */
async function requireOwnDatabase({ met }: Relay, databaseUrl: string): Promise<void> {
  const belonging = await Promise.race([met, sleep(ASKED_MS, undefined, { ref: false })]);
  if (belonging !== 'foreign') return;
  throw new Refusal(
    `DATABASE_URL=${withoutPassword(databaseUrl)} is in use by another CLOps with a local cluster of its own: stop that one, or give this one another database.`,
  );
}

/** Answers what there is to try of it; nothing when it is not there. Without it everything else goes on. */
async function demo(
  { config, log, lifetime, report }: Parts,
  url: string,
  token: string,
): Promise<TriedDemo | undefined> {
  const { startDemo } = await import('../demo/index.ts');
  const signal = AbortSignal.any([lifetime.signal, AbortSignal.timeout(DEMO_MS)]);
  try {
    const { inferUrl, canary, stop } = await report.step(
      ({ inferUrl }) => (inferUrl === undefined ? 'demo left as it is, deleted or stopped' : 'demo answers'),
      startDemo({ url, token, traffic: config.demo === 'on', signal, log }),
    );
    lifetime.atEnd('demo', stop);
    return inferUrl === undefined ? undefined : { inferUrl, canary };
  } catch (error) {
    if (lifetime.signal.aborted) return undefined;
    log.warn({ err: error }, 'the demo is not ready');
    report.note(`The demo is not ready: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** Like Promise.all, but a failure is told only when the other has come to rest, so that it can be stopped in order. */
async function bothOf<A, B>(first: Promise<A>, second: B): Promise<[A, Awaited<B>]> {
  await Promise.allSettled([first, second]);
  return Promise.all([first, second]);
}
