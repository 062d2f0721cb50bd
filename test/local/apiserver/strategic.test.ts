import { describe, expect, it } from 'vitest';
import { listShapes, mergeSchema } from '../../../src/local/apiserver/listtypes.ts';
import { strategicMergePatch } from '../../../src/local/apiserver/strategic.ts';

const deployments = mergeSchema(listShapes('deployments'));
const pods = mergeSchema(listShapes('pods'));
const aPod = (...containers: object[]) => ({ spec: { containers, nodeName: 'a' } });

describe('a strategic merge patch', () => {
  it('merges containers by name, adds new ones, and env inside them', () => {
    const target = {
      spec: { template: { spec: aPod({ name: 'a', image: 'x:1', env: [{ name: 'A', value: '1' }] }).spec } },
    };
    const patch = {
      spec: {
        template: {
          metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': 'now' } },
          spec: {
            containers: [
              { name: 'a', image: 'x:2', env: [{ name: 'B', value: '2' }] },
              { name: 'b', image: 'y' },
            ],
          },
        },
      },
    };
    expect(strategicMergePatch(target, patch, deployments)).toEqual({
      spec: {
        template: {
          metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': 'now' } },
          spec: {
            nodeName: 'a',
            containers: [
              {
                name: 'a',
                image: 'x:2',
                env: [
                  { name: 'B', value: '2' },
                  { name: 'A', value: '1' },
                ],
              },
              { name: 'b', image: 'y' },
            ],
          },
        },
      },
    });
    expect(target.spec.template.spec.containers).toEqual([
      { name: 'a', image: 'x:1', env: [{ name: 'A', value: '1' }] },
    ]);
  });

  it.each([
    [
      'an element is deleted by its key',
      [
        { name: 'a', $patch: 'delete' },
        { name: 'nobody', $patch: 'delete' },
      ],
      ['b', 'c'],
    ],
    ['the list is replaced', [{ $patch: 'replace' }, { name: 'z' }], ['z']],
    ['a new element comes before what the patch does not name', [{ name: 'z' }], ['z', 'a', 'b', 'c']],
  ])('%s', (_what, containers, names) => {
    const result = strategicMergePatch(
      aPod({ name: 'a' }, { name: 'b' }, { name: 'c' }),
      { spec: { containers } },
      pods,
    );
    expect(result['spec']).toEqual({ nodeName: 'a', containers: names.map((name) => ({ name })) });
  });

  it('puts elements in order; one that the order does not name stays behind its neighbour', () => {
    const target = aPod({ name: 'a' }, { name: 'server' }, { name: 'b' }, { name: 'c' });
    const order = ['c', 'b', 'a'].map((name) => ({ name }));
    const names = ['c', 'b', 'a', 'server'].map((name) => ({ name }));
    const alone = { spec: { '$setElementOrder/containers': order } };
    expect(strategicMergePatch(target, alone, pods)['spec']).toMatchObject({ containers: names });
    const both = { spec: { '$setElementOrder/containers': order, containers: [{ name: 'b', image: 'x' }] } };
    expect(strategicMergePatch(target, both, pods)['spec']).toMatchObject({
      containers: names.map(({ name }) => (name === 'b' ? { name, image: 'x' } : { name })),
    });
  });

  it('replaces lists that have no key, unites sets, and takes from them', () => {
    const target = { metadata: { finalizers: ['a', 'b'] }, spec: { tolerations: [{ key: 'x' }] } };
    const patch = {
      metadata: { finalizers: ['c'], '$deleteFromPrimitiveList/finalizers': ['a'] },
      spec: { tolerations: [{ key: 'y' }] },
    };
    expect(strategicMergePatch(target, patch, pods)).toEqual({
      metadata: { finalizers: ['b', 'c'] },
      spec: { tolerations: [{ key: 'y' }] },
    });
  });

  it('removes by null, keeps what retainKeys names, and replaces or empties a map', () => {
    const target = {
      metadata: { labels: { a: '1', b: '2' } },
      spec: { strategy: { type: 'RollingUpdate', rollingUpdate: {} } },
    };
    const retain = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } };
    expect(strategicMergePatch(target, retain, deployments)['spec']).toEqual({ strategy: { type: 'Recreate' } });
    const labels = (change: object) =>
      strategicMergePatch(target, { metadata: { labels: change } }, deployments)['metadata'];
    expect(labels({ a: null })).toEqual({ labels: { b: '2' } });
    expect(labels({ $patch: 'replace', c: '3' })).toEqual({ labels: { c: '3' } });
    expect(labels({ $patch: 'delete' })).toEqual({ labels: {} });
  });

  it('refuses what it cannot follow', () => {
    const refuse = (patch: unknown) => () => strategicMergePatch(aPod({ name: 'a' }), patch, pods);
    expect(refuse([])).toThrow('a strategic merge patch must be an object');
    expect(refuse({ spec: { containers: [{ image: 'x' }] } })).toThrow('declared merge key: name');
    expect(refuse({ spec: { $patch: 'mangle' } })).toThrow('Unknown patch type: mangle');
    expect(refuse({ spec: { '$setElementOrder/containers': 'a' } })).toThrow('must be a list');
  });
});
