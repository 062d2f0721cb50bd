/**
 * What a pod is given before anything of it runs: an address, ports where pods share one, devices. It is written down
 * first, so that the next agent gives nobody else the same, and then marked on the pod.
 */
import { parseDevices } from '../../../contract/devices.ts';
import { ANNOTATIONS } from '../../../contract/names.ts';
import type { Clock } from '../../../lib/clock.ts';
import type { ClusterPort } from '../../../platform/cluster/port.ts';
import { PODS } from '../../../platform/cluster/resources.ts';
import type { NodeDeclaration } from '../../declaration.ts';
import { timeText } from '../../kinds.ts';
import { namesIn, type PodRecord, podDirOf, podFile, podsDir, readRecord, writeRecord } from '../records.ts';
import { MANAGER, MAX_PODS } from '../registration.ts';
import type { AgentPod } from '../types.ts';
import { isOf, type Network, nextAddress, portsAnnotation, portsFor } from './addresses.ts';
import { assignDevices, devicesWanted, formatDevices } from './devices.ts';

interface Refusal {
  reason: string;
  message: string;
}

export interface Admission {
  /** The same answer for the same pod, also after a restart of the agent. */
  admit(pod: AgentPod): Promise<PodRecord | Refusal>;
  knows(uid: string): boolean;
  /** Its containers will never run again: others may have its devices. The address stays with it while it exists. */
  finish(uid: string): void;
  release(uid: string): void;
}

export function createAdmission(options: {
  cluster: ClusterPort;
  node: NodeDeclaration;
  nodeDir: string;
  network: Network;
  clock: Clock;
}): Admission {
  const { cluster, node, nodeDir, network, clock } = options;
  const capacity: Record<string, number> = node.gpus ? { 'nvidia.com/gpu': node.gpus.count } : {};
  const records = new Map<string, PodRecord>();
  for (const uid of namesIn(podsDir(nodeDir))) {
    const record = readRecord<PodRecord>(podFile(podDirOf(nodeDir, uid)));
    if (record && isOf(network, record.address)) records.set(uid, record);
  }

  /** No await in here: two pods admitted at once must not get the same. */
  function give(pod: AgentPod, ports: Record<string, number>): PodRecord | Refusal {
    const { uid = '', namespace = '', name } = pod.metadata;
    const held = [...records.values()];
    const address = pod.spec.hostNetwork
      ? network.nodeAddress
      : nextAddress(network, new Set(held.map((record) => record.address)));
    if (!address || held.length >= MAX_PODS)
      return {
        reason: 'OutOfpods',
        message: `Node didn't have enough resource: pods, requested: 1, used: ${held.length}, capacity: ${MAX_PODS}`,
      };
    const chosen = Object.fromEntries(parseDevices(pod.metadata.annotations?.[ANNOTATIONS.devices]));
    const inUse = held.map((record) => record.devices);
    const devices = assignDevices(devicesWanted(pod), chosen, capacity, inUse);
    if (typeof devices === 'string') return { reason: 'UnexpectedAdmissionError', message: devices };
    const record = { uid, namespace, name, address, startTime: timeText(clock.now()), ports, devices };
    writeRecord(podFile(podDirOf(nodeDir, uid)), record);
    records.set(uid, record);
    return record;
  }

  async function mark(pod: AgentPod, { uid, ports, devices }: PodRecord): Promise<void> {
    const wanted = {
      [ANNOTATIONS.ports]: portsAnnotation(pod, ports),
      [ANNOTATIONS.devices]: formatDevices(devices),
    };
    const present = pod.metadata.annotations ?? {};
    const missing = Object.entries(wanted).filter(([key, value]) => value !== undefined && present[key] !== value);
    if (missing.length === 0) return;
    const patch = { metadata: { uid, annotations: Object.fromEntries(missing) } };
    const { name, namespace } = pod.metadata;
    await cluster.patch(PODS, name, namespace, 'merge', patch, { fieldManager: MANAGER });
  }

  return {
    async admit(pod) {
      const known = records.get(pod.metadata.uid ?? '');
      const answer = known ?? give(pod, await portsFor(pod, network));
      // What is on its way out is not marked: while that was refused, a pod that was deleted stayed.
      if (!('reason' in answer) && pod.metadata.deletionTimestamp === undefined) await mark(pod, answer);
      return answer;
    },
    knows: (uid) => records.has(uid),
    finish(uid) {
      const record = records.get(uid);
      if (!record || Object.keys(record.devices).length === 0) return;
      record.devices = {};
      writeRecord(podFile(podDirOf(nodeDir, uid)), record);
    },
    release: (uid) => records.delete(uid),
  };
}
