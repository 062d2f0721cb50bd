/** The only reader of process.env. Every setting has a name, a default and a meaning; a bad one is refused in one sentence. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';

const port = (fallback: number) => z.coerce.number().int().min(0).max(65_535).default(fallback);
const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean),
  );

const schema = z.object({
  CLOPS_DATA_DIR: z
    .string()
    .min(1)
    .default('.clops')
    .describe('Everything this instance keeps: Postgres, cluster state, artifacts, logs, token, kubeconfig.'),
  CLOPS_HTTP_PORT: port(4000).describe('Port of the GraphQL API and of artifacts.'),
  CLOPS_GATEWAY_PORT: port(8080).describe('Port of the local gateway, where models are asked.'),
  CLOPS_CLUSTER_PORT: port(6443).describe('Port of the local Kubernetes API.'),
  CLOPS_BIND: z.string().min(1).default('127.0.0.1').describe('Address on which API and gateway listen.'),
  CLOPS_DEMO: z
    .enum(['on', 'quiet', 'off'])
    .default('on')
    .describe('The demo model behind a canary: with its traffic, without it, or not at all.'),
  CLOPS_CORS_ORIGINS: list.describe(
    'Origins of browsers that may call the API, separated by commas. In the demo, localhost origins are added.',
  ),
  CLOPS_MAX_ARTIFACT_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(10 * 1024 ** 3)
    .describe('Largest artifact that is taken, in bytes.'),
  CLOPS_LOCAL_CONFIG: z
    .string()
    .optional()
    .describe('YAML file that declares the nodes of the local cluster and image → command.'),
  CLOPS_CLUSTER: z
    .enum(['local', 'external'])
    .default('local')
    .describe(
      'local: the cluster that comes with CLOps; external: the one KUBECONFIG or the pod’s service account names.',
    ),
  CLOPS_URL: z
    .url()
    .optional()
    .describe('Where clients and pods find the API. Default: this machine, at CLOPS_HTTP_PORT.'),
  CLOPS_TOKEN: z.string().optional().describe('Token of clients. Default: the file token in CLOPS_DATA_DIR.'),
  CLOPS_LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('How much is logged.'),
  DATABASE_URL: z.string().optional().describe('A Postgres of your own (15 or newer). Default: the embedded one.'),
  KUBECONFIG: z.string().optional().describe('Read only when CLOPS_CLUSTER=external.'),
  NODE_ENV: z.string().default('development').describe('production refuses the embedded Postgres and the demo.'),
});

export interface Config {
  readonly dataDir: string;
  readonly httpPort: number;
  readonly gatewayPort: number;
  readonly clusterPort: number;
  readonly bind: string;
  readonly demo: 'on' | 'quiet' | 'off';
  readonly corsOrigins: readonly string[];
  readonly maxArtifactBytes: number;
  readonly localConfigFile: string | undefined;
  readonly cluster: 'local' | 'external';
  readonly url: string;
  readonly token: string | undefined;
  readonly logLevel: string;
  readonly databaseUrl: string | undefined;
  readonly kubeconfig: string | undefined;
  readonly production: boolean;
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Empty variables count as absent: `CLOPS_HTTP_PORT= npm start` means the default. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = String(issue?.path[0]);
    throw new ConfigError(`${name}=${given[name] ?? ''} is not a valid setting: ${issue?.message}.`);
  }
  const e = parsed.data;
  if (e.CLOPS_CLUSTER === 'external' && e.CLOPS_URL === undefined) {
    throw new ConfigError(
      'CLOPS_CLUSTER=external needs CLOPS_URL: the address at which pods of that cluster reach this API for their artifacts.',
    );
  }
  const production = e.NODE_ENV === 'production';
  return Object.freeze({
    dataDir: resolve(e.CLOPS_DATA_DIR),
    httpPort: e.CLOPS_HTTP_PORT,
    gatewayPort: e.CLOPS_GATEWAY_PORT,
    clusterPort: e.CLOPS_CLUSTER_PORT,
    bind: e.CLOPS_BIND,
    demo: production ? 'off' : e.CLOPS_DEMO,
    corsOrigins: e.CLOPS_CORS_ORIGINS,
    maxArtifactBytes: e.CLOPS_MAX_ARTIFACT_BYTES,
    localConfigFile: e.CLOPS_LOCAL_CONFIG,
    cluster: e.CLOPS_CLUSTER,
    url: (e.CLOPS_URL ?? `http://127.0.0.1:${e.CLOPS_HTTP_PORT}`).replace(/\/+$/, ''),
    token: e.CLOPS_TOKEN,
    logLevel: e.CLOPS_LOG_LEVEL,
    databaseUrl: e.DATABASE_URL,
    kubeconfig: e.KUBECONFIG,
    production,
  });
}

/** What clients read of it: where the API may be, with whose token, and how output should look. */
export interface ClientConfig {
  /** Set only when CLOPS_URL is. */
  readonly url: string | undefined;
  readonly token: string | undefined;
  /** This folder's own instance: where it listens unless its `urlFile` says so, and the token it made. */
  readonly local: {
    readonly url: string;
    /** Absent when CLOPS_HTTP_PORT says where it listens. */
    readonly urlFile: string | undefined;
    readonly tokenFile: string;
    readonly kubeconfig: string;
  };
  /** What `clops login` keeps. */
  readonly credentialsFile: string;
  /** NO_COLOR and FORCE_COLOR, as their users know them; undefined: as the terminal is. */
  readonly color: boolean | undefined;
  /** What npm is doing when it started this process: `exec` under npx. */
  readonly npmCommand: string | undefined;
}

export function readClientConfig(env: NodeJS.ProcessEnv = process.env): ClientConfig {
  const { url, token, httpPort, dataDir } = readConfig(env);
  return Object.freeze({
    url: env['CLOPS_URL'] ? url : undefined,
    token,
    local: {
      url: `http://127.0.0.1:${httpPort}`,
      urlFile: env['CLOPS_HTTP_PORT'] ? undefined : join(dataDir, 'url'),
      tokenFile: join(dataDir, 'token'),
      kubeconfig: join(dataDir, 'kubeconfig'),
    },
    credentialsFile: join(env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'clops', 'credentials.json'),
    color: env['NO_COLOR'] ? false : env['FORCE_COLOR'] ? env['FORCE_COLOR'] !== '0' : undefined,
    npmCommand: env['npm_command'],
  });
}

export interface Setting {
  name: string;
  /** As a person would write it; empty when there is none. */
  fallback: string;
  meaning: string;
}

/** Every setting, for the generated reference. */
export function settings(): Setting[] {
  return Object.entries(schema.shape).map(([name, field]) => ({
    name,
    fallback: String(field.safeParse(undefined).data ?? ''),
    meaning: field.description ?? '',
  }));
}
