/** The only reader of process.env. Every setting has a name, a default and a meaning; a bad one is refused in one sentence. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { GATEWAY_NAME, SYSTEM_NAMESPACE } from './contract/names.ts';

const isPort = 'must be a port, 0 to 65535';
const anyPort = z.coerce.number({ error: isPort }).int(isPort).min(0, isPort).max(65_535, isPort);
const port = (fallback: number) => anyPort.default(fallback);
const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean),
  );

/** `described`: what a setting means, and in words what it is when it is not given and has no default of its own. */
const described = (description: string, otherwise?: string) => ({ description, ...(otherwise && { otherwise }) });

const S3_ADDRESS = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/((?:[\w.-]+\/)*[\w.-]+)?)?\/?$/;

const namespaceName = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'expected the name of a namespace');

const schema = z.object({
  CLOPS_DATA_DIR: z
    .string()
    .min(1)
    .default('.clops')
    .meta(described('Everything this instance keeps: Postgres, cluster state, artifacts, logs, token, kubeconfig.')),
  CLOPS_SECRETS_DIR: z
    .string()
    .min(1)
    .optional()
    .meta(
      described(
        'Folder with the files `token` (of the administrator) and `signing.key` (of artifact addresses). May be read-only when both are there: a mounted Secret. In production, `api` and `relay` as roles of their own make neither.',
        'CLOPS_DATA_DIR, where they are made at the first start',
      ),
    ),
  CLOPS_HTTP_PORT: port(4000).meta(described('Port of the GraphQL API and of artifacts.')),
  CLOPS_GATEWAY_PORT: port(8080).meta(described('Port of the local gateway, where models are asked.')),
  CLOPS_CLUSTER_PORT: port(6443).meta(described('Port of the local Kubernetes API.')),
  // Without a default of its own: behind `.optional()` it would win, and an open port be found by nobody but scanners.
  CLOPS_METRICS_PORT: anyPort
    .optional()
    .meta(
      described('Port of `GET /metrics` of API and relay, as Prometheus text; it wants no token.', 'none: not served'),
    ),
  CLOPS_BIND: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .meta(described('Address on which API and gateway listen. In a pod: `0.0.0.0`.')),
  CLOPS_DEMO: z
    .enum(['on', 'quiet', 'off'])
    .optional()
    .meta(
      described(
        'The demo model behind a canary: with its traffic, without it, or not at all. Its pods are processes of this machine: it needs the local cluster, or a cluster that this machine has joined, and is refused in production.',
        '`on`; `off` in production and with a cluster that this machine has not joined',
      ),
    ),
  CLOPS_CORS_ORIGINS: list.meta(
    described(
      'Origins of browsers that may call the API, separated by commas. Outside production, localhost origins are added.',
      'none',
    ),
  ),
  CLOPS_MAX_ARTIFACT_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(10 * 1024 ** 3)
    .meta(described('Largest artifact that is taken, in bytes.')),
  CLOPS_ARTIFACTS: z
    .string()
    .regex(S3_ADDRESS, 'expected s3://bucket or s3://bucket/prefix')
    .optional()
    .meta(
      described(
        'Where the bytes of models are kept: `s3://bucket/prefix`, in a bucket that is there. Several processes of the API may share it, and pods fetch from it.',
        'files in CLOPS_DATA_DIR',
      ),
    ),
  AWS_ENDPOINT_URL_S3: z
    .url({ protocol: /^https?$/, error: 'expected an http:// or https:// address' })
    .optional()
    .meta(
      described(
        'The object store, where it is not Amazon’s. Pods of models reach it at this address too.',
        'Amazon S3 in AWS_REGION',
      ),
    ),
  AWS_REGION: z
    .string()
    .regex(/^[\w-]+$/, 'expected the name of a region')
    .default('us-east-1')
    .meta(described('Region of the bucket; stores of one’s own mostly take any.')),
  AWS_ACCESS_KEY_ID: z.string().optional().meta(described('Access key of the object store.', 'none')),
  AWS_SECRET_ACCESS_KEY: z.string().optional().meta(described('Its secret key.', 'none')),
  AWS_SESSION_TOKEN: z
    .string()
    .optional()
    .meta(described('Goes with keys of a session. Addresses that pods fetch with end with the session.', 'none')),
  AWS_SHARED_CREDENTIALS_FILE: z
    .string()
    .optional()
    .meta(
      described(
        'File with the keys under `[default]`, in place of the variables; read again when it has changed. Read only with CLOPS_ARTIFACTS.',
        'none',
      ),
    ),
  CLOPS_LOCAL_CONFIG: z
    .string()
    .optional()
    .meta(
      described(
        'YAML file that declares the nodes of the local cluster and image → command.',
        'two nodes with simulated GPUs, and the image of CLOps itself',
      ),
    ),
  CLOPS_CLUSTER: z
    .enum(['local', 'external'])
    .default('local')
    .meta(
      described(
        '`local`: the cluster that comes with CLOps; `external`: the one that KUBECONFIG or the pod’s service account names. API and relay then need CLOPS_URL, unless this machine joins that cluster.',
      ),
    ),
  CLOPS_NODE_ADDRESS: z
    .ipv4('expected an IPv4 address')
    .optional()
    .meta(
      described(
        'Together with CLOPS_POD_CIDR it joins this machine to an external cluster, to try CLOps there: the declared nodes and the gateway run here. An address of this machine, not loopback, that the cluster’s API server reaches.',
        'none',
      ),
    ),
  CLOPS_POD_CIDR: z
    .cidrv4('expected a range of IPv4 addresses such as 10.99.0.0/23')
    .optional()
    .meta(
      described(
        'Addresses for the pods of a machine that joins an external cluster: a range that is this machine’s own, with a /24 for each declared node.',
        'none',
      ),
    ),
  CLOPS_NEW_CLUSTER: z
    .string()
    .optional()
    .meta(
      described(
        'Uid of the namespace `kube-system` of an external cluster that takes the place of the one in the database. Any other is left alone.',
        'none',
      ),
    ),
  CLOPS_NAMESPACE: namespaceName
    .default(SYSTEM_NAMESPACE)
    .meta(described('Namespace of the platform in an external cluster: where the controller’s lease is.')),
  CLOPS_GATEWAY: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?\/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'expected namespace/name')
    .default(`${SYSTEM_NAMESPACE}/${GATEWAY_NAME}`)
    .meta(described('The Gateway that routes of deployments are attached to, as `namespace/name`.')),
  CLOPS_URL: z
    .url({ protocol: /^https?$/, error: 'expected an http:// or https:// address' })
    .optional()
    .meta(described('Where clients and pods find the API.', 'this machine, at CLOPS_HTTP_PORT')),
  CLOPS_TOKEN: z.string().optional().meta(described('Token of clients.', 'the file `token` in CLOPS_SECRETS_DIR')),
  CLOPS_LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .meta(
      described(
        'How much is logged: lines of JSON, on stdout of a single role and in `logs/` of the data folder by `all`.',
      ),
    ),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'expected postgres://user:password@host:port/database')
    .optional()
    .meta(described('A Postgres of your own, 15 or newer.', 'the embedded one, which production refuses')),
  KUBECONFIG: z
    .string()
    .optional()
    .meta(
      described(
        'File that names the external cluster. Read only when CLOPS_CLUSTER=external.',
        'the pod’s service account',
      ),
    ),
  NODE_EXTRA_CA_CERTS: z
    .string()
    .optional()
    .meta(
      described(
        'File (PEM) of authorities that are trusted besides the public ones: for Postgres and an object store, and by the step that fetches bytes in pods of models, which get its content with the address.',
        'none',
      ),
    ),
  NODE_ENV: z
    .string()
    .default('development')
    .meta(
      described(
        '`production`: DATABASE_URL is required, the demo is off, localhost origins are not added. Any other value: development.',
      ),
    ),
});

