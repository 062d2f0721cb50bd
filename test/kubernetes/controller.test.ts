/** The controller against a real API server, real built-in controllers and a real scheduler: what it makes, and what it asks. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelDeployment } from '../../src/contract/modeldeployment.ts';
import { CONTROLLER_MANAGER } from '../../src/contract/names.ts';
import type { RolloutCommand } from '../../src/contract/rolloutcommand.ts';
import type { KubeObject } from '../../src/platform/cluster/port.ts';
import {
  CONTROLLERREVISIONS,
  DEPLOYMENTS,
  EVENTS,
  HTTPROUTES,
  MODELDEPLOYMENTS,
  PODS,
  ROLLOUTCOMMANDS,
  SERVICES,
} from '../../src/platform/cluster/resources.ts';
import { eventually } from '../support/eventually.ts';
import { missingFor } from './cluster.ts';
import { isWrite, type KubernetesLab, NAMESPACE, startKubernetesLab } from './controllerLab.ts';

const missing = missingFor({ kwok: 1 });
if (missing) console.warn(`Skipped: ${missing}`);

const OURS = { namespace: NAMESPACE, labelSelector: 'clops.dev/deployment=vad' };
const CANARY = {
  canary: { steps: [{ setWeight: 10 }, { pause: {} }, { setWeight: 50 }, { pause: {} }], scaleDownDelaySeconds: 0 },
};
/** With a quantity that the server keeps in a form of its own: 1. */
const SECOND = { strategy: CANARY, resources: { requests: { cpu: '1000m', memory: '16Mi' } } };

