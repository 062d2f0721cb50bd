import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { KubeObject } from '../../../src/platform/cluster/port.ts';
import { CRDS, MODELDEPLOYMENTS, ROLLOUTCOMMANDS, SERVINGRUNTIMES } from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';
import { refusal, startCore, type TestCore } from './harness.ts';

const WIDGETS = { group: 'example.com', version: 'v1', plural: 'widgets', kind: 'Widget', namespaced: true };
const aWidget = (name: string, spec: unknown): KubeObject => ({
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { name, namespace: 'default' },
  spec,
});
const theCrd = (): KubeObject => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: {
            specReplicasPath: '.spec.replicas',
            statusReplicasPath: '.status.replicas',
            labelSelectorPath: '.status.selector',
          },
        },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            required: ['spec'],
            properties: {
              spec: {
                type: 'object',
                required: ['name'],
                'x-kubernetes-validations': [
                  { rule: 'self.replicas <= self.most', message: 'replicas must not be more than most' },
                ],
                properties: {
                  name: {
                    type: 'string',
                    maxLength: 5,
                    pattern: '^[a-z]+$',
                    'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'is immutable' }],
                  },
                  replicas: { type: 'integer', minimum: 0, maximum: 10, default: 1 },
                  most: { type: 'integer', default: 8 },
                  mode: { type: 'string', enum: ['A', 'B'] },
                  steps: {
                    type: 'array',
                    maxItems: 2,
                    items: { type: 'object', properties: { weight: { type: 'integer' } } },
                  },
                },
              },
              status: { type: 'object', properties: { replicas: { type: 'integer' }, selector: { type: 'string' } } },
            },
          },
        },
      },
    ],
  },
});

let core: TestCore;
beforeAll(async () => {
  core = await startCore();
});
afterAll(() => core.close());

describe('a map that becomes atomic', () => {
  const GIZMOS = { ...WIDGETS, plural: 'gizmos', kind: 'Gizmo' };
  const theCrdWith = (map: object): KubeObject => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'gizmos.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'gizmos', kind: 'Gizmo' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                spec: {
                  type: 'object',
                  properties: { place: { type: 'object', additionalProperties: { type: 'string' }, ...map } },
                },
              },
            },
          },
        },
      ],
    },
  });
  const aGizmo = (name: string, place: object): KubeObject => ({
    ...aWidget(name, { place }),
    kind: 'Gizmo',
  });
  const ours = { fieldManager: 'ours', force: true };

  it('belongs as a whole to whoever had a part of it', async () => {
    const { cluster } = core;
    await cluster.apply(CRDS, theCrdWith({}), ours);
    const theirs = { spec: { place: { b: '2' } } };
    for (const name of ['kept', 'emptied', 'patched']) {
      await eventually(() => cluster.apply(GIZMOS, aGizmo(name, { a: '1' }), ours));
      await cluster.patch(GIZMOS, name, 'default', 'merge', theirs, { fieldManager: 'theirs' });
    }
    await cluster.apply(CRDS, theCrdWith({ 'x-kubernetes-map-type': 'atomic' }), ours);
    const isAtomic = async () => (await cluster.apply(GIZMOS, aGizmo('emptied', {}), ours)).spec;
    await eventually(async () => expect(await isAtomic()).toEqual({ place: {} }));
    const owners = (object: KubeObject) =>
      object.metadata.managedFields?.map(({ manager, fieldsV1 }) => [manager, fieldsV1]);
    const whole = { 'f:spec': { 'f:place': {} } };
    expect(owners(await cluster.get(GIZMOS, 'emptied', 'default'))).toEqual([['ours', whole]]);
    // What it applied before is not taken for something that it wants no longer.
    const kept = await cluster.apply(GIZMOS, aGizmo('kept', { a: '1' }), ours);
    expect([kept.spec, owners(kept)]).toEqual([{ place: { a: '1' } }, [['ours', whole]]]);
    const replicas = { metadata: { labels: { x: 'y' } } };
    const patched = await cluster.patch<KubeObject>(GIZMOS, 'patched', 'default', 'merge', replicas, {
      fieldManager: 'third',
    });
    expect(owners(patched)).toEqual([
      ['ours', whole],
      ['theirs', whole],
      ['third', { 'f:metadata': { 'f:labels': { '.': {}, 'f:x': {} } } }],
    ]);
  });
});