export interface Config {
  readonly dataDir: string;
  /** Where the administrator's token and the signing key are. */
  readonly secretsDir: string;
  readonly namespace: string;
  readonly gateway: { readonly namespace: string; readonly name: string };
  readonly httpPort: number;
  readonly gatewayPort: number;
  /** Undefined: none are served. */
  readonly metricsPort: number | undefined;
  readonly clusterPort: number;
  readonly bind: string;
  readonly demo: 'on' | 'quiet' | 'off';
  readonly corsOrigins: readonly string[];
  readonly maxArtifactBytes: number;
  /** Undefined: files in the data folder. */
  readonly objectStore: ObjectStoreConfig | undefined;
  /** Node.js reads it for itself; pods of models are handed its content. */
  readonly extraCaFile: string | undefined;
  readonly localConfigFile: string | undefined;
  readonly cluster: 'local' | 'external';
  /** Of this machine as nodes of the external cluster; each may have been given without the other. */
  readonly nodeAddress: string | undefined;
  readonly podCidr: string | undefined;
  /** Both of them: this machine joins that cluster. */
  readonly joined: { readonly nodeAddress: string; readonly podCidr: string } | undefined;
  readonly url: string;
  /** CLOPS_URL was given. */
  readonly hasUrl: boolean;
  readonly token: string | undefined;
  readonly logLevel: string;
  readonly databaseUrl: string | undefined;
  readonly kubeconfig: string | undefined;
  /** May take the place of the cluster that the database knows. */
  readonly newCluster: string | undefined;
  /** Kubernetes says so to every container: then a service account is at hand. */
  readonly inPod: boolean;
  readonly production: boolean;
}

