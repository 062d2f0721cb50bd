/** The end of everything that is served: deployments with all that belongs to them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ModelDeployment } from '../contract/modeldeployment.ts';
import { createBackoff } from '../lib/backoff.ts';
import { inTurn } from '../lib/inTurn.ts';
import { ApiError, type ClusterPort, isConflict, isNotFound, isRefusal } from '../platform/cluster/port.ts';
import { MODELDEPLOYMENTS } from '../platform/cluster/resources.ts';

/**
 * Foreground deletion: a deployment is gone when its pods are. Resolves with how many there were. A cluster that does not
 * know the kind has none. @throws after `withinMs`, naming those that are left.
 */
export async function deleteModels(cluster: ClusterPort, withinMs: number): Promise<number> {
  const signal = AbortSignal.timeout(withinMs);
  const asked = new Set<string>();
  let refused = '';
  try {
    return await deleteUntil(cluster, asked, signal, (error) => {
      refused = isRefusal(error) ? ` The cluster said: ${error.message}.` : '';
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    const left = await listed(cluster, AbortSignal.timeout(LAST_LOOK_MS));
    const names = (left?.items ?? []).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    if (names.length === 0) return asked.size;
    const shown = [...names.slice(0, SHOWN), ...(names.length > SHOWN ? [`and ${names.length - SHOWN} more`] : [])];
    throw new Error(
      `After ${withinMs / 1000} s these deployments are still there: ${shown.join(', ')}.${refused} Their pods and finalizers say why (kubectl -n NAMESPACE describe modeldeployment NAME). With more time (uninstall.timeoutSeconds, and Helm's --timeout above it) do it again.`,
      { cause: error },
    );
  }
}

const SHOWN = 10;
const LAST_LOOK_MS = 5_000;

async function deleteUntil(
  cluster: ClusterPort,
  asked: Set<string>,
  signal: AbortSignal,
  onTrouble: (error: unknown) => void,
): Promise<number> {
  const backoff = createBackoff({ initialMs: 500, maxMs: 5_000 });
  for (;;) {
    try {
      const present = await listed(cluster, signal);
      if (present === undefined || present.items.length === 0) return asked.size;
      await askAll(cluster, present.items, asked, signal);
      await nextDeletion(cluster, present.resourceVersion, signal);
      backoff.reset();
    } catch (error) {
      // A missing right is none of one deployment alone; a webhook that protects one is. An API server that restarts, a network
      // that is not programmed yet: nobody begins again but us.
      const mayNothing = asked.size === 0 && error instanceof ApiError && [400, 401, 403].includes(error.code);
      if (signal.aborted || mayNothing) throw error;
      onTrouble(error);
      await sleep(backoff.next(), undefined, { signal });
    }
  }
}

async function askAll(
  cluster: ClusterPort,
  present: readonly ModelDeployment[],
  asked: Set<string>,
  signal: AbortSignal,
): Promise<void> {
  // One that a webhook protects: the others go first, and what it said is told when the time is over.
  await inTurn(present, async ({ metadata }) => {
    const { name, namespace, uid = '' } = metadata;
    if (asked.has(uid)) return;
    try {
      await cluster.delete(MODELDEPLOYMENTS, name, namespace, { propagationPolicy: 'Foreground', uid, signal });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    asked.add(uid);
  });
}

async function listed(cluster: ClusterPort, signal: AbortSignal) {
  try {
    return await cluster.list<ModelDeployment>(MODELDEPLOYMENTS, { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function nextDeletion(cluster: ClusterPort, resourceVersion: string, signal: AbortSignal): Promise<void> {
  for await (const { type } of cluster.watch<ModelDeployment>(MODELDEPLOYMENTS, { resourceVersion, signal })) {
    if (type === 'DELETED') return;
  }
  signal.throwIfAborted();
}
