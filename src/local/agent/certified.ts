/** Sees to it that a joined node's log endpoint shows a certificate of the cluster, when the cluster has one to give. */
import { createBackoff } from '../../lib/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { ClusterPort } from '../../platform/cluster/port.ts';
import { signedByCluster } from './certificate.ts';
import type { LogServer } from './server.ts';

const SIGNED_WITHIN_MS = 60_000;

/** Until it has one, and where nobody signs, it goes on with its own, which many API servers take. Answers how to stop. */
export function startCertified(options: {
  cluster: ClusterPort;
  node: { name: string };
  joined: { nodeAddress: string };
  logServer: Pick<LogServer, 'show'>;
  log: Log;
  clock: Clock;
}): () => void {
  const { cluster, node, joined, logServer, log, clock } = options;
  const abort = new AbortController();
  const backoff = createBackoff({ initialMs: 1_000, maxMs: 30 * 60_000 });
  const subject = { nodeName: node.name, address: joined.nodeAddress };
  let cancel = (): void => {};

  async function ask(): Promise<void> {
    try {
      const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(SIGNED_WITHIN_MS)]);
      logServer.show(await signedByCluster(cluster, subject, signal));
    } catch (error) {
      if (abort.signal.aborted) return;
      log.warn(
        { err: error },
        'the log endpoint has no certificate of the cluster: an API server that wants one refuses `kubectl logs`',
      );
      cancel = clock.after(backoff.next(), () => void ask());
    }
  }

  void ask();
  return () => {
    abort.abort();
    cancel();
  };
}
