/** DELETE: preconditions, grace of pods, finalizers, and what is to become of dependents. */
import type { KubeObject } from '../../platform/cluster/port.ts';
import { asObject, type Core, type Item, timeOf, type WriteMode } from './core.ts';
import { clone, isObject, listAt, type Plain, readPath } from './json.ts';
import type { ServedRow } from './registry.ts';
import { badRequest, conflict, forbidden, invalidOptions } from './status.ts';
import { existing, persist } from './write.ts';

export type Propagation = 'Background' | 'Foreground' | 'Orphan';

export interface DeleteOptions {
  gracePeriodSeconds?: number;
  propagationPolicy: Propagation;
  uid?: string;
  resourceVersion?: string;
  dryRun: boolean;
}

export const FOREGROUND = 'foregroundDeletion';
const PROTECTED_NAMESPACES = new Set(['default', 'kube-system', 'kube-public']);

/** From the body (DeleteOptions) and the query, which kubectl uses in turn. */
export function deleteOptions(body: unknown, query: URLSearchParams, mode: Pick<WriteMode, 'dryRun'>): DeleteOptions {
  const given = isObject(body) ? body : {};
  const grace =
    given.gracePeriodSeconds ?? (query.has('gracePeriodSeconds') ? Number(query.get('gracePeriodSeconds')) : undefined);
  const policy =
    given.propagationPolicy ??
    query.get('propagationPolicy') ??
    (given.orphanDependents === true ? 'Orphan' : 'Background');
  if (policy !== 'Background' && policy !== 'Foreground' && policy !== 'Orphan')
    throw invalidOptions('DELETE', {
      type: 'NotSupported',
      field: 'propagationPolicy',
      value: policy,
      detail: 'supported values: "Foreground", "Background", "Orphan", "nil"',
    });
  if (given.propagationPolicy && given.orphanDependents !== undefined)
    throw invalidOptions('DELETE', {
      type: 'Invalid',
      field: 'propagationPolicy',
      value: policy,
      detail: 'orphanDependents and deletionPropagation cannot be both set',
    });
  if (grace !== undefined && (typeof grace !== 'number' || !Number.isInteger(grace)))
    throw badRequest(`invalid gracePeriodSeconds "${grace}": must be a whole number of seconds`);
  const uid = readPath(given, 'preconditions.uid');
  const resourceVersion = readPath(given, 'preconditions.resourceVersion');
  return {
    ...(typeof grace === 'number' && { gracePeriodSeconds: Math.max(0, grace) }),
    propagationPolicy: policy,
    ...(typeof uid === 'string' && { uid }),
    ...(typeof resourceVersion === 'string' && { resourceVersion }),
    dryRun: mode.dryRun || listAt(given, 'dryRun').includes('All'),
  };
}

/** Returns the object as it is now, and whether it is gone. */
export function remove(core: Core, item: Item, options: DeleteOptions): { object: KubeObject; gone: boolean } {
  const { row, name } = item;
  const old = existing(core, item);
  if (options.uid && options.uid !== old.metadata.uid)
    throw conflict(
      { ...row, plural: row.kind },
      name,
      `the UID in the precondition (${options.uid}) does not match the UID in record (${old.metadata.uid}). The object might have been deleted and then recreated`,
    );
  if (options.resourceVersion && options.resourceVersion !== old.metadata.resourceVersion)
    throw conflict(
      { ...row, plural: row.kind },
      name,
      `the ResourceVersion in the precondition (${options.resourceVersion}) does not match the ResourceVersion in record (${old.metadata.resourceVersion}). The object might have been modified`,
    );
  if (row.storage === 'namespaces' && PROTECTED_NAMESPACES.has(name))
    throw forbidden(row, name, 'this namespace may not be deleted');
  if (options.propagationPolicy === 'Orphan' && !options.dryRun) orphan(core, old);

  const next = marked(core, row, old, options);
  if (options.dryRun) return { object: next ?? old, gone: next === undefined };
  if (!next) {
    const gone = core.store.remove(row.storage, old);
    if (row.storage !== 'pods') return { object: gone, gone: true };
    return { object: { ...gone, metadata: { ...gone.metadata, deletionGracePeriodSeconds: 0 } }, gone: true };
  }
  if (next === old) return { object: old, gone: false };
  return { object: persist(core, row, next), gone: false };
}

/** The object with its deletionTimestamp, or undefined when it can go at once. */
function marked(core: Core, row: ServedRow, old: KubeObject, options: DeleteOptions): KubeObject | undefined {
  const grace = row.storage === 'pods' ? graceOf(old, options) : 0;
  const finalizers = new Set(old.metadata.finalizers ?? []);
  if (options.propagationPolicy === 'Foreground') finalizers.add(FOREGROUND);
  const waits = finalizers.size > 0 || (row.storage === 'namespaces' && listAt(old.spec, 'finalizers').length > 0);
  if (grace === 0 && !waits) return undefined;

  const next = clone(old);
  const already = old.metadata.deletionTimestamp !== undefined;
  const before = old.metadata.deletionGracePeriodSeconds ?? 0;
  if (already && grace >= before && finalizers.size === (old.metadata.finalizers ?? []).length) return old;
  next.metadata.deletionGracePeriodSeconds = already ? Math.min(before, grace) : grace;
  if (!already || grace < before) next.metadata.deletionTimestamp = timeOf(core.clock.now() + grace * 1000);
  if (finalizers.size > 0) next.metadata.finalizers = [...finalizers];
  if (!already && row.counted) next.metadata.generation = (old.metadata.generation ?? 0) + 1;
  if (row.storage === 'namespaces') next.status = { ...(next.status as Plain), phase: 'Terminating' };
  return next;
}

/** A pod that no node runs needs no time to end. */
function graceOf(pod: KubeObject, options: DeleteOptions): number {
  const phase = readPath(pod, 'status.phase');
  if (!readPath(pod, 'spec.nodeName') || phase === 'Succeeded' || phase === 'Failed') return 0;
  const own = readPath(pod, 'spec.terminationGracePeriodSeconds');
  return options.gracePeriodSeconds ?? (typeof own === 'number' ? own : 30);
}

/** Dependents lose their reference before the owner goes, so that nobody collects them. */
function orphan(core: Core, owner: KubeObject): void {
  for (const storage of core.store.storages()) {
    const row = core.registry.ofStorage(storage);
    if (!row) continue;
    for (const object of core.store.list(storage)) dropOwner(core, row, object, [owner.metadata.uid as string]);
  }
}

/** Takes the references to `uids` out of the object. */
export function dropOwner(core: Core, row: ServedRow, object: KubeObject, uids: readonly string[]): void {
  const owners = object.metadata.ownerReferences ?? [];
  const left = owners.filter(({ uid }) => !uids.includes(uid));
  if (left.length === owners.length) return;
  const next = clone(object);
  if (left.length > 0) next.metadata.ownerReferences = left;
  else delete next.metadata.ownerReferences;
  persist(core, row, asObject(next));
}
