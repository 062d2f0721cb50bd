/**
 * What goes because something else went: dependents of an owner, the contents of a namespace, the objects of a CRD.
 * Driven by the store's events and by no timer but after a failed write; every step is an ordinary delete, so finalizers and grace hold.
 * State is only what the store says, so a restart looks once at everything and goes on.
 */
import type { KubeObject, OwnerReference } from '../../platform/cluster/port.ts';
import { type Core, timeOf } from './core.ts';
import { clone, equal, listAt, type Plain } from './json.ts';
import { endingConditions } from './namespaceEnd.ts';
import type { ServedRow } from './registry.ts';
import { dropOwner, FOREGROUND, type Propagation, remove } from './remove.ts';
import { Refusal } from './status.ts';
import { persist } from './write.ts';

export const CRD_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';
const CRD_STORAGE = 'apiextensions.k8s.io/customresourcedefinitions';

/** A write that the disk refused is tried again, or what it was for would stay until a restart. */
const AGAIN_MS = 1000;

export interface Collector {
  stop(): void;
}

interface Ref {
  storage: string;
  namespace: string | undefined;
  name: string;
  uid: string;
}

export function startCollector(core: Core): Collector {
  const { store, registry } = core;
  const dependents = new Map<string, Map<string, Ref>>();
  const queue = new Set<() => void>();
  let scheduled: NodeJS.Immediate | undefined;
  let stopped = false;
  const failed: (() => void)[] = [];
  let cancelAgain: (() => void) | undefined;

  function later(task: () => void): void {
    queue.add(task);
    scheduled ??= setImmediate(run);
  }

  function run(): void {
    scheduled = undefined;
    if (stopped) return;
    for (const task of [...queue]) {
      queue.delete(task);
      try {
        task();
      } catch (error) {
        core.log.error({ err: error }, 'garbage collection of an object failed');
        if (!(error instanceof Refusal)) again(task);
      }
    }
    if (queue.size > 0) scheduled ??= setImmediate(run);
  }

  function again(task: () => void): void {
    failed.push(task);
    cancelAgain ??= core.clock.after(AGAIN_MS, () => {
      cancelAgain = undefined;
      for (const one of failed.splice(0)) later(one);
    });
  }

  const refOf = (storage: string, { metadata }: KubeObject): Ref => ({
    storage,
    namespace: metadata.namespace,
    name: metadata.name,
    uid: metadata.uid ?? '',
  });

  const live = (ref: Ref): { row: ServedRow; object: KubeObject } | undefined => {
    const object = store.get(ref.storage, ref.namespace, ref.name);
    const row = registry.ofStorage(ref.storage);
    return row && object && object.metadata.uid === ref.uid ? { row, object } : undefined;
  };

  /** To be deleted is for ever: who is going needs no second word. */
  function deleteRef(ref: Ref, propagationPolicy: Propagation = 'Background'): void {
    const found = live(ref);
    if (!found || found.object.metadata.deletionTimestamp) return;
    const { row } = found;
    const place = ref.namespace === undefined ? {} : { namespace: ref.namespace };
    remove(core, { row, name: ref.name, ...place }, { propagationPolicy, uid: ref.uid, dryRun: false });
  }

  function index(ref: Ref, object: KubeObject, add: boolean): void {
    for (const { uid } of object.metadata.ownerReferences ?? []) {
      const entries = dependents.get(uid) ?? new Map<string, Ref>();
      if (add) entries.set(ref.uid, ref);
      else entries.delete(ref.uid);
      if (entries.size > 0) dependents.set(uid, entries);
      else dependents.delete(uid);
    }
  }

  /** Deleted when all owners are gone or wait for it to go; otherwise those are forgotten. */
  function collect(ref: Ref): void {
    const found = live(ref);
    if (!found || found.object.metadata.deletionTimestamp) return;
    const owners = found.object.metadata.ownerReferences ?? [];
    const isWaiting = ({ uid }: OwnerReference): boolean => waits(store.byUid(uid)?.object);
    const leaving = owners.filter((owner) => !store.byUid(owner.uid) || isWaiting(owner));
    if (leaving.length === 0) return;
    if (leaving.length < owners.length)
      dropOwner(
        core,
        found.row,
        found.object,
        leaving.map(({ uid }) => uid),
      );
    else deleteRef(ref, leaving.some(isWaiting) && dependents.has(ref.uid) ? 'Foreground' : 'Background');
  }

  const waits = (object: KubeObject | undefined): boolean =>
    object?.metadata.deletionTimestamp !== undefined && object.metadata.finalizers?.includes(FOREGROUND) === true;

  /** An owner in foreground deletion waits for the dependents that block it. */
  function foreground(ref: Ref): void {
    if (!waits(live(ref)?.object)) return;
    const all = [...(dependents.get(ref.uid)?.values() ?? [])];
    for (const dependent of all) collect(dependent);
    const blocks = ({ uid, blockOwnerDeletion }: OwnerReference): boolean =>
      uid === ref.uid && blockOwnerDeletion === true;
    if (!all.some((one) => live(one)?.object.metadata.ownerReferences?.some(blocks))) dropFinalizer(ref, FOREGROUND);
  }

  function dropFinalizer(ref: Ref, finalizer: string): void {
    const found = live(ref);
    if (!found?.object.metadata.finalizers?.includes(finalizer)) return;
    const next = clone(found.object);
    const left = (next.metadata.finalizers ?? []).filter((one) => one !== finalizer);
    if (left.length > 0) next.metadata.finalizers = left;
    else delete next.metadata.finalizers;
    persist(core, found.row, next);
  }

  /** Pods first, while what they use is still there; then the rest; then the namespace. */
  function namespace(ref: Ref): void {
    const found = live(ref);
    if (!found?.object.metadata.deletionTimestamp) return;
    const contents = store
      .storages()
      .filter((storage) => registry.ofStorage(storage)?.namespaced)
      .flatMap((storage) => store.list(storage, ref.name).map((object) => refOf(storage, object)));
    const pods = contents.filter(({ storage }) => storage === 'pods');
    for (const one of pods.length > 0 ? pods : contents) deleteRef(one);
    const left = contents.filter((one) => live(one));
    if (left.length > 0) {
      sayWhatHolds(found.row, found.object, left);
      return;
    }
    const finalizers = listAt(found.object.spec, 'finalizers');
    // Whoever else holds it lets it go in its own time: a write that changed nothing was once followed by the next at once.
    if (!finalizers.includes('kubernetes')) return;
    const next = clone(found.object);
    next.spec = { ...(next.spec as Plain), finalizers: finalizers.filter((one) => one !== 'kubernetes') };
    persist(core, found.row, next);
  }

  function sayWhatHolds(row: ServedRow, space: KubeObject, left: readonly Ref[]): void {
    const leftovers = left.flatMap((ref) => {
      const found = live(ref);
      return found ? [{ resource: `${found.row.plural}.${found.row.group}`, object: found.object }] : [];
    });
    const conditions = endingConditions(space, leftovers, timeOf(core.clock.now()));
    if (equal(conditions, listAt(space.status, 'conditions'))) return;
    const next = clone(space);
    next.status = { ...(next.status as Plain), conditions };
    persist(core, row, next);
  }

  function crd(ref: Ref): void {
    const found = live(ref);
    if (!found?.object.metadata.deletionTimestamp) return;
    const { group, names } = found.object.spec as { group: string; names: { plural: string } };
    const objects = store.list(`${group}/${names.plural}`).map((object) => refOf(`${group}/${names.plural}`, object));
    for (const one of objects) deleteRef(one);
    if (!objects.some((one) => live(one))) dropFinalizer(ref, CRD_FINALIZER);
  }

  function wakeContainers(storage: string, object: KubeObject): void {
    const space = store.get('namespaces', undefined, object.metadata.namespace ?? '');
    if (space?.metadata.deletionTimestamp) later(() => namespace(refOf('namespaces', space)));
    const [group, plural] = storage.split('/');
    const definition = store.get(CRD_STORAGE, undefined, `${plural}.${group}`);
    if (definition?.metadata.deletionTimestamp) later(() => crd(refOf(CRD_STORAGE, definition)));
  }

  function look(storage: string, object: KubeObject): void {
    const ref = refOf(storage, object);
    if (object.metadata.ownerReferences?.length) later(() => collect(ref));
    if (!object.metadata.deletionTimestamp) return;
    if (object.metadata.finalizers?.includes(FOREGROUND)) later(() => foreground(ref));
    if (storage === 'namespaces') later(() => namespace(ref));
    if (storage === CRD_STORAGE) later(() => crd(ref));
  }

  function gone(storage: string, object: KubeObject): void {
    const ref = refOf(storage, object);
    for (const dependent of dependents.get(ref.uid)?.values() ?? []) later(() => collect(dependent));
    wakeOwners(object);
    wakeContainers(storage, object);
  }

  function wakeOwners(object: KubeObject): void {
    for (const { uid } of object.metadata.ownerReferences ?? []) {
      const owner = store.byUid(uid);
      if (owner && waits(owner.object)) later(() => foreground(refOf(owner.storage, owner.object)));
    }
  }

  const unsubscribe = store.onEvent((storage, event) => {
    const ref = refOf(storage, event.object);
    if (event.old) index(ref, event.old, false);
    if (event.type === 'DELETED') return gone(storage, event.object);
    index(ref, event.object, true);
    if (event.old) wakeOwners(event.old); // it may block them no longer
    return look(storage, event.object);
  });
  for (const storage of store.storages()) {
    for (const object of store.list(storage)) {
      index(refOf(storage, object), object, true);
      look(storage, object);
    }
  }

  return {
    stop() {
      stopped = true;
      unsubscribe();
      if (scheduled) clearImmediate(scheduled);
      cancelAgain?.();
    },
  };
}
