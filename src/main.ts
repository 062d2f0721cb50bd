/**
 * One program, many roles: the first argument says which. The only place that constructs adapters and joins them. Each
 * role loads its own code alone, by `import()` inside it: a model server is started once per replica, and carries neither
 * a GraphQL server nor the configuration's schema (zod alone is 19 MB) in its memory.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from './config.ts';
import { GATEWAY_NAME, SYSTEM_NAMESPACE } from './contract/names.ts';
import type { Services } from './graphql/context.ts';
import { systemClock } from './lib/clock.ts';
import type { Log } from './lib/log.ts';
import type { UrlSigner } from './platform/artifacts/sign.ts';
import type { ClusterPort } from './platform/cluster/port.ts';
import { identityOf } from './platform/process/identity.ts';
import { endLeftover, findChild } from './platform/process/leftover.ts';
import { takeLock } from './platform/process/lock.ts';
import { refusedPorts, type WantedPort } from './platform/process/ports.ts';
import { type Supervised, supervise } from './platform/process/supervise.ts';
import { Refusal } from './start/report.ts';
import { type Parts, type Program, pidFile, type Role, runProgram, runRole } from './start/run.ts';
import { GRAPHIQL_TABS } from './start/tabs.ts';
import { thingsToTry } from './start/tries.ts';

const MAIN = fileURLToPath(import.meta.url);
/** How long the table waits for the demo. */
const DEMO_MS = 60_000;
const ROOT = fileURLToPath(new URL('..', import.meta.url));

const ROLES: Record<string, Role> = { all, api, relay, controller, cluster, node };
const PROGRAMS: Record<string, Program> = { 'model-server': modelServer, 'fetch-artifact': fetchArtifact };

interface Platform {
  services: Services;
  signer: UrlSigner;
}

// --- The roles -----------------------------------------------------------------------------------------------------

async function cluster({ config, log, lifetime }: Parts): Promise<unknown> {
  const { startCluster } = await import('./local/cluster.ts');
  const { dataDir, clusterPort } = config;
  const local = await startCluster({ dataDir, port: clusterPort, bind: '127.0.0.1', log });
  lifetime.atEnd('cluster', () => local.close());
  return { url: local.url };
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
  return { url: local.gateway.url };
}

async function controller({ config, log, lifetime }: Parts): Promise<unknown> {
  const [{ startController }, { createTrafficCounts }] = await Promise.all([
    import('./controller/run.ts'),
    import('./platform/metrics/gateway.ts'),
  ]);
  const cluster = await clusterOf(config, 'clops-controller');
  const running = startController({
    cluster,
    traffic: createTrafficCounts(),
    log,
    identity: identityHere(process.pid),
    isDead,
  });
  lifetime.atEnd('controller', () => running.close());
  return {};
}

async function modelServer(argv: readonly string[], log: Log): Promise<() => Promise<void>> {
  const { runModelServer } = await import('./modelserver/index.ts');
  const running = await runModelServer(argv, { log, programVersion: version() });
  return () => running.close();
}

async function fetchArtifact(argv: readonly string[], log: Log): Promise<undefined> {
  const { runFetchArtifact } = await import('./modelserver/fetchArtifact.ts');
  await runFetchArtifact(argv, { log });
}

async function relay(parts: Parts): Promise<unknown> {
  await startTheRelay(parts, await servicesOf(parts, await database(parts)));
  return {};
}

async function api(parts: Parts): Promise<unknown> {
  return { url: await serveApi(parts, await servicesOf(parts, await database(parts))) };
}

/** Everything on one machine: Postgres, the local cluster and its node as children, the platform in this process. */
async function all(parts: Parts): Promise<unknown> {
  const { config, lifetime, report } = parts;
  const { dataDir } = config;
  await claim(parts);
  const local = config.cluster === 'local';
  const ofCluster = local ? localCluster(parts) : undefined; // First: its process loads while Postgres is looked for.
  const started = bothOf(database(parts), ofCluster);
  apiCode().catch(() => {}); // Fails once more, and is reported, where it is used.
  const [databaseUrl, gateway] = await started;
  if (lifetime.signal.aborted) return undefined;
  await controller(parts);
  const platform = await report.step('database migrated, caches open', servicesOf(parts, databaseUrl));
  const url = await report.step('api ready', serveApi(parts, platform));
  await startTheRelay(parts, platform);
  const { adminToken } = await import('./start/secrets.ts');
  const { token, file: tokenFile } = adminToken(dataDir);
  const inferUrl = local && config.demo !== 'off' ? await demo(parts, url, token) : undefined;
  if (lifetime.signal.aborted) return undefined;
  const kubeconfig = local ? join(dataDir, 'kubeconfig') : undefined;
  report.table({
    graphql: `${url}/graphql`,
    token,
    gateway,
    kubeconfig: kubeconfig ?? config.kubeconfig,
    tokenFile,
    logs: join(dataDir, 'logs'),
    tookMs: performance.now(),
    tries: thingsToTry({ url, tokenFile, kubeconfig, inferUrl, root: ROOT, config }),
  });
  return undefined;
}

