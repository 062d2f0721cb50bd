/** The graph around deployments: deep questions in few statements, streams that lose nothing, and what is said while the cluster is away. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NODES, PODS } from '../../src/platform/cluster/resources.ts';
import { anApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { aServingLab, type ServingLab } from '../support/serving.ts';

let lab: ServingLab;
beforeAll(async () => {
  lab = await aServingLab();
  await lab.register('vad', 4);
});
afterAll(() => lab.close());

const version = (number: number) => ({ version: { number } });

interface Message {
  kind: string;
  cursor: string;
  event: { id: string; type: string } | null;
  rollout?: { phase: string; outcome: string | null };
  deployment?: { phase: string };
}

/** Collects a stream until it completes, or until `enough` says so, which cuts the socket. */
async function collect<M = Message>(query: string, enough: (messages: M[]) => boolean = () => false): Promise<M[]> {
  const client = lab.socket();
  const messages: M[] = [];
  try {
    for await (const { data, errors } of client.iterate<Record<string, M>>({ query })) {
      if (errors) throw new Error(JSON.stringify(errors));
      messages.push(Object.values(data ?? {})[0] as M);
      if (enough(messages)) break;
    }
  } catch (error) {
    throw error instanceof Error ? error : new Error(JSON.stringify(error));
  } finally {
    client.terminate();
    await client.dispose();
  }
  return messages;
}
const progress = (id: string, after?: string) =>
  `subscription { rolloutProgress(rollout: "${id}"${after ? `, after: "${after}"` : ''}) { kind cursor event { id type } rollout { phase outcome } } }`;

describe('streams', () => {
  test('rolloutProgress: the state first, then every event once and in order, over a cut, until it ends', async () => {
    await lab.deploy({ name: 'watched', ...version(1) });
    await lab.untilPhase('watched', 'HEALTHY');
    const { rollout } = await lab.deploy({ name: 'watched', ...version(2) });
    const id = rollout?.id ?? '';
    const whole = collect(progress(id));
    const first = await collect(progress(id), (seen) => seen.some(({ event }) => event?.type === 'rollout.paused'));
    expect(first[0]).toMatchObject({ kind: 'SNAPSHOT', event: null, rollout: { outcome: null } });
    // The socket is gone; meanwhile things happen.
    await lab.drive('promoteRollout', id);
    await lab.untilRollout('watched', 'PAUSED', 3);
    const second = collect(progress(id, first.at(-1)?.cursor));
    await lab.drive('promoteRollout', id, { to: 'FULL' });
    const rest = await second;
    expect(rest[0]?.kind).toBe('EVENT');
    expect(rest.at(-1)).toMatchObject({
      event: { type: 'rollout.promoted' },
      rollout: { phase: 'HEALTHY', outcome: 'FAST_PROMOTED' },
    });
    const joined = [...first, ...rest].flatMap(({ event }) => (event ? [event.id] : []));
    expect(new Set(joined).size).toBe(joined.length);
    const { events } = await lab.ask<{ events: { nodes: { id: string }[] } }>(
      `{ events(first: 100, where: { subject: "${id}" }) { nodes { id } } }`,
    );
    const all = events.nodes.map((event) => event.id);
    expect(all.slice(-joined.length)).toEqual(joined);
    const uncut = (await whole).flatMap(({ event }) => (event ? [event.id] : []));
    expect(all.slice(-uncut.length)).toEqual(uncut);
    // Of one that has ended: its state and the end; after its last event: the end at once.
    expect(await collect(progress(id))).toMatchObject([{ kind: 'SNAPSHOT', rollout: { outcome: 'FAST_PROMOTED' } }]);
    expect(await collect(progress(id, rest.at(-1)?.cursor))).toEqual([]);
    expect((await collect(progress(id, first.at(-1)?.cursor))).map(({ event }) => event?.id)).toEqual(
      rest.map(({ event }) => event?.id),
    );
  });

  test('deploymentChanged: every change of one deployment, until it is gone', async () => {
    const { deployment } = await lab.deploy({ name: 'followed', ...version(1) });
    const query = `subscription { deploymentChanged(deployment: "${deployment?.id}") { kind cursor event { id type } deployment { phase } } }`;
    const stream = collect(query);
    await lab.untilPhase('followed', 'HEALTHY');
    await lab.ask(`mutation { deleteDeployment(input: { deployment: "${deployment?.id}" }) { errors { message } } }`);
    const messages = await stream;
    expect(messages[0]?.kind).toBe('SNAPSHOT');
    expect(messages.at(-1)?.event?.type).toBe('deployment.deleted');
    expect(messages.some(({ event }) => event?.type === 'rollout.promoted')).toBe(true);
  });

  test('liveMetrics: numbers of each target', async () => {
    const { deployment } = await lab.deploy({ name: 'counted', ...version(1) });
    await lab.untilPhase('counted', 'HEALTHY');
    const query = `subscription { liveMetrics(deployment: "${deployment?.id}") { windowSeconds stale total { samples } targets { target { role weight } values { samples requestRate } } } }`;
    const [message] = await collect<object>(query, () => true);
    expect(message).toMatchObject({ stale: false, targets: [{ target: { role: 'STABLE', weight: 100 } }] });
  });

  test.each([
    ['rolloutProgress(rollout: "rol_none") { kind }'],
    ['deploymentChanged(deployment: "dep_none") { kind }'],
    ['liveMetrics(deployment: "dep_none") { stale }'],
    ['rolloutProgress(rollout: "rol_none", after: "bm8") { kind }'],
    ['liveMetrics(deployment: "dep_none", intervalSeconds: 0) { stale }'],
  ])('refuses %s', async (field) => {
    await expect(collect(`subscription { ${field} }`)).rejects.toThrow(/BAD_USER_INPUT/);
  });
});

