/**
 * Our nodes in somebody's cluster. They are told apart by a label, and tainted, so that of all pods only those that ask for
 * it land on processes of this machine; each has a part of the addresses that this machine has for pods.
 */
import { hostname } from 'node:os';
import { LABELS } from '../contract/names.ts';
import { systemClock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { ClusterPort } from '../platform/cluster/port.ts';
import { createAccess } from './agent/access.ts';
import type { Joined } from './agent/index.ts';
import { blockBefore, divide } from './agent/pod/addresses.ts';
import { nodeDirOf } from './agent/records.ts';
import type { NodeDeclaration } from './declaration.ts';

const TAINT = { key: LABELS.local, effect: 'NoSchedule' } as const;

/** Of a runtime whose image only our nodes have. */
export const LOCAL_PLACEMENT = {
  nodeSelector: { [LABELS.local]: 'true' },
  tolerations: [{ ...TAINT, operator: 'Exists' }],
};

/** Who runs a Node of ours: in a cluster, another CLOps may declare one of the same name. */
export const agentIdentity = (dataDir: string): string => `${hostname()}:${dataDir}`;

export interface JoinOptions {
  cluster: ClusterPort;
  nodes: readonly NodeDeclaration[];
  dataDir: string;
  nodeAddress: string;
  podCidr: string;
  log: Log;
}

/** The nodes as they join, and what each agent is told. @throws when the range is too small for them. */
export function join({ cluster, nodes, dataDir, nodeAddress, podCidr, log }: JoinOptions): {
  nodes: { node: NodeDeclaration; joined: Joined }[];
  close(): Promise<void>;
} {
  const before = nodes.map(({ name }) => blockBefore(nodeDirOf(dataDir, name)));
  const blocks = divide(podCidr, before).filter((block) => block !== undefined);
  if (blocks.length < nodes.length) throw new Error(`${podCidr} has no /24 for each of ${nodes.length} nodes`);
  const access = createAccess({ cluster, log, clock: systemClock });
  const identity = agentIdentity(dataDir);
  return {
    nodes: nodes.map((node, i) => ({
      node: asJoined(node),
      joined: { nodeAddress, block: blocks[i] ?? '', identity, access },
    })),
    close: () => access.close(),
  };
}

const asJoined = (node: NodeDeclaration): NodeDeclaration => ({
  ...node,
  labels: { ...node.labels, [LABELS.local]: 'true' },
  taints: [...node.taints.filter(({ key }) => key !== LABELS.local), TAINT],
});
