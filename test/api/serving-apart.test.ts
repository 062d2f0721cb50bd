/** What cannot be done to one object, read of one kind or told of one rollout holds up nothing else: every other thing goes on. */
import 'reflect-metadata';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readinessOf } from '../../src/api/readiness.ts';
import { ANNOTATIONS } from '../../src/contract/names.ts';
import { silentLog } from '../../src/lib/log.ts';
import { startRelay } from '../../src/modules/serving/index.ts';
import { ApiError } from '../../src/platform/cluster/port.ts';
import { CRDS, MODELDEPLOYMENTS, NAMESPACES, ROLLOUTCOMMANDS, SECRETS } from '../../src/platform/cluster/resources.ts';
import { createClusterView } from '../../src/platform/cluster/view.ts';
import { eventually } from '../support/eventually.ts';
import { away, behind, late, stops } from '../support/guard.ts';
import { aServingLab, type ServingLab } from '../support/serving.ts';

let lab: ServingLab;
let digests: string[];
beforeAll(async () => {
  lab = await aServingLab();
  digests = await lab.register('vad', 3);
});
afterAll(() => lab.close());

const version = (number: number) => ({ version: { number } });
const rolling = { strategy: { rolling: {} } };
const edit = (name: string, spec: object) =>
  lab.cluster.patch(MODELDEPLOYMENTS, name, 'speech', 'merge', { spec }, { fieldManager: 'kubectl-edit' });
const toVersion = (number: number) => ({ model: { version: number, artifact: { digest: digests[number - 1] } } });

async function serving(name: string): Promise<string> {
  await lab.deploy({ name, ...version(1), ...rolling });
  return (await lab.untilPhase(name, 'HEALTHY')).id;
}

/** With the number that each has, the newest first. */
async function rolloutsOf(id: string): Promise<{ id: string; number: number | null; outcome: string | null }[]> {
  const { node } = await lab.ask<{ node: { rollouts: { nodes: { id: string; number: null; outcome: null }[] } } }>(
    `{ node(id: "${id}") { ... on Deployment { rollouts { nodes { id number outcome } } } } }`,
  );
  return node.rollouts.nodes;
}

test('a rollout that carries the id of one that was replaced with kubectl before it began is not taken for that one', async () => {
  const id = await serving('replaced');
  await lab.stopController();
  const asked = (await lab.deploy({ name: 'replaced', ...version(2), ...rolling })).rollout?.id ?? '';
  await eventually(async () => expect((await lab.resource('replaced')).spec.model.version).toBe(2));
  await edit('replaced', toVersion(3));
  const { rollout } = await eventually(async () => {
    const found = await lab.deployment('replaced');
    expect(found.rollout.id).not.toBe(asked);
    return found;
  });
  await lab.stopRelay();
  lab.startController();
  const ended = await eventually(async () => {
    const { status } = await lab.resource('replaced');
    expect([status?.phase, status?.stable?.version]).toEqual(['Healthy', 3]);
    return status;
  });
  expect(ended?.history).toContainEqual(expect.objectContaining({ id: asked, number: 2 }));
  await lab.startRelay();
  expect((await lab.untilPhase('replaced', 'HEALTHY')).rollout).toMatchObject({ id: rollout.id, outcome: 'PROMOTED' });
  expect(await rolloutsOf(id)).toMatchObject([
    { id: rollout.id, number: 2, outcome: 'PROMOTED' },
    { id: asked, number: null, outcome: 'SUPERSEDED' },
    { number: 1, outcome: 'PROMOTED' },
  ]);
});

test('a Secret that cannot be written after an edit hides nothing of what the cluster says', async () => {
  await serving('edited');
  const { rollout } = await lab.deployment('edited');
  const isWrite = stops('apply', SECRETS, 'edited-artifact');
  let isClosed = true;
  await behind(
    lab,
    (...call) => {
      if (isClosed && isWrite(...call)) throw late();
    },
    async () => {
      await edit('edited', { resources: { requests: { cpu: '250m' } } });
      const edited = await eventually(async () => {
        const found = await lab.untilRollout('edited', 'HEALTHY');
        expect(found.generation).toBe(2);
        return found;
      });
      expect(edited.rollout.id).not.toBe(rollout.id);
      isClosed = false; // and nothing else happens
      await eventually(
        async () => expect((await lab.resource('edited')).metadata.annotations?.[ANNOTATIONS.generation]).toBe('2'),
        { withinMs: 40_000 },
      );
    },
  );
});