const DEEP = `query ($models: Int!) { models(first: $models, where: { name: { startsWith: "deep-" } }) { nodes { name
  versions(first: 1) { nodes { number
    deployments(first: 1) { nodes { name team { name } model { name } runtime { name } createdBy { name } cluster { name }
      rollouts(first: 1) { nodes { phase allowed from { number } to { number wasStable version { number } } events(first: 1) { totalCount nodes { type actor { name } operation { name } } } } }
      revisions(first: 1) { nodes { hash version { number } } }
      currentReplicas { name role version { number } node { name replicas(first: 1) { nodes { deployment { name } version { model { name } } } } } gpus { index } }
      traffic { role weight observedShare revision { number } version { number } }
      stable { version { number } } rollout { id } events(first: 1) { nodes { type } } } }
    replicas(first: 1) { totalCount nodes { name deployment { name } } } } } } } }`;

test('a deep question takes the same number of statements for 2 models and for 20', { timeout: 90_000 }, async () => {
  await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      const model = `deep-${String(i).padStart(2, '0')}`;
      await lab.register(model, 2);
      await lab.deploy({ name: model, model, ...version(2), replicas: 1 });
    }),
  );
  const settled = '{ deployments(where: { phase: [HEALTHY], name: { startsWith: "deep-" } }) { totalCount } }';
  await eventually(
    async () => {
      const { deployments } = await lab.ask<{ deployments: { totalCount: number } }>(settled);
      expect(deployments.totalCount).toBe(20);
    },
    { withinMs: 60_000 },
  );
  await lab.stopRelay(); // whose statements would be counted too
  const count = async (models: number) => {
    const names: string[] = [];
    const stop = lab.services.db.onStatement((name) => names.push(name));
    try {
      const { models: found } = await lab.ask<{ models: { nodes: object[] } }>(DEEP, { models });
      // The log's own poll goes on beside.
      return { names: names.filter((name) => name !== 'eventsFrom').sort(), shown: found.nodes.length };
    } finally {
      stop();
    }
  };
  const [few, many] = await (async () => [await count(2), await count(20)] as const)().finally(() => lab.startRelay());
  expect([few.shown, many.shown]).toEqual([2, 20]);
  // Which of two readers that want the same rows asks for them depends on who is first; so all here want the same.
  expect(many.names).toEqual(few.names);
  expect(few.names).toEqual(expect.arrayContaining(['eventsAbout', 'deploymentsByResource', 'revisionsByHash']));
});

