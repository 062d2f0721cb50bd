/** What bears a child's name and was made by others: it is told and left alone. What was ours and is loose is taken back. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ModelDeploymentStatus } from '../../src/contract/modeldeployment.ts';
import type { KubeObject } from '../../src/platform/cluster/port.ts';
import { DEPLOYMENTS, HTTPROUTES, MODELDEPLOYMENTS, SERVICES } from '../../src/platform/cluster/resources.ts';
import { eventually } from '../support/eventually.ts';
import { type Lab, startLab } from './lab.ts';

let lab: Lab;
beforeEach(async () => {
  lab = await startLab();
});
afterEach(() => lab.close());

const healthy = (version: number) =>
  lab.until((status) => expect(status).toMatchObject({ phase: 'Healthy', stable: { version, weight: 100 } }), 20_000);
const condition = (status: ModelDeploymentStatus, type: string) => status.conditions?.find((one) => one.type === type);

const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'vad-stable', namespace: 'speech' },
  spec: { selector: { app: 'mine' }, ports: [{ port: 80 }] },
};
const route = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'vad', namespace: 'speech' },
  spec: {
    parentRefs: [{ name: 'mine' }],
    rules: [{ name: 'mine', backendRefs: [{ name: 'mine', port: 80, weight: 1 }] }],
  },
};

it.each([
  [service, SERVICES],
  [route, HTTPROUTES],
])(
  'one of somebody else’s is told and left as it is, and the deployment goes on when it is gone: %o',
  async (object, resource) => {
    const { name } = object.metadata;
    const made = await lab.cluster.create<KubeObject>(resource, object, { fieldManager: 'somebody' });
    await lab.deploy(1);
    const status = await lab.until((now) =>
      expect(condition(now, 'Progressing')).toMatchObject({ status: 'False', reason: `${object.kind}NotOwned` }),
    );
    expect(status.rollout?.message).toBe(
      `${object.kind} ${name} exists and is not this deployment's: delete it, and it goes on by itself, or deploy under another name.`,
    );
    const { metadata, spec } = await lab.cluster.get(resource, name, 'speech');
    expect(spec).toEqual(made.spec);
    expect(metadata.ownerReferences).toBeUndefined();
    await lab.cluster.delete(resource, name, 'speech');
    await healthy(1);
  },
);

it('children that were left behind and edited are taken back by the next deployment of the name', async () => {
  await lab.deploy(1);
  await healthy(1);
  await lab.cluster.delete(MODELDEPLOYMENTS, 'vad', 'speech', { propagationPolicy: 'Orphan' });
  await eventually(async () => {
    const { metadata } = await lab.cluster.get(SERVICES, 'vad-stable', 'speech');
    expect(metadata.ownerReferences ?? []).toEqual([]);
  });
  const before = (await lab.cluster.list(DEPLOYMENTS, { namespace: 'speech' })).items.map(
    ({ metadata }) => metadata.uid,
  );
  const spec = { selector: { app: 'mine' } };
  await lab.cluster.patch(SERVICES, 'vad-stable', 'speech', 'merge', { spec }, { fieldManager: 'somebody' });
  await lab.deploy(1);
  await eventually(async () => {
    const { metadata, spec } = await lab.cluster.get(SERVICES, 'vad-stable', 'speech');
    expect(metadata.ownerReferences).toHaveLength(1);
    expect(JSON.stringify(spec)).not.toContain('mine');
  });
  await healthy(1);
  const { items } = await lab.cluster.list(DEPLOYMENTS, { namespace: 'speech' });
  expect(items.map(({ metadata }) => metadata.uid)).toEqual(before);
});
