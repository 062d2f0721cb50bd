import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ModelDeployment } from '../../src/contract/modeldeployment.ts';
import type { RolloutCommand } from '../../src/contract/rolloutcommand.ts';
import { createCommands } from '../../src/controller/commands.ts';
import { install } from '../../src/controller/install.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { ApiError, type ClusterPort } from '../../src/platform/cluster/port.ts';
import { MODELDEPLOYMENTS, ROLLOUTCOMMANDS } from '../../src/platform/cluster/resources.ts';
import { startCore, type TestCore } from '../local/apiserver/harness.ts';
import { aModelDeployment } from './lab.ts';

let core: TestCore;
beforeEach(async () => {
  core = await startCore();
  await install(core.cluster, { gateway: false });
});
afterEach(() => core.close());

test('a command is answered once, however old the cache; a deployment that is gone leaves nothing behind', async () => {
  const apiVersion = 'serving.clops.dev/v1alpha1';
  const metadata = { name: 'op-1', namespace: 'default' };
  const spec = { deployment: 'vad', rollout: 1, verb: 'Abort' as const };
  const command = await core.cluster.create<RolloutCommand>(ROLLOUTCOMMANDS, {
    apiVersion,
    kind: 'RolloutCommand',
    metadata,
    spec,
  });
  const md = await core.cluster.create<ModelDeployment>(MODELDEPLOYMENTS, {
    ...aModelDeployment(1),
    metadata: { name: 'vad', namespace: 'default' },
  });
  // What a cache shows that is behind: the command is open.
  const visit = { key: 'default/vad', md, commands: [command] };
  const commands = createCommands(core.cluster, systemClock);
  const message = async () =>
    (await core.cluster.get<RolloutCommand>(ROLLOUTCOMMANDS, 'op-1', 'default')).status?.message;
  expect(commands.open(visit).unanswered).toHaveLength(1);
  await commands.refuse(visit, 'first');
  await commands.refuse(visit, 'second');
  expect(await message()).toBe('first');
  expect(commands.open(visit).unanswered).toEqual([]);
  commands.forget('default/vad');
  await commands.refuse(visit, 'after');
  expect(await message()).toBe('after');
});

test('one that the cluster lets nobody own is answered all the same, and one that cannot be answered holds up none', async () => {
  const { cluster } = core;
  const md = await cluster.create<ModelDeployment>(MODELDEPLOYMENTS, {
    ...aModelDeployment(1),
    metadata: { name: 'vad', namespace: 'default' },
  });
  const open: RolloutCommand[] = [];
  for (const name of ['op-1', 'op-2', 'op-3'])
    open.push(
      await cluster.create<RolloutCommand>(ROLLOUTCOMMANDS, {
        apiVersion: 'serving.clops.dev/v1alpha1',
        kind: 'RolloutCommand',
        metadata: { name, namespace: 'default' },
        spec: { deployment: 'vad', rollout: 1, verb: 'Abort' },
      }),
    );
  const port: ClusterPort = {
    ...cluster,
    async patch(resource, name, ...more) {
      const isStatus = more[3]?.subresource === 'status';
      if (!isStatus) throw new ApiError({ code: 403, reason: 'Forbidden', message: 'denied by a policy' });
      if (name === 'op-1') throw new ApiError({ code: 503, message: 'not now' });
      return cluster.patch(resource, name, ...more);
    },
  };
  const commands = createCommands(port, systemClock);
  await expect(commands.refuse({ key: 'default/vad', md, commands: open }, 'no')).rejects.toThrow('not now');
  const { items } = await cluster.list<RolloutCommand>(ROLLOUTCOMMANDS, { namespace: 'default' });
  expect(items.map(({ status }) => status?.message)).toEqual([undefined, 'no', 'no']);
});