describe.skipIf(missing)('the controller on a real Kubernetes', () => {
  let lab: KubernetesLab;
  beforeAll(async () => {
    lab = await startKubernetesLab();
    await lab.start('first');
  });
  afterAll(() => lab?.close());

  const children = async (): Promise<KubeObject[]> =>
    (
      await Promise.all(
        [CONTROLLERREVISIONS, DEPLOYMENTS, SERVICES, HTTPROUTES].map((kind) => lab.cluster.list(kind, OURS)),
      )
    ).flatMap(({ items }) => items);
  const pausedAt = (weight: number) => (status: ModelDeployment['status']) =>
    expect(status).toMatchObject({ phase: 'Paused', canary: { weight }, rollout: { phase: 'Paused' } });
  const answerTo = (name: string): Promise<RolloutCommand['status']> =>
    eventually(async () => {
      const { status } = await lab.cluster.get<RolloutCommand>(ROLLOUTCOMMANDS, name, NAMESPACE);
      if (!status) throw new Error(`${name} has not been answered`);
      return status;
    });

  it('makes the children by server-side apply as one field manager, owned by the deployment', async () => {
    await lab.deploy('vad', 1, { strategy: CANARY });
    await lab.until('vad', (status) => expect(status).toMatchObject({ phase: 'Healthy', stable: { version: 1 } }));
    const all = await children();
    expect(all.map(({ kind }) => kind).sort()).toEqual([
      'ControllerRevision',
      'Deployment',
      'HTTPRoute',
      'Service',
      'Service',
    ]);
    const { metadata } = await lab.cluster.get(MODELDEPLOYMENTS, 'vad', NAMESPACE);
    for (const { metadata: child } of all) {
      expect(child.ownerReferences).toMatchObject([{ kind: 'ModelDeployment', uid: metadata.uid, controller: true }]);
      const ours = child.managedFields?.filter(({ manager }) => manager === CONTROLLER_MANAGER);
      expect(ours?.map(({ operation }) => operation)).toEqual(['Apply']);
    }
  });

  it('says what it does to kubectl: columns, explain, events, scale', async () => {
    const table = await lab.kubernetes.kubectl(['-n', NAMESPACE, 'get', 'md', 'vad']);
    expect(table).toMatch(/Healthy/);
    expect(await lab.kubernetes.kubectl(['explain', 'md.spec.strategy.canary.steps'])).toMatch(/setWeight/);
    const { items } = await lab.cluster.list<KubeObject & { reason: string }>(EVENTS, { namespace: NAMESPACE });
    expect(items.map(({ reason }) => reason)).toContain('RolloutCompleted');
    await lab.kubernetes.kubectl(['-n', NAMESPACE, 'scale', 'md/vad', '--replicas=3']);
    await lab.until('vad', (status) => expect(status).toMatchObject({ replicas: 3, ready: '3/3', phase: 'Healthy' }));
    await lab.kubernetes.kubectl(['-n', NAMESPACE, 'scale', 'md/vad', '--replicas=2']);
    await lab.until('vad', (status) => expect(status).toMatchObject({ replicas: 2, phase: 'Healthy' }));
  });

  it('walks the steps of a canary as it is told, never lists, and writes little', async () => {
    const from = lab.kubernetes.audit().length;
    await lab.deploy('vad', 2, SECOND);
    await lab.until('vad', pausedAt(10));
    await lab.command('vad', 'Promote');
    await lab.until('vad', pausedAt(50));
    const name = await lab.command('vad', 'Promote', { reason: 'looks good' });
    await lab.until('vad', (status) => expect(status).toMatchObject({ phase: 'Healthy', stable: { version: 2 } }));
    expect(await answerTo(name)).toMatchObject({ state: 'Done' });
    await eventually(async () => expect((await lab.cluster.list(DEPLOYMENTS, OURS)).items).toHaveLength(1));
    const asked = lab.asked('first', from);
    expect(asked.filter((request) => !isWrite(request) && request.verb !== 'watch')).toEqual([]);
    const writes = asked.filter(isWrite);
    const count = (what: string): number => writes.filter((request) => request.what === what).length;
    expect(['controllerrevisions', 'deployments', 'services'].map(count)).toEqual([1, 3, 2]);
    expect(writes.length).toBeLessThan(40); // 29 where pods and people are quick; what only counts is written once a second
  });

  it('aborts, begins again, and goes back past the steps', async () => {
    await lab.deploy('vad', 3, { strategy: CANARY });
    await lab.until('vad', pausedAt(10));
    await lab.command('vad', 'Abort', { reason: 'too slow' });
    await lab.until('vad', (status) =>
      expect(status).toMatchObject({ phase: 'Degraded', rollout: { outcome: 'Aborted' }, stable: { version: 2 } }),
    );
    await lab.command('vad', 'Retry');
    await lab.until('vad', pausedAt(10));
    await lab.command('vad', 'Promote', { to: 'Full' });
    await lab.until('vad', (status) => expect(status).toMatchObject({ phase: 'Healthy', stable: { version: 3 } }));
    await lab.deploy('vad', 2, SECOND);
    await lab.until('vad', (status) => expect(status).toMatchObject({ phase: 'Healthy', stable: { version: 2 } }));
    const { status } = await lab.cluster.get<ModelDeployment>(MODELDEPLOYMENTS, 'vad', NAMESPACE);
    expect(status?.rollout?.outcome).toBe('FastRolledBack');
  });

  it('replaces pods without steps in a rolling update', async () => {
    await lab.deploy('vad', 4, { strategy: { rolling: {} } });
    await lab.until('vad', (status) => expect(status).toMatchObject({ phase: 'Healthy', stable: { version: 4 } }));
    await eventually(
      async () => {
        const { items } = await lab.cluster.list(PODS, { ...OURS, labelSelector: 'clops.dev/version=2' });
        expect(items).toEqual([]);
      },
      { withinMs: 45_000 },
    );
  });

  it('takes everything with it when it is deleted, and waits for finalizers of others', async () => {
    const finalizers = ['example.com/hold'];
    await lab.cluster.patch(MODELDEPLOYMENTS, 'vad', NAMESPACE, 'merge', { metadata: { finalizers } });
    await lab.cluster.delete(MODELDEPLOYMENTS, 'vad', NAMESPACE);
    const held = await lab.cluster.get<ModelDeployment>(MODELDEPLOYMENTS, 'vad', NAMESPACE);
    expect(held.metadata.deletionTimestamp).toBeDefined();
    await eventually(async () => expect((await lab.askedWithin('first', 1500)).filter(isWrite)).toEqual([]));
    expect((await children()).length).toBeGreaterThan(0);
    await lab.cluster.patch(MODELDEPLOYMENTS, 'vad', NAMESPACE, 'merge', { metadata: { finalizers: [] } });
    await eventually(async () => expect(await children()).toEqual([]), { withinMs: 30_000 });
    await eventually(async () => expect((await lab.cluster.list(PODS, OURS)).items).toEqual([]), { withinMs: 45_000 });
  });

  it('had the rights for all of it', () => {
    expect(lab.forbidden()).toEqual([]);
  });
});
