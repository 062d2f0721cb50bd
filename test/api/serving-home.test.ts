/** The cluster behind the database is lost and made anew, or is not the one that the database knows. */
import 'reflect-metadata';
import { afterEach, describe, expect, test } from 'vitest';
import { MODELDEPLOYMENTS, NAMESPACES } from '../../src/platform/cluster/resources.ts';
import { eventually } from '../support/eventually.ts';
import { aServingLab, CANARY, type ServingLab } from '../support/serving.ts';

let lab: ServingLab;
afterEach(() => lab.close());

const version = (number: number) => ({ version: { number } });
const uidOf = async (of: ServingLab): Promise<string> =>
  (await of.cluster.get(NAMESPACES, 'kube-system', undefined)).metadata.uid ?? '';
const clusterEvents = async (): Promise<{ type: string; message: string; data: object }[]> =>
  (
    await lab.ask<{ events: { nodes: { type: string; message: string; data: object }[] } }>(
      '{ events(first: 100, where: { types: ["cluster.*"] }) { nodes { type message data } } }',
    )
  ).events.nodes;
const inCluster = async (): Promise<string[]> =>
  (await lab.cluster.list(MODELDEPLOYMENTS, { namespace: 'speech' })).items.map(({ metadata }) => metadata.name);

describe('a local cluster that was lost', () => {
  test('is filled again from the database with what was stable, and nothing counts as deleted', async () => {
    lab = await aServingLab();
    await lab.register('vad', 3);
    for (const name of ['steady', 'moving', 'doomed']) await lab.deploy({ name, ...version(1) });
    for (const name of ['steady', 'moving', 'doomed']) await lab.untilPhase(name, 'HEALTHY');
    const moving = await lab.deploy({ name: 'moving', ...version(2) });
    const steady = await lab.deployment('steady');
    const doomed = await lab.deployment('doomed');
    await lab.untilRollout('moving', 'PAUSED', 1);
    lab.connect(false);
    const waiting = await lab.drive('promoteRollout', moving.rollout?.id ?? '');
    const removal = await lab.ask<{ deleteDeployment: { operation: { id: string } } }>(
      `mutation { deleteDeployment(input: { deployment: "${doomed.id}" }) { operation { id } } }`,
    );
    const from = await uidOf(lab);
    await lab.loseCluster();
    const to = await uidOf(lab);
    lab.connect(true);

    const back = await lab.untilPhase('steady', 'HEALTHY').then(() => lab.untilPhase('moving', 'HEALTHY'));
    expect(back).toMatchObject({ stable: { version: { number: 1 } }, canary: null });
    expect(await lab.deployment('steady')).toMatchObject({ id: steady.id, stable: { version: { number: 1 } } });
    expect(await lab.untilOperation(waiting.operation?.id ?? '', 'FAILED')).toMatchObject({
      error: expect.stringContaining('The cluster was replaced'),
    });
    await lab.untilOperation(removal.deleteDeployment.operation.id, 'SUCCEEDED');
    await eventually(async () => expect((await inCluster()).sort()).toEqual(['moving', 'steady']));
    expect(await lab.told(steady.id)).not.toContain('deployment.deleted');
    expect(await lab.told(steady.id)).toContain('deployment.republished');
    expect(await clusterEvents()).toEqual([
      {
        type: 'cluster.replaced',
        message: 'The cluster was replaced: publishing 2 deployments again.',
        data: { from, to, deployments: 2 },
      },
    ]);
    // The history goes on where it was: three rollouts, counted on, and steps are walked again.
    const { deployment } = await lab.ask<{ deployment: { rollouts: { nodes: object[] } } }>(
      '{ deployment(team: "speech", name: "moving") { rollouts(first: 10) { nodes { number outcome } } } }',
    );
    expect(deployment.rollouts.nodes).toEqual([
      { number: 3, outcome: 'PROMOTED' },
      { number: 2, outcome: 'SUPERSEDED' },
      { number: 1, outcome: 'PROMOTED' },
    ]);
    await lab.deploy({ name: 'moving', ...version(2), strategy: CANARY });
    await lab.untilRollout('moving', 'PAUSED', 1);
  });
});

describe('a cluster that is not the one the database knows', () => {
  const setUp = async (): Promise<{ id: string; uid: string }> => {
    lab = await aServingLab({ clusterName: 'external' });
    await lab.register('vad', 1);
    await lab.deploy({ name: 'mine', ...version(1) });
    const { id } = await lab.untilPhase('mine', 'HEALTHY');
    await lab.loseCluster();
    return { id, uid: await uidOf(lab) };
  };

  test('is left alone, and said so once, until it is named as the new one', async () => {
    const { id, uid } = await setUp();
    const found = await eventually(async () => {
      const list = await clusterEvents();
      expect(list.map(({ type }) => type)).toEqual(['cluster.refused']);
      return list;
    });
    expect(found[0]?.message).toContain(`CLOPS_NEW_CLUSTER=${uid}`);
    const other = await lab.deploy({ name: 'other', ...version(1) });
    expect(other.errors).toEqual([]);
    await lab.stopRelay();
    await lab.startRelay();
    await lab.untilOperation(other.operation?.id ?? '', 'ACCEPTED');
    expect(await inCluster()).toEqual([]);
    expect(await lab.told(id)).not.toContain('deployment.deleted');
    expect(await clusterEvents()).toHaveLength(1);

    await lab.stopRelay();
    await lab.startRelay({ newCluster: uid });
    await lab.untilPhase('mine', 'HEALTHY');
    await lab.untilPhase('other', 'HEALTHY');
    expect((await lab.deployment('mine')).id).toBe(id);
    expect((await clusterEvents()).map(({ type }) => type)).toEqual(['cluster.refused', 'cluster.replaced']);
  });
});
