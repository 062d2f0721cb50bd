/** The cluster says no, or not now, to one request of the relay: it is told in words, tried again, and forgotten as soon as it passes. */
import 'reflect-metadata';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiError, type KubeObject } from '../../src/platform/cluster/port.ts';
import { MODELDEPLOYMENTS, NAMESPACES, SECRETS } from '../../src/platform/cluster/resources.ts';
import { eventually } from '../support/eventually.ts';
import { AWAY, away, behind, DENIED, denied, late, stops } from '../support/guard.ts';
import { ARTIFACTS, aServingLab, digestOf, type ServingLab } from '../support/serving.ts';

let lab: ServingLab;
beforeAll(async () => {
  lab = await aServingLab();
  await lab.register('vad', 2);
});
afterAll(() => lab.close());

const version = (number: number) => ({ version: { number } });
const rolling = { strategy: { rolling: {} } };
const HOUR = 3_600_000;
const busy = () => new ApiError({ code: 429, reason: 'TooManyRequests', message: 'too many requests' }, HOUR);

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

const edit = (name: string, spec: object) =>
  lab.cluster.patch(MODELDEPLOYMENTS, name, 'speech', 'merge', { spec }, { fieldManager: 'kubectl-edit' });

test('a deletion that is refused says so, and is done when it no longer is', async () => {
  const id = await serving('kept');
  const isDeletion = stops('delete', MODELDEPLOYMENTS);
  let isClosed = true;
  await behind(
    lab,
    (...call) => {
      if (isClosed && isDeletion(...call)) throw denied();
    },
    async () => {
      const operation = await remove(id);
      expect(await lab.untilEnded(operation)).toEqual({ state: 'FAILED', error: DENIED });
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

test('a webhook that is away for a moment fails no operation; one that stays away does, until it is back', async () => {
  const isPublication = stops('apply', MODELDEPLOYMENTS, 'guarded');
  let times = 3;
  await behind(
    lab,
    (...call) => {
      if (isPublication(...call) && times-- > 0) throw away();
    },
    async () => {
      const { deployment, operation } = await lab.deploy({ name: 'guarded', ...version(1), ...rolling });
      const id = deployment?.id ?? '';
      expect(await lab.untilEnded(operation?.id ?? '')).toMatchObject({ state: 'SUCCEEDED' });
      expect(times).toBeLessThan(0);
      const refused = async () => (await lab.told(id)).filter((type) => type === 'deployment.publication_refused');
      expect(await refused()).toEqual([]);

      times = 1000;
      const changed = (await lab.drive('updateDeployment', id, { replicas: 3 })).operation?.id ?? '';
      await lab.services.db.read({
        name: 'ageChange',
        text: `update clops.deployments set updated_at = now() - interval '1 minute' where name = 'guarded'`,
      });
      expect(await lab.untilEnded(changed)).toEqual({ state: 'FAILED', error: AWAY });
      times = 0;
      await lab.deploy({ name: 'next', ...version(1), ...rolling, replicas: 1 }); // whatever happens wakes it
      await lab.untilOperation(changed, 'SUCCEEDED');
      expect(await refused()).toHaveLength(1);
    },
  );
});

test.each([
  ['a rule', 'leaving', denied()],
  ['a webhook that is away', 'parting', away()],
])(
  'a Secret whose deletion is refused (%s) keeps nobody from the end, which says that it is left',
  async (_, name, error) => {
    const id = await serving(name);
    const isDeletion = stops('delete', SECRETS);
    await behind(
      lab,
      (...call) => {
        if (isDeletion(...call)) throw error;
      },
      async () => {
        await lab.untilOperation(await remove(id), 'SUCCEEDED');
        const { events } = await lab.ask<{ events: { nodes: { message: string }[] } }>(
          `{ events(last: 1, where: { subject: "${id}", types: ["deployment.deleted"] }) { nodes { message } } }`,
        );
        expect(events.nodes[0]?.message).toBe(
          `${name} is gone; its Secret ${name}-artifact is left, as the cluster refuses to delete it: ${error.message}`,
        );
      },
    );
  },
);

test('while the Secret cannot be deleted the name is taken, in words, and it is free as soon as it can', async () => {
  const id = await serving('kept-on');
  const isDeletion = stops('delete', SECRETS);
  let isClosed = true;
  await behind(
    lab,
    (...call) => {
      if (isClosed && isDeletion(...call)) throw late();
    },
    async () => {
      const operation = await remove(id);
      await lab.untilOperation(operation, 'PUBLISHED');
      expect(await lab.deployment('kept-on')).toMatchObject({ phase: 'DELETING' });
      const early = await lab.deploy({ name: 'kept-on', ...version(1), ...rolling });
      expect(early.errors).toMatchObject([{ message: expect.stringContaining('deleted') }]);
      isClosed = false;
      await lab.untilOperation(operation, 'SUCCEEDED');
    },
  );
  expect(await serving('kept-on')).not.toBe(id);
});

test('a Secret that could not be written after an edit with kubectl is written at the next look', async () => {
  await serving('edited');
  const isWrite = stops('apply', SECRETS, 'edited-artifact');
  let writes = 0;
  await behind(
    lab,
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

test('who asks to be left alone for a while is', async () => {
  const isPublication = stops('apply', MODELDEPLOYMENTS, 'patient');
  await behind(
    lab,
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
    lab,
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
    lab,
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
