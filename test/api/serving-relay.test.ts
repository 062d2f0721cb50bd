/** Between database and cluster: either may be away, the relay may end anywhere, and nothing is lost or told twice. */
import 'reflect-metadata';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelDeployment } from '../../src/contract/modeldeployment.ts';
import { API_VERSION } from '../../src/contract/names.ts';
import { startRelay } from '../../src/modules/serving/index.ts';
import { MODELDEPLOYMENTS } from '../../src/platform/cluster/resources.ts';
import { eventually } from '../support/eventually.ts';
import { aServingLab, CANARY, type ServingLab } from '../support/serving.ts';

let lab: ServingLab;
let line: Awaited<ReturnType<typeof aLine>>;
beforeAll(async () => {
  line = await aLine();
  lab = await aServingLab({ databaseThrough: line.through });
  await lab.register('vad', 6);
});
afterAll(async () => {
  await lab.close();
  await line.close();
});

const version = (number: number) => ({ version: { number } });

/** A TCP line to Postgres that can be cut. */
async function aLine() {
  const sockets = new Set<net.Socket>();
  let target = { host: '', port: 0 };
  let isUp = true;
  const server = net.createServer((client) => {
    if (!isUp) return void client.resetAndDestroy();
    const upstream = net.connect(target.port, target.host);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        other.destroy();
        sockets.delete(one);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    async through(url: string) {
      const parsed = new URL(url);
      target = { host: parsed.hostname, port: Number(parsed.port) };
      parsed.hostname = '127.0.0.1';
      parsed.port = String((server.address() as net.AddressInfo).port);
      return parsed.toString();
    },
    connect(up: boolean) {
      isUp = up;
      if (!up) for (const socket of sockets) socket.resetAndDestroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Every rollout tells its own story without a repetition: started once, each step once, ended once. */
async function storyOf(rollout: string): Promise<string[]> {
  await lab.database.sequenced();
  const { events } = await lab.ask<{ events: { nodes: { type: string; data: { step?: number } }[] } }>(
    `{ events(first: 100, where: { subject: "${rollout}", types: ["rollout.started", "rollout.step_completed", "rollout.promoted", "rollout.aborted", "rollout.superseded"] }) { nodes { type data } } }`,
  );
  return events.nodes.map(
    ({ type, data }) => `${type.slice('rollout.'.length)}${data.step === undefined ? '' : ` ${data.step}`}`,
  );
}
const WHOLE = ['started', 'step_completed 0', 'step_completed 1', 'step_completed 2', 'step_completed 3', 'promoted'];

describe('the cluster is away', () => {
  test('what is asked for is accepted, and done when it is back', async () => {
    await lab.deploy({ name: 'before', ...version(1) });
    await lab.untilPhase('before', 'HEALTHY');
    lab.connect(false);
    const made = await lab.deploy({ name: 'meanwhile', ...version(1) });
    const changed = await lab.deploy({ name: 'before', ...version(2) });
    const twice = await lab.drive('updateDeployment', changed.deployment?.id ?? '', { replicas: 3 });
    expect([made.errors, changed.errors, twice.errors]).toEqual([[], [], []]);
    expect(await lab.deployment('before')).toMatchObject({ phase: 'PROGRESSING', rollout: { phase: 'PENDING' } });
    expect(await lab.deployment('meanwhile')).toMatchObject({ phase: 'PENDING', rollout: { phase: 'PENDING' } });
    await lab.untilOperation(made.operation?.id ?? '', 'ACCEPTED');
    lab.connect(true);
    for (const { operation } of [made, changed, twice]) await lab.untilOperation(operation?.id ?? '', 'SUCCEEDED');
    await lab.untilPhase('meanwhile', 'HEALTHY');
    expect(await lab.untilRollout('before', 'PAUSED', 1)).toMatchObject({ replicas: 3, generation: 3 });
  });

  test('verbs and deletions wait for it too', async () => {
    const { id, rollout } = await lab.deployment('before');
    lab.connect(false);
    const promoted = await lab.drive('promoteRollout', rollout.id, { to: 'FULL' });
    expect(promoted.errors).toEqual([]);
    const { deployment } = await lab.ask<{ deployment: { id: string } }>(
      '{ deployment(team: "speech", name: "meanwhile") { id } }',
    );
    const removed = await lab.ask<{ deleteDeployment: { operation: { id: string } } }>(
      `mutation { deleteDeployment(input: { deployment: "${deployment.id}" }) { operation { id } } }`,
    );
    expect(await lab.deployment('meanwhile')).toMatchObject({ phase: 'DELETING' });
    lab.connect(true);
    await lab.untilOperation(promoted.operation?.id ?? '', 'SUCCEEDED');
    await lab.untilOperation(removed.deleteDeployment.operation.id, 'SUCCEEDED');
    expect(await lab.untilPhase('before', 'HEALTHY')).toMatchObject({ id, stable: { version: { number: 2 } } });
  });
});

describe('the relay is away', () => {
  test('at any point of a rollout: every event is told once', async () => {
    await lab.deploy({ name: 'lonely', ...version(1) });
    await lab.untilPhase('lonely', 'HEALTHY');
    for (let number = 2; number <= 5; number++) {
      const { rollout } = await lab.deploy({ name: 'lonely', ...version(number) });
      const id = rollout?.id ?? '';
      for (const step of [1, 3]) {
        const pause = async (when: number): Promise<void> => {
          if (number !== when) return;
          await lab.stopRelay();
          await lab.startRelay();
        };
        await pause(2);
        await lab.untilRollout('lonely', 'PAUSED', step);
        await pause(3);
        if (number === 4) await lab.stopRelay();
        await lab.drive('promoteRollout', id);
        if (number === 4) await lab.startRelay();
        await pause(5);
      }
      await eventually(async () => expect(await storyOf(id)).toEqual(WHOLE));
    }
  }, 90_000);

  test('a whole rollout that nobody saw is told afterwards, and so is one that was superseded', async () => {
    const first = await lab.deploy({
      name: 'unseen',
      ...version(1),
      strategy: { canary: { steps: [{ setWeight: 10 }, { setWeight: 50 }], scaleDownDelaySeconds: 0 } },
    });
    await lab.untilPhase('unseen', 'HEALTHY');
    const second = await lab.deploy({ name: 'unseen', ...version(2), strategy: undefined });
    // The cluster has it, and then the relay is gone.
    await eventually(async () => expect((await lab.resource('unseen')).spec.model.version).toBe(2));
    await lab.stopRelay();
    await eventually(async () => {
      const { status } = await lab.resource('unseen');
      expect([status?.stable?.version, status?.phase]).toEqual([2, 'Healthy']);
    });
    await lab.startRelay();
    const id = second.rollout?.id ?? '';
    await eventually(async () => expect((await storyOf(id)).at(-1)).toBe('promoted'));
    const story = await storyOf(id);
    expect(story).toEqual(['started', 'step_completed 0', 'step_completed 1', 'promoted']);
    await lab.untilOperation(second.operation?.id ?? '', 'SUCCEEDED');
    expect(await storyOf(first.rollout?.id ?? '')).toEqual(['started', 'promoted']);

    const dropped = await lab.deploy({ name: 'unseen', ...version(3), strategy: CANARY });
    await lab.untilRollout('unseen', 'PAUSED', 1);
    const newest = await lab.deploy({ name: 'unseen', ...version(4) });
    await lab.untilRollout('unseen', 'PAUSED', 1);
    expect((await lab.deployment('unseen')).rollout.id).toBe(newest.rollout?.id);
    await eventually(async () =>
      expect(await storyOf(dropped.rollout?.id ?? '')).toEqual(['started', 'step_completed 0', 'superseded']),
    );
  });

  test('what was deleted meanwhile is found', async () => {
    const { deployment } = await lab.deploy({ name: 'vanished', ...version(1) });
    await lab.untilPhase('vanished', 'HEALTHY');
    await lab.stopRelay();
    await lab.cluster.delete(MODELDEPLOYMENTS, 'vanished', 'speech');
    await lab.startRelay();
    await eventually(async () => expect(await lab.told(deployment?.id ?? '')).toContain('deployment.deleted'));
  });

  test('two relays tell everything once', async () => {
    const second = await startRelay(lab);
    try {
      await lab.deploy({ name: 'doubled', ...version(1) });
      await lab.untilPhase('doubled', 'HEALTHY');
      const { rollout, operation } = await lab.deploy({ name: 'doubled', ...version(2) });
      await lab.untilOperation(operation?.id ?? '', 'SUCCEEDED');
      for (const step of [1, 3]) {
        await lab.untilRollout('doubled', 'PAUSED', step);
        const promoted = await lab.drive('promoteRollout', rollout?.id ?? '');
        await lab.untilOperation(promoted.operation?.id ?? '', 'SUCCEEDED');
      }
      await eventually(async () => expect(await storyOf(rollout?.id ?? '')).toEqual(WHOLE));
      expect(await lab.deployment('doubled')).toMatchObject({ generation: 2 });
    } finally {
      await second.close();
    }
  });
});

test('a command that nobody handed over in time is not made again: it may have been done', async () => {
  await lab.deploy({ name: 'late', ...version(1) });
  await lab.untilPhase('late', 'HEALTHY');
  const { rollout } = await lab.deploy({ name: 'late', ...version(2) });
  const paused = await lab.untilRollout('late', 'PAUSED', 1);
  await lab.stopRelay();
  const { operation } = await lab.drive('promoteRollout', rollout?.id ?? '');
  await lab.services.db.read(
    {
      name: 'ageCommand',
      text: `update clops.rollout_commands set created_at = now() - interval '61 minutes' where operation_id = $1`,
    },
    [operation?.id],
  );
  await lab.startRelay();
  const { error } = await lab.untilOperation(operation?.id ?? '', 'FAILED');
  expect(error).toContain('ask again');
  expect((await lab.deployment('late')).rollout).toMatchObject({ stepIndex: paused.rollout.stepIndex });
  // Told to those who follow a team, too.
  const { team } = await lab.ask<{ team: { id: string } }>('{ team(name: "speech") { id } }');
  const refused = {
    name: 'refused',
    text: `select team_id as team from clops.events where type = $1 and operation_id = $2`,
  };
  expect(await lab.services.db.read(refused, ['rollout.command_refused', operation?.id])).toEqual([{ team: team.id }]);
});

test('what somebody made in the cluster under the name of a deployment that never got there is not deleted', async () => {
  await lab.deploy({ name: 'model', ...version(1) });
  await lab.untilPhase('model', 'HEALTHY');
  const { endpoint: _, ...spec } = (await lab.resource('model')).spec;
  await lab.stopRelay();
  const { deployment } = await lab.deploy({ name: 'claimed', ...version(1) });
  const id = deployment?.id ?? '';
  await lab.ask(`mutation { deleteDeployment(input: { deployment: "${id}" }) { errors { message } } }`);
  const made = await lab.cluster.create<ModelDeployment>(MODELDEPLOYMENTS, {
    apiVersion: API_VERSION,
    kind: 'ModelDeployment',
    metadata: { name: 'claimed', namespace: 'speech' },
    spec,
  });
  await lab.startRelay();
  await eventually(async () => expect(await lab.told(id)).toContain('deployment.deleted'));
  const adopted = await eventually(() => lab.deployment('claimed'));
  expect(adopted.id).not.toBe(id);
  const { metadata } = await lab.resource('claimed');
  expect([metadata.uid, metadata.deletionTimestamp]).toEqual([made.metadata.uid, undefined]);
});

test('the controller is away: commands wait, and are answered once', async () => {
  await lab.deploy({ name: 'waiting', ...version(1) });
  await lab.untilPhase('waiting', 'HEALTHY');
  const { rollout } = await lab.deploy({ name: 'waiting', ...version(2) });
  await lab.untilRollout('waiting', 'PAUSED', 1);
  await lab.stopController();
  const { operation } = await lab.drive('promoteRollout', rollout?.id ?? '');
  await lab.untilOperation(operation?.id ?? '', 'PUBLISHED');
  lab.startController();
  await lab.untilOperation(operation?.id ?? '', 'SUCCEEDED');
  await lab.untilRollout('waiting', 'PAUSED', 3);
});

test('the database is away: nothing is accepted, the answer says that it may be repeated, and all goes on afterwards', async () => {
  const { rollout } = await lab.deployment('waiting');
  line.connect(false);
  const answer = await lab.send(
    'mutation ($input: PromoteRolloutInput!) { promoteRollout(input: $input) { errors { message } } }',
    { input: { rollout: rollout.id, to: 'FULL' } },
  );
  expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'DATABASE_UNAVAILABLE', retryable: true });
  line.connect(true);
  const done = await eventually(async () => {
    const { promoteRollout } = await lab.ask<{ promoteRollout: { operation: { id: string } | null } }>(
      'mutation ($input: PromoteRolloutInput!) { promoteRollout(input: $input) { operation { id } errors { message } } }',
      { input: { rollout: rollout.id, to: 'FULL', idempotencyKey: 'after' } },
    );
    return promoteRollout.operation;
  });
  await lab.untilOperation(done?.id ?? '', 'SUCCEEDED');
  await lab.untilPhase('waiting', 'HEALTHY');
  expect((await storyOf(rollout.id)).filter((type) => type === 'promoted')).toHaveLength(1);
});
