/** The cluster says no, or not now, to one request of the relay: it is told in words, tried again, and forgotten as soon as it passes. */
import 'reflect-metadata';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ANNOTATIONS } from '../../src/contract/names.ts';
import { createLog } from '../../src/lib/log.ts';
import { type Relay, startRelay } from '../../src/modules/serving/index.ts';
import { ApiError, type ClusterPort, type KubeObject, type Resource } from '../../src/platform/cluster/port.ts';
import { MODELDEPLOYMENTS, NAMESPACES, ROLLOUTCOMMANDS, SECRETS } from '../../src/platform/cluster/resources.ts';
import { eventually } from '../support/eventually.ts';
import { ARTIFACTS, aServingLab, digestOf, type ServingLab } from '../support/serving.ts';

let lab: ServingLab;
beforeAll(async () => {
  lab = await aServingLab();
  await lab.register('vad', 2);
});
afterAll(() => lab.close());

const version = (number: number) => ({ version: { number } });
const rolling = { strategy: { rolling: {} } };
const WORDS = 'admission webhook "guard.example" denied the request: not on a Friday';
const denied = () => new ApiError({ code: 403, reason: 'Forbidden', message: WORDS });
const AWAY = 'Internal error occurred: failed calling webhook "guard.example": connection refused';
const away = () => new ApiError({ code: 500, reason: 'InternalError', message: AWAY });
/** That of one object says nothing of others, though it is no refusal. */
const late = () => new ApiError({ code: 504, reason: 'Timeout', message: 'request did not complete within 1ms' });
const HOUR = 3_600_000;
const busy = () => new ApiError({ code: 429, reason: 'TooManyRequests', message: 'too many requests' }, HOUR);

/** What stands between a relay and the API server: answers a call instead of it, or lets it through. */
type Guard = (verb: 'apply' | 'create' | 'delete' | 'get', kind: string, name: string) => Promise<void> | void;

/** With a relay behind the guard instead of the lab's. `waits`: how long it says that it waits, by what it waits for. */
async function behind(guard: Guard, act: (relay: Relay, waits: Map<string, number>) => Promise<void>): Promise<void> {
  await lab.stopRelay();
  const { cluster } = lab.services;
  const port: ClusterPort = {
    ...cluster.port,
    async apply(resource, object, options) {
      await guard('apply', resource.kind, object.metadata.name);
      return cluster.port.apply(resource, object, options);
    },
    async create(resource, object, options) {
      await guard('create', resource.kind, object.metadata.name);
      return cluster.port.create(resource, object, options);
    },
    async delete(resource, name, ...more) {
      await guard('delete', resource.kind, name);
      return cluster.port.delete(resource, name, ...more);
    },
    async get(resource, name, ...more) {
      await guard('get', resource.kind, name);
      return cluster.port.get(resource, name, ...more);
    },
  };
  const waits = new Map<string, number>();
  const write = (line: string): void => {
    const { msg, retryInMs } = JSON.parse(line) as { msg: string; retryInMs?: number };
    if (retryInMs !== undefined) waits.set(msg, retryInMs);
  };
  const log = createLog({ role: 'relay', level: 'warn', destination: { write } });
  const relay = await startRelay({ ...lab, services: { ...lab.services, log, cluster: { ...cluster, port } } });
  try {
    await act(relay, waits);
  } finally {
    await relay.close();
    await lab.startRelay();
  }
}

async function serving(name: string): Promise<string> {
  await lab.deploy({ name, ...version(1), ...rolling });
  return (await lab.untilPhase(name, 'HEALTHY')).id;
}

async function remove(id: string): Promise<string> {
  const { deleteDeployment } = await lab.ask<{ deleteDeployment: { operation: { id: string } } }>(
    `mutation { deleteDeployment(input: { deployment: "${id}" }) { operation { id } errors { message } } }`,
  );
  return deleteDeployment.operation.id;
}

const secretOf = (name: string) =>
  lab.cluster.get<KubeObject & { data: { url: string } }>(SECRETS, `${name}-artifact`, 'speech');

/** The tests' own guards: what they stop is a call of one verb to one kind, of this name or whatever name. */
const stops =
  (verb: string, { kind }: Resource, name?: string) =>
  (...call: Parameters<Guard>) =>
    call[0] === verb && call[1] === kind && (name === undefined || call[2] === name);
const edit = (name: string, spec: object) =>
  lab.cluster.patch(MODELDEPLOYMENTS, name, 'speech', 'merge', { spec }, { fieldManager: 'kubectl-edit' });