// --- What they are made of -----------------------------------------------------------------------------------------

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
  const stamp = stampOf(config);
  const local = config.cluster === 'local';
  const hasCluster = local && findChild(pidFile(dataDir, 'cluster'), stamp) !== undefined;
  const hasNode = hasCluster && findChild(pidFile(dataDir, 'node'), stamp) !== undefined;
  await Promise.all([
    hasNode || endLeftover(pidFile(dataDir, 'node')),
    hasCluster || endLeftover(pidFile(dataDir, 'cluster')),
  ]);
  const wanted: WantedPort[] = [{ port: httpPort, bind, purpose: 'the API', setting: 'CLOPS_HTTP_PORT' }];
  if (local && !hasNode) {
    wanted.push({ port: gatewayPort, bind, purpose: 'the gateway', setting: 'CLOPS_GATEWAY_PORT' });
  }
  if (local && !hasCluster) {
    wanted.push({ port: clusterPort, bind: '127.0.0.1', purpose: 'the local cluster', setting: 'CLOPS_CLUSTER_PORT' });
  }
  const refusals = await refusedPorts(wanted);
  if (refusals.length > 0) throw new Refusal(refusals.join('\n'));
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

/** The local cluster with what CLOps needs in it, and its node. Answers the gateway's address. */
async function localCluster(parts: Parts): Promise<string | undefined> {
  const { signal } = parts.lifetime;
  const [{ install }] = await Promise.all([import('./controller/install.ts'), child(parts, 'cluster')]);
  if (signal.aborted) return undefined;
  const cluster = await clusterOf(parts.config, 'clops-install');
  const { gatewayPort } = parts.config;
  await parts.report.step('custom resources installed', install(cluster, { gateway: true, gatewayPort, signal }));
  return signal.aborted ? undefined : await child(parts, 'node');
}

/** Another role as a supervised child process, perhaps one that a killed start has left. Answers its address. */
async function child({ config, log, lifetime, report }: Parts, name: 'cluster' | 'node'): Promise<string | undefined> {
  const options = {
    name,
    command: process.execPath,
    args: [MAIN, name],
    logFile: join(config.dataDir, 'logs', `${name}.log`),
    pidFile: pidFile(config.dataDir, name),
    stamp: stampOf(config),
    log,
  };
  const said = ({ adopted }: Supervised): string => `${name} ${adopted ? 'found running' : 'ready'}`;
  const running = await report.step(said, supervise(options));
  lifetime.atEnd(name, (hurry) => running.stop(6_000, hurry));
  const { info } = running;
  return typeof info === 'object' && info !== null && 'url' in info ? String(info.url) : undefined;
}

/** The local cluster, or the one that KUBECONFIG or the pod's service account names. */
async function clusterOf({ cluster, dataDir, kubeconfig }: Config, userAgent: string): Promise<ClusterPort> {
  const { createClientNodeCluster } = await import('./platform/cluster/clientNode.ts');
  if (cluster === 'local') {
    return createClientNodeCluster({ kubeconfig: join(dataDir, 'cluster', 'controller.kubeconfig'), userAgent });
  }
  return createClientNodeCluster({ ...(kubeconfig === undefined ? { inCluster: true } : { kubeconfig }), userAgent });
}

/** What the API and the relay share. Registers how each part ends. */
async function servicesOf({ config, log, lifetime }: Parts, databaseUrl: string): Promise<Platform> {
  const [{ createDb }, { migrate }, { createEventLog }] = await Promise.all([
    import('./platform/db/db.ts'),
    import('./platform/db/migrate.ts'),
    import('./platform/events/log.ts'),
  ]);
  const [{ createClusterView }, { createTrafficCounts }, { createLiveTraffic }] = await Promise.all([
    import('./platform/cluster/view.ts'),
    import('./platform/metrics/gateway.ts'),
    import('./platform/metrics/live.ts'),
  ]);
  const [{ createFileArtifacts }, { createUrlSigner }, { signingKey }] = await Promise.all([
    import('./platform/artifacts/files.ts'),
    import('./platform/artifacts/sign.ts'),
    import('./start/secrets.ts'),
  ]);
  const { dataDir, maxArtifactBytes } = config;
  const artifactsUrl = `${config.url}/artifacts`;

  const db = createDb({ url: databaseUrl, log });
  lifetime.atEnd('database', () => db.close());
  await migrate(db, join(ROOT, 'drizzle'));
  const events = createEventLog({ db, log });
  await events.start();
  lifetime.atEnd('event log', () => events.close());
  const cluster = createClusterView(await clusterOf(config, 'clops-api'), log);
  cluster.start();
  lifetime.atEnd('caches', () => cluster.stop());
  const traffic = createTrafficCounts();
  const gateway = () => cluster.gateways.get(`${SYSTEM_NAMESPACE}/${GATEWAY_NAME}`);
  const live = createLiveTraffic({ traffic, gateway, log });
  lifetime.atEnd('live metrics', () => live.close());

  const artifacts = createFileArtifacts({ dir: join(dataDir, 'artifacts'), maxBytes: maxArtifactBytes });
  const settings = { version: version(), artifactsUrl, maxArtifactBytes, clusterName: config.cluster };
  return {
    services: { db, events, cluster, traffic, live, artifacts, clock: systemClock, log, settings },
    signer: createUrlSigner({ key: signingKey(dataDir), artifactsUrl }),
  };
}

