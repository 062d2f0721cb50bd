/** What a cluster refuses of one object holds up nothing else of a node, and its pods say so. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { conditionOf, type Node } from '../../../src/local/kinds.ts';
import { NODES } from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';
import { NODE } from './aNode.ts';
import { type Proxied, startProxied } from './proxied.ts';

let lab: Proxied;
beforeAll(async () => {
  lab = await startProxied();
});
afterAll(() => lab.close());
beforeEach(() => {
  lab.proxy.rules.splice(0);
});

function refuse(method: string, path: RegExp, message = 'denied by a policy'): void {
  const body = { kind: 'Status', code: 403, reason: 'Forbidden', message };
  lab.proxy.rules.push({
    match: (asked) => asked.method === method && path.test(asked.url),
    times: 1_000,
    answer: { status: 403, body },
  });
}

test('a node whose status is refused renews its lease', async () => {
  const agent = await lab.start();
  const { status } = await lab.cluster.get<Node>(NODES, NODE);
  refuse('PATCH', /\/nodes\/gpu-1\/status/);
  const silent = { type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown' };
  const conditions = [...(status?.conditions ?? []).filter(({ type }) => type !== 'Ready'), silent];
  const options = { subresource: 'status', fieldManager: 'node-controller' } as const;
  const before = lab.proxy.seen.length;
  await lab.cluster.patch(NODES, NODE, undefined, 'merge', { status: { conditions } }, options);
  await eventually(() => {
    const asked = lab.proxy.seen.slice(before).map(({ method, url }) => `${method} ${url.split('?')[0]}`);
    const refused = asked.findIndex((line) => line.endsWith('/nodes/gpu-1/status'));
    expect(refused).toBeGreaterThanOrEqual(0);
    expect(asked.slice(refused)).toContain(
      'PATCH /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/gpu-1',
    );
  });
  lab.proxy.rules.splice(0);
  await eventually(async () => {
    expect(conditionOf(await lab.cluster.get<Node>(NODES, NODE), 'Ready')?.status).toBe('True');
  });
  await lab.stop(agent);
});
