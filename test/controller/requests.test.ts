/**
 * What the controller asks of a cluster: nothing while nothing happens but to keep its lease, never a list for a rollout, and
 * no more writes than there are things to tell.
 */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ModelDeployment, ModelDeploymentStatus } from '../../src/contract/modeldeployment.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createInformer } from '../../src/platform/cluster/informer.ts';
import { MODELDEPLOYMENTS } from '../../src/platform/cluster/resources.ts';
import { eventually } from '../support/eventually.ts';
import { aModelDeployment, type Lab, startLab } from './lab.ts';

const COUNT = 20;
const NAMES = Array.from({ length: COUNT }, (_, i) => (i === 0 ? 'vad' : `vad-${i}`));

let lab: Lab;
beforeEach(async () => {
  lab = await startLab();
});
afterEach(() => lab.close());

const isLease = (call: string): boolean => call.endsWith(' leases');
const isWrite = (call: string): boolean => !/^(get|list|watch) /.test(call);

/** What was asked for besides the lease, until the lease was renewed twice more. */
async function asked(): Promise<string[]> {
  const from = lab.calls.length;
  await eventually(
    () => expect(lab.calls.slice(from).filter((call) => isLease(call) && isWrite(call)).length).toBeGreaterThan(1),
    { withinMs: 15_000 },
  );
  return lab.calls.slice(from).filter((call) => !isLease(call));
}

it('twenty deployments that are well cost the lease; a change that means nothing and a new process write nothing', async () => {
  for (const name of NAMES) {
    const md = aModelDeployment(1, {
      replicas: 1,
      strategy: { canary: { steps: [{ setWeight: 50 }], scaleDownDelaySeconds: 0 } },
    });
    const object = { ...md, metadata: { ...md.metadata, name } };
    await lab.cluster.apply(MODELDEPLOYMENTS, object, { fieldManager: 'test', force: true });
  }
  await eventually(
    async () => {
      const { items } = await lab.cluster.list<ModelDeployment>(MODELDEPLOYMENTS, { namespace: 'speech' });
      const well = items.filter(
        ({ status }) =>
          status?.phase === 'Healthy' &&
          status.conditions?.some(({ type, status: value }) => type === 'TrafficVerified' && value === 'True'),
      );
      expect(well).toHaveLength(COUNT);
    },
    { withinMs: 30_000 },
  );
  // The events of the last may still be on their way.
  await eventually(async () => expect(await asked()).toEqual([]), { withinMs: 20_000 });
  expect(await asked()).toEqual([]);

  for (const name of NAMES) {
    const patch = { metadata: { annotations: { note: 'x' } } };
    await lab.cluster.patch(MODELDEPLOYMENTS, name, 'speech', 'merge', patch, { fieldManager: 'test' });
  }
  expect(await asked()).toEqual([]);

  lab.calls.length = 0;
  const given = { replicas: 1, strategy: { canary: { steps: [{ setWeight: 50 }], scaleDownDelaySeconds: 0 } } };
  await lab.deploy(2, given);
  await lab.until((status) => expect(status).toMatchObject({ phase: 'Healthy', stable: { version: 2 } }));
  expect(lab.calls.filter((call) => !isLease(call) && !isWrite(call))).toEqual([]);
  expect(lab.calls.filter(isWrite).length).toBeGreaterThan(5);

  await lab.until(async () => expect(await lab.pods(1)).toHaveLength(COUNT - 1), 45_000);
  await eventually(async () => expect(await asked()).toEqual([]), { withinMs: 20_000 });
  lab.calls.length = 0;
  await lab.restart();
  await eventually(() => expect(lab.controller.isLeading).toBe(true));
  await asked();
  expect(lab.calls.filter((call) => isWrite(call) && !isLease(call))).toEqual([]);
}, 120_000);

it.each([0, 100])(
  'a canary is told in every stage, each once, and costs its children, an event for each stage, and little more: caches behind by %i ms',
  async (lagMs) => {
    await lab.close();
    lab = await startLab({ lagMs });
    const given = {
      strategy: { canary: { steps: [{ setWeight: 50 }, { pause: { seconds: 1 } }], scaleDownDelaySeconds: 0 } },
    };
    await lab.deploy(1, given);
    await lab.until((status) => expect(status).toMatchObject({ phase: 'Healthy', stable: { version: 1 } }));
    await eventually(async () => expect(await asked()).toEqual([]), { withinMs: 20_000 });

    const stages: string[] = [];
    const resource = createInformer<ModelDeployment>({
      cluster: lab.cluster,
      resource: MODELDEPLOYMENTS,
      log: silentLog,
    });
    resource.onChange(({ object }) => {
      const stage = stageOf(object.status ?? {});
      if (stage !== stages.at(-1)) stages.push(stage);
    });
    resource.start();
    await resource.synced();
    lab.calls.length = 0;
    const startedAt = performance.now();
    await lab.deploy(2, given);
    await lab.until((status) =>
      expect(status).toMatchObject({ phase: 'Healthy', stable: { version: 2 }, replicas: 2, ready: '2/2' }),
    );
    const seconds = Math.ceil((performance.now() - startedAt) / 1000);
    await eventually(async () => expect(await asked()).toEqual([]), { withinMs: 20_000 });
    await resource.stop();

    expect(stages).toEqual([
      'Healthy 2/2, canary -',
      'Progressing 1/2, canary 0 %',
      'Progressing 1/2, canary 50 %',
      'Paused 2/2, canary 50 %',
      'Progressing 2/2, canary 50 %',
      'Progressing 2/2, canary 100 %',
      'Healthy 2/2, canary -',
    ]);
    const counts = new Map<string, number>();
    for (const call of lab.calls.filter((call) => !isLease(call))) counts.set(call, (counts.get(call) ?? 0) + 1);
    const { 'patch modeldeployments/status': patches = 0, ...others } = Object.fromEntries(counts);
    expect(others).toEqual({
      'apply controllerrevisions': 1,
      'apply deployments': 2, // one pod, then all
      'apply services': 2, // the canary's to the new revision; when it has everything, stable's too
      'apply httproutes': 3, // 50 %, 100 %, all to stable's Service again
      'delete deployments': 1,
      'create events': stages.length - 1,
    });
    // Numbers and words alone are written once in a second: pods are seldom as quick as here.
    expect(patches).toBeLessThanOrEqual(stages.length - 1 + seconds);
  },
  120_000,
);

const stageOf = ({ phase, step, canary }: ModelDeploymentStatus): string =>
  `${phase} ${step}, canary ${canary ? `${canary.weight} %` : '-'}`;