test('a deletion that is refused says so, and is done when it no longer is', async () => {
  const id = await serving('kept');
  const isDeletion = stops('delete', MODELDEPLOYMENTS);
  let isClosed = true;
  await behind(
    (...call) => {
      if (isClosed && isDeletion(...call)) throw denied();
    },
    async () => {
      const operation = await remove(id);
      expect(await lab.untilEnded(operation)).toEqual({ state: 'FAILED', error: WORDS });
      expect(await lab.deployment('kept')).toMatchObject({ phase: 'DELETING' });
      isClosed = false;
      await lab.deploy({ name: 'next', ...version(1), ...rolling }); // whatever happens wakes it
      expect(await lab.untilOperation(operation, 'SUCCEEDED')).toEqual({ state: 'SUCCEEDED', error: null });
      const told = await lab.told(id);
      expect(told.filter((type) => type === 'deployment.publication_refused')).toHaveLength(1);
      expect(told.at(-1)).toBe('deployment.deleted');
    },
  );
});

test('a Secret whose deletion is refused keeps nobody from the end, which says that it is left', async () => {
  const id = await serving('leaving');
  const isDeletion = stops('delete', SECRETS);
  await behind(
    (...call) => {
      if (isDeletion(...call)) throw denied();
    },
    async () => {
      await lab.untilOperation(await remove(id), 'SUCCEEDED');
      const { events } = await lab.ask<{ events: { nodes: { message: string }[] } }>(
        `{ events(last: 1, where: { subject: "${id}", types: ["deployment.deleted"] }) { nodes { message } } }`,
      );
      expect(events.nodes[0]?.message).toBe(
        `leaving is gone; its Secret leaving-artifact is left, as the cluster refuses to delete it: ${WORDS}`,
      );
    },
  );
});

test('a Secret that could not be written after an edit with kubectl is written at the next look', async () => {
  await serving('edited');
  const isWrite = stops('apply', SECRETS, 'edited-artifact');
  let writes = 0;
  await behind(
    (...call) => {
      // The first is of the start, which renews them all.
      if (isWrite(...call) && ++writes === 2) throw new ApiError({ code: 500, message: 'request timed out' });
    },
    async () => {
      await eventually(() => expect(writes).toBe(1));
      const artifact = { digest: digestOf(ARTIFACTS[1] as Buffer) };
      await edit('edited', { model: { version: 2, artifact } });
      await eventually(async () => {
        const urls = Buffer.from((await secretOf('edited')).data.url, 'base64').toString();
        expect(urls).toContain(artifact.digest);
      });
    },
  );
});

test('a Secret that cannot be written after an edit hides nothing of what the cluster says', async () => {
  const { rollout } = await lab.untilPhase('edited', 'HEALTHY');
  const isWrite = stops('apply', SECRETS, 'edited-artifact');
  let isClosed = true;
  await behind(
    (...call) => {
      if (isClosed && isWrite(...call)) throw late();
    },
    async () => {
      await edit('edited', { resources: { requests: { cpu: '250m' } } });
      const edited = await eventually(async () => {
        const found = await lab.untilRollout('edited', 'HEALTHY');
        expect(found.generation).toBe(3);
        return found;
      });
      expect(edited.rollout.id).not.toBe(rollout.id);
      isClosed = false; // and nothing else happens
      await eventually(
        async () => expect((await lab.resource('edited')).metadata.annotations?.[ANNOTATIONS.generation]).toBe('3'),
        { withinMs: 40_000 },
      );
    },
  );
});

test('a rollout whose status was read before the edit that began it could be is shown as it is afterwards', async () => {
  await serving('puzzling');
  lab.fates.set(2, 'pending');
  const taken = { name: 'taken', text: 'select resource_version as version from clops.deployments where name = $1' };
  const isQuestion = stops('get', NAMESPACES, 'kube-system');
  let isClosed = false;
  await behind(
    (...call) => {
      if (isClosed && isQuestion(...call)) throw late();
    },
    async ({ met }) => {
      await met;
      isClosed = true;
      await edit('puzzling', { model: { version: 2, artifact: { digest: digestOf(ARTIFACTS[1] as Buffer) } } });
      await eventually(async () => expect((await lab.deployment('puzzling')).canary).toMatchObject({ version: null }));
      await lab.stopController(); // its status says the same from now on
      await eventually(async () => {
        const { metadata } = await lab.resource('puzzling');
        expect(await lab.services.db.read(taken, ['puzzling'])).toEqual([{ version: metadata.resourceVersion }]);
      });
      isClosed = false;
      await eventually(async () => expect(await lab.deployment('puzzling')).toMatchObject({ generation: 2 }), {
        withinMs: 40_000,
      });
      await lab.untilRollout('puzzling', 'PROGRESSING');
    },
  );
  lab.startController();
  lab.fates.delete(2);
  await lab.touchPods();
});

