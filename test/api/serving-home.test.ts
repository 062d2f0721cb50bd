/** The cluster behind the database is lost and made anew, or is not the one that the database knows. */
import 'reflect-metadata';
import { afterEach, describe, expect, test } from 'vitest';
import type { ModelDeployment } from '../../src/contract/modeldeployment.ts';
import { silentLog } from '../../src/lib/log.ts';
import { startRelay } from '../../src/modules/serving/index.ts';
import { publishCommands } from '../../src/modules/serving/relay/answers.ts';
import { adopt, takeEdit } from '../../src/modules/serving/relay/edits.ts';
import { createParts } from '../../src/modules/serving/relay/parts.ts';
import { deployments } from '../../src/modules/serving/tables.ts';
import { MODELDEPLOYMENTS, NAMESPACES, ROLLOUTCOMMANDS, SECRETS } from '../../src/platform/cluster/resources.ts';
import { createClusterView } from '../../src/platform/cluster/view.ts';
import { startCore } from '../local/apiserver/harness.ts';
import { eventually } from '../support/eventually.ts';
import { aServingLab, CANARY, type ServingLab } from '../support/serving.ts';

let lab: ServingLab;
afterEach(() => lab.close());

const version = (number: number) => ({ version: { number } });
const uidOf = async (of: ServingLab): Promise<string> =>
  (await of.cluster.get(NAMESPACES, 'kube-system', undefined)).metadata.uid ?? '';
const clusterEvents = async (): Promise<{ type: string; message: string; data: object }[]> => {
  await lab.database.sequenced();
  return (
    await lab.ask<{ events: { nodes: { type: string; message: string; data: object }[] } }>(
      '{ events(first: 100, where: { types: ["cluster.*"] }) { nodes { type message data } } }',
    )
  ).events.nodes;
};
const sql = <Row>(text: string): Promise<Row[]> => lab.database.db.read<Row>({ name: text.slice(0, 60), text });
const untilRefused = () =>
  eventually(async () => expect((await clusterEvents()).map(({ type }) => type)).toEqual(['cluster.refused']));
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

test('of two local clusters with one database the second is refused while a relay works with the first', async () => {
  lab = await aServingLab();
  await lab.register('vad', 1);
  await lab.deploy({ name: 'mine', ...version(1) });
  await lab.untilPhase('mine', 'HEALTHY');
  const core = await startCore();
  const view = createClusterView(core.cluster, silentLog);
  view.start();
  const others = { ...lab, services: { ...lab.services, cluster: view } };
  let other = await startRelay(others);
  try {
    await untilRefused();
    expect((await clusterEvents())[0]?.message).toMatch(/^Another CLOps is at work on this database.*DATABASE_URL\.$/);
    await lab.deploy({ name: 'next', ...version(1) });
    await lab.untilPhase('next', 'HEALTHY');
    expect(await sql('select refused_uid as uid from clops.cluster')).toEqual([{ uid: null }]);

    // Nobody works with the first any more: it is as good as lost.
    await other.close();
    await lab.stopRelay();
    other = await startRelay(others);
    await eventually(async () =>
      expect((await clusterEvents()).map(({ type }) => type)).toEqual(['cluster.refused', 'cluster.replaced']),
    );
  } finally {
    await other.close();
    await view.stop();
    await core.close();
  }
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

  test('is met again when the database has moved to another, and what a stranger met is forgotten', async () => {
    lab = await aServingLab({ clusterName: 'external' });
    await lab.stopRelay();
    const uid = await uidOf(lab);
    await lab.startRelay({ newCluster: uid });
    await lab.register('vad', 1);
    await lab.deploy({ name: 'mine', ...version(1) });
    await lab.untilPhase('mine', 'HEALTHY');
    await sql(`update clops.cluster set refused_uid = 'stranger'`);
    await lab.deploy({ name: 'next', ...version(1) });
    await lab.untilPhase('next', 'HEALTHY');
    expect(await sql('select refused_uid as uid from clops.cluster')).toEqual([{ uid: null }]);

    await sql(`update clops.cluster set uid = 'another'`);
    const late = await lab.deploy({ name: 'late', ...version(1) });
    await untilRefused();
    await lab.untilOperation(late.operation?.id ?? '', 'ACCEPTED');
    expect((await inCluster()).sort()).toEqual(['mine', 'next']);
    expect(await sql('select uid, refused_uid as refused from clops.cluster')).toEqual([
      { uid: 'another', refused: uid },
    ]);
  });

  test('gets no command, no Secret, and no word about what runs in it', async () => {
    lab = await aServingLab({ clusterName: 'external' });
    await lab.register('vad', 2);
    await lab.deploy({ name: 'mine', ...version(1) });
    await lab.untilPhase('mine', 'HEALTHY');
    const { rollout } = await lab.deploy({ name: 'mine', ...version(2) });
    await lab.untilRollout('mine', 'PAUSED', 1);
    // Its steps by hand: none of them may count on another having asked which cluster this is.
    await lab.stopRelay();
    const parts = () =>
      createParts(lab.services, lab.addressForPods, {
        newCluster: undefined,
        onReplaced: () => {},
      });
    const [commanding, adopting, editing] = await Promise.all([parts(), parts(), parts()]);
    for (const { home } of [commanding, adopting, editing]) expect(await home.check()).toBe('replaced');
    await lab.drive('promoteRollout', rollout?.id ?? '');
    const [row] = await lab.services.db.tx((tx) => tx.q.select().from(deployments));
    if (!row) throw new Error('there is no row');
    const { apiVersion, kind, spec } = await lab.resource('mine');
    const model = { ...spec.model, name: 'nobodys' };
    await lab.loseCluster();
    await lab.stopController();
    await lab.cluster.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'speech' } });
    const object = { apiVersion, kind, metadata: { name: 'mine', namespace: 'speech' }, spec: { ...spec, model } };
    const made = await lab.cluster.create<ModelDeployment>(MODELDEPLOYMENTS, object, { fieldManager: 'kubectl' });

    const published: string[] = [];
    await publishCommands(commanding, row, { isHeldUp: false, onMade: (key) => published.push(key) });
    expect(published).toEqual([]);
    await adopt(adopting, made);
    await takeEdit(editing, { ...row, uid: made.metadata.uid ?? '', resourceGeneration: 0 }, made);
    for (const { home } of [commanding, adopting, editing]) expect(home.isOurs).toBe(false);
    for (const kind of [ROLLOUTCOMMANDS, SECRETS])
      expect((await lab.cluster.list(kind, { namespace: 'speech' })).items).toEqual([]);
    expect(await lab.resource('mine')).toEqual(made);
  });
});
