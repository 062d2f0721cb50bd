/**
 * The ConfigMaps and Secrets that this node's pods name, and only those: one watch per object, shared by the pods that
 * need it, gone with the last of them. So a Secret that comes late starts its pod at once, and a node never reads all
 * Secrets of a cluster.
 */
import type { Clock } from '../../../lib/clock.ts';
import type { Log } from '../../../lib/log.ts';
import { createInformer, type Informer } from '../../../platform/cluster/informer.ts';
import type { ClusterPort, KubeObject } from '../../../platform/cluster/port.ts';
import { CONFIGMAPS, SECRETS } from '../../../platform/cluster/resources.ts';

export type RefKind = 'ConfigMap' | 'Secret';

/** An error, in a kubelet's words, when nobody could say for some seconds: a node may have no right to read it. */
export type Known = KubeObject | 'absent' | 'unknown' | Error;

export interface Refs {
  /** What is known of an object; the first question begins to watch it for that pod. */
  get(uid: string, kind: RefKind, namespace: string, name: string): Known;
  /** The pod is gone. */
  release(uid: string): void;
  close(): Promise<void>;
}

const PATIENCE_MS = 10_000;

interface Entry {
  informer: Informer<KubeObject>;
  isLate: boolean;
  cancel: () => void;
  users: Set<string>;
}

/** `onChange` hears the uid of each pod that uses what has changed. */
export function createRefs(options: {
  cluster: ClusterPort;
  log: Log;
  clock: Clock;
  onChange: (uid: string) => void;
}): Refs {
  const { cluster, log, clock, onChange } = options;
  const entries = new Map<string, Entry>();
  const stopping = new Set<Promise<void>>();

  function open(kind: RefKind, namespace: string, name: string): Entry {
    const informer = createInformer<KubeObject>({
      cluster,
      resource: kind === 'Secret' ? SECRETS : CONFIGMAPS,
      selectors: { namespace, fieldSelector: `metadata.name=${name}` },
      log,
      clock,
    });
    const tell = (): void => entry.users.forEach(onChange);
    const cancel = clock.after(PATIENCE_MS, () => {
      entry.isLate = true;
      tell();
    });
    const entry: Entry = { informer, isLate: false, cancel, users: new Set() };
    informer.onChange(tell);
    informer.start();
    void informer.synced().then(() => {
      cancel();
      tell();
    });
    return entry;
  }

  function stop(entry: Entry): void {
    entry.cancel();
    const done = entry.informer.stop().finally(() => stopping.delete(done));
    stopping.add(done);
  }

  return {
    get(uid, kind, namespace, name) {
      const key = `${kind}/${namespace}/${name}`;
      const entry = entries.get(key) ?? open(kind, namespace, name);
      entries.set(key, entry);
      entry.users.add(uid);
      if (entry.informer.isSynced) return entry.informer.get(`${namespace}/${name}`) ?? 'absent';
      if (!entry.isLate) return 'unknown';
      const { failure } = entry.informer;
      const why = failure instanceof Error ? failure.message : 'timed out waiting for the condition';
      return new Error(`failed to sync ${kind.toLowerCase()} cache: ${why}`);
    },
    release(uid) {
      for (const [key, entry] of entries) {
        if (!entry.users.delete(uid) || entry.users.size > 0) continue;
        entries.delete(key);
        stop(entry);
      }
    },
    async close() {
      for (const entry of entries.values()) stop(entry);
      entries.clear();
      await Promise.all(stopping);
    },
  };
}