describe('custom resources', () => {
  it('are served as soon as their definition is written', async () => {
    const { cluster, api } = core;
    let changes = 0;
    api.onRowsChanged(() => changes++);
    expect((await refusal(cluster.list(WIDGETS))).code).toBe(404);
    const crd = await cluster.create(CRDS, theCrd());
    expect(crd.status).toMatchObject({
      conditions: [
        { type: 'NamesAccepted', status: 'True' },
        { type: 'Established', status: 'True' },
      ],
    });
    expect(changes).toBe(1);
    expect((await cluster.list(WIDGETS)).items).toEqual([]);
  });

  it('are pruned, defaulted and checked in the words of Kubernetes', async () => {
    const { cluster } = core;
    const made = await cluster.create(WIDGETS, aWidget('fine', { name: 'abc', unknown: 1 }));
    expect(made.spec).toEqual({ name: 'abc', replicas: 1, most: 8 });
    const said = async (spec: unknown) => (await refusal(cluster.create(WIDGETS, aWidget('bad', spec)))).message;
    expect(await said({ name: 'abc', replicas: -1 })).toBe(
      'Widget.example.com "bad" is invalid: [spec.replicas: Invalid value: -1: spec.replicas in body should be greater than or equal to 0, .spec.replicas: Invalid value: -1: should be a non-negative integer]',
    );
    expect(await said({ name: 'abc', replicas: 'x' })).toContain(
      'spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"',
    );
    expect(await said({})).toContain('spec.name: Required value');
    expect(await said({ name: 'toolong' })).toContain('spec.name: Too long: may not be more than 5 bytes');
    expect(await said({ name: 'A' })).toContain(
      `spec.name: Invalid value: "A": spec.name in body should match '^[a-z]+$'`,
    );
    expect(await said({ name: 'a', mode: 'C' })).toContain(
      'spec.mode: Unsupported value: "C": supported values: "A", "B"',
    );
    expect(await said({ name: 'a', steps: [{}, {}, {}] })).toContain(
      'spec.steps: Too many: 3: must have at most 2 items',
    );
    expect(await said({ name: 'a', replicas: 9 })).toBe(
      'Widget.example.com "bad" is invalid: spec: Invalid value: "object": replicas must not be more than most',
    );
  });

  it('rules see the old value', async () => {
    const { cluster } = core;
    const change = cluster.patch(WIDGETS, 'fine', 'default', 'merge', { spec: { name: 'abd' } });
    expect((await refusal(change)).message).toBe(
      'Widget.example.com "fine" is invalid: spec.name: Invalid value: "string": is immutable',
    );
  });

  it('strict validation refuses unknown fields, warning names them', async () => {
    const request = (validation: string) =>
      core.ask(
        `POST /apis/example.com/v1/namespaces/default/widgets?dryRun=All&fieldValidation=${validation}`,
        aWidget('v', { name: 'a', foo: 1 }),
      );
    const strict = await request('Strict');
    expect(strict).toMatchObject({
      status: 400,
      body: {
        message:
          'Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "spec.foo"',
      },
    });
    expect((await request('Warn')).headers).toEqual({ Warning: '299 - "unknown field \\"spec.foo\\""' });
    expect((await request('Ignore')).headers).toBeUndefined();
  });

  it('metadata has the types of Kubernetes, whatever the schema', async () => {
    const path = '/apis/example.com/v1/namespaces/default/widgets';
    const wrong: [object, string][] = [
      [{ annotations: [] }, 'array into Go struct field ObjectMeta.annotations of type map[string]string'],
      [{ annotations: { a: 1 } }, 'number into Go struct field ObjectMeta.annotations of type string'],
      [{ labels: 'x' }, 'string into Go struct field ObjectMeta.labels of type map[string]string'],
      [{ finalizers: 'x' }, 'string into Go struct field ObjectMeta.finalizers of type []string'],
      [{ ownerReferences: {} }, 'object into Go struct field ObjectMeta.ownerReferences of type []OwnerReference'],
      [{ name: undefined, generateName: 1 }, 'number into Go struct field ObjectMeta.generateName of type string'],
    ];
    for (const [metadata, says] of wrong) {
      const widget = aWidget('typed', { name: 'a' });
      const object = { ...widget, metadata: { ...widget.metadata, ...metadata } };
      expect(await core.ask(`POST ${path}?fieldValidation=Ignore`, object), says).toMatchObject({
        status: 400,
        body: { message: `Widget in version "v1" cannot be handled as a Widget: json: cannot unmarshal ${says}` },
      });
      const patch = [
        { op: 'add', path: `/metadata/${Object.keys(metadata).at(-1)}`, value: Object.values(metadata).at(-1) },
      ];
      const answer = await core.ask(`PATCH ${path}/fine`, patch, 'application/json-patch+json');
      expect(answer, says).toMatchObject({ status: 422, body: { details: { causes: [{ field: 'patch' }] } } });
    }
    const owners = [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u', color: 'red' }];
    const owned = { ...aWidget('typed', { name: 'a' }), metadata: { name: 'typed', ownerReferences: owners } };
    expect(await core.ask(`POST ${path}?fieldValidation=Strict`, owned)).toMatchObject({
      status: 400,
      body: { message: expect.stringMatching(/unknown field "metadata.ownerReferences\[0\].color"$/) },
    });
  });

  it('scale and status are subresources', async () => {
    const { cluster } = core;
    await cluster.patch(
      WIDGETS,
      'fine',
      'default',
      'merge',
      { status: { replicas: 3, selector: 'a=b' } },
      { subresource: 'status' },
    );
    const scaled = await cluster.patch<KubeObject>(
      WIDGETS,
      'fine',
      'default',
      'merge',
      { spec: { replicas: 5 } },
      { subresource: 'scale' },
    );
    expect(scaled).toMatchObject({ kind: 'Scale', spec: { replicas: 5 }, status: { replicas: 3, selector: 'a=b' } });
    expect(await cluster.get(WIDGETS, 'fine', 'default')).toMatchObject({
      metadata: { generation: 2 },
      spec: { replicas: 5 },
    });
  });

  it('what a tightened definition no longer takes may stay, and is not taken anew', async () => {
    const { cluster } = core;
    const tight = JSON.stringify(theCrd().spec)
      .replace('^[a-z]+$', '^[x-z]+$')
      .replace('"items":', '"minItems":1,"items":')
      .replace('self.replicas <= self.most', 'size(self.name) < 3');
    await cluster.patch(WIDGETS, 'fine', 'default', 'merge', { spec: { steps: [] } });
    await cluster.patch(CRDS, 'widgets.example.com', undefined, 'merge', { spec: JSON.parse(tight) });
    const change = (body: object, options = {}) => cluster.patch(WIDGETS, 'fine', 'default', 'merge', body, options);
    await change({ metadata: { labels: { a: 'b' } } });
    await change({ status: { replicas: 4 } }, { subresource: 'status' });
    const { message } = await refusal(change({ spec: { replicas: 6, steps: [{ weight: 1 }, { weight: 'x' }] } }));
    expect(message).toContain('spec.steps[1].weight: Invalid value: "string"');
    expect(message).not.toContain('spec.name');
    expect((await refusal(change({ spec: { replicas: 6 } }))).message).toContain('replicas must not be more than most');
    expect((await refusal(cluster.create(WIDGETS, aWidget('new', { name: 'abc', steps: [] })))).message).toMatch(
      /spec.name: .* should match .*spec.steps: .* should have at least 1 items/,
    );
    await cluster.patch(CRDS, 'widgets.example.com', undefined, 'merge', { spec: theCrd().spec });
  });

  it('a definition keeps its kind, and the version in which its objects are stored', async () => {
    const changed = async (change: object) => {
      const { message } = await refusal(
        core.cluster.patch(CRDS, 'widgets.example.com', undefined, 'merge', { spec: change }),
      );
      return message.replace('CustomResourceDefinition.apiextensions.k8s.io "widgets.example.com" is invalid: ', '');
    };
    expect(await changed({ names: { kind: 'Gadget', listKind: 'GadgetList' } })).toBe(
      'spec.names.kind: Invalid value: "Gadget": field is immutable',
    );
    const [version] = (theCrd().spec as { versions: object[] }).versions;
    expect(await changed({ versions: [{ ...version, name: 'v2' }] })).toBe(
      'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions',
    );
  });

  it('a definition whose rule is not understood is refused', async () => {
    const crd = theCrd();
    crd.metadata.name = 'gadgets.example.com';
    const spec = JSON.parse(
      JSON.stringify(crd.spec).replaceAll('widget', 'gadget').replace('self == oldSelf', 'self.nope(1)'),
    );
    expect((await refusal(core.cluster.create(CRDS, { ...crd, spec }))).message).toContain(
      'properties[spec].properties[name].x-kubernetes-validations[0].rule: Invalid value: "self.nope(1)": compilation failed',
    );
  });

  it('go with their definition, and survive a restart with it', async () => {
    const finalizers = (value: string[] | null) =>
      core.cluster.patch(WIDGETS, 'fine', 'default', 'merge', { metadata: { finalizers: value } });
    await finalizers(['example.com/hold']);
    await core.restart();
    expect((await core.cluster.list(WIDGETS)).items).toHaveLength(1);
    await core.cluster.delete(CRDS, 'widgets.example.com');
    const late = aWidget('late', { name: 'a' });
    for (const write of [
      core.cluster.create(WIDGETS, late),
      core.cluster.apply(WIDGETS, late, { fieldManager: 'one' }),
    ])
      expect((await refusal(write)).status).toMatchObject({
        code: 405,
        message: 'create not allowed while custom resource definition is terminating',
      });
    await finalizers(null);
    await eventually(async () => {
      expect((await refusal(core.cluster.get(CRDS, 'widgets.example.com'))).code).toBe(404);
      expect((await refusal(core.cluster.list(WIDGETS))).code).toBe(404);
    });
  });

  it("the platform's own definitions are taken", async () => {
    for (const name of ['modeldeployments', 'rolloutcommands', 'servingruntimes'])
      await core.cluster.create(CRDS, parse(await readFile(`deploy/crds/${name}.yaml`, 'utf8')));
    for (const resource of [MODELDEPLOYMENTS, ROLLOUTCOMMANDS, SERVINGRUNTIMES])
      expect((await core.cluster.list(resource)).items).toEqual([]);
    const md: KubeObject = {
      apiVersion: 'serving.clops.dev/v1alpha1',
      kind: 'ModelDeployment',
      metadata: { name: 'vad', namespace: 'default' },
      spec: {
        model: {
          name: 'vad',
          version: 6,
          format: 'ONNX',
          artifact: { uri: 'http://x/y', digest: `sha256:${'0'.repeat(64)}` },
        },
        runtime: 'onnx',
        strategy: { canary: { steps: [{ setWeight: 50 }, { pause: {} }, { setWeight: 10 }] } },
      },
    };
    expect((await refusal(core.cluster.create(MODELDEPLOYMENTS, md))).message).toBe(
      'ModelDeployment.serving.clops.dev "vad" is invalid: spec.strategy.canary.steps: Invalid value: "array": weights must rise',
    );
    (md.spec as { strategy: { canary: { steps: unknown[] } } }).strategy.canary.steps.pop();
    expect((await core.cluster.create(MODELDEPLOYMENTS, md)).metadata.generation).toBe(1);
  });
});
