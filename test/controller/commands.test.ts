import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ModelDeployment } from '../../src/contract/modeldeployment.ts';
import type { RolloutCommand } from '../../src/contract/rolloutcommand.ts';
import { createCommands } from '../../src/controller/commands.ts';
import { install } from '../../src/controller/install.ts';
import { systemClock } from '../../src/lib/clock.ts';
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
