/** The role "node": one agent for each declared node, and the gateway. It reaches the cluster only as a client. */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { readCurrentContext } from '../platform/cluster/credentials.ts';
import type { ClusterPort } from '../platform/cluster/port.ts';
import { type AgentOptions, startAgent } from './agent/index.ts';
import { createRefusals } from './agent/pod/refusals.ts';
import type { Images } from './agent/types.ts';
import type { NodeDeclaration } from './declaration.ts';
import { type RunningGateway, startGateway } from './gateway/index.ts';
import { join } from './joined.ts';
import { removeUndeclared } from './undeclared.ts';

export interface NodeOptions {
  cluster: ClusterPort;
  nodes: readonly NodeDeclaration[];
  images: Images;
  dataDir: string;
  gateway: { port: number; bind: string };
  /** PEM of the cluster's authority, whose clients may read logs. */
  clientCa?: string | undefined;
  network?: AgentOptions['network'];
  /** The cluster is somebody's, and this machine has these addresses for it. */
  joined?: { nodeAddress: string; podCidr: string } | undefined;
  log: Log;
}

export interface LocalNode {
  gateway: Pick<RunningGateway, 'url' | 'metricsUrl'>;
  /** Resolves when the cluster has every Node. Rejects when closed before. */
  registered: Promise<void>;
  /** `stopPods: false` leaves the pods' processes to the next start. Requests in flight end before the pods do. */
  close(options?: { stopPods: boolean }): Promise<void>;
}

const DRAIN_MS = 1_000;

/** PEM of the authority in a kubeconfig's current cluster: in the local cluster the one that signs all clients. */
export function authorityOf(kubeconfig: string): string | undefined {
  const data = readCurrentContext(kubeconfig).cluster?.['certificate-authority-data'];
  return data === undefined ? undefined : Buffer.from(data, 'base64').toString('utf8');
}

/** Resolves when the gateway listens; the agents catch up with the cluster on their own. */
export async function startNode(options: NodeOptions): Promise<LocalNode> {
  const { cluster, images, dataDir, clientCa, network, log } = options;
  const gateway = await startGateway({ cluster, ...options.gateway, log });
  const place = options.joined && join({ ...options, ...options.joined });
  const nodes = place?.nodes ?? options.nodes.map((node) => ({ node, joined: undefined }));
  const refusals = createRefusals(systemClock);
  const start = (one: Pick<AgentOptions, 'node' | 'joined'>) =>
    startAgent({ ...one, cluster, images, dataDir, clientCa, refusals, log, ...(network && { network }) });
  const started = await Promise.allSettled(nodes.map(start));
  const agents = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = started.find((result) => result.status === 'rejected');
  if (failed) {
    // What an earlier start has left running is for the next one: nobody asked for a stop.
    const closed = agents.map((agent) => agent.close({ stopPods: false }));
    await Promise.all([gateway.close(), place?.close(), ...closed]);
    throw failed.reason;
  }
  // In somebody's cluster a Node is not ours to delete.
  const stopRemoving = place ? undefined : removeUndeclared({ ...options, clock: systemClock });
  const registered = Promise.all(agents.map((agent) => agent.registered)).then(() => undefined);
  registered.catch(() => undefined);
  return {
    gateway,
    registered,
    async close(close) {
      const drained = gateway.close();
      // Requests that last longer end with their pod: a stop has seconds, not minutes.
      await Promise.race([drained, sleep(DRAIN_MS, undefined, { ref: false })]);
      await Promise.all([stopRemoving?.(), ...agents.map((agent) => agent.close(close))]);
      await Promise.all([drained, place?.close()]);
    },
  };
}
