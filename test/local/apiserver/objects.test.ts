import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { createLog } from '../../../src/lib/log.ts';
import type { KubeObject, Status } from '../../../src/platform/cluster/port.ts';
import { CONFIGMAPS, DEPLOYMENTS, NAMESPACES, PODS } from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';
import {
  aConfigMap,
  aDeployment,
  aPod,
  canFillDisks,
  limitFiles,
  refusal,
  startCore,
  type TestCore,
} from './harness.ts';

let core: TestCore;
beforeAll(async () => {
  core = await startCore();
});
afterAll(() => core.close());

describe('objects', () => {
  it('are created, read, listed, replaced and deleted', async () => {
    const { cluster } = core;
    const made = await cluster.create(CONFIGMAPS, aConfigMap('one', { a: '1' }));
    expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(await cluster.get(CONFIGMAPS, 'one', 'default')).toEqual(made);
    const replaced = await cluster.replace(CONFIGMAPS, { ...made, data: { a: '2' } });
    expect(Number(replaced.metadata.resourceVersion)).toBeGreaterThan(Number(made.metadata.resourceVersion));
    const { items } = await cluster.list(CONFIGMAPS, { namespace: 'default' });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['one']);
    await cluster.delete(CONFIGMAPS, 'one', 'default');
    expect((await refusal(cluster.get(CONFIGMAPS, 'one', 'default'))).message).toBe('configmaps "one" not found');
  });

  it('answer in the words of Kubernetes', async () => {
    const { cluster } = core;
    const made = await cluster.create(CONFIGMAPS, aConfigMap('two'));
    expect((await refusal(cluster.create(CONFIGMAPS, aConfigMap('two')))).status).toMatchObject({
      code: 409,
      reason: 'AlreadyExists',
      message: 'configmaps "two" already exists',
    });
    await cluster.patch(CONFIGMAPS, 'two', 'default', 'merge', { data: { a: '1' } });
    expect((await refusal(cluster.replace(CONFIGMAPS, made))).message).toBe(
      'Operation cannot be fulfilled on configmaps "two": the object has been modified; please apply your changes to the latest version and try again',
    );
    expect((await refusal(cluster.create(DEPLOYMENTS, aDeployment('d', -1)))).message).toBe(
      'Deployment.apps "d" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    );
    expect((await refusal(cluster.create(CONFIGMAPS, aConfigMap('a', {}, 'nowhere')))).message).toBe(
      'namespaces "nowhere" not found',
    );
    expect((await refusal(cluster.create(CONFIGMAPS, aConfigMap('Upper')))).message).toContain(
      'a lowercase RFC 1123 subdomain must consist of',
    );
  });

  it('generation counts changes of the spec only, and status changes only through status', async () => {
    const { cluster } = core;
    const made = await cluster.create(DEPLOYMENTS, aDeployment('gen', 1));
    expect(made.metadata.generation).toBe(1);
    const labelled = await cluster.patch(DEPLOYMENTS, 'gen', 'default', 'merge', {
      metadata: { labels: { a: 'b' } },
      status: { replicas: 7 },
    });
    expect(labelled.metadata.generation).toBe(1);
    expect(labelled.status).toBeUndefined();
    const status = await cluster.patch(
      DEPLOYMENTS,
      'gen',
      'default',
      'merge',
      { spec: { replicas: 9 }, status: { replicas: 1 } },
      { subresource: 'status' },
    );
    expect(status).toMatchObject({ metadata: { generation: 1 }, spec: { replicas: 1 }, status: { replicas: 1 } });
    const scaled = await cluster.patch<KubeObject>(
      DEPLOYMENTS,
      'gen',
      'default',
      'merge',
      { spec: { replicas: 3 } },
      { subresource: 'scale' },
    );
    expect(scaled).toMatchObject({
      kind: 'Scale',
      spec: { replicas: 3 },
      status: { replicas: 1, selector: 'app=gen' },
    });
    const again = await cluster.get(DEPLOYMENTS, 'gen', 'default');
    expect(again.metadata.generation).toBe(2);
  });

  it('a write that changes nothing and a dry run leave the revision', async () => {
    const { cluster } = core;
    const made = await cluster.create(CONFIGMAPS, aConfigMap('same', { a: '1' }));
    const patched = await cluster.patch(CONFIGMAPS, 'same', 'default', 'merge', { data: { a: '1' } });
    expect(patched.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
    const dry = await cluster.patch(CONFIGMAPS, 'same', 'default', 'merge', { data: { a: '2' } }, { dryRun: true });
    expect(dry['data']).toEqual({ a: '2' });
    expect(await cluster.get(CONFIGMAPS, 'same', 'default')).toEqual(made);
  });

  it('lists select by labels and fields', async () => {
    const { cluster } = core;
    for (const [name, tier] of [
      ['l1', 'front'],
      ['l2', 'back'],
      ['l3', undefined],
    ] as const) {
      const object = aConfigMap(name);
      object.metadata.labels = { app: 'l', ...(tier && { tier }) };
      await cluster.create(CONFIGMAPS, object);
    }
    const names = async (labelSelector: string) =>
      (await cluster.list(CONFIGMAPS, { namespace: 'default', labelSelector })).items.map(
        ({ metadata }) => metadata.name,
      );
    expect(await names('app=l,tier in (front, back)')).toEqual(['l1', 'l2']);
    expect(await names('app=l,tier notin (front)')).toEqual(['l2', 'l3']);
    expect(await names('app=l,!tier')).toEqual(['l3']);
    expect(await names('app==l,tier!=front')).toEqual(['l2', 'l3']);
    const one = await cluster.list(CONFIGMAPS, { fieldSelector: 'metadata.name=l2' });
    expect(one.items).toHaveLength(1);
    expect((await refusal(cluster.list(PODS, { fieldSelector: 'spec.foo=1' }))).message).toBe(
      'field label not supported: spec.foo',
    );
  });
});

describe('deletion', () => {
  it('waits for finalizers', async () => {
    const { cluster } = core;
    const object = aConfigMap('held');
    object.metadata.finalizers = ['example.com/hold'];
    await cluster.create(CONFIGMAPS, object);
    await cluster.delete(CONFIGMAPS, 'held', 'default');
    expect((await cluster.get(CONFIGMAPS, 'held', 'default')).metadata.deletionTimestamp).toBeDefined();
    await cluster.patch(CONFIGMAPS, 'held', 'default', 'merge', { metadata: { finalizers: null } });
    expect((await refusal(cluster.get(CONFIGMAPS, 'held', 'default'))).code).toBe(404);
  });

  it('gives a running pod its grace and removes it when its node says so', async () => {
    const { cluster } = core;
    await cluster.create(PODS, aPod('graceful', { nodeName: 'n', terminationGracePeriodSeconds: 20 }));
    await cluster.delete(PODS, 'graceful', 'default');
    const leaving = await cluster.get(PODS, 'graceful', 'default');
    expect(leaving.metadata.deletionGracePeriodSeconds).toBe(20);
    await cluster.delete(PODS, 'graceful', 'default', { gracePeriodSeconds: 0 });
    expect((await refusal(cluster.get(PODS, 'graceful', 'default'))).code).toBe(404);
    await cluster.create(PODS, aPod('unplaced'));
    await cluster.delete(PODS, 'unplaced', 'default');
    expect((await refusal(cluster.get(PODS, 'unplaced', 'default'))).code).toBe(404);
  });

  const owned = async (name: string, policy: 'Background' | 'Foreground' | 'Orphan') => {
    const { cluster } = core;
    const owner = await cluster.create(CONFIGMAPS, aConfigMap(`${name}-owner`));
    const child = aConfigMap(`${name}-child`);
    child.metadata.ownerReferences = [
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        name: owner.metadata.name,
        uid: owner.metadata.uid ?? '',
        blockOwnerDeletion: true,
      },
    ];
    await cluster.create(CONFIGMAPS, child);
    await cluster.delete(CONFIGMAPS, owner.metadata.name, 'default', { propagationPolicy: policy });
  };
  const present = async (name: string) =>
    (await core.cluster.list(CONFIGMAPS, { fieldSelector: `metadata.name=${name}` })).items.length === 1;

  it('takes dependents along, before or after their owner, or leaves them', async () => {
    for (const policy of ['Background', 'Foreground'] as const) {
      const name = policy.toLowerCase();
      await owned(name, policy);
      await eventually(async () => {
        expect(await present(`${name}-owner`)).toBe(false);
        expect(await present(`${name}-child`)).toBe(false);
      });
    }
    await owned('orphan', 'Orphan');
    expect(await present('orphan-owner')).toBe(false);
    const child = await core.cluster.get(CONFIGMAPS, 'orphan-child', 'default');
    expect(child.metadata.ownerReferences).toBeUndefined();
  });

  it('empties a namespace, pods first, and refuses new content meanwhile', async () => {
    const { cluster } = core;
    await cluster.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'going' } });
    await cluster.create(CONFIGMAPS, aConfigMap('inside', {}, 'going'));
    const pod = aPod('inside', { nodeName: 'n' });
    pod.metadata.namespace = 'going';
    await cluster.create(PODS, pod);
    await cluster.delete(NAMESPACES, 'going');
    await eventually(async () => {
      expect((await cluster.get(PODS, 'inside', 'going')).metadata.deletionTimestamp).toBeDefined();
    });
    expect(await present('inside')).toBe(true);
    expect((await refusal(cluster.create(CONFIGMAPS, aConfigMap('late', {}, 'going')))).message).toBe(
      'configmaps "late" is forbidden: unable to create new content in namespace going because it is being terminated',
    );
    await cluster.delete(PODS, 'inside', 'going', { gracePeriodSeconds: 0 });
    await eventually(async () => {
      expect((await refusal(cluster.get(NAMESPACES, 'going'))).code).toBe(404);
    });
    expect(await present('inside')).toBe(false);
  });

  it('leaves an empty namespace that somebody else holds alone', async () => {
    const { cluster } = core;
    const metadata = { name: 'held', finalizers: ['example.com/hold'] };
    await cluster.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata });
    await cluster.delete(NAMESPACES, 'held');
    const emptied = await eventually(async () => {
      const found = await cluster.get<KubeObject>(NAMESPACES, 'held');
      expect(found.spec).toEqual({ finalizers: [] });
      return found;
    });
    for (let i = 0; i < 10; i++) await turn();
    expect(await cluster.get(NAMESPACES, 'held')).toEqual(emptied);
    await cluster.patch(NAMESPACES, 'held', undefined, 'merge', { metadata: { finalizers: null } });
    expect((await refusal(cluster.get(NAMESPACES, 'held'))).code).toBe(404);
  });

  it('takes what holds a namespace from its finalize alone', async () => {
    const { cluster } = core;
    const made = await cluster.create<KubeObject>(NAMESPACES, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'kept' },
      spec: { finalizers: [] },
    });
    expect(made.spec).toEqual({ finalizers: ['kubernetes'] });
    const patched = await cluster.patch(NAMESPACES, 'kept', undefined, 'merge', { spec: { finalizers: [] } });
    expect(patched).toEqual(made);
    expect((await cluster.replace(NAMESPACES, { ...made, spec: {} })).spec).toEqual(made.spec);
    const finalized = await core.ask('PUT /api/v1/namespaces/kept/finalize', { ...made, spec: { finalizers: [] } });
    expect(finalized).toMatchObject({ status: 200 });
    expect((finalized.body as KubeObject).spec).not.toMatchObject({ finalizers: ['kubernetes'] });
    await cluster.delete(NAMESPACES, 'kept');
    expect((await refusal(cluster.get(NAMESPACES, 'kept'))).code).toBe(404);
  });
});

