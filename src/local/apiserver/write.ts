/**
 * Create and update: default → check → who owns what → store. Every write of a client comes through here, whatever verb
 * and whatever patch it was; all of it is synchronous, so nothing happens between the read and the write.
 */
import { randomUUID } from 'node:crypto';
import type { KubeObject } from '../../platform/cluster/port.ts';
import { apiVersionOf } from '../../platform/cluster/port.ts';
import { NAMESPACES } from '../../platform/cluster/resources.ts';
import { decodeMetadata } from './builtin.ts';
import { asObject, type Core, type Item, type Target, timeOf, type WriteMode } from './core.ts';
import { admitSchema } from './custom.ts';
import { compare, ownable } from './fields.ts';
import { clone, equal, isObject, listAt, type Plain, readPath } from './json.ts';
import { afterUpdate, type Ownership, readOwnership, type Writer, writeOwnership } from './managed.ts';
import { generatedName, validateMetadata } from './metadata.ts';
import type { ServedRow } from './registry.ts';
import {
  alreadyExists,
  badRequest,
  conflict,
  forbidden,
  invalid,
  modified,
  notFound,
  Refusal,
  unforeseen,
} from './status.ts';

/** The body as an object of the row, copied; 400 when it is of another kind or place. */
export function objectOf(target: Target, body: unknown): KubeObject {
  const { row } = target;
  if (!isObject(body)) throw badRequest(`the body must be an object of kind ${row.kind}`);
  const expected = apiVersionOf(row);
  const named = row.custom || body.kind || body.apiVersion;
  if (named && (body.kind !== row.kind || body.apiVersion !== expected)) throw wrongKind(row, body);
  const copy: Plain = { kind: row.kind, apiVersion: expected, ...clone(body) };
  if (row.custom) decodeMetadata(row, copy.metadata ?? {}); // its definition does not say what it is
  if (!isObject(copy.metadata)) copy.metadata = {};
  const metadata = copy.metadata as Plain;
  if (row.namespaced) {
    if (metadata.namespace !== undefined && metadata.namespace !== '' && metadata.namespace !== target.namespace)
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    metadata.namespace = target.namespace;
  } else delete metadata.namespace;
  if (target.name !== undefined) {
    if (metadata.name !== undefined && metadata.name !== target.name)
      throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${target.name})`);
    metadata.name = target.name;
  }
  return asObject(row.view ? row.view.toStored(copy) : copy);
}

/** A built-in kind that the body does not name is taken to be meant; a custom resource has to say what it is. */
function wrongKind(row: ServedRow, body: Plain): Refusal {
  const { kind, apiVersion } = body;
  if (typeof kind !== 'string' || kind === '' || typeof apiVersion !== 'string' || apiVersion === '') {
    const missing = kind ? 'apiVersion' : 'Kind';
    const said = JSON.stringify(body).slice(0, 1000);
    return badRequest(
      `the object provided is unrecognized (must be of type ${row.kind}): Object '${missing}' is missing in '${said}' (${said})`,
    );
  }
  if (!row.custom || apiVersion !== apiVersionOf(row))
    return badRequest(
      `${kind} in version "${apiVersion}" cannot be handled as a ${row.kind}: it must say apiVersion "${apiVersionOf(row)}", kind "${row.kind}"`,
    );
  const name = isObject(body.metadata) ? String(body.metadata.name ?? '') : '';
  const [group = ''] = apiVersion.includes('/') ? apiVersion.split('/') : [''];
  return invalid({ kind, group }, name, [
    { type: 'Invalid', field: 'kind', value: kind, detail: `must be ${row.kind}` },
  ]);
}

export function existing({ store }: Core, { row, namespace, name }: Item): KubeObject {
  const found = store.get(row.storage, namespace, name);
  if (!found) throw notFound(row, name);
  return found;
}

export const writerOf = (
  row: ServedRow,
  mode: WriteMode,
  operation: Writer['operation'],
  subresource?: string,
): Writer => ({
  manager: mode.manager,
  operation,
  apiVersion: apiVersionOf(row),
  ...(subresource && { subresource }),
});

/** POST, and an apply of what is not there yet (then `owners` is given). */
export function create(
  core: Core,
  target: Target,
  object: KubeObject,
  mode: WriteMode,
  owners?: Ownership[],
): KubeObject {
  const { row } = target;
  const { metadata } = object;
  if (metadata.resourceVersion) throw unforeseen('resourceVersion should not be set on objects to be created');
  if (!metadata.name && metadata.generateName) metadata.name = generatedName(metadata.generateName);
  admitNamespace(core, target, metadata.name);
  if (metadata.name && core.store.get(row.storage, metadata.namespace, metadata.name))
    throw alreadyExists(row, metadata.name, core.store.get(row.storage, metadata.namespace, metadata.name));
  if (row.storage === 'pods') admitPriority(row, object);
  if (row.storage === 'namespaces') holdNamespace(object);
  const now = timeOf(core.clock.now());
  for (const key of ['deletionTimestamp', 'deletionGracePeriodSeconds', 'managedFields', 'generation'] as const)
    delete metadata[key];
  if ('selfLink' in metadata) delete metadata.selfLink;
  metadata.uid = randomUUID();
  metadata.creationTimestamp = now;
  if (row.counted) metadata.generation = 1;
  if (row.subresources.status && !row.statusOnCreate) delete object.status;
  admit(row, object, undefined, mode);
  const writer = writerOf(row, mode, 'Update');
  const claimed = owners ?? [{ writer, keys: compare(new Map(), ownable(object, row.shapes, 'all')).added }];
  object.metadata.managedFields = writeOwnership(claimed, undefined, now);
  row.settle?.(object, now);
  return mode.dryRun ? object : core.store.put(row.storage, object);
}

/** The object must be a copy: it is changed. */
export function update(core: Core, item: Item, object: KubeObject, mode: WriteMode, owners?: Ownership[]): KubeObject {
  const { row, name, subresource } = item;
  const old = existing(core, item);
  checkPreconditions(row, name, object, old);
  const next = subresource === 'status' ? statusOnly(object, old) : specOnly(row, object, old);
  if (row.storage === 'namespaces' && subresource !== 'finalize') keepFinalizers(next, old);
  keepIdentity(next, old);
  admit(row, next, old, mode);
  if (row.counted && subresource !== 'status' && intentChanged(row, next, old))
    next.metadata.generation = (old.metadata.generation ?? 0) + 1;
  row.settle?.(next, timeOf(core.clock.now()));
  const part = subresource === 'status' ? 'status' : row.subresources.status ? 'main' : 'all';
  const change = compare(ownable(old, row.shapes, part), ownable(next, row.shapes, part));
  const before = readOwnership(old, row.shapes);
  const claimed = owners ?? afterUpdate(before, writerOf(row, mode, 'Update', subresource), change);
  const entries = writeOwnership(claimed, old.metadata.managedFields, timeOf(core.clock.now()));
  if (entries.length > 0) next.metadata.managedFields = entries;
  next.metadata.resourceVersion = old.metadata.resourceVersion as string;
  if (equal(next, old)) return old;
  return mode.dryRun ? next : persist(core, row, next);
}

/** Stores, or removes what was only waiting for its last finalizer. */
export function persist(core: Core, row: ServedRow, object: KubeObject): KubeObject {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata;
  const finished = deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0 && finalizers.length === 0;
  const waits = row.storage === 'namespaces' && !namespaceFinished(object);
  return finished && !waits ? core.store.remove(row.storage, object) : core.store.put(row.storage, object);
}

const namespaceFinished = (namespace: KubeObject): boolean => {
  const spec = namespace.spec;
  return !(isObject(spec) && Array.isArray(spec.finalizers) && spec.finalizers.length > 0);
};

function checkPreconditions(row: ServedRow, name: string, object: KubeObject, old: KubeObject): void {
  const { resourceVersion, uid } = object.metadata;
  if (!resourceVersion && (row.custom || row.versioned))
    throw invalid({ kind: row.plural, group: row.group }, name, [
      { type: 'Invalid', field: 'metadata.resourceVersion', value: 0, detail: 'must be specified for an update' },
    ]);
  if (uid && uid !== old.metadata.uid)
    throw conflict(
      row,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
    );
  if (resourceVersion && !/^\d+$/.test(resourceVersion))
    throw unforeseen(`strconv.ParseUint: parsing "${resourceVersion}": invalid syntax`);
  if (resourceVersion && resourceVersion !== old.metadata.resourceVersion) throw modified(row, name);
}

function statusOnly(object: KubeObject, old: KubeObject): KubeObject {
  const next = { ...clone(old) };
  if (object.status === undefined) delete next.status;
  else next.status = object.status;
  return next;
}

function specOnly(row: ServedRow, object: KubeObject, old: KubeObject): KubeObject {
  if (!row.subresources.status) return object;
  const next = { ...object };
  if (old.status === undefined) delete next.status;
  else next.status = clone(old.status);
  return next;
}

/** A namespace let go by an ordinary write would go at once, with all that is in it left behind. */
function keepFinalizers(next: KubeObject, old: KubeObject): void {
  next.spec = { ...(isObject(next.spec) && next.spec), finalizers: clone(listAt(old.spec, 'finalizers')) };
}

const KEPT = [
  'uid',
  'creationTimestamp',
  'generation',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
  'generateName',
] as const;

/** What no client may change. */
function keepIdentity(next: KubeObject, old: KubeObject): void {
  const metadata: Plain = { ...next.metadata };
  for (const key of KEPT) {
    if (old.metadata[key] === undefined) delete metadata[key];
    else metadata[key] = clone(old.metadata[key]);
  }
  next.metadata = asObject({ metadata }).metadata;
}

function intentChanged(row: ServedRow, next: KubeObject, old: KubeObject): boolean {
  const intent = ({ metadata: _m, status, ...rest }: KubeObject): unknown =>
    row.subresources.status ? rest : { ...rest, status };
  return !equal(intent(next), intent(old));
}

const isEmpty = (value: unknown): boolean =>
  value === null || (typeof value === 'object' && value !== undefined && Object.keys(value).length === 0);

function dropEmptyMetadata({ metadata }: KubeObject): void {
  for (const key of ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const)
    if (isEmpty(metadata[key])) delete metadata[key];
}

/** Defaults and checks; throws 422 with everything that is wrong. */
function admit(row: ServedRow, object: KubeObject, old: KubeObject | undefined, mode: WriteMode): void {
  dropEmptyMetadata(object);
  const errors = validateMetadata(row, object, old);
  if (row.custom) errors.push(...admitSchema(row, object, old, mode));
  row.strategy?.default?.(object);
  errors.push(...(row.strategy?.validate?.(object, old) ?? []));
  if (errors.length > 0) throw invalid(row, object.metadata.name ?? '', errors);
}

/** Taken away when it is empty, by whoever empties it. */
function holdNamespace(namespace: KubeObject): void {
  const finalizers = listAt(namespace.spec, 'finalizers');
  if (finalizers.includes('kubernetes')) return;
  namespace.spec = { ...(isObject(namespace.spec) && namespace.spec), finalizers: [...finalizers, 'kubernetes'] };
}

const SYSTEM_PRIORITIES = new Set(['system-node-critical', 'system-cluster-critical']);

/** There are no PriorityClasses here but those that every cluster has. */
function admitPriority(row: ServedRow, pod: KubeObject): void {
  const name = readPath(pod.spec, 'priorityClassName');
  if (typeof name !== 'string' || name === '' || SYSTEM_PRIORITIES.has(name)) return;
  throw forbidden(row, pod.metadata.name, `no PriorityClass with name ${name} was found`);
}

function admitNamespace(core: Core, { row, namespace }: Target, name: string): void {
  if (!row.namespaced || namespace === undefined) return;
  const found = core.store.get('namespaces', undefined, namespace);
  if (!found) throw notFound(NAMESPACES, namespace);
  if (!found.metadata.deletionTimestamp) return;
  const { status } = forbidden(
    row,
    name ?? '',
    `unable to create new content in namespace ${namespace} because it is being terminated`,
  );
  throw new Refusal({
    ...status,
    details: {
      ...status.details,
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    },
  });
}
