/** An agent that runs a node of somebody's cluster: what it says of the node, what it runs there, whom it answers. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { type Access, createAccess } from '../../../src/local/agent/access.ts';
import { openPki, type Pair } from '../../../src/local/apiserver/pki.ts';
import { conditionOf, type Node } from '../../../src/local/kinds.ts';
import { CONFIGMAPS, NODES } from '../../../src/platform/cluster/resources.ts';
import { askNode } from '../../support/askNode.ts';
import { eventually } from '../../support/eventually.ts';
import { aConfigMap } from '../apiserver/harness.ts';
import { NODE } from './aNode.ts';
import { type Lab, startLab, statusOf } from './lab.ts';

const ADDRESS = '127.77.0.1';
const BLOCK = '127.77.3';
const PLACE = { name: 'extension-apiserver-authentication', namespace: 'kube-system' };
describe.runIf(process.platform === 'linux')('a node of a joined cluster', () => {
  let lab: Lab;
  let access: Access;
  beforeAll(async () => {
    lab = await startLab();
    await lab.agent.close();
    access = createAccess({ cluster: lab.core.cluster, log: silentLog, clock: systemClock });
    const joined = { nodeAddress: ADDRESS, block: BLOCK, identity: 'desk:/data', access };
    await lab.start({ joined, images: { known: { command: ['/bin/sleep', '60'] } } });
  });
  afterAll(async () => {
    await lab.close();
    await access.close();
  });

  const node = (): Promise<Node> => lab.core.cluster.get<Node>(NODES, NODE);

  it('says who runs it, runs what is declared, and answers whom the cluster knows', async () => {
    expect((await node()).metadata.annotations).toEqual({ 'clops.dev/agent': 'desk:/data' });

    // An image that is declared, and one that is not: whatever it brings to run stays in its image.
    await lab.create('known', { image: 'known' });
    const known = await lab.until('known', (pod) => expect(pod.status?.phase).toBe('Running'));
    expect(known.status?.podIP).toBe(`${BLOCK}.2`);
    await lab.create('strange', { image: 'strange', command: ['/bin/sleep', '60'] });
    const strange = await lab.until('strange', (pod) =>
      expect(statusOf(pod).state.waiting?.reason).toBe('ErrImageNeverPull'),
    );
    expect(statusOf(strange).state.waiting?.message).toContain('Declare the image under "images"');

    // What takes its place waits, for the reason that the first one has failed for.
    const { metadata } = await lab.core.cluster.create(CONFIGMAPS, aConfigMap('owner'));
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: metadata.uid ?? '', controller: true };
    const token = { name: 'token', projected: { sources: [] } };
    for (const name of ['first', 'second'])
      await lab.create(name, {}, { volumes: [token] }, { ownerReferences: [owner] });
    const states = ['first', 'second'].map((name) =>
      lab
        .until(name, ({ status }) => expect(status?.reason).toBe('VolumeNotServed'))
        .then(({ status }) => status?.phase),
    );
    expect((await Promise.all(states)).sort()).toEqual(['Failed', 'Pending']);

    // As long as nobody has said whose clients there are, there are none; one that cannot be asked about is not let in.
    const pki = await openPki({ dir: join(lab.core.dataDir, 'pki'), bind: '127.0.0.1' });
    const { daemonEndpoints } = (await node()).status ?? {};
    const endpoint = { host: ADDRESS, port: daemonEndpoints?.kubeletEndpoint.Port ?? 0 };
    const ask = (client?: Pair): Promise<string> =>
      askNode({ ...endpoint, path: '/containerLogs/default/known/main' }, client);
    await expect(ask(pki.clients.admin)).rejects.toThrow();
    const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: PLACE, data: { 'client-ca-file': pki.ca } };
    await lab.core.cluster.create(CONFIGMAPS, configMap);
    await eventually(async () => expect(await ask(pki.clients.admin)).toMatch(/^500 the node could not answer/));
    await expect(ask()).rejects.toThrow();

    await lab.agent.close();
    expect(conditionOf(await node(), 'Ready')).toMatchObject({ status: 'False', reason: 'NodeStopped' });
  });
});
