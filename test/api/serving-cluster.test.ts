/** What people do in the cluster, past the API, is taken into the graph and not fought; what is deleted leaves nothing. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelDeployment } from '../../src/contract/modeldeployment.ts';
import { hashOf } from '../../src/contract/revision.ts';
import { openPki } from '../../src/local/apiserver/pki.ts';
import type { KubeObject } from '../../src/platform/cluster/port.ts';
import {
  CONTROLLERREVISIONS,
  DEPLOYMENTS,
  HTTPROUTES,
  MODELDEPLOYMENTS,
  PODS,
  REPLICASETS,
  ROLLOUTCOMMANDS,
  SECRETS,
  SERVICES,
} from '../../src/platform/cluster/resources.ts';
import { aModelDeployment } from '../controller/lab.ts';
import { eventually } from '../support/eventually.ts';
import { ARTIFACTS, addVersion, aServingLab, digestOf, leftOf, type ServingLab } from '../support/serving.ts';

let lab: ServingLab;
let digests: string[];
beforeAll(async () => {
  lab = await aServingLab();
  digests = await lab.register('vad', 4);
});
afterAll(() => lab.close());

const version = (number: number) => ({ version: { number } });
const kubectl = { fieldManager: 'kubectl-edit' };
const patch = (name: string, body: object) =>
  lab.cluster.patch(MODELDEPLOYMENTS, name, 'speech', 'merge', body, kubectl);
const toVersion = (number: number) => ({
  spec: { model: { version: number, artifact: { digest: digests[number - 1] } } },
});

async function serving(name: string): Promise<string> {
  await lab.deploy({ name, ...version(1) });
  return (await lab.untilPhase(name, 'HEALTHY')).id;
}

interface Told {
  message: string;
  data: { fields?: string[] };
  actor: object;
}

/** The newest event of a type about a thing, as soon as it is in the log. */
const last = (id: string, type: string): Promise<Told> =>
  eventually(async () => {
    const { events } = await lab.ask<{ events: { nodes: Told[] } }>(
      `{ events(last: 1, where: { subject: "${id}", types: ["${type}"] }) { nodes { message data actor { __typename name } } } }`,
    );
    if (!events.nodes[0]) throw new Error(`no ${type} about ${id}`);
    return events.nodes[0];
  });
const KUBECTL = { __typename: 'SystemActor', name: 'kubectl' };

