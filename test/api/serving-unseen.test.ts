/** What happened in the cluster while no relay ran is found by the next one, also where a part of the cluster cannot be read. */
import 'reflect-metadata';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readinessOf } from '../../src/api/readiness.ts';
import { silentLog } from '../../src/lib/log.ts';
import { startRelay } from '../../src/modules/serving/index.ts';
import { CRDS, MODELDEPLOYMENTS } from '../../src/platform/cluster/resources.ts';
import { createClusterView } from '../../src/platform/cluster/view.ts';
import { eventually } from '../support/eventually.ts';
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
const edit = (name: string, number: number) =>
  lab.cluster.patch(
    MODELDEPLOYMENTS,
    name,
    'speech',
    'merge',
    { spec: { model: { version: number, artifact: { digest: digests[number - 1] } } } },
    { fieldManager: 'kubectl-edit' },
  );

/** With the number that each has, the newest first. */
async function rolloutsOf(id: string): Promise<{ id: string; number: number | null; outcome: string | null }[]> {
  const { node } = await lab.ask<{ node: { rollouts: { nodes: { id: string; number: null; outcome: null }[] } } }>(
    `{ node(id: "${id}") { ... on Deployment { rollouts { nodes { id number outcome } } } } }`,
  );
  return node.rollouts.nodes;
}

test('a rollout that carries the id of one that was replaced with kubectl before it began is not taken for that one', async () => {
  const { deployment } = await lab.deploy({ name: 'replaced', ...version(1), ...rolling });
  const id = deployment?.id ?? '';
  await lab.untilPhase('replaced', 'HEALTHY');
  await lab.stopController();
  const asked = (await lab.deploy({ name: 'replaced', ...version(2), ...rolling })).rollout?.id ?? '';
  await eventually(async () => expect((await lab.resource('replaced')).spec.model.version).toBe(2));
  await edit('replaced', 3);
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

test('what was deleted is found also where the cluster does not know RolloutCommands, and /readyz names them', async () => {
  const made = await lab.deploy({ name: 'vanished', ...version(1), ...rolling });
  await lab.untilPhase('vanished', 'HEALTHY');
  await lab.stopRelay();
  await lab.cluster.delete(MODELDEPLOYMENTS, 'vanished', 'speech');
  await lab.cluster.delete(CRDS, 'rolloutcommands.serving.clops.dev');
  const cluster = createClusterView(lab.cluster, silentLog, { keeps: ['deployments', 'commands'] });
  cluster.start();
  const relay = await startRelay({ ...lab, services: { ...lab.services, cluster } });
  try {
    await eventually(async () => expect(await lab.told(made.deployment?.id ?? '')).toContain('deployment.deleted'));
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
