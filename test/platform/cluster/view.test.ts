/** Which caches a view keeps: what a role does not read it does not ask the cluster for. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { install } from '../../../src/controller/install.ts';
import { silentLog } from '../../../src/lib/log.ts';
import type { ClusterPort } from '../../../src/platform/cluster/port.ts';
import { PODS } from '../../../src/platform/cluster/resources.ts';
import { createClusterView } from '../../../src/platform/cluster/view.ts';
import { aPod, startCore, type TestCore } from '../../local/apiserver/harness.ts';
import { eventually } from '../../support/eventually.ts';

let core: TestCore;
beforeAll(async () => {
  core = await startCore();
});
afterAll(() => core.close());

/** The same port, with a note of what it is asked for. */
function noted(cluster: ClusterPort): { port: ClusterPort; asked: Set<string> } {
  const asked = new Set<string>();
  const list: ClusterPort['list'] = (resource, options) => {
    asked.add(resource.plural);
    return cluster.list(resource, options);
  };
  return { port: { ...cluster, list }, asked };
}

test('one of a single cache asks for that alone, and is whole as soon as it is filled', async () => {
  const { port, asked } = noted(core.cluster);
  const view = createClusterView(port, silentLog, { keeps: ['deployments'] });
  view.start();
  try {
    await eventually(() => expect(view.missing()).toEqual(['ModelDeployment (serving.clops.dev)']));
    await install(core.cluster, { gateway: true });
    await core.cluster.create(PODS, aPod('one'));
    await eventually(() => expect(view.unfilled()).toEqual([]));
    expect([view.missing(), view.reachable(), view.pods.isSynced, view.pods.list()]).toEqual([[], true, false, []]);
    expect([...asked]).toEqual(['modeldeployments']);
  } finally {
    await view.stop();
  }
});

test('by default there are all', async () => {
  const { port, asked } = noted(core.cluster);
  const view = createClusterView(port, silentLog);
  view.start();
  try {
    await eventually(() => expect(view.unfilled()).toEqual([]));
    expect(view.pods.list()).toHaveLength(1);
    expect([...asked].sort()).toEqual([
      'gateways',
      'modeldeployments',
      'nodes',
      'pods',
      'rolloutcommands',
      'servingruntimes',
    ]);
  } finally {
    await view.stop();
  }
});