describe('kubectl', () => {
  test('scale stands, as a generation by kubectl', async () => {
    const id = await serving('scaled');
    const options = { fieldManager: 'kubectl', subresource: 'scale' as const };
    await lab.cluster.patch(MODELDEPLOYMENTS, 'scaled', 'speech', 'merge', { spec: { replicas: 3 } }, options);
    await eventually(async () => expect(await lab.deployment('scaled')).toMatchObject({ replicas: 3, generation: 2 }));
    expect(await last(id, 'deployment.updated')).toMatchObject({ actor: KUBECTL, data: { fields: ['replicas'] } });
    await eventually(async () => {
      const { metadata, spec } = await lab.resource('scaled');
      expect([spec.replicas, metadata.annotations?.['clops.dev/generation']]).toEqual([3, '2']);
    });
    // And again: the first one must not have made the relay deaf.
    await lab.cluster.patch(MODELDEPLOYMENTS, 'scaled', 'speech', 'merge', { spec: { replicas: 1 } }, options);
    await eventually(async () => expect(await lab.deployment('scaled')).toMatchObject({ replicas: 1, generation: 3 }));
    const { operation } = await lab.drive('updateDeployment', id, { replicas: 2 });
    await lab.untilOperation(operation?.id ?? '', 'SUCCEEDED');
    expect((await lab.resource('scaled')).spec.replicas).toBe(2);
  });

  test('an edit of the version is a rollout by kubectl, that the API can drive', async () => {
    const id = await serving('edited');
    await patch('edited', toVersion(2));
    const paused = await lab.untilRollout('edited', 'PAUSED', 1);
    expect(paused).toMatchObject({ generation: 2, canary: { version: { number: 2 } } });
    expect(await last(paused.rollout.id, 'rollout.requested')).toMatchObject({ actor: KUBECTL });
    const promoted = await lab.drive('promoteRollout', paused.rollout.id, { to: 'FULL' });
    await lab.untilOperation(promoted.operation?.id ?? '', 'SUCCEEDED');
    const done = await lab.untilPhase('edited', 'HEALTHY');
    expect(done).toMatchObject({ stable: { version: { number: 2 } }, rollout: { id: paused.rollout.id } });
    const back = await lab.drive('rollbackDeployment', id);
    expect(back.errors).toEqual([]);
    await eventually(async () =>
      expect(await lab.deployment('edited')).toMatchObject({ phase: 'HEALTHY', stable: { version: { number: 1 } } }),
    );
    // Twice, quickly: what was not seen in between is not made up, and the id of one rollout is not given to another.
    await patch('edited', toVersion(3));
    await patch('edited', toVersion(4));
    const last4 = await lab.untilRollout('edited', 'PAUSED', 1);
    expect(last4.canary).toMatchObject({ version: { number: 4 } });
    await lab.drive('abortRollout', last4.rollout.id);
    await lab.untilRollout('edited', 'ABORTED');
  });

  test('a strategy that is edited is the one that is walked', async () => {
    await serving('walked');
    const { rollout } = await lab.deploy({ name: 'walked', ...version(2) });
    await lab.untilRollout('walked', 'PAUSED', 1);
    await patch('walked', {
      spec: { strategy: { canary: { steps: [{ setWeight: 20 }, { pause: {} }], scaleDownDelaySeconds: 0 } } },
    });
    await eventually(async () => expect((await lab.deployment('walked')).canary?.weight).toBe(20));
    await eventually(async () => {
      const { node } = await lab.ask<{ node: { steps: object[] } }>(
        `{ node(id: "${rollout?.id}") { ... on Rollout { steps { spec { setWeight } state } } } }`,
      );
      expect(node.steps).toMatchObject([{ spec: { setWeight: 20 }, state: 'DONE' }, { state: 'ACTIVE' }]);
    });
  });

  test('paused: true is resumed by the API', async () => {
    await serving('held');
    const { rollout } = await lab.deploy({ name: 'held', ...version(2) });
    await lab.untilRollout('held', 'PAUSED', 1);
    await patch('held', { spec: { paused: true } });
    await eventually(async () => expect((await lab.deployment('held')).rollout.allowed).toContain('RESUME'));
    const { operation } = await lab.drive('resumeRollout', rollout?.id ?? '');
    await lab.untilOperation(operation?.id ?? '', 'SUCCEEDED');
    expect((await lab.resource('held')).spec.paused).toBe(false);
  });

  test('annotations that were taken away or copied do no harm', async () => {
    const id = await serving('annotated');
    await patch('annotated', { metadata: { annotations: { 'clops.dev/id': null, 'clops.dev/generation': '99' } } });
    await eventually(async () =>
      expect((await lab.resource('annotated')).metadata.annotations).toMatchObject({
        'clops.dev/id': id,
        'clops.dev/generation': '1',
      }),
    );
    const original = await lab.resource('annotated');
    const { annotations = {} } = original.metadata;
    const copy = { ...original, metadata: { name: 'copied', namespace: 'speech', annotations } };
    delete copy.status;
    copy.spec = { ...copy.spec, endpoint: {} };
    await lab.cluster.create(MODELDEPLOYMENTS, copy, kubectl);
    const adopted = await lab.untilPhase('copied', 'HEALTHY');
    expect(adopted.id).not.toBe(id);
    expect(await lab.deployment('annotated')).toMatchObject({ id, phase: 'HEALTHY', generation: 1 });
  });

  test('delete is believed, and the name is free again', async () => {
    const id = await serving('removed');
    await lab.cluster.delete(MODELDEPLOYMENTS, 'removed', 'speech');
    await eventually(async () => expect(await lab.told(id)).toContain('deployment.deleted'));
    expect(await last(id, 'deployment.deleted')).toMatchObject({ actor: KUBECTL });
    expect(await serving('removed')).not.toBe(id);
  });
});