test('a rollout whose status was read before the edit that began it could be is shown as it is afterwards', async () => {
  await serving('puzzling');
  lab.fates.set(2, 'pending');
  const taken = { name: 'taken', text: 'select resource_version as version from clops.deployments where name = $1' };
  const isQuestion = stops('get', NAMESPACES, 'kube-system');
  let isClosed = false;
  await behind(
    lab,
    (...call) => {
      if (isClosed && isQuestion(...call)) throw late();
    },
    async ({ met }) => {
      await met;
      isClosed = true;
      await edit('puzzling', toVersion(2));
      await eventually(async () => expect((await lab.deployment('puzzling')).canary).toMatchObject({ version: null }));
      await lab.stopController(); // its status says the same from now on
      await eventually(async () => {
        const { metadata } = await lab.resource('puzzling');
        expect(await lab.services.db.read(taken, ['puzzling'])).toEqual([{ version: metadata.resourceVersion }]);
      });
      isClosed = false;
      await eventually(async () => expect(await lab.deployment('puzzling')).toMatchObject({ generation: 2 }), {
        withinMs: 40_000,
      });
      await lab.untilRollout('puzzling', 'PROGRESSING');
    },
  );
  lab.startController();
  lab.fates.delete(2);
  await lab.touchPods();
});

/** As it is now. */
const stateOf = async (id: string): Promise<string> =>
  (await lab.ask<{ operation: { state: string } }>(`{ operation(id: "${id}") { state } }`)).operation.state;

/** A rollout at its first pause, and what is asked of it. */
async function paused(name: string) {
  await serving(name);
  const { rollout } = await lab.deploy({ name, ...version(2) });
  const id = rollout?.id ?? '';
  await lab.untilRollout(name, 'PAUSED', 1);
  return async (verb: string): Promise<string> => (await lab.drive(verb, id)).operation?.id ?? '';
}

test('a rollout is aborted also while a change of its deployment cannot be published', async () => {
  const drive = await paused('stuck');
  const isPublication = stops('apply', MODELDEPLOYMENTS, 'stuck');
  let isClosed = true;
  await behind(
    lab,
    (...call) => {
      if (isClosed && isPublication(...call)) throw late();
    },
    async () => {
      const { id } = await lab.deployment('stuck');
      const { operation } = await lab.drive('updateDeployment', id, { replicas: 3 });
      const promoted = await drive('promoteRollout');
      await lab.untilOperation(await drive('abortRollout'), 'SUCCEEDED');
      await lab.untilRollout('stuck', 'ABORTED');
      // It waited for the change, and after the abort it would undo it.
      expect((await lab.untilOperation(promoted, 'FAILED')).error).toContain('asked for later came first');
      expect(await stateOf(operation?.id ?? '')).toBe('ACCEPTED');
      isClosed = false;
      await lab.untilOperation(operation?.id ?? '', 'SUCCEEDED');
    },
  );
});

test('where somebody else was quicker, what was asked after a change comes after it', async () => {
  const drive = await paused('ordered');
  const isPublication = stops('apply', MODELDEPLOYMENTS, 'ordered');
  let [isClosed, tries] = [true, 0];
  await behind(
    lab,
    (...call) => {
      if (!isPublication(...call)) return;
      tries++;
      if (isClosed) throw new ApiError({ code: 409, reason: 'Conflict', message: 'the object has been modified' });
    },
    async () => {
      await lab.drive('updateDeployment', (await lab.deployment('ordered')).id, { replicas: 3 });
      const aborted = await drive('abortRollout');
      const before = tries;
      await eventually(() => expect(tries).toBeGreaterThan(before + 2));
      expect(await stateOf(aborted)).toBe('ACCEPTED');
      isClosed = false;
      await lab.untilOperation(aborted, 'SUCCEEDED');
    },
  );
});

test('a command that a webhook which is away keeps out is tried again, and an abort does not wait for it', async () => {
  const drive = await paused('queued');
  const isCreation = stops('create', ROLLOUTCOMMANDS);
  let first: string | undefined;
  await behind(
    lab,
    (...call) => {
      if (!isCreation(...call)) return;
      first ??= call[2];
      if (first === call[2]) throw away();
    },
    async () => {
      const promoted = await drive('promoteRollout');
      await eventually(() => expect(first).toBeDefined());
      await lab.untilOperation(await drive('abortRollout'), 'SUCCEEDED');
      await lab.untilRollout('queued', 'ABORTED');
      expect((await lab.untilOperation(promoted, 'FAILED')).error).toContain('asked for later came first');
    },
  );
});

test('what was deleted is found also where the cluster does not know RolloutCommands, and /readyz names them', async () => {
  const id = await serving('vanished');
  await lab.stopRelay();
  await lab.cluster.delete(MODELDEPLOYMENTS, 'vanished', 'speech');
  await lab.cluster.delete(CRDS, 'rolloutcommands.serving.clops.dev');
  const cluster = createClusterView(lab.cluster, silentLog, { keeps: ['deployments', 'commands'] });
  cluster.start();
  const relay = await startRelay({ ...lab, services: { ...lab.services, cluster } });
  try {
    await eventually(async () => expect(await lab.told(id)).toContain('deployment.deleted'));
    const line = (name: string) =>
      readinessOf({ ...lab.services, cluster })
        .find((check) => check.name === name)
        ?.check();
    await eventually(() => {
      expect(line('informers')).toBe('the cluster caches are not filled yet: RolloutCommand (serving.clops.dev)');
      expect(line('custom-resources')).toContain('does not know RolloutCommand (serving.clops.dev): install');
    });
  } finally {
    await relay.close();
    await cluster.stop();
    await lab.startRelay();
  }
});
