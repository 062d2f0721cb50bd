/**
 * client-go's reflector and shared informers against both clusters: list and watch, resync, a watch that is cut, a
 * version that is too old, a server that is started again. The store ends as the server's, and client-go has no cause
 * to complain.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { startCluster } from '../../src/local/cluster.ts';
import { createClientNodeCluster } from '../../src/platform/cluster/clientNode.ts';
import { readCurrentContext } from '../../src/platform/cluster/credentials.ts';
import type { ClusterPort, KubeObject } from '../../src/platform/cluster/port.ts';
import { MODELDEPLOYMENTS, PODS } from '../../src/platform/cluster/resources.ts';
import { buildInformer, Informer } from '../contract/cluster/informer/program.ts';
import { type Lab, openLab } from '../contract/cluster/lab.ts';
import { aModel } from '../contract/cluster/requests/own.ts';
import { eventually } from '../support/eventually.ts';
import { type FaultProxy, startFaultProxy } from '../support/faultProxy.ts';
import { missingFor, startKubernetes } from './cluster.ts';
import { isOnPath } from './parts/missing.ts';

interface Restartable {
  port: ClusterPort;
  kubeconfig: string;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

async function startLocal(): Promise<Restartable> {
  const dataDir = await mkdtemp(join(tmpdir(), 'clops-informer-'));
  const start = (port: number) => startCluster({ dataDir, port, bind: '127.0.0.1', log: silentLog });
  let cluster = await start(0);
  const at = Number(new URL(cluster.url).port);
  const port = createClientNodeCluster({ kubeconfig: cluster.kubeconfigPath, userAgent: 'clops-test/1' });
  return {
    port,
    kubeconfig: cluster.kubeconfigPath,
    async restart() {
      await cluster.close();
      cluster = await start(at);
    },
    async stop() {
      await port.close();
      await cluster.close();
      await rm(dataDir, { recursive: true });
    },
  };
}

async function startReal(): Promise<Restartable> {
  const kubernetes = await startKubernetes();
  const { kubeconfig } = kubernetes;
  return {
    port: kubernetes.port(),
    kubeconfig,
    restart: () => kubernetes.restartApiServer(),
    stop: () => kubernetes.stop(),
  };
}

const noGo = isOnPath('go') ? undefined : 'there is no `go` on the PATH, and client-go is built from its module';
const CASES = [
  { name: 'the local cluster', start: startLocal, missing: noGo },
  { name: 'a real Kubernetes', start: startReal, missing: noGo ?? missingFor({}) },
] as const;
const within = { withinMs: 60_000, everyMs: 200 };

for (const { name, start, missing } of CASES) {
  if (missing) console.warn(`client-go over ${name} is skipped: ${missing}`);

  describe.skipIf(missing)(`client-go over ${name}`, { timeout: 120_000 }, () => {
    let folder: string;
    let cluster: Restartable;
    let lab: Lab;
    let namespace: string;
    let proxy: FaultProxy;
    let informer: Informer;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'clops-informer-'));
      await buildInformer(join(folder, 'informer'));
      cluster = await start();
      lab = openLab(cluster);
      await lab.installCrds();
      namespace = await lab.namespace('informer');
      const { cluster: to, user } = readCurrentContext(cluster.kubeconfig);
      const data = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64');
      const tls = {
        ca: data(to?.['certificate-authority-data']),
        cert: data(user?.['client-certificate-data']),
        key: data(user?.['client-key-data']),
      };
      proxy = await startFaultProxy({ url: to?.['server'] ?? '', tls });
      informer = follow();
      await eventually(async () => expect((await informer.state()).synced).toBe(true), within);
    }, 300_000);
    afterAll(async () => {
      await informer?.stop();
      await proxy?.close();
      await lab?.close();
      await rm(folder, { recursive: true });
    }, 60_000);

    const follow = (features: Record<string, string> = {}): Informer =>
      new Informer(
        join(folder, 'informer'),
        proxy.url,
        ['pods.v1.', 'modeldeployments.v1alpha1.serving.clops.dev'],
        features,
      );

    const model = (at: number): KubeObject => ({
      ...aModel(`m-${at}`, {}, namespace),
      metadata: { name: `m-${at}`, namespace },
    });
    const pod = (at: number): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `p-${at}`, namespace },
      spec: { automountServiceAccountToken: false, containers: [{ name: 'a', image: 'a:1' }] },
    });
    const touch = (at: number, round: number): Promise<KubeObject> =>
      cluster.port.patch(MODELDEPLOYMENTS, `m-${at}`, namespace, 'merge', {
        metadata: { labels: { round: `${round}` } },
      });
    const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

    /** What the server has, as the informer would say it. */
    async function truth(): Promise<Record<string, Record<string, string>>> {
      const versions = async (resource: typeof PODS): Promise<Record<string, string>> =>
        Object.fromEntries(
          (await cluster.port.list(resource)).items.map(({ metadata }) => [
            `${metadata.namespace}/${metadata.name}`,
            metadata.resourceVersion ?? '',
          ]),
        );
      return { pods: await versions(PODS), modeldeployments: await versions(MODELDEPLOYMENTS) };
    }
    const agrees = (one = informer): Promise<void> =>
      eventually(async () => expect((await one.state()).stores).toEqual(await truth()), within);
    const errors = async (one = informer): Promise<string[]> =>
      (await one.state()).logged.filter((line) => line.startsWith('E'));

    test('hears each change once', async () => {
      for (const at of upTo(10)) await cluster.port.create(MODELDEPLOYMENTS, model(at));
      for (const at of upTo(3)) await cluster.port.create(PODS, pod(at));
      for (const round of upTo(3)) for (const at of upTo(10)) await touch(at, round);
      for (const at of upTo(2)) await cluster.port.delete(MODELDEPLOYMENTS, `m-${at}`, namespace);
      await cluster.port.delete(PODS, 'p-0', namespace);
      await agrees();
      const { seen } = await informer.state();
      expect(seen['modeldeployments']).toMatchObject({ adds: 10, updates: 30, deletes: 2 });
      expect(seen['pods']).toMatchObject({ adds: 3, deletes: 1 });
      expect(await errors()).toEqual([]);
    });

    test('resyncs from its own store', async () => {
      const asked = proxy.seen.length;
      const before = (await informer.state()).seen['modeldeployments']?.resyncs ?? 0;
      await eventually(
        async () => expect((await informer.state()).seen['modeldeployments']?.resyncs).toBeGreaterThan(before),
        within,
      );
      expect(proxy.seen.slice(asked)).toEqual([]);
    });

    test('goes on where it was when its watch is cut', async () => {
      const { updates = 0 } = (await informer.state()).seen['modeldeployments'] ?? {};
      const asked = proxy.seen.length;
      for (const round of upTo(3)) {
        for (const at of upTo(8)) await touch(at + 2, 10 + round);
        if (round === 1) proxy.cut();
      }
      await agrees();
      expect((await informer.state()).seen['modeldeployments']?.updates).toBe(updates + 24);
      const lists = proxy.seen.slice(asked).filter(({ url }) => !url.includes('watch=true'));
      expect(lists).toEqual([]);
      expect(await errors()).toEqual([]);
    });

    test('lists again when its version is too old', async () => {
      const body = {
        kind: 'Status',
        apiVersion: 'v1',
        status: 'Failure',
        code: 410,
        reason: 'Expired',
        message: 'too old',
      };
      const isWatch = ({ url }: { url: string }): boolean =>
        url.includes('modeldeployments') && url.includes('watch=true');
      proxy.rules.push({ match: isWatch, times: 1, answer: { status: 410, body } });
      const asked = proxy.seen.length;
      proxy.cut();
      await touch(5, 20);
      await eventually(() => {
        const lists = proxy.seen.slice(asked).filter(({ url }) => /modeldeployments\?(?!.*watch=true)/.test(url));
        expect(lists).toHaveLength(1);
      }, within);
      await agrees();
      expect(await errors()).toEqual([]);
    });

    test('streams its first list, or falls back to asking for it', async () => {
      const streaming = follow({ KUBE_FEATURE_WatchListClient: 'true' });
      try {
        await eventually(async () => expect((await streaming.state()).synced).toBe(true), within);
        await agrees(streaming);
        expect(await errors(streaming)).toEqual([]);
      } finally {
        await streaming.stop();
      }
    });

    test('is whole again after the server was started anew', async () => {
      await cluster.restart();
      await cluster.port.delete(MODELDEPLOYMENTS, 'm-9', namespace);
      await cluster.port.create(MODELDEPLOYMENTS, model(20));
      for (const at of upTo(5)) await touch(at + 2, 30);
      await agrees();
      const { seen } = await informer.state();
      expect(seen['modeldeployments']).toMatchObject({ adds: 11, deletes: 3 });
      // While it is away, and only then: nobody answers at its address.
      const words =
        /connection refused|connection reset|EOF|ServiceUnavailable|shutting down|unexpected end|Forbidden|poststarthook/i;
      expect((await errors()).filter((line) => !words.test(line))).toEqual([]);
    });
  });
}