export interface ObjectStoreConfig {
  /** As it was given, to be shown. */
  readonly address: string;
  readonly bucket: string;
  /** Without slashes around it; may be empty. */
  readonly prefix: string;
  /** Undefined: Amazon's. */
  readonly endpoint: string | undefined;
  readonly region: string;
  readonly keys:
    | { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string }
    | undefined;
  readonly credentialsFile: string | undefined;
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
    const value = withoutPassword(given[name] ?? '');
    throw new ConfigError(`${name}=${value} is not a valid setting: ${issue?.message}.`);
  }
  const e = parsed.data;
  const production = e.NODE_ENV === 'production';
  const [nodeAddress, podCidr] = [e.CLOPS_NODE_ADDRESS, e.CLOPS_POD_CIDR];
  const joined = nodeAddress && podCidr ? Object.freeze({ nodeAddress, podCidr }) : undefined;
  const runsPods = e.CLOPS_CLUSTER === 'local' || joined !== undefined;
  const [gatewayNamespace = '', gatewayName = ''] = e.CLOPS_GATEWAY.split('/');
  return Object.freeze({
    dataDir: resolve(e.CLOPS_DATA_DIR),
    secretsDir: resolve(e.CLOPS_SECRETS_DIR ?? e.CLOPS_DATA_DIR),
    namespace: e.CLOPS_NAMESPACE,
    gateway: Object.freeze({ namespace: gatewayNamespace, name: gatewayName }),
    httpPort: e.CLOPS_HTTP_PORT,
    gatewayPort: e.CLOPS_GATEWAY_PORT,
    metricsPort: e.CLOPS_METRICS_PORT,
    clusterPort: e.CLOPS_CLUSTER_PORT,
    bind: e.CLOPS_BIND,
    demo: e.CLOPS_DEMO ?? (production || !runsPods ? 'off' : 'on'),
    corsOrigins: e.CLOPS_CORS_ORIGINS,
    maxArtifactBytes: e.CLOPS_MAX_ARTIFACT_BYTES,
    objectStore: objectStoreOf(e),
    extraCaFile: e.NODE_EXTRA_CA_CERTS,
    localConfigFile: e.CLOPS_LOCAL_CONFIG,
    cluster: e.CLOPS_CLUSTER,
    nodeAddress,
    podCidr,
    joined,
    hasUrl: e.CLOPS_URL !== undefined,
    url: (e.CLOPS_URL ?? `http://127.0.0.1:${e.CLOPS_HTTP_PORT}`).replace(/\/+$/, ''),
    token: e.CLOPS_TOKEN,
    logLevel: e.CLOPS_LOG_LEVEL,
    databaseUrl: e.DATABASE_URL,
    kubeconfig: e.KUBECONFIG,
    newCluster: e.CLOPS_NEW_CLUSTER,
    inPod: Boolean(env['KUBERNETES_SERVICE_HOST']),
    production,
  });
}

