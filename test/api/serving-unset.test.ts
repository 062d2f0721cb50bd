/** What somebody wrote with kubectl beside what the platform wrote: the API can take it away, or leaves it where it is none of its own. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelDeployment } from '../../src/contract/modeldeployment.ts';
import { MODELDEPLOYMENTS } from '../../src/platform/cluster/resources.ts';
import { aModelDeployment } from '../controller/lab.ts';
import { eventually } from '../support/eventually.ts';
import { aServingLab, type ServingLab } from '../support/serving.ts';

let lab: ServingLab;
let digests: string[];
beforeAll(async () => {
  lab = await aServingLab();
  digests = await lab.register('vad', 2);
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

describe('a Gateway that was named with kubectl', () => {
  const own = [{ name: 'inside', namespace: 'speech' }];
  const refs = async (name: string) => (await lab.resource(name)).spec.endpoint?.parentRefs;
  const change = async (name: string): Promise<void> => {
    const replicas = (await lab.deployment(name)).replicas + 1;
    const { operation } = await lab.drive('updateDeployment', (await lab.deployment(name)).id, { replicas });
    await lab.untilEnded(operation?.id ?? '');
    await eventually(async () => expect((await lab.resource(name)).spec.replicas).toBe(replicas));
  };

  test('stays whatever the API changes, until it is taken away', async () => {
    await serving('inner');
    const platforms = await refs('inner');
    await patch('inner', { endpoint: { parentRefs: own } });
    for (const _ of [1, 2]) {
      await change('inner');
      expect(await refs('inner')).toEqual(own);
    }
    await patch('inner', { endpoint: { parentRefs: null } });
    await change('inner');
    expect(await refs('inner')).toEqual(platforms);
  });

  test('is kept of a resource that was adopted', async () => {
    const made = aModelDeployment(1);
    const artifact = { ...made.spec.model.artifact, digest: digests[0] ?? '', secretName: 'taken-in-artifact' };
    const manifest: ModelDeployment = {
      ...made,
      metadata: { name: 'taken-in', namespace: 'speech' },
      spec: { ...made.spec, ...rolling, endpoint: { parentRefs: own }, model: { ...made.spec.model, artifact } },
    };
    await lab.cluster.apply(MODELDEPLOYMENTS, manifest, { fieldManager: 'kubectl' });
    await eventually(() => lab.deployment('taken-in'));
    await change('taken-in');
    expect(await refs('taken-in')).toEqual(own);
  });
});