describe.skipIf(!canFillDisks)('a full disk', () => {
  it('delays what goes because something else went', async () => {
    const { cluster } = core;
    const owner = await cluster.create(CONFIGMAPS, aConfigMap('full-owner'));
    const child = aConfigMap('full-child');
    const { apiVersion, kind, metadata } = owner;
    child.metadata.ownerReferences = [{ apiVersion, kind, name: metadata.name, uid: metadata.uid ?? '' }];
    await cluster.create(CONFIGMAPS, child);
    const answer = await core.ask('DELETE /api/v1/namespaces/default/configmaps/full-owner');
    limitFiles(0);
    try {
      expect(answer.status).toBe(200);
      for (let i = 0; i < 10; i++) await turn();
    } finally {
      limitFiles('unlimited');
    }
    expect(await cluster.get(CONFIGMAPS, 'full-child', 'default')).toMatchObject({ data: {} });
    await eventually(async () => {
      expect((await refusal(cluster.get(CONFIGMAPS, 'full-child', 'default'))).code).toBe(404);
    });
  });

  it('delays the end of old events', async () => {
    let ahead = 0;
    let failures = 0;
    const own = await startCore({
      clock: {
        ...systemClock,
        now: () => Date.now() + ahead,
        after: (ms, fn) => systemClock.after(ms === 60_000 ? 20 : ms, fn),
      },
      log: createLog({ role: 'test', level: 'error', destination: { write: () => void failures++ } }),
    });
    const EVENTS = { group: '', version: 'v1', plural: 'events', kind: 'Event', namespaced: true };
    await own.cluster.create<KubeObject>(EVENTS, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'old', namespace: 'default' },
      involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
    });
    limitFiles(0);
    try {
      ahead = 2 * 3600_000;
      await eventually(() => expect(failures).toBeGreaterThan(0));
    } finally {
      limitFiles('unlimited');
    }
    await eventually(async () => expect((await own.cluster.list(EVENTS)).items).toEqual([]));
    await own.close();
  });
});

