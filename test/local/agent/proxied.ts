/** A cluster whose node speaks to it by way of a proxy that misbehaves, and agents of that node. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { type Agent, type AgentOptions, startAgent } from '../../../src/local/agent/index.ts';
import type { AgentPod } from '../../../src/local/agent/types.ts';
import { startCluster } from '../../../src/local/cluster.ts';
import { authorityOf } from '../../../src/local/node.ts';
import { createClientNodeCluster } from '../../../src/platform/cluster/clientNode.ts';
import type { ClusterPort } from '../../../src/platform/cluster/port.ts';
import { PODS } from '../../../src/platform/cluster/resources.ts';
import { type FaultProxy, startFaultProxy } from '../../support/faultProxy.ts';
import { aNode } from './aNode.ts';
import { processesUnder } from './lab.ts';

export interface Proxied {
  dataDir: string;
  /** Past the proxy. */
  cluster: ClusterPort;
  proxy: FaultProxy;
  start(override?: Partial<AgentOptions>): Promise<Agent>;
  stop(agent: Agent, options?: { stopPods: boolean }): Promise<void>;
  get(name: string): Promise<AgentPod>;
  close(): Promise<void>;
}

export async function startProxied(): Promise<Proxied> {
  const dataDir = await mkdtemp(join(tmpdir(), 'clops-proxied-'));
  const control = await startCluster({ dataDir, port: 0, bind: '127.0.0.1', log: silentLog });
  const direct = join(dataDir, 'cluster', 'node.kubeconfig');
  const cluster = createClientNodeCluster({ kubeconfig: direct, userAgent: 'test' });
  const text = await readFile(direct, 'utf8');
  const dataOf = (key: string): string => Buffer.from(text.match(`${key}: (\\S+)`)?.[1] ?? '', 'base64').toString();
  const tls = { ca: authorityOf(direct), cert: dataOf('client-certificate-data'), key: dataOf('client-key-data') };
  const proxy = await startFaultProxy({ url: control.url, tls });
  const proxied = join(dataDir, 'proxied.kubeconfig');
  await writeFile(proxied, text.replace(/server: \S+/, `server: ${proxy.url}`));
  const client = createClientNodeCluster({ kubeconfig: proxied, userAgent: 'clops-node/test' });
  const agents = new Set<Agent>();
  return {
    dataDir,
    cluster,
    proxy,
    async start(override) {
      const node = aNode({ gpus: { product: 'NVIDIA-L4', memoryMib: 23_034, count: 8 } });
      const agent = await startAgent({ cluster: client, node, images: {}, dataDir, log: silentLog, ...override });
      agents.add(agent);
      await agent.registered;
      return agent;
    },
    async stop(agent, options) {
      agents.delete(agent);
      await agent.close(options);
    },
    get: (name) => cluster.get<AgentPod>(PODS, name, 'default'),
    async close() {
      for (const agent of agents) await agent.close();
      await client.close();
      await proxy.close();
      await cluster.close();
      await control.close();
      expect(processesUnder(dataDir)).toEqual([]);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
