import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/platform/cluster/port.ts';
import { CONFIGMAPS, DEPLOYMENTS, PODS, SERVICES } from '../../../src/platform/cluster/resources.ts';
import { aConfigMap, aDeployment, aPod, refusal, startCore, type TestCore } from './harness.ts';

let core: TestCore;
beforeAll(async () => {
  core = await startCore();
});
afterAll(() => core.close());

const ownersOf = (object: KubeObject) =>
  (object.metadata.managedFields ?? []).map(({ manager, operation, subresource }) =>
    [manager, operation, subresource].filter(Boolean).join(' '),
  );

describe('server-side apply', () => {
  it('creates, owns what it names, and writes nothing when nothing changes', async () => {
    const { cluster } = core;
    const made = await cluster.apply(CONFIGMAPS, aConfigMap('a', { x: '1', y: '2' }), { fieldManager: 'one' });
    expect(made.metadata.managedFields).toMatchObject([
      { manager: 'one', operation: 'Apply', apiVersion: 'v1', fieldsV1: { 'f:data': { 'f:x': {}, 'f:y': {} } } },
    ]);
    const again = await cluster.apply(CONFIGMAPS, aConfigMap('a', { x: '1', y: '2' }), { fieldManager: 'one' });
    expect(again.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
  });

  it('removes what its manager no longer sets, and leaves what others own', async () => {
    const { cluster } = core;
    await cluster.apply(CONFIGMAPS, aConfigMap('b', { x: '1', y: '2', z: '3' }), { fieldManager: 'one' });
    await cluster.apply(CONFIGMAPS, aConfigMap('b', { y: '2', w: '4' }), { fieldManager: 'two' });
    const after = await cluster.apply(CONFIGMAPS, aConfigMap('b', { x: '1' }), { fieldManager: 'one' });
    expect(after['data']).toEqual({ x: '1', y: '2', w: '4' });
  });

  it('refuses to take what another owns, unless forced', async () => {
    const { cluster } = core;
    await cluster.apply(CONFIGMAPS, aConfigMap('c', { x: '1' }), { fieldManager: 'one' });
    await cluster.apply(CONFIGMAPS, aConfigMap('c', { y: '1' }), { fieldManager: 'three' });
    const taking = aConfigMap('c', { x: '2', y: '2' });
    const { status } = await refusal(cluster.apply(CONFIGMAPS, taking, { fieldManager: 'two' }));
    expect(status).toMatchObject({ code: 409, reason: 'Conflict' });
    expect(status.message).toBe(
      'Apply failed with 2 conflicts: conflicts with "one":\n- .data.x\nconflicts with "three":\n- .data.y',
    );
    expect(status.details?.causes).toEqual([
      { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.x' },
      { reason: 'FieldManagerConflict', message: 'conflict with "three"', field: '.data.y' },
    ]);
    const forced = await cluster.apply(CONFIGMAPS, taking, { fieldManager: 'two', force: true });
    expect(forced['data']).toEqual({ x: '2', y: '2' });
    expect(ownersOf(forced)).toEqual(['two Apply']);
  });

  it('agreeing shares the field', async () => {
    const { cluster } = core;
    await cluster.apply(CONFIGMAPS, aConfigMap('d', { x: '1' }), { fieldManager: 'one' });
    await cluster.apply(CONFIGMAPS, aConfigMap('d', { x: '1' }), { fieldManager: 'two' });
    const { data: _none, ...empty } = aConfigMap('d');
    const left = await cluster.apply(CONFIGMAPS, empty, { fieldManager: 'one' });
    expect(left['data']).toEqual({ x: '1' });
    expect(ownersOf(left)).toEqual(['two Apply']);
    const gone = await cluster.apply(CONFIGMAPS, empty, { fieldManager: 'two' });
    expect(gone['data']).toBeUndefined();
  });

  it('merges lists by their keys', async () => {
    const { cluster } = core;
    await cluster.apply(DEPLOYMENTS, aDeployment('e', 1), { fieldManager: 'one' });
    const env = {
      ...aDeployment('e'),
      spec: {
        template: {
          spec: {
            containers: [
              { name: 'a', env: [{ name: 'A', value: '1' }] },
              { name: 'b', image: 'b:1' },
            ],
          },
        },
      },
    };
    const both = await cluster.apply(DEPLOYMENTS, env, { fieldManager: 'two' });
    const containers = (object: KubeObject) =>
      (object.spec as { template: { spec: { containers: Record<string, unknown>[] } } }).template.spec.containers;
    expect(containers(both)).toMatchObject([
      { name: 'a', image: 'a:1', env: [{ name: 'A', value: '1' }] },
      { name: 'b', image: 'b:1' },
    ]);
    const entry = both.metadata.managedFields?.find(({ manager }) => manager === 'two');
    expect(entry?.fieldsV1).toEqual({
      'f:spec': {
        'f:template': {
          'f:spec': {
            'f:containers': {
              'k:{"name":"a"}': {
                '.': {},
                'f:name': {},
                'f:env': { 'k:{"name":"A"}': { '.': {}, 'f:name': {}, 'f:value': {} } },
              },
              'k:{"name":"b"}': { '.': {}, 'f:image': {}, 'f:name': {} },
            },
          },
        },
      },
    });
    const nothing = { ...aDeployment('e'), spec: {} };
    const less = await cluster.apply(DEPLOYMENTS, nothing, { fieldManager: 'two' });
    expect(containers(less)).toHaveLength(1);
    expect(containers(less)[0]).toMatchObject({ name: 'a', image: 'a:1' });
    expect(containers(less)[0]?.['env']).toBeUndefined();
  });

  it('keys of a list have defaults', async () => {
    const { cluster } = core;
    const service = (name: string, port: object): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'default' },
      spec: { ports: [port], selector: { a: 'b' } },
    });
    await cluster.apply(SERVICES, service('s', { port: 80 }), { fieldManager: 'one' });
    const after = await cluster.apply(SERVICES, service('s', { port: 80, targetPort: 8080 }), { fieldManager: 'one' });
    expect((after.spec as { ports: unknown[] }).ports).toMatchObject([{ port: 80, protocol: 'TCP', targetPort: 8080 }]);
  });

  it('an update takes what it changes; scale is a manager of its own', async () => {
    const { cluster } = core;
    await cluster.apply(DEPLOYMENTS, aDeployment('f', 1), { fieldManager: 'one' });
    await cluster.patch(
      DEPLOYMENTS,
      'f',
      'default',
      'merge',
      { spec: { replicas: 4 } },
      { subresource: 'scale', fieldManager: 'kubectl' },
    );
    const { message } = await refusal(cluster.apply(DEPLOYMENTS, aDeployment('f', 1), { fieldManager: 'one' }));
    expect(message).toMatch(
      /^Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps\/v1: \.spec\.replicas$/,
    );
    const without = await cluster.apply(DEPLOYMENTS, aDeployment('f'), { fieldManager: 'one' });
    expect(without.spec).toMatchObject({ replicas: 4 });
  });

  it('status is owned apart', async () => {
    const { cluster } = core;
    await cluster.create(PODS, aPod('g', { nodeName: 'n' }));
    const status = (conditions: object[]) => ({
      ...aPod('g'),
      spec: undefined,
      status: { phase: 'Running', conditions },
    });
    const condition = (type: string, value = 'True') => ({ type, status: value });
    await cluster.apply(PODS, status([condition('Ready')]), {
      fieldManager: 'agent',
      subresource: 'status',
      force: true,
    });
    const two = await cluster.apply(
      PODS,
      { ...status([condition('PodScheduled')]), status: { conditions: [condition('PodScheduled')] } },
      { fieldManager: 'scheduler', subresource: 'status' },
    );
    expect(two).toMatchObject({ spec: { nodeName: 'n' }, status: { phase: 'Running' } });
    expect((two.status as { conditions: { type: string }[] }).conditions.map(({ type }) => type)).toEqual([
      'Ready',
      'PodScheduled',
    ]);
    expect(ownersOf(two)).toEqual(
      expect.arrayContaining(['agent Apply status', 'scheduler Apply status', 'test Update']),
    );
  });

  it('asks for a manager and no managedFields', async () => {
    const { cluster } = core;
    expect((await refusal(cluster.apply(CONFIGMAPS, aConfigMap('h'), { fieldManager: '' }))).message).toBe(
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    );
    const object = aConfigMap('h');
    object.metadata.managedFields = [];
    expect((await refusal(cluster.apply(CONFIGMAPS, object, { fieldManager: 'x' }))).code).toBe(400);
  });
});
