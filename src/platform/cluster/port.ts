/**
 * What the platform needs of a Kubernetes API, and nothing more. Adapters: `clientNode.ts` (HTTPS, any Kubernetes) and
 * the local API server's own in-process transport (`src/local/apiserver/inProcess.ts`).
 *
 * Objects are plain JSON as Kubernetes sends them; nothing is converted. Every call takes an optional AbortSignal and
 * has a time limit of its own. A refusal by the server is an `ApiError` with the server's Status, everything else
 * (connection refused, reset, timed out) is `Unavailable('CLUSTER_UNAVAILABLE')`.
 */

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  generateName?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: ManagedFieldsEntry[];
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ManagedFieldsEntry {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  time?: string;
  fieldsType: 'FieldsV1';
  fieldsV1: Record<string, unknown>;
  subresource?: string;
}

export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: unknown;
  status?: unknown;
  [field: string]: unknown;
}

/** A row of the API: how to find objects of one kind. */
export interface Resource {
  group: string;
  version: string;
  plural: string;
  kind: string;
  namespaced: boolean;
}

export interface Selectors {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

export interface CallOptions {
  signal?: AbortSignal;
}

export interface WriteOptions extends CallOptions {
  dryRun?: boolean;
  /** Names the writer in managedFields of a create, replace or patch. */
  fieldManager?: string;
}

export interface ObjectList<T> {
  items: T[];
  resourceVersion: string;
}

export type WatchEvent<T> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  | { type: 'BOOKMARK'; resourceVersion: string };

export interface WatchOptions extends Selectors, CallOptions {
  resourceVersion: string;
  timeoutSeconds?: number;
}

export type PatchType = 'merge' | 'json';

export interface ApplyOptions extends WriteOptions {
  fieldManager: string;
  force?: boolean;
  subresource?: 'status';
}

export interface LogOptions extends CallOptions {
  container?: string;
  follow?: boolean;
  previous?: boolean;
  tailLines?: number;
  sinceSeconds?: number;
  timestamps?: boolean;
}

export interface ClusterPort {
  get<T extends KubeObject>(resource: Resource, name: string, namespace?: string, options?: CallOptions): Promise<T>;
  list<T extends KubeObject>(resource: Resource, options?: Selectors & CallOptions): Promise<ObjectList<T>>;
  /** One watch request. Ends when the server ends it; throws `ApiError` 410 when `resourceVersion` is too old. */
  watch<T extends KubeObject>(resource: Resource, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  create<T extends KubeObject>(resource: Resource, object: T, options?: WriteOptions): Promise<T>;
  /** PUT: needs `metadata.resourceVersion` to be safe. */
  replace<T extends KubeObject>(
    resource: Resource,
    object: T,
    options?: WriteOptions & { subresource?: 'status' },
  ): Promise<T>;
  patch<T extends KubeObject>(
    resource: Resource,
    name: string,
    namespace: string | undefined,
    type: PatchType,
    patch: unknown,
    options?: WriteOptions & { subresource?: 'status' | 'scale' | 'approval' },
  ): Promise<T>;
  /** Server-side apply. The object carries apiVersion, kind, name and only the fields this manager owns. */
  apply<T extends KubeObject>(resource: Resource, object: KubeObject, options: ApplyOptions): Promise<T>;
  delete(
    resource: Resource,
    name: string,
    namespace?: string,
    options?: CallOptions & {
      propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
      gracePeriodSeconds?: number;
      uid?: string;
    },
  ): Promise<void>;
  /** A pod's log as bytes. */
  log(name: string, namespace: string, options?: LogOptions): AsyncIterable<Uint8Array>;
  /** `GET /version`; the cheapest question that proves the server answers. */
  version(options?: CallOptions): Promise<{ gitVersion: string }>;
  close(): Promise<void>;
}

/** The body of every refusal of a Kubernetes API. */
export interface Status {
  kind?: string;
  apiVersion?: string;
  status?: string;
  message: string;
  reason?: string;
  code: number;
  details?: {
    name?: string;
    group?: string;
    kind?: string;
    uid?: string;
    retryAfterSeconds?: number;
    causes?: { reason?: string; message?: string; field?: string }[];
  };
}

export class ApiError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly status: Status;
  readonly retryAfterMs: number | undefined;
  constructor(status: Status, retryAfterMs?: number) {
    super(status.message);
    this.name = 'ApiError';
    this.code = status.code;
    this.reason = status.reason ?? '';
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

const hasReason = (error: unknown, code: number, reason?: string): boolean =>
  error instanceof ApiError && error.code === code && (reason === undefined || error.reason === reason);

export const isNotFound = (error: unknown): error is ApiError => hasReason(error, 404);
export const isAlreadyExists = (error: unknown): boolean => hasReason(error, 409, 'AlreadyExists');
export const isConflict = (error: unknown): boolean => hasReason(error, 409, 'Conflict');
export const isExpired = (error: unknown): boolean => hasReason(error, 410);

const REFUSALS = [400, 403, 405, 413, 422];
/** Of a webhook that denies with 500 (controller-runtime's `Errored` does), and of an object that does not fit its type. */
const OF_THE_OBJECT = /webhook|admission|typed (patch|live) object/;

/**
 * What the server has read and does not take as it is: a policy, a webhook, a quota, no address left. Asked again at once it
 * says the same. Of its own outages it says 500 with neither.
 */
export function isRefusal(error: unknown): error is ApiError {
  if (!(error instanceof ApiError)) return false;
  if (error.code !== 500) return REFUSALS.includes(error.code);
  return error.status.reason === 'InternalError' || OF_THE_OBJECT.test(error.message);
}

/** How long the server asked to be left alone: its Retry-After. */
export const askedToWaitMs = (error: unknown): number | undefined =>
  error instanceof ApiError ? error.retryAfterMs : undefined;

/** `/api/v1/namespaces/x/pods/y` and so on: the one place that knows how Kubernetes spells its paths. */
export function pathOf(resource: Resource, namespace?: string, name?: string, subresource?: string): string {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const scope = resource.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const item = name === undefined ? '' : `/${encodeURIComponent(name)}${subresource ? `/${subresource}` : ''}`;
  return `${root}${scope}/${resource.plural}${item}`;
}

/** As people are told of a kind: `Pod`, `HTTPRoute (gateway.networking.k8s.io)`. */
export const kindWords = ({ kind, group }: Resource): string => (group === '' ? kind : `${kind} (${group})`);

export const apiVersionOf = (resource: Resource): string =>
  resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
