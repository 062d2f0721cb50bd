/**
 * What the settings name, asked before anything is started: a Postgres and a cluster of the person's own. What waiting
 * does not mend is refused at once, everywhere. What is merely away is refused where a person looks on (the first `npm
 * start` has a typing error more often than a cluster that is just being restarted) and waited for in production, where
 * everything may be restarted at the same time: half a minute for a Postgres, without which there is nothing to serve, and
 * not at all for a cluster, whose caches heal by themselves while reads answer what they can. A store of artifacts is for
 * artifacts alone: in production whatever is the matter with it is only said.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError, withoutPassword } from '../config.ts';
import { createBackoff } from '../lib/backoff.ts';
import type { Use } from '../platform/artifacts/s3/check.ts';
import { Refusal } from '../start/report.ts';
import type { Parts } from '../start/run.ts';
import { missingSecrets, type Secret } from '../start/secrets.ts';
import { clusterOf } from './clusterOf.ts';

const PATIENCE_MS = 30_000;

export interface PreflightOptions {
  /** Wait for what is away. */
  patient: boolean;
  /** What it shares with roles that run elsewhere. */
  secrets?: readonly Secret[];
  artifacts?: Use;
}

/** @throws ConfigError for what is set wrong, Refusal for what is away */
export async function preflight(parts: Parts, options: PreflightOptions): Promise<void> {
  const { patient, secrets = [], artifacts = 'write' } = options;
  const { production, secretsDir } = parts.config;
  const missing = production ? missingSecrets(secretsDir, secrets) : undefined;
  if (missing !== undefined) throw new ConfigError(`CLOPS_SECRETS_DIR=${secretsDir} ${missing}`);
  await checkCluster(parts, { patient });
  await checkArtifacts(parts, { patient, artifacts });
  if (parts.config.databaseUrl !== undefined) await checkDatabase(parts, parts.config.databaseUrl, patient);
}

/**
 * Not waited for, and in production nothing of it is refused: all but artifacts can be served without it, and of a bucket that
 * is full or whose keys were exchanged a restart would take rollouts away as well, and the sweep that makes room.
 */
async function checkArtifacts(
  { config, log, report }: Parts,
  { patient, artifacts }: Required<Pick<PreflightOptions, 'patient' | 'artifacts'>>,
): Promise<void> {
  const { troubleWithArtifacts } = await import('./artifacts.ts');
  const trouble = await troubleWithArtifacts(config, log, artifacts);
  if (trouble === undefined) return;
  const said = `CLOPS_ARTIFACTS=${config.objectStore?.address}: ${trouble.words}`;
  if (!patient && !trouble.mayPass) throw new ConfigError(said);
  if (!patient && !trouble.isFull) throw new Refusal(said);
  log.warn(
    { trouble: trouble.words },
    'the artifact store cannot be used: going on, artifacts are refused until it can',
  );
  report.note(`${said} Going on; artifacts are refused until that is mended.`);
}

export async function checkCluster({ config, log, report }: Parts, { patient }: PreflightOptions): Promise<void> {
  if (config.cluster === 'local') return;
  const { missingKinds, troubleWithCluster, troubleWithKubeconfig } = await import('../platform/cluster/check.ts');
  const { kubeconfig } = config;
  const setting = kubeconfig === undefined ? 'CLOPS_CLUSTER=external' : `KUBECONFIG=${kubeconfig}`;
  const unfit = kubeconfig === undefined ? undefined : troubleWithKubeconfig(kubeconfig);
  if (unfit !== undefined) throw new ConfigError(`${setting} ${unfit}`);
  const cluster = await clusterOf(config, 'clops-start');
  const trouble = await troubleWithCluster(cluster);
  // A machine that joins brings those of CLOps itself, and refuses to start without the others.
  const missing = trouble === undefined && !config.joined ? await missingKinds(cluster) : [];
  await cluster.close();
  if (missing.length > 0) {
    log.warn({ missing }, 'the cluster lacks custom resources: going on, they are asked for again and again');
    report.note(
      `${setting} names a cluster that does not know ${missing.join(', ')}: install them (\`node dist/main.js install\` for those of CLOps). Going on without them until they are there.`,
    );
  }
  if (trouble === undefined) return;
  if (!patient) throw new Refusal(`${setting} ${trouble}`);
  log.warn({ trouble }, 'the cluster is away: going on, it is asked again and again');
  report.note(`${setting} ${trouble} Going on without it until it answers.`);
}

async function checkDatabase({ log, lifetime, report }: Parts, url: string, patient: boolean): Promise<void> {
  const { troubleWithDatabase } = await import('../platform/db/check.ts');
  const setting = `DATABASE_URL=${withoutPassword(url)}`;
  const backoff = createBackoff({ initialMs: 250, maxMs: 3_000 });
  const until = performance.now() + PATIENCE_MS;
  for (let told = false; ; told = true) {
    const trouble = await troubleWithDatabase(url);
    if (trouble === undefined || lifetime.signal.aborted) return;
    if (!trouble.mayPass) throw new ConfigError(`${setting} ${trouble.words}`);
    if (!patient || performance.now() > until) throw new Refusal(`${setting} ${trouble.words}`);
    log.warn({ trouble: trouble.words }, 'the database is away: trying again');
    if (!told) report.note(`${setting} ${trouble.words} Trying for ${PATIENCE_MS / 1000} s.`);
    await sleep(backoff.next(), undefined, { signal: lifetime.signal }).catch(() => {});
  }
}