describe('a resource made with kubectl', () => {
  const manifest = (name: string, number: number): ModelDeployment => {
    const made = aModelDeployment(number);
    const artifact = { ...made.spec.model.artifact, digest: digests[number - 1] ?? '', secretName: `${name}-artifact` };
    return {
      ...made,
      metadata: { name, namespace: 'speech' },
      spec: { ...made.spec, model: { ...made.spec.model, artifact } },
    };
  };

  test('becomes a deployment when the registry knows what it serves', async () => {
    await lab.cluster.apply(MODELDEPLOYMENTS, manifest('adopted', 1), { fieldManager: 'kubectl-client-side-apply' });
    const found = await lab.untilPhase('adopted', 'HEALTHY');
    expect(found).toMatchObject({
      generation: 1,
      stable: { version: { number: 1 } },
      rollout: { outcome: 'PROMOTED' },
    });
    expect(await last(found.id, 'deployment.adopted')).toMatchObject({ actor: KUBECTL });
    expect((await lab.resource('adopted')).metadata.annotations?.['clops.dev/id']).toBe(found.id);
    const { rollout } = await lab.deploy({ name: 'adopted', ...version(2) });
    expect((await lab.untilRollout('adopted', 'PAUSED', 1)).rollout.id).toBe(rollout?.id);
  });

  test('runs all the same when it does not, says so, and is taken in as soon as the version is registered', async () => {
    const unknown = manifest('stranger', 1);
    const bytes = ARTIFACTS[6] as Buffer;
    unknown.spec.model = { ...unknown.spec.model, name: 'vad', version: 5 };
    unknown.spec.model.artifact = { ...unknown.spec.model.artifact, digest: digestOf(bytes) };
    await lab.cluster.create(MODELDEPLOYMENTS, unknown, kubectl);
    await eventually(async () => {
      const { status } = await lab.resource('stranger');
      expect(status?.phase).toBe('Healthy');
      const adopted = status?.conditions?.find(({ type }) => type === 'Adopted');
      expect(adopted).toMatchObject({ status: 'False', reason: 'ModelUnknown' });
      expect(adopted?.message).toContain('no version 5');
    });
    const absent = await lab.ask('{ deployment(team: "speech", name: "stranger") { id } }');
    expect(absent).toEqual({ deployment: null });
    const { model } = await lab.ask<{ model: { id: string } }>('{ model(team: "speech", name: "vad") { id } }');
    await addVersion(lab, model.id, bytes);
    expect(await lab.untilPhase('stranger', 'HEALTHY')).toMatchObject({ stable: { version: { number: 5 } } });
    await eventually(async () => {
      const { status } = await lab.resource('stranger');
      expect(status?.conditions?.find(({ type }) => type === 'Adopted')).toMatchObject({ status: 'True' });
      expect(status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({ status: 'True' });
    });
  });

  test('an edit to a version that is not registered leaves the graph as it was', async () => {
    const id = await serving('astray');
    await patch('astray', { spec: { model: { version: 77, artifact: { digest: `sha256:${'7'.repeat(64)}` } } } });
    await eventually(async () => {
      const { status } = await lab.resource('astray');
      expect(status?.conditions?.find(({ type }) => type === 'Adopted')).toMatchObject({ status: 'False' });
      expect(status?.rollout?.number).toBe(2);
    });
    await eventually(async () =>
      expect(await lab.deployment('astray')).toMatchObject({ id, generation: 1, canary: { version: null } }),
    );
    await lab.deploy({ name: 'astray', ...version(2) });
    expect((await lab.untilRollout('astray', 'PAUSED', 1)).canary).toMatchObject({ version: { number: 2 } });
    expect(await last(id, 'deployment.edit_overruled')).toMatchObject({ actor: KUBECTL });
  });
});

describe('both at once', () => {
  test('the later write stands and the other is an event: kubectl', async () => {
    const id = await serving('contested');
    await lab.stopRelay();
    const asked = await lab.drive('updateDeployment', id, { replicas: 5 });
    await new Promise((resolve) => setTimeout(resolve, 1_100)); // Kubernetes tells writers apart by the second
    await patch('contested', { spec: { replicas: 3 } });
    await lab.startRelay();
    const failed = await lab.untilOperation(asked.operation?.id ?? '', 'FAILED');
    expect(failed.error).toContain('kubectl');
    expect(await lab.deployment('contested')).toMatchObject({ replicas: 3, generation: 3 });
    expect((await lab.resource('contested')).spec.replicas).toBe(3);
    expect(await last(id, 'deployment.change_overruled')).toMatchObject({ actor: KUBECTL });
  });

  test('the later write stands and the other is an event: the API', async () => {
    const id = await serving('disputed');
    await lab.stopRelay();
    await patch('disputed', { spec: { replicas: 3 } });
    const asked = await lab.drive('updateDeployment', id, { replicas: 5 });
    await lab.startRelay();
    await lab.untilOperation(asked.operation?.id ?? '', 'SUCCEEDED');
    expect(await lab.deployment('disputed')).toMatchObject({ replicas: 5, generation: 2 });
    expect((await lab.resource('disputed')).spec.replicas).toBe(5);
    expect(await last(id, 'deployment.edit_overruled')).toMatchObject({ actor: KUBECTL });
  });
});

test('pods fetch by URLs that are signed for the digests that live, and hold no token', async () => {
  await serving('secretive');
  await lab.deploy({ name: 'secretive', ...version(2) });
  await lab.untilRollout('secretive', 'PAUSED', 1);
  const secret = await lab.cluster.get<{ data: { url: string } } & ModelDeployment>(
    SECRETS,
    'secretive-artifact',
    'speech',
  );
  const urls = Buffer.from(secret.data.url, 'base64').toString().trim().split('\n');
  expect(urls).toHaveLength(2);
  for (const digest of digests.slice(0, 2)) {
    const url = new URL(urls.find((line) => line.includes(digest)) ?? '');
    const got = await fetch(`${lab.api.url}${url.pathname}${url.search}`);
    expect(got.status).toBe(200);
    const other = digests.find((one) => one !== digest) ?? '';
    expect((await fetch(`${lab.api.url}${url.pathname.replace(digest, other)}${url.search}`)).status).toBe(401);
  }
  const { items } = await lab.cluster.list(PODS, {
    namespace: 'speech',
    labelSelector: 'clops.dev/deployment=secretive',
  });
  expect(items.length).toBeGreaterThan(1);
  expect(JSON.stringify(items)).not.toMatch(/signature|test-token|Bearer/);
});

test('hashes agree between API and controller', async () => {
  await serving('hashed');
  const { spec, status } = await lab.resource('hashed');
  const { deployment } = await lab.ask<{ deployment: { stable: { revision: { hash: string } } } }>(
    '{ deployment(team: "speech", name: "hashed") { stable { revision { hash } } } }',
  );
  expect([status?.stable?.hash, deployment.stable.revision.hash]).toEqual([hashOf(spec), hashOf(spec)]);
});

test('of a deleted deployment nothing is left in the cluster, and its history can be read by its id', async () => {
  const id = await serving('doomed');
  const { rollout } = await lab.deploy({ name: 'doomed', ...version(2) });
  await lab.untilRollout('doomed', 'PAUSED', 1);
  const { deleteDeployment } = await lab.ask<{ deleteDeployment: { operation: { id: string }; deletedId: string } }>(
    `mutation { deleteDeployment(input: { deployment: "${id}" }) { deletedId operation { id } errors { message } } }`,
  );
  expect(deleteDeployment.deletedId).toBe(id);
  await lab.untilOperation(deleteDeployment.operation.id, 'SUCCEEDED');
  const all = [CONTROLLERREVISIONS, DEPLOYMENTS, REPLICASETS, PODS, SERVICES, HTTPROUTES, SECRETS, ROLLOUTCOMMANDS];
  await eventually(async () => expect(await leftOf(lab.cluster, 'doomed', all)).toEqual([]));
  expect(await lab.ask('{ deployment(team: "speech", name: "doomed") { id } }')).toEqual({ deployment: null });
  const { node } = await lab.ask<{ node: object }>(
    `{ node(id: "${id}") { ... on Deployment { name phase currentReplicas { id } rollouts { nodes { id outcome } } revisions { nodes { number } } events { totalCount } } } }`,
  );
  expect(node).toMatchObject({
    name: 'doomed',
    phase: 'DELETING',
    rollouts: { nodes: [{ id: rollout?.id, outcome: 'SUPERSEDED' }, { outcome: 'PROMOTED' }] },
    revisions: { nodes: [{ number: 2 }, { number: 1 }] },
  });
  expect((await lab.told(id)).slice(-1)).toEqual(['deployment.deleted']);
  const late = await lab.drive('promoteRollout', rollout?.id ?? '');
  expect(late.errors).toMatchObject([{ code: 'NOT_FOUND' }]);
});

test('pods are given the authorities that the relay trusts, and no longer when it trusts none', async () => {
  await serving('trusting');
  const folder = await mkdtemp(join(tmpdir(), 'clops-authorities-'));
  const extraCaFile = join(folder, 'ca.crt');
  const given = async (): Promise<string | undefined> => {
    const secret = await lab.cluster.get<{ data: Record<string, string> } & KubeObject>(
      SECRETS,
      'trusting-artifact',
      'speech',
    );
    const text = secret.data['ca.crt'];
    return text && Buffer.from(text, 'base64').toString();
  };
  try {
    await lab.stopRelay();
    const { ca, server } = await openPki({ dir: join(folder, 'pki'), bind: '127.0.0.1' });
    const broken = '-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n';
    await writeFile(extraCaFile, `# ours\n${server.key}${broken}${ca}`);
    await lab.startRelay({ extraCaFile });
    await eventually(async () => expect((await given())?.trim()).toBe(ca.trim()));
    await lab.stopRelay();
    await lab.startRelay({ extraCaFile: join(folder, 'nowhere.crt') });
    await eventually(async () => expect(await given()).toBeUndefined());
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
