/** What is put into a cluster before anything is served, and how everything that is served ends. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServingRuntime } from '../../src/contract/servingruntime.ts';
import { withGateway } from '../../src/controller/desired/routing.ts';
import { install, otherInstallation } from '../../src/controller/install.ts';
import { deleteModels } from '../../src/controller/uninstall.ts';
import { ApiError, type ClusterPort, isNotFound, type KubeObject } from '../../src/platform/cluster/port.ts';
import {
  CRDS,
  GATEWAYS,
  LEASES,
  MODELDEPLOYMENTS,
  NAMESPACES,
  SERVINGRUNTIMES,
} from '../../src/platform/cluster/resources.ts';
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

  it('leaves the user of pods to a cluster that gives one, and the definitions as they are when asked to', async () => {
    await install(core.cluster, { gateway: false, runtimes: { image: 'a', isAnyUser: false } });
    const read = async () => (await core.cluster.get<ServingRuntime>(SERVINGRUNTIMES, 'onnx')).spec.podSecurityContext;
    expect(await read()).toMatchObject({ runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532 });
    const before = (await core.cluster.list(CRDS)).resourceVersion;
    const runtimes = { image: 'a', isAnyUser: true };
    await install(core.cluster, { gateway: false, runtimes, runtimesOnly: true });
    expect(await read()).toEqual({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    const changes = [];
    for await (const event of core.cluster.watch(CRDS, { resourceVersion: before, signal: AbortSignal.timeout(200) }))
      changes.push(event);
    expect(changes).toEqual([]);
  });

  it('knows another installation by the lease that its controller holds', async () => {
    const lease = (namespace: string, holderIdentity: string, renewTime: string) =>
      core.cluster.create(LEASES, {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: 'clops-controller', namespace },
        spec: { holderIdentity, renewTime },
      } as KubeObject);
    const now = new Date().toISOString().replace('Z', '000Z');
    for (const name of ['here', 'gone', 'ended', 'there'])
      await core.cluster.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    await lease('here', 'a', now);
    await lease('gone', 'b', '2026-01-01T00:00:00.000000Z');
    await lease('ended', '', now);
    expect(await otherInstallation(core.cluster, 'here')).toBeUndefined();
    await lease('there', 'c', now);
    expect(await otherInstallation(core.cluster, 'here')).toBe('there');
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
  const LONG_MS = 10_000;

  it('is nothing where the kind is not known, or nothing is served', async () => {
    expect(await deleteModels(core.cluster, LONG_MS)).toBe(0);
    await install(core.cluster, { gateway: false });
    expect(await deleteModels(core.cluster, LONG_MS)).toBe(0);
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
    const ending = deleteModels(core.cluster, LONG_MS).finally(() => {
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

  it('goes on where the cluster does not answer for a moment', async () => {
    await install(core.cluster, { gateway: false });
    await core.cluster.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'speech' } });
    const { metadata, ...rest } = aModelDeployment(1);
    await core.cluster.create(MODELDEPLOYMENTS, { ...rest, metadata: { ...metadata, namespace: 'speech' } });
    const failed = new Set<string>();
    const once = (what: string): void => {
      if (failed.has(what)) return;
      failed.add(what);
      throw new ApiError({ code: 429, reason: 'TooManyRequests', message: 'too many requests' });
    };
    const port: ClusterPort = {
      ...core.cluster,
      async list(...args) {
        once('list');
        return core.cluster.list(...args);
      },
      async delete(...args) {
        once('delete');
        return core.cluster.delete(...args);
      },
    };
    expect(await deleteModels(port, LONG_MS)).toBe(1);
    expect(failed).toEqual(new Set(['list', 'delete']));
  });

  it('one that a webhook protects holds up no other, and what the cluster said is told', async () => {
    await install(core.cluster, { gateway: false });
    await core.cluster.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'speech' } });
    const { metadata, ...rest } = aModelDeployment(1);
    for (const name of ['a', 'b'])
      await core.cluster.create(MODELDEPLOYMENTS, { ...rest, metadata: { ...metadata, name, namespace: 'speech' } });
    const message = 'admission webhook "keep.example.com" denied the request: not this one';
    const port: ClusterPort = {
      ...core.cluster,
      async delete(resource, name, ...more) {
        if (name === 'a') throw new ApiError({ code: 403, reason: 'Forbidden', message });
        return core.cluster.delete(resource, name, ...more);
      },
    };
    await expect(deleteModels(port, 2000)).rejects.toThrow(
      /still there: speech\/a\. The cluster said: .*denied the request: not this one\. Their pods/,
    );
  });

  it('gives up when its time is up, and says so', async () => {
    await install(core.cluster, { gateway: false });
    await core.cluster.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'speech' } });
    const { metadata, ...rest } = aModelDeployment(1);
    const stuck = { ...metadata, namespace: 'speech', finalizers: ['example.com/wait'] };
    await core.cluster.create(MODELDEPLOYMENTS, { ...rest, metadata: stuck });
    await expect(deleteModels(core.cluster, 300)).rejects.toThrow(
      /^After 0\.3 s these deployments are still there: speech\/vad\. .*uninstall\.timeoutSeconds/,
    );
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
