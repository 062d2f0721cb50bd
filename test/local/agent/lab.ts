/** A core, an agent over it, and pods bound to its node. Ends everything and proves that no process is left. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { type Agent, type AgentOptions, startAgent } from '../../../src/local/agent/index.ts';
import type { AgentPod, Container, ContainerStatus } from '../../../src/local/agent/types.ts';
import { isNotFound, type KubeObject, type ObjectMeta } from '../../../src/platform/cluster/port.ts';
import { EVENTS, PODS } from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';
import { startCore, type TestCore } from '../apiserver/harness.ts';
import { aNode, NODE } from './aNode.ts';

export interface Lab {
  core: TestCore;
  start(override?: Partial<AgentOptions>): Promise<Agent>;
  agent: Agent;
  create(name: string, container: Partial<Container>, spec?: object, metadata?: Partial<ObjectMeta>): Promise<AgentPod>;
  get(name: string): Promise<AgentPod>;
  /** The status of the container `main`, once `check` holds for the pod. */
  until(name: string, check: (pod: AgentPod) => void, withinMs?: number): Promise<AgentPod>;
  events(name: string): Promise<string[]>;
  isGone(name: string): Promise<void>;
  close(): Promise<void>;
}

export async function startLab(override: Partial<AgentOptions> = {}): Promise<Lab> {
  const core = await startCore();
  const agents = new Set<Agent>();
  const start = async (more: Partial<AgentOptions> = {}): Promise<Agent> => {
    const options = { cluster: core.cluster, node: aNode(), images: {}, dataDir: core.dataDir, log: silentLog };
    const agent = await startAgent({ ...options, ...override, ...more });
    agents.add(agent);
    await agent.registered;
    return agent;
  };
  const get = (name: string): Promise<AgentPod> => core.cluster.get<AgentPod>(PODS, name, 'default');
  const lab: Lab = {
    core,
    start: async (more) => {
      lab.agent = await start(more);
      return lab.agent;
    },
    agent: await start(),
    async create(name, container, spec = {}, metadata = {}) {
      const main = { name: 'main', image: 'test', ...container };
      const pod: KubeObject = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { ...metadata, name, namespace: 'default' },
        spec: { nodeName: NODE, terminationGracePeriodSeconds: 5, containers: [main], ...spec },
      };
      return (await core.cluster.create(PODS, pod)) as AgentPod;
    },
    get,
    until: (name, check, withinMs = 10_000) =>
      eventually(
        async () => {
          const pod = await get(name);
          check(pod);
          return pod;
        },
        { withinMs },
      ),
    async events(name) {
      const { items } = await core.cluster.list(EVENTS, { fieldSelector: `involvedObject.name=${name}` });
      return items.map((event) => `${event['type']} ${event['reason']} ${event['message']}`);
    },
    isGone: (name) =>
      eventually(async () => {
        const found = await get(name).then(
          () => true,
          (error) => !isNotFound(error),
        );
        expect(found).toBe(false);
      }),
    async close() {
      for (const agent of agents) await agent.close();
      await core.close();
      expect(processesUnder(core.dataDir)).toEqual([]);
    },
  };
  return lab;
}

export const statusOf = (pod: AgentPod, name = 'main'): ContainerStatus => {
  const all = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  const status = all.find((status) => status.name === name);
  if (!status) throw new Error(`no status of container ${name} in ${JSON.stringify(pod.status)}`);
  return status;
};

export const condition = (pod: AgentPod, type: string): string | undefined =>
  pod.status?.conditions?.find((condition) => condition.type === type)?.status;

/** Processes whose environment names a folder: what an agent with this data folder has started. Linux only. */
export function processesUnder(dir: string): number[] {
  if (!existsSync('/proc/self/environ')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .filter((pid) => {
      try {
        const isZombie = / [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
        return !isZombie && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`HOME=${dir}`);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** A program that serves HTTP on the address it is given and answers 503 on `/ready` while a file is absent. */
export const SERVER = `
const [host, port, file] = process.argv.slice(1);
const ready = () => require('node:fs').existsSync(file);
require('node:http').createServer((q, s) => { s.statusCode = q.url === '/ready' && !ready() ? 503 : 200; s.end('hello from ' + host); }).listen(port, host, () => console.log('listening'));
process.on('SIGTERM', () => { console.log('bye'); process.exit(0); });
`;