function objectStoreOf(e: z.infer<typeof schema>): ObjectStoreConfig | undefined {
  const [address, bucket = '', prefix = ''] = S3_ADDRESS.exec(e.CLOPS_ARTIFACTS ?? '') ?? [];
  if (address === undefined) return undefined;
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = e;
  return {
    address,
    bucket,
    prefix,
    endpoint: e.AWS_ENDPOINT_URL_S3,
    region: e.AWS_REGION,
    keys:
      accessKeyId && secretAccessKey
        ? { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) }
        : undefined,
    credentialsFile: e.AWS_SHARED_CREDENTIALS_FILE,
  };
}

/** A setting's value as it may be shown. Greedy, for what is no valid address may have any sign in its password. */
export const withoutPassword = (value: string): string =>
  value.replace(/(\/\/[^:/@]*):.*@/, '$1:***@').replace(/(password\s*=\s*)[^&\s]*/gi, '$1***');

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
    /** The setting that names it in this shell, which then means it; undefined when it is the folder's by default. */
    readonly chosenBy: 'CLOPS_DATA_DIR' | 'CLOPS_HTTP_PORT' | undefined;
  };
  /** What `clops login` keeps. */
  readonly credentialsFile: string;
  /** NO_COLOR and FORCE_COLOR, as their users know them; undefined: as the terminal is. */
  readonly color: boolean | undefined;
  /** What npm is doing when it started this process: `exec` under npx. */
  readonly npmCommand: string | undefined;
}

export function readClientConfig(env: NodeJS.ProcessEnv = process.env): ClientConfig {
  const { url, token, httpPort, dataDir, secretsDir } = readConfig(env);
  return Object.freeze({
    url: env['CLOPS_URL'] ? url : undefined,
    token,
    local: {
      url: `http://127.0.0.1:${httpPort}`,
      urlFile: env['CLOPS_HTTP_PORT'] ? undefined : join(dataDir, 'url'),
      tokenFile: join(secretsDir, 'token'),
      kubeconfig: join(dataDir, 'kubeconfig'),
      chosenBy: (['CLOPS_DATA_DIR', 'CLOPS_HTTP_PORT'] as const).find((name) => env[name]),
    },
    credentialsFile: join(env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'clops', 'credentials.json'),
    color: env['NO_COLOR'] ? false : env['FORCE_COLOR'] ? env['FORCE_COLOR'] !== '0' : undefined,
    npmCommand: env['npm_command'],
  });
}

export interface Setting {
  name: string;
  /** What may be given: `on`, `quiet`, `off`; a whole number with its limits; anything, when it is empty. */
  values: string;
  /** As a person would write it, or in words. */
  fallback: string;
  meaning: string;
}

/** Every setting, for the generated reference. */
export function settings(): Setting[] {
  return Object.entries(schema.shape).map(([name, field]) => {
    const { description = '', otherwise } = field.meta() ?? {};
    const fallback = field.safeParse(undefined).data;
    const shape = z.toJSONSchema(field, { unrepresentable: 'any' });
    return {
      name,
      values: valuesOf(shape),
      fallback: typeof otherwise === 'string' ? otherwise : `\`${String(fallback)}\``,
      meaning: description,
    };
  });
}

function valuesOf({
  enum: options,
  type,
  minimum,
  exclusiveMinimum,
  maximum,
  format,
}: z.core.JSONSchema.BaseSchema): string {
  if (options) return options.map((option) => `\`${String(option)}\``).join(', ');
  if (type !== 'integer') return format === 'uri' ? 'address' : 'text';
  const least = minimum ?? Number(exclusiveMinimum ?? 0) + 1;
  const most = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? '' : ` to ${maximum}`;
  return `${least}${most || ' or more'}`;
}