describe('a pod that is held back', () => {
  it('is let go gate by gate, and gets none anew', async () => {
    const gates = (...names: string[]) => ({ spec: { schedulingGates: names.map((name) => ({ name })) } });
    const change = (...names: string[]) => core.cluster.patch(PODS, 'gated', 'default', 'merge', gates(...names));
    await core.cluster.create(PODS, aPod('gated', gates('example.com/a', 'example.com/b').spec));
    expect((await refusal(change('example.com/a', 'example.com/c'))).message).toBe(
      `Pod "gated" is invalid: spec.schedulingGates[1].name: Forbidden: only deletion is allowed, but found new scheduling gate 'example.com/c'`,
    );
    expect((await change('example.com/b')).spec).toMatchObject(gates('example.com/b').spec);
    expect((await change()).spec).toMatchObject({ schedulingGates: [] });
  });
});

describe('binding', () => {
  it('places a pod once', async () => {
    const { cluster } = core;
    await cluster.create(PODS, aPod('bound'));
    const BINDINGS = { group: '', version: 'v1', plural: 'bindings', kind: 'Binding', namespaced: true };
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'bound', namespace: 'default' },
      target: { apiVersion: 'v1', kind: 'Node', name: 'n1' },
    };
    await cluster.create(BINDINGS, binding);
    expect(await cluster.get(PODS, 'bound', 'default')).toMatchObject({ spec: { nodeName: 'n1' } });
    expect((await refusal(cluster.create(BINDINGS, binding))).code).toBe(409);
  });
});

