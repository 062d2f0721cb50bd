/**
 * Nodes that this data folder had and that are declared no longer. Nobody else ends them: with another CLOPS_LOCAL_CONFIG
 * they once stood in the cluster for ever, and the pods that were bound to them neither ran nor went. A node is removed with
 * what runs there, its pods, and its folder last, so that an attempt that was cut off is found again by the next start.
 */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { createWorkQueue } from '../lib/workqueue.ts';
import { type ClusterPort, isNotFound } from '../platform/cluster/port.ts';
import { NODES, PODS } from '../platform/cluster/resources.ts';
import { endLeftovers } from './agent/pod/leftovers.ts';
import { namesIn, nodeDirOf, nodesDir, podDirOf, podsDir, removeFolder } from './agent/records.ts';
import type { NodeDeclaration } from './declaration.ts';

interface UndeclaredOptions {
  cluster: ClusterPort;
  nodes: readonly NodeDeclaration[];
  dataDir: string;
  log: Log;
  clock: Clock;
}

/** Works on while the cluster is away. Answers how to stop. */
export function removeUndeclared({ cluster, nodes, dataDir, log, clock }: UndeclaredOptions): () => Promise<void> {
  const abort = new AbortController();
  const { signal } = abort;
  const queue = createWorkQueue({
    work: remove,
    onError(error, node, retryInMs) {
      if (!signal.aborted) log.warn({ err: error, node, retryInMs }, 'a node that is gone could not be removed yet');
    },
    clock,
  });

  async function remove(node: string): Promise<undefined> {
    const nodeDir = nodeDirOf(dataDir, node);
    await Promise.all(namesIn(podsDir(nodeDir)).map((uid) => endLeftovers(podDirOf(nodeDir, uid), { clock, log })));
    await cluster.delete(NODES, node, undefined, { signal }).catch(ignoreGone);
    const { items } = await cluster.list(PODS, { fieldSelector: `spec.nodeName=${node}`, signal });
    const ends = items.map(({ metadata: { name, namespace, uid } }) => {
      const options = { gracePeriodSeconds: 0, signal, ...(uid !== undefined && { uid }) };
      return cluster.delete(PODS, name, namespace, options).catch(ignoreGone);
    });
    await Promise.all(ends);
    removeFolder(nodeDir);
    log.info({ node, pods: items.length }, 'removed a node that is declared no longer');
  }

  const declared = new Set(nodes.map(({ name }) => name));
  for (const name of namesIn(nodesDir(dataDir))) if (!declared.has(name)) queue.add(name);
  return async () => {
    abort.abort();
    await queue.stop();
  };
}

function ignoreGone(error: unknown): void {
  if (!isNotFound(error)) throw error;
}
