/** What people and clusters get wrong while a rollout runs, and that what serves is watched all the same. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ModelDeploymentStatus } from '../../src/contract/modeldeployment.ts';
import { LABELS } from '../../src/contract/names.ts';
import { hashOf } from '../../src/contract/revision.ts';
import type { KubeObject } from '../../src/platform/cluster/port.ts';
import {
  CONTROLLERREVISIONS,
  DEPLOYMENTS,
  GATEWAYS,
  MODELDEPLOYMENTS,
  PODS,
  SERVINGRUNTIMES,
} from '../../src/platform/cluster/resources.ts';
import { aModelDeployment, digestOf, type Lab, podStatus, startLab } from './lab.ts';

let lab: Lab;
beforeEach(async () => {
  lab = await startLab();
});
afterEach(() => lab.close());

const healthy = (version: number) =>
  lab.until((status) => expect(status).toMatchObject({ phase: 'Healthy', stable: { version, weight: 100 } }));
const pausedAt = (stepIndex: number) =>
  lab.until((status) => expect(status.rollout).toMatchObject({ phase: 'Paused', stepIndex }));
const condition = (status: ModelDeploymentStatus, type: string) => status.conditions?.find((one) => one.type === type);

async function halfWay(): Promise<void> {
  await lab.deploy(1);
  await healthy(1);
  await lab.deploy(2);
  await pausedAt(1);
  await lab.command('Promote');
  await pausedAt(3);
}

describe('a spec that cannot be acted on', () => {
  const words = /^There is no ServingRuntime nothing/;

  it('in the middle of a canary: its share is taken away when its pods die, and it is told what stops it', async () => {
    await halfWay();
    await lab.deploy(3, { runtime: 'nothing' });
    const held = await lab.until((status) => {
      expect(status).toMatchObject({ phase: 'Degraded', canary: { version: 2, weight: 50 } });
      expect(status.rollout).toMatchObject({ number: 2, phase: 'Paused', stepIndex: 3 });
      expect(status.rollout?.message).toMatch(words);
    });
    expect(condition(held, 'Paused')).toMatchObject({ status: 'True', reason: 'RuntimeNotFound' });
    expect(condition(held, 'Ready')?.status).toBe('True');
    lab.fates.set(2, 'crashing');
    await lab.touch();
    await lab.until((status) =>
      expect(status).toMatchObject({
        phase: 'Degraded',
        stable: { version: 1, weight: 100, readyReplicas: 2 },
        canary: { version: 2, weight: 0, readyReplicas: 0 },
        rollout: { number: 2, stepIndex: 3 },
      }),
    );
    expect(lab.weights.map(({ canary }) => canary)).toEqual([0, 10, 50, 0]);
  });

  it('and is put right: the same rollout goes on from where it stood', async () => {
    await halfWay();
    await lab.deploy(2, { runtime: 'nothing' });
    await lab.until((status) => expect(status.rollout?.message).toMatch(words));
    await lab.deploy(2);
    const status = await lab.until(({ rollout, phase }) => {
      expect(phase).toBe('Paused');
      expect(rollout?.message).toBe('Step 4 of 4 pauses it until somebody promotes it.');
    });
    expect(status).toMatchObject({ canary: { weight: 50 }, rollout: { number: 2, stepIndex: 3 } });
    expect(status.history).toHaveLength(1);
  });

  it('when nothing is rolled out: stable scales, and goes on', async () => {
    await lab.deploy(1);
    await healthy(1);
    await lab.deploy(1, { runtime: 'nothing', replicas: 3 });
    const status = await lab.until((now) =>
      expect(now).toMatchObject({ phase: 'Degraded', stable: { version: 1, readyReplicas: 3, weight: 100 } }),
    );
    expect(status.rollout).toMatchObject({ number: 1, phase: 'Healthy', outcome: 'Promoted' });
    expect(status.rollout?.message).toBe('Version 1 is stable and has all traffic.');
    expect(condition(status, 'Paused')?.status).toBe('False');
  });

  it('in the first rollout: pods that serve are told of', async () => {
    lab.fates.set(1, 'pending');
    await lab.deploy(1, { replicas: 4 });
    await lab.until(async () => expect(await lab.pods()).toHaveLength(4));
    for (const { metadata } of (await lab.pods()).slice(1)) {
      const patch = { status: podStatus('ready') };
      await lab.cluster.patch(PODS, metadata.name, 'speech', 'merge', patch, { subresource: 'status' });
    }
    await lab.until(({ canary, stable }) => {
      expect(stable).toBeUndefined();
      expect(canary).toMatchObject({ readyReplicas: 3, weight: 100 });
    });
    await lab.deploy(1, { replicas: 4, runtime: 'nothing' });
    const status = await lab.until((now) => expect(condition(now, 'Progressing')?.reason).toBe('RuntimeNotFound'));
    expect(condition(status, 'Available')).toMatchObject({ status: 'True' });
    expect(condition(status, 'Ready')?.reason).toBe('FirstServing');
    expect(status.phase).toBe('Degraded');
  });

  it('from the beginning: waits for what is missing', async () => {
    await lab.deploy(1, { runtime: 'nothing' });
    await lab.until((status) => {
      expect(status.phase).toBe('Pending');
      expect(condition(status, 'Progressing')?.message).toMatch(words);
    });
  });
});

it('the revision of stable is deleted by hand: another leader does not wait for pods that nobody can ask', async () => {
  await lab.deploy(1);
  await healthy(1);
  await lab.deploy(2);
  await pausedAt(1);
  const stable = `vad-${hashOf(aModelDeployment(1).spec)}`;
  await lab.cluster.delete(CONTROLLERREVISIONS, stable, 'speech');
  await lab.restart();
  await lab.command('Promote');
  await pausedAt(3);
});

it('a revision loses its label, and the runtime is another one by now: its pods stay as they are, and it scales', async () => {
  await lab.deploy(1);
  await healthy(1);
  const image = [{ op: 'replace', path: '/spec/container/image', value: 'example.invalid/next:1' }];
  await lab.cluster.patch(SERVINGRUNTIMES, 'onnx', undefined, 'json', image);
  const name = `vad-${hashOf(aModelDeployment(1).spec)}`;
  const labels = { [LABELS.revision]: null };
  await lab.cluster.patch(CONTROLLERREVISIONS, name, 'speech', 'merge', { metadata: { labels } });
  await lab.edit({ replicas: 3 });
  await lab.until((status) => {
    expect(status).toMatchObject({ phase: 'Healthy', ready: '3/3' });
    expect(condition(status, 'Progressing')?.status).toBe('True');
  });
  const deployment = await lab.cluster.get(DEPLOYMENTS, name, 'speech');
  expect(JSON.stringify(deployment.spec)).not.toContain('example.invalid');
});

describe('an artifact that is not where the spec said', () => {
  const modelAt = (version: number, uri: string) => ({
    model: { name: 'vad', version, format: 'ONNX', artifact: { uri, digest: digestOf(version) } },
  });
  interface Deployment extends KubeObject {
    spec: { template: { spec: { initContainers: { args: string[] }[] } } };
  }
  async function urls(): Promise<(string | undefined)[]> {
    const { items } = await lab.cluster.list<Deployment>(DEPLOYMENTS, {
      namespace: 'speech',
      labelSelector: `${LABELS.deployment}=vad`,
    });
    return items.map(({ spec }) => spec.template.spec.initContainers[0]?.args.find((one) => one.startsWith('--url')));
  }

  it('is fetched from the place that the spec says now, also when the next version has come', async () => {
    lab.fates.set(1, 'badArtifact');
    await lab.deploy(1, modelAt(1, 'http://127.0.0.1:1/wrong'));
    await lab.until((status) => expect(condition(status, 'Progressing')?.reason).toBe('CrashLoopBackOff'));
    lab.fates.set(1, 'ready');
    await lab.deploy(1, modelAt(1, 'http://127.0.0.1:1/right'));
    const status = await healthy(1);
    expect(status.rollout).toMatchObject({ number: 1, outcome: 'Promoted' });
    expect(await urls()).toEqual(['--url=http://127.0.0.1:1/right']);
    await lab.restart();
    await lab.deploy(2);
    await pausedAt(1);
    expect(await urls()).toContain('--url=http://127.0.0.1:1/right');
  });

  it('behind a Secret another place in the spec changes no pod', async () => {
    const withSecret = (uri: string) => {
      const { model } = modelAt(1, uri);
      return { model: { ...model, artifact: { ...model.artifact, secretName: 'vad-artifact' } } };
    };
    await lab.deploy(1, withSecret('http://127.0.0.1:1/one'));
    await healthy(1);
    const names = async () => (await lab.pods()).map(({ metadata }) => metadata.name).sort();
    const before = await names();
    await lab.deploy(1, withSecret('http://127.0.0.1:1/two'));
    await lab.until(({ observedGeneration }) => expect(observedGeneration).toBe(2));
    expect(await names()).toEqual(before);
    expect(await urls()).toEqual(['--url-file=/var/run/clops/artifact/url']);
  });
});

it.each([
  ['unreachable', /: Pod vad-\S+ could not be asked at http:\/\/127\.0\.0\.1:\d+: other side closed\.$/],
  ['silent', /: Pod vad-\S+ could not be asked at http:\/\/127\.0\.0\.1:\d+: timed out\.$/],
] as const)('a pod that is %s: it is told where it was asked, and what came of it', async (fate, words) => {
  await lab.deploy(1);
  await healthy(1);
  lab.fates.set(2, fate);
  await lab.deploy(2);
  await lab.until((status) => {
    expect(condition(status, 'Progressing')).toMatchObject({ reason: 'PodUnreachable' });
    expect(condition(status, 'Progressing')?.message).toMatch(words);
  });
  lab.fates.set(2, 'ready');
  await pausedAt(1);
});

it('a Gateway that is deleted: not healthy, and healthy again when it is back', async () => {
  await lab.deploy(1);
  await healthy(1);
  const gateway = await lab.cluster.get(GATEWAYS, 'clops', 'clops-system');
  await lab.cluster.delete(GATEWAYS, 'clops', 'clops-system');
  await lab.until((status) => {
    expect(condition(status, 'RouteProgrammed')).toMatchObject({ status: 'Unknown', reason: 'GatewayNotFound' });
    expect(status.phase).toBe('Degraded');
  });
  const { name, namespace, annotations } = gateway.metadata;
  await lab.cluster.create(GATEWAYS, {
    ...gateway,
    metadata: { name, namespace, ...(annotations && { annotations }) },
  });
  await healthy(1);
});

it('one that is deleted in the foreground says so until it is gone', async () => {
  await lab.deploy(1);
  await healthy(1);
  // What its children hold up is played by a finalizer of somebody else.
  const finalizers = (list: string[]) =>
    lab.cluster.patch(MODELDEPLOYMENTS, 'vad', 'speech', 'merge', { metadata: { finalizers: list } });
  await finalizers(['example.com/hold']);
  await lab.cluster.delete(MODELDEPLOYMENTS, 'vad', 'speech');
  await lab.until(({ phase }) => expect(phase).toBe('Deleting'));
  await finalizers([]);
});