describe('built-in kinds', () => {
  const post = (body: KubeObject, validation: string) =>
    core.ask(`POST /apis/apps/v1/namespaces/default/deployments?dryRun=All&fieldValidation=${validation}`, body);
  const JSON_PATCH = 'application/json-patch+json';

  it('have their fields and types checked for who asks for it', async () => {
    const typo = aDeployment('typo');
    typo.spec = { ...(typo.spec as object), replica: 3 };
    expect(await post(typo, 'Strict')).toMatchObject({
      status: 400,
      body: {
        message:
          'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.replica"',
      },
    });
    const warned = await post(typo, 'Warn');
    expect(warned).toMatchObject({ status: 201, headers: { Warning: '299 - "unknown field \\"spec.replica\\""' } });
    expect((warned.body as KubeObject).spec).not.toHaveProperty('replica');
    const wrong = aDeployment('wrong');
    wrong.spec = { ...(wrong.spec as object), replicas: 'three' };
    expect(await post(wrong, 'Strict')).toMatchObject({
      status: 400,
      body: {
        message:
          'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
      },
    });
  });

  it('have whole numbers of their size', async () => {
    const said = async (spec: object) => {
      const wrong = aDeployment('wrong');
      const { status, body } = await post({ ...wrong, spec: { ...(wrong.spec as object), ...spec } }, 'Ignore');
      return `${status} ${(body as Status).message}`;
    };
    const field = 'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal number';
    expect(await said({ replicas: 1.5 })).toBe(
      `400 ${field} 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32`,
    );
    expect(await said({ replicas: 2 ** 31 })).toContain('number 2147483648 into Go struct field');
    expect(await said({ strategy: { rollingUpdate: { maxSurge: 0.5 } } })).toBe(
      `400 ${field} 0.5 into Go struct field RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32`,
    );
    expect(await said({ strategy: { rollingUpdate: { maxSurge: true } } })).toMatch(
      /bool into .*maxSurge of type int32$/,
    );
  });

  it('have what patches make of them checked as well', async () => {
    await core.cluster.create(CONFIGMAPS, aConfigMap('checked', { a: '1' }));
    const change = (value: unknown, path: string, validation = 'Warn') =>
      core.ask(
        `PATCH /api/v1/namespaces/default/configmaps/checked?fieldValidation=${validation}`,
        [{ op: 'add', path, value }],
        JSON_PATCH,
      );
    const refused = { status: 422, body: { reason: 'Invalid', details: { causes: [{ field: 'patch' }] } } };
    expect(await change(2, '/data/a')).toMatchObject(refused);
    expect(await change(2, '/dat', 'Strict')).toMatchObject(refused);
    const warned = await change(2, '/dat');
    expect(warned).toMatchObject({ status: 200, headers: { Warning: '299 - "unknown field \\"dat\\""' } });
    expect(warned.body).not.toHaveProperty('dat');
    expect(await core.cluster.get(CONFIGMAPS, 'checked', 'default')).toMatchObject({ data: { a: '1' } });
  });

  it('grow no more by copies in a patch than a body may', async () => {
    await core.cluster.create(CONFIGMAPS, aConfigMap('copied', { a: 'x'.repeat(1_000_000) }));
    const copies = (count: number) =>
      core.ask(
        'PATCH /api/v1/namespaces/default/configmaps/copied?dryRun=All',
        Array.from({ length: count }, (_, i) => ({ op: 'copy', from: '/data/a', path: `/data/b${i}` })),
        JSON_PATCH,
      );
    expect((await copies(3)).status).toBe(200);
    expect(await copies(4)).toMatchObject({
      status: 422,
      body: { message: 'the server rejected our request due to an error in our request' },
    });
  });

  it('what is not served is said at once, in the form of Kubernetes', async () => {
    const ask = (method: string, path: string, contentType?: string) => core.ask(`${method} ${path}`, {}, contentType);
    expect(await ask('GET', '/apis/batch/v1/jobs')).toMatchObject({
      status: 404,
      body: { message: '404 page not found\n' },
    });
    expect(await ask('PATCH', '/api/v1/namespaces/default/pods')).toMatchObject({
      status: 405,
      body: { reason: 'MethodNotAllowed' },
    });
    await core.cluster.create(CONFIGMAPS, aConfigMap('patched'));
    const patched = '/api/v1/namespaces/default/configmaps/patched';
    expect(await ask('PATCH', patched, 'application/strategic-merge-patch+json')).toMatchObject({ status: 200 });
    expect(await ask('PATCH', patched, 'application/x-patch+json')).toMatchObject({
      status: 415,
      body: { reason: 'UnsupportedMediaType' },
    });
  });

  it('an Event shows in both groups', async () => {
    const EVENTS = { group: '', version: 'v1', plural: 'events', kind: 'Event', namespaced: true };
    const about = { kind: 'Pod', name: 'p', namespace: 'default' };
    await core.cluster.create<KubeObject>(EVENTS, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'e', namespace: 'default' },
      involvedObject: about,
      reason: 'Started',
      message: 'hello',
      type: 'Normal',
    });
    const other = await core.cluster.get<KubeObject>({ ...EVENTS, group: 'events.k8s.io' }, 'e', 'default');
    expect(other).toMatchObject({ apiVersion: 'events.k8s.io/v1', regarding: about, note: 'hello', reason: 'Started' });
    const { items } = await core.cluster.list(EVENTS, {
      fieldSelector: 'involvedObject.name=p,involvedObject.kind=Pod',
    });
    expect(items).toHaveLength(1);
  });
});
