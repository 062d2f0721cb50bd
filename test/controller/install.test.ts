/** What is put into a cluster before anything is served, and how everything that is served ends. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServingRuntime } from '../../src/contract/servingruntime.ts';
import { withGateway } from '../../src/controller/desired/routing.ts';
import { install } from '../../src/controller/install.ts';
import { deleteModels } from '../../src/controller/uninstall.ts';
import { isNotFound } from '../../src/platform/cluster/port.ts';
import { GATEWAYS, MODELDEPLOYMENTS, NAMESPACES, SERVINGRUNTIMES } from '../../src/platform/cluster/resources.ts';
import { startCore, type TestCore } from '../local/apiserver/harness.ts';
import { eventually } from '../support/eventually.ts';
import { aModelDeployment } from './lab.ts';

let core: TestCore;
beforeEach(async () => {
  core = await startCore();
});
afterEach(() => core.close());

describe('install', () => {
  it('gives the runtimes the image of this installation, from where it is pulled, and makes no Gateway', async () => {
    const runtimes = { image: 'registry.example/clops:7', pullPolicy: 'Always', pullSecrets: ['registry'] };
    for (let time = 0; time < 2; time++) await install(core.cluster, { gateway: false, runtimes });
    const { spec } = await core.cluster.get<ServingRuntime>(SERVINGRUNTIMES, 'onnx');
    for (const part of [spec.container, spec.fetch])
      expect(part).toMatchObject({ image: 'registry.example/clops:7', imagePullPolicy: 'Always' });
    expect(spec.imagePullSecrets).toEqual([{ name: 'registry' }]);
    expect(spec.container.args?.at(-1)).toBe('--linger-ms=5000');
    expect(spec.container.securityContext?.capabilities).toEqual({ drop: ['ALL'] });
    expect((await core.cluster.list(GATEWAYS)).items).toEqual([]);
    await expect(core.cluster.get(NAMESPACES, 'clops-system')).rejects.toSatisfy(isNotFound);
  });

  it('gives the runtimes the place of their image, and takes it back', async () => {
    const placement = { nodeSelector: { 'clops.dev/local': 'true' }, tolerations: [{ operator: 'Exists' }] };
    await install(core.cluster, { gateway: false, placement });
    const read = async () => (await core.cluster.get<ServingRuntime>(SERVINGRUNTIMES, 'onnx')).spec.placement;
    expect(await read()).toEqual(placement);
    await install(core.cluster, { gateway: false });
    expect(await read()).toBeUndefined();
  });
});

describe('the end of all models', () => {
  const signal = (): AbortSignal => AbortSignal.timeout(10_000);

  it('is nothing where the kind is not known, or nothing is served', async () => {
    expect(await deleteModels(core.cluster, signal())).toBe(0);
    await install(core.cluster, { gateway: false });
    expect(await deleteModels(core.cluster, signal())).toBe(0);
  });

  it('comes in every namespace, and only when the last one is gone', async () => {
    await install(core.cluster, { gateway: false });
    for (const namespace of ['speech', 'vision']) {
      await core.cluster.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
      const { metadata, ...rest } = aModelDeployment(1);
      const finalizers = namespace === 'vision' ? ['example.com/wait'] : [];
      await core.cluster.create(MODELDEPLOYMENTS, { ...rest, metadata: { ...metadata, namespace, finalizers } });
    }
    let isOver = false;
    const ending = deleteModels(core.cluster, signal()).finally(() => {
      isOver = true;
    });
    await eventually(async () => {
      const { metadata } = await core.cluster.get(MODELDEPLOYMENTS, 'vad', 'vision');
      expect(metadata.deletionTimestamp).toBeDefined();
    });
    expect(isOver).toBe(false);
    await core.cluster.patch(MODELDEPLOYMENTS, 'vad', 'vision', 'merge', { metadata: { finalizers: [] } });
    expect(await ending).toBe(2);
    expect((await core.cluster.list(MODELDEPLOYMENTS)).items).toEqual([]);
  });

  it('gives up when its time is up, and says so', async () => {
    await install(core.cluster, { gateway: false });
    await core.cluster.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'speech' } });
    const { metadata, ...rest } = aModelDeployment(1);
    const stuck = { ...metadata, namespace: 'speech', finalizers: ['example.com/wait'] };
    await core.cluster.create(MODELDEPLOYMENTS, { ...rest, metadata: stuck });
    await expect(deleteModels(core.cluster, AbortSignal.timeout(300))).rejects.toThrow(/time|abort/i);
  });
});

describe('the Gateway of a deployment', () => {
  const ours = { namespace: 'gateways', name: 'public' };

  it('is the platform’s when it says none, and its own otherwise', () => {
    expect(withGateway(aModelDeployment(1), ours).spec.endpoint?.parentRefs).toEqual([ours]);
    const own = aModelDeployment(1, { endpoint: { parentRefs: [{ name: 'mine' }] } });
    expect(withGateway(own, ours).spec.endpoint?.parentRefs).toEqual([{ name: 'mine' }]);
  });
});
