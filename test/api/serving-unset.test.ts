/** What somebody wrote with kubectl beside what the platform wrote: the API can take it away. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MODELDEPLOYMENTS } from '../../src/platform/cluster/resources.ts';
import { eventually } from '../support/eventually.ts';
import { aServingLab, type ServingLab } from '../support/serving.ts';

let lab: ServingLab;
beforeAll(async () => {
  lab = await aServingLab();
  await lab.register('vad', 2);
});
afterAll(() => lab.close());

const version = (number: number) => ({ version: { number } });
const rolling = { strategy: { rolling: {} } };
const patch = (name: string, spec: object) =>
  lab.cluster.patch(MODELDEPLOYMENTS, name, 'speech', 'merge', { spec }, { fieldManager: 'kubectl-edit' });

async function serving(name: string): Promise<string> {
  await lab.deploy({ name, ...version(1), ...rolling });
  return (await lab.untilPhase(name, 'HEALTHY')).id;
}

describe('resources and placement', () => {
  test.each([
    ['placed', { placement: { nodeSelector: { disk: 'fast' } } }],
    ['sized', { resources: { requests: { cpu: '250m' } } }],
  ])('that kubectl added to %s go with a rollback', async (name, added) => {
    const id = await serving(name);
    const before = (await lab.deployment(name)).rollout.id;
    await patch(name, added);
    await eventually(async () => expect(await lab.deployment(name)).toMatchObject({ generation: 2, phase: 'HEALTHY' }));
    const { operation, errors } = await lab.drive('rollbackDeployment', id);
    expect(errors).toEqual([]);
    await lab.untilOperation(operation?.id ?? '', 'SUCCEEDED');
    const back = await lab.untilRollout(name, 'HEALTHY');
    expect(back.rollout.id).not.toBe(before);
    const { spec } = await lab.resource(name);
    expect([spec.placement, spec.resources]).toEqual([{}, {}]);
  });

  test('that are empty are sent, and make no other revision', async () => {
    await serving('plain');
    const { spec, status } = await lab.resource('plain');
    expect([spec.placement, spec.resources, status?.stable?.revision]).toEqual([{}, {}, 1]);
    const { placement: _, resources: __, ...without } = spec;
    await patch('plain', { placement: null, resources: null });
    await eventually(async () => expect((await lab.resource('plain')).status?.observedGeneration).toBe(2));
    expect((await lab.resource('plain')).spec).toEqual(without);
    expect(await lab.deployment('plain')).toMatchObject({ generation: 1, phase: 'HEALTHY' });
    const { operation } = await lab.drive('updateDeployment', (await lab.deployment('plain')).id, { replicas: 1 });
    await lab.untilOperation(operation?.id ?? '', 'SUCCEEDED');
    const again = await lab.resource('plain');
    expect([again.spec.placement, again.status?.stable?.revision, again.status?.rollout?.number]).toEqual([{}, 1, 1]);
  });
});