/** A rollout at its first pause, and what is asked of it. */
async function paused(name: string) {
  await serving(name);
  const { rollout } = await lab.deploy({ name, ...version(2) });
  const id = rollout?.id ?? '';
  await lab.untilRollout(name, 'PAUSED', 1);
  return async (verb: string): Promise<string> => (await lab.drive(verb, id)).operation?.id ?? '';
}

test('a rollout is aborted also while a change of its deployment cannot be published', async () => {
  const drive = await paused('stuck');
  const isPublication = stops('apply', MODELDEPLOYMENTS, 'stuck');
  let isClosed = true;
  await behind(
    (...call) => {
      if (isClosed && isPublication(...call)) throw late();
    },
    async () => {
      const { id } = await lab.deployment('stuck');
      const { operation } = await lab.drive('updateDeployment', id, { replicas: 3 });
      await lab.untilOperation(await drive('abortRollout'), 'SUCCEEDED');
      await lab.untilRollout('stuck', 'ABORTED');
      expect(await lab.untilOperation(operation?.id ?? '', 'ACCEPTED')).toBeDefined();
      isClosed = false;
      await lab.untilOperation(operation?.id ?? '', 'SUCCEEDED');
    },
  );
});

test('a command that a webhook which is away keeps out is tried again, and holds up none behind it', async () => {
  const drive = await paused('queued');
  const isCreation = stops('create', ROLLOUTCOMMANDS);
  let first: string | undefined;
  let isClosed = true;
  await behind(
    (...call) => {
      if (!isCreation(...call)) return;
      first ??= call[2];
      if (isClosed && first === call[2]) throw away();
    },
    async () => {
      const promoted = await drive('promoteRollout');
      await eventually(() => expect(first).toBeDefined());
      await lab.untilOperation(await drive('abortRollout'), 'SUCCEEDED');
      await lab.untilRollout('queued', 'ABORTED');
      expect(await lab.untilOperation(promoted, 'ACCEPTED')).toEqual({ state: 'ACCEPTED', error: null });
      isClosed = false;
      const { error } = await lab.untilOperation(promoted, 'FAILED');
      expect(error).not.toContain('webhook'); // it came, after the rollout had ended
    },
  );
});

test('who asks to be left alone for a while is', async () => {
  const isPublication = stops('apply', MODELDEPLOYMENTS, 'patient');
  await behind(
    (...call) => {
      if (isPublication(...call)) throw busy();
    },
    async (_, waits) => {
      await lab.deploy({ name: 'patient', ...version(1), ...rolling });
      await eventually(() => expect(waits.get('publishing failed, will try again')).toBe(HOUR));
    },
  );
  const isQuestion = stops('get', NAMESPACES, 'kube-system');
  await behind(
    (...call) => {
      if (isQuestion(...call)) throw busy();
    },
    async (_, waits) => {
      await eventually(() => expect(waits.get('the cluster does not say who it is, will ask again')).toBe(HOUR));
    },
  );
  await lab.untilPhase('patient', 'HEALTHY');
});

test('what the API was asked while an edit was being looked at stands', async () => {
  const id = await serving('raced');
  const isQuestion = stops('get', NAMESPACES, 'kube-system');
  const gate = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  let isClosed = false;
  await behind(
    async (...call) => {
      if (!isClosed || !isQuestion(...call)) return;
      reached.resolve();
      await gate.promise;
    },
    async ({ met }) => {
      try {
        await met;
        isClosed = true;
        await edit('raced', { replicas: 3 });
        await reached.promise;
        const { operation } = await lab.drive('updateDeployment', id, { replicas: 5 });
        gate.resolve();
        expect(await lab.untilEnded(operation?.id ?? '')).toEqual({ state: 'SUCCEEDED', error: null });
        expect(await lab.deployment('raced')).toMatchObject({ replicas: 5, generation: 2 });
        expect(await lab.told(id)).toContain('deployment.edit_overruled');
      } finally {
        gate.resolve();
      }
    },
  );
});
