/**
 * One program, many roles: the first argument says which. The only place that constructs adapters and joins them. Each
 * role loads its own code alone, by `import()` inside it: a model server is started once per replica, and carries neither
 * a GraphQL server nor the configuration's schema (zod alone is 19 MB) in its memory.
 */
import { mkdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from './config.ts';
import { createLog, type Log } from './lib/log.ts';
import { endLeftover } from './platform/process/leftover.ts';
import { createLifetime, type Lifetime } from './platform/process/lifetime.ts';
import { takeLock } from './platform/process/lock.ts';
import { openLogFile } from './platform/process/logFile.ts';
import { refusedPorts, type WantedPort } from './platform/process/ports.ts';
import { sayFailed, sayReady, supervise } from './platform/process/supervise.ts';
import { createReport, Refusal, type Report, seconds } from './start/report.ts';

const MAIN = fileURLToPath(import.meta.url);

interface Parts {
  config: Config;
  log: Log;
  lifetime: Lifetime;
  report: Report;
}

/** Starts and answers what a supervisor should know. Registers with `lifetime` how it ends. */
type Role = (parts: Parts) => Promise<unknown>;

const ROLES: Record<string, Role> = { all, cluster, node };

// --- The roles -----------------------------------------------------------------------------------------------------

async function cluster({ config, log, lifetime }: Parts): Promise<unknown> {
  const { startCluster } = await import('./local/cluster.ts');
  const { dataDir, clusterPort } = config;
  const local = await startCluster({ dataDir, port: clusterPort, bind: '127.0.0.1', log });
  lifetime.atEnd('cluster', () => local.close());
  return { url: local.url, kubeconfig: local.kubeconfigPath };
}

async function node({ config, log, lifetime }: Parts): Promise<unknown> {
  const [{ authorityOf, startNode }, { readDeclaration }, { createClientNodeCluster }] = await Promise.all([
    import('./local/node.ts'),
    import('./local/declaration.ts'),
    import('./platform/cluster/clientNode.ts'),
  ]);
  const { dataDir, gatewayPort: port, bind, localConfigFile } = config;
  const kubeconfig = join(dataDir, 'cluster', 'node.kubeconfig');
  const { nodes, images } = await readDeclaration({ file: localConfigFile, mainJs: MAIN });
  const cluster = createClientNodeCluster({ kubeconfig, userAgent: 'clops-node' });
  const clientCa = authorityOf(kubeconfig);
  const local = await startNode({ cluster, nodes, images, dataDir, gateway: { port, bind }, clientCa, log });
  lifetime.atEnd('node', () => local.close());
  return { gateway: local.gateway.url };
}

/** Everything on one machine: Postgres, the local cluster and its node as children, the platform in this process. */
async function all(parts: Parts): Promise<unknown> {
  const { config, lifetime, report } = parts;
  const { dataDir } = config;
  await claim(parts);
  const { adminToken } = await import('./start/adminToken.ts');
  const { token, file: tokenFile } = adminToken(dataDir);
  await allOf([database(parts), localCluster(parts)]);
  if (lifetime.signal.aborted) return undefined;
  report.table({
    graphql: `http://127.0.0.1:${config.httpPort}/graphql`,
    token,
    gateway: `http://127.0.0.1:${config.gatewayPort}`,
    kubeconfig: join(dataDir, 'kubeconfig'),
    tokenFile,
    logs: join(dataDir, 'logs'),
    tookMs: performance.now(),
    tries: [],
  });
  return undefined;
}

/** Makes sure that the data folder and the ports are ours before anything is started. */
async function claim({ config, lifetime, report }: Parts): Promise<void> {
  const { dataDir, bind, httpPort, gatewayPort, clusterPort } = config;
  report.line(`Starting CLOps in ${dataDir}`);
  const lock = takeLock(join(dataDir, 'lock'));
  if ('heldBy' in lock) {
    throw new Refusal(
      `CLOps is already running on ${dataDir} (process ${lock.heldBy}): stop that one, or choose another folder with CLOPS_DATA_DIR.`,
    );
  }
  lifetime.atEnd('lock', () => lock.release());
  await Promise.all(['node', 'cluster'].map((name) => endLeftover(pidFile(dataDir, name))));
  const wanted: WantedPort[] = [{ port: httpPort, bind, purpose: 'the API', setting: 'CLOPS_HTTP_PORT' }];
  if (config.cluster === 'local') {
    wanted.push({ port: gatewayPort, bind, purpose: 'the gateway', setting: 'CLOPS_GATEWAY_PORT' });
    wanted.push({ port: clusterPort, bind: '127.0.0.1', purpose: 'the local cluster', setting: 'CLOPS_CLUSTER_PORT' });
  }
  const refusals = await refusedPorts(wanted);
  if (refusals.length > 0) throw new Refusal(refusals.join('\n'));
}

/** The local cluster with what CLOps needs in it, and its node. */
async function localCluster(parts: Parts): Promise<void> {
  const [{ install }, { createClientNodeCluster }] = await Promise.all([
    import('./controller/install.ts'),
    import('./platform/cluster/clientNode.ts'),
    child(parts, 'cluster'),
  ]);
  const { dataDir, gatewayPort } = parts.config;
  const { signal } = parts.lifetime;
  if (signal.aborted) return;
  const kubeconfig = join(dataDir, 'kubeconfig');
  const cluster = createClientNodeCluster({ kubeconfig, userAgent: 'clops-install' });
  await parts.report.step('custom resources installed', install(cluster, { gateway: true, gatewayPort, signal }));
  if (!signal.aborted) await child(parts, 'node');
}

/** The URL of the person's own Postgres, or of the embedded one, started. */
async function database({ config, log, lifetime, report }: Parts): Promise<string> {
  if (config.databaseUrl !== undefined) return config.databaseUrl;
  if (config.production) {
    throw new Refusal('The embedded Postgres is not for production: set DATABASE_URL to a Postgres 15 or newer.');
  }
  const { startEmbeddedPostgres } = await import('./platform/db/embedded.ts');
  const postgres = await report.step(
    ({ version, adopted }) => `postgres ${version} ${adopted ? 'found running' : 'ready'}`,
    startEmbeddedPostgres({ dataDir: config.dataDir, log }),
  );
  lifetime.atEnd('postgres', () => postgres.stop());
  if (postgres.note !== undefined) report.note(postgres.note);
  return postgres.url;
}

/** Another role as a supervised child process. */
async function child({ config, log, lifetime, report }: Parts, name: 'cluster' | 'node'): Promise<unknown> {
  const options = {
    name,
    command: process.execPath,
    args: [MAIN, name],
    logFile: join(config.dataDir, 'logs', `${name}.log`),
    pidFile: pidFile(config.dataDir, name),
    log,
  };
  const running = await report.step(`${name} ready`, supervise(options));
  lifetime.atEnd(name, (hurry) => running.stop(6_000, hurry));
  return running.info;
}

const pidFile = (dataDir: string, name: string): string => join(dataDir, 'run', `${name}.pid`);

/** Like Promise.all, but a failure is told only when the others have come to rest, so that they can be stopped in order. */
async function allOf(work: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

// --- The process ---------------------------------------------------------------------------------------------------

async function run(name: string, role: Role): Promise<number> {
  const { ConfigError, readConfig } = await import('./config.ts');
  const forPeople = name === 'all';
  const report = createReport(forPeople ? process.stdout : process.stderr);
  try {
    const config = readConfig();
    const log = forPeople ? logFor(name, config) : createLog({ role: name, level: config.logLevel });
    const onStop = (part: string): void => {
      if (forPeople && part !== 'lock') report.line(`  stopping ${part} …`);
    };
    const lifetime = createLifetime({ log, onStop });
    obeySignals(lifetime, log);
    const { code, tookMs } = await live(role({ config, log, lifetime, report }), lifetime, log);
    if (forPeople) report.line(`Stopped in ${seconds(tookMs)}.`);
    return code;
  } catch (error) {
    report.refusal(error instanceof Error ? error.message : String(error));
    return error instanceof ConfigError ? 2 : 1;
  }
}

/** From the start to the end. @throws what the start failed with, once everything that had been started is stopped. */
async function live(start: Promise<unknown>, lifetime: Lifetime, log: Log): Promise<{ code: number; tookMs: number }> {
  let failure: { error: unknown } | undefined;
  lifetime.starting(start);
  start.then(sayReady, (error: unknown) => {
    failure = { error };
    log[error instanceof Refusal ? 'warn' : 'fatal']({ err: error }, 'could not start');
    lifetime.end(1, 'the start failed');
  });
  const end = await lifetime.done;
  if (!failure) return end;
  await sayFailed(failure.error instanceof Error ? failure.error.message : String(failure.error));
  throw failure.error;
}

/** The terminal is for people; the platform's own lines go where its children's go. */
function logFor(name: string, { dataDir, logLevel }: Config): Log {
  try {
    mkdirSync(dataDir, { recursive: true });
    const file = openLogFile(join(dataDir, 'logs', 'platform.log'));
    return createLog({ role: name, level: logLevel, destination: { write: (line) => void writeSync(file, line) } });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : error;
    throw new Refusal(`${dataDir} cannot be written (${code}): choose another folder with CLOPS_DATA_DIR.`);
  }
}

function obeySignals(lifetime: Lifetime, log: Log): void {
  process.on('SIGINT', () => lifetime.end(130, 'SIGINT'));
  process.on('SIGTERM', () => lifetime.end(0, 'SIGTERM'));
  process.on('SIGHUP', () => lifetime.end(0, 'SIGHUP'));
  process.on('disconnect', () => lifetime.end(0, 'the parent process is gone'));
  const fault = (error: unknown): void => {
    log.fatal({ err: error }, 'a fault that nothing caught');
    lifetime.end(1, 'a fault that nothing caught');
  };
  process.on('uncaughtException', fault).on('unhandledRejection', fault);
}

const [name = 'all'] = process.argv.slice(2);
const role = ROLES[name];
if (role) process.exit(await run(name, role));
process.stderr.write(`There is no role "${name}". The roles are: ${Object.keys(ROLES).join(', ')}.\n`);
process.exit(2);