test('no statement has the name of another', () => {
  const src = new URL('../../src', import.meta.url).pathname;
  const names = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [
      ...readFileSync(join(src, file), 'utf8').matchAll(/\bstatement(?:<[^(]*>)?\(\s*'([A-Za-z]+)'/g),
    ])
    .map(([, name]) => name);
  expect(names.length).toBeGreaterThan(40);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

/** As a scheduler does. */
async function bind(pod: string, node: string): Promise<void> {
  const target = { apiVersion: 'v1', kind: 'Node', name: node };
  const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name: pod, namespace: 'speech' }, target };
  await lab.cluster.create({ ...PODS, kind: 'Binding', plural: `pods/${pod}/binding` }, binding);
}

test('from a node to its GPUs, their replicas and versions, and back', async () => {
  const labels = { 'nvidia.com/gpu.product': 'NVIDIA-H200', 'nvidia.com/gpu.memory': '143771' };
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1', labels } };
  await lab.cluster.create(NODES, node);
  const resources = { cpu: '8', memory: '64Gi', pods: '110', 'nvidia.com/gpu': '2' };
  const status = { capacity: resources, allocatable: resources, conditions: [{ type: 'Ready', status: 'True' }] };
  await lab.cluster.patch(NODES, 'node-1', undefined, 'merge', { status }, { subresource: 'status' });
  await lab.deploy({ name: 'placed', ...version(1), replicas: 2, resources: { gpus: 1 } });
  await lab.untilPhase('placed', 'HEALTHY');
  const pods = await lab.cluster.list(PODS, { namespace: 'speech', labelSelector: 'clops.dev/deployment=placed' });
  for (const [index, { metadata }] of pods.items.entries()) {
    await bind(metadata.name, 'node-1');
    const annotations = { 'clops.dev/devices': `nvidia.com/gpu=${index}` };
    await lab.cluster.patch(PODS, metadata.name, 'speech', 'merge', { metadata: { annotations } });
  }
  const DOWN = `{ gpuNode(name: "node-1") { cluster { name } gpus { index holders { name } } replicas { totalCount nodes { name ready
    deployment { name cluster { name } } version { number } node { name } gpus { index node { name } } } } } }`;
  const names = pods.items.map(({ metadata }) => metadata.name);
  await eventually(async () => {
    const { gpuNode } = await lab.ask<{
      gpuNode: { gpus: object[]; replicas: { totalCount: number; nodes: { name: string }[] } };
    }>(DOWN);
    expect(gpuNode).toMatchObject({ cluster: { name: 'local' }, replicas: { totalCount: 2 } });
    expect(gpuNode.gpus).toEqual(names.map((name, index) => ({ index, holders: [{ name }] })));
    for (const [index, name] of names.entries()) {
      expect(gpuNode.replicas.nodes.find((replica) => replica.name === name)).toMatchObject({
        ready: true,
        deployment: { name: 'placed', cluster: { name: 'local' } },
        version: { number: 1 },
        node: { name: 'node-1' },
        gpus: [{ index, node: { name: 'node-1' } }],
      });
    }
  });
  const up = await lab.ask(
    `{ model(team: "speech", name: "vad") { version(number: 1) { replicas(first: 100) { nodes { node { name gpus { index } } } } } } }`,
  );
  expect(JSON.stringify(up)).toContain('{"node":{"name":"node-1","gpus":[{"index":0},{"index":1}]}}');
});

test('while the cluster has never been read, only the fields that need it are null', async () => {
  const alone = await anApi();
  try {
    await alone.ask('mutation { createTeam(input: { name: "speech" }) { errors { message } } }');
    const answer = await alone.send(
      '{ teams { nodes { name deployments { totalCount } } } runtimes { name } gpuNodes { nodes { name } } }',
    );
    expect(answer.data).toMatchObject({ teams: { nodes: [{ name: 'speech' }] }, runtimes: null, gpuNodes: null });
    expect(answer.errors?.map(({ path, extensions }) => [path, extensions['code'], extensions['retryable']])).toEqual(
      expect.arrayContaining([
        [['runtimes'], 'CLUSTER_UNAVAILABLE', true],
        [['gpuNodes'], 'CLUSTER_UNAVAILABLE', true],
      ]),
    );
  } finally {
    await alone.close();
  }
});