/** The largest part of the program: a second to load, which `all` spends while its children start. */
async function apiCode() {
  await import('reflect-metadata'); // type-graphql wants it before the first decorator.
  return Promise.all([
    import('./api/index.ts'),
    import('./api/authenticate.ts'),
    import('./api/graphiql.ts'),
    import('./modules/identity/index.ts'),
    import('./modules/registry/index.ts'),
    import('./start/secrets.ts'),
  ]);
}

/** GraphQL, artifacts and health on one port. Answers its URL. */
async function serveApi({ config, lifetime }: Parts, { services, signer }: Platform): Promise<string> {
  const [
    { startApi },
    { adminTokenStrategy },
    { registerGraphiql },
    { ensureActor },
    { startSweeping },
    { adminToken },
  ] = await apiCode();
  const admin = await ensureActor(services.db, 'PERSON', 'admin', true);
  const principal = { actorId: admin.id, name: admin.name, isPlatformAdmin: true };
  const running = await startApi({
    services,
    signer,
    strategies: [adminTokenStrategy(adminToken(config.dataDir).token, principal)],
    port: config.httpPort,
    bind: config.bind,
    corsOrigins: config.production ? config.corsOrigins : [...config.corsOrigins, 'localhost'],
    explorer: (app) => registerGraphiql(app, { tabs: GRAPHIQL_TABS }),
  });
  lifetime.atEnd('api', () => running.close());
  lifetime.atEnd('artifact sweep', startSweeping(services));
  return running.url;
}

/** Tells the cluster what is wanted, takes in what it reports. */
async function startTheRelay({ lifetime }: Parts, platform: Platform): Promise<void> {
  await import('reflect-metadata');
  const { startRelay } = await import('./modules/serving/index.ts');
  const relay = await startRelay(platform);
  lifetime.atEnd('relay', () => relay.close());
}

/** Answers where the demo's model is asked. Without it everything else goes on. */
async function demo({ config, log, lifetime, report }: Parts, url: string, token: string): Promise<string | undefined> {
  const { startDemo } = await import('./demo/index.ts');
  const signal = AbortSignal.any([lifetime.signal, AbortSignal.timeout(DEMO_MS)]);
  try {
    const { inferUrl, stop } = await report.step(
      ({ inferUrl }) => (inferUrl === undefined ? 'demo left as it is, deleted or stopped' : 'demo answers'),
      startDemo({ url, token, traffic: config.demo === 'on', signal, log }),
    );
    lifetime.atEnd('demo', stop);
    return inferUrl;
  } catch (error) {
    if (lifetime.signal.aborted) return undefined;
    log.warn({ err: error }, 'the demo is not ready');
    report.note(`The demo is not ready: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function version(): string {
  const text: unknown = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return typeof text === 'object' && text !== null && 'version' in text ? String(text.version) : '';
}

const identityHere = (pid: number): string => `${hostname()}_${identityOf(pid)?.replaceAll(' ', '_')}`;

/** A holder on this machine whose process is gone: after a kill -9 the next start need not wait for its lease to end. */
function isDead(identity: string): boolean {
  const here = `${hostname()}_`;
  return identity.startsWith(here) && identity !== identityHere(Number.parseInt(identity.slice(here.length), 10));
}

/** Program and settings of the children. The build's own record changes whenever anything was compiled anew. */
function stampOf(config: Config): string {
  const { dataDir, bind, clusterPort, gatewayPort, logLevel, localConfigFile: file } = config;
  const build = statSync(join(dirname(MAIN), '.tsbuildinfo'), { throwIfNoEntry: false }) ?? statSync(MAIN);
  const declared = file === undefined ? undefined : statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  const settings = [dataDir, bind, clusterPort, gatewayPort, logLevel, file, declared];
  const text = JSON.stringify([process.execPath, MAIN, build.mtimeMs, ...settings]);
  return createHash('sha256').update(text).digest('hex');
}

/** Like Promise.all, but a failure is told only when the other has come to rest, so that it can be stopped in order. */
async function bothOf<A, B>(first: Promise<A>, second: B): Promise<[A, Awaited<B>]> {
  await Promise.allSettled([first, second]);
  return Promise.all([first, second]);
}

if (Number(process.versions.node.split('.')[0]) < 22) {
  process.stderr.write(
    `CLOps runs on the Node that comes with it: use \`npm start\`, or node_modules/.bin/node. This is Node ${process.versions.node}.\n`,
  );
  process.exit(1);
}
const [name = 'all', ...argv] = process.argv.slice(2);
const role = ROLES[name];
const program = PROGRAMS[name];
if (role) process.exit(await runRole(name, role));
if (program) process.exit(await runProgram(name, program, argv));
const known = [...Object.keys(ROLES), ...Object.keys(PROGRAMS)];
process.stderr.write(`There is no role "${name}". The roles are: ${known.join(', ')}.\n`);
process.exit(2);
