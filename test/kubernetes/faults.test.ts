/**
 * What happens to a real cluster and its controllers: hands, a namespace that goes, an older definition, an API server that is
 * slow or away, a leader that is frozen. Each costs few requests however long it lasts, and is over when its cause is.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { ModelDeployment } from '../../src/contract/modeldeployment.ts';
import type { KubeObject } from '../../src/platform/cluster/port.ts';
import { CRDS, DEPLOYMENTS, LEASES, MODELDEPLOYMENTS, NAMESPACES, PODS } from '../../src/platform/cluster/resources.ts';
import { expectMended, spoilChildren } from '../controller/spoiled.ts';
import { eventually } from '../support/eventually.ts';
import type { FaultProxy } from '../support/faultProxy.ts';
import { type Kubernetes, missingFor } from './cluster.ts';
import {
  agentOf,
  isGone,
  isWrite,
  type KubernetesLab,
  makeNamespace,
  NAMESPACE,
  onKwok,
  startKubernetesLab,
} from './controllerLab.ts';
import { HALF, isHealthy, isPaused, ONE, type Proxied, ROLLING, startProxied } from './proxied.ts';

const missing = missingFor({ kwok: 1 });
if (missing) console.warn(`Skipped: ${missing}`);

describe.skipIf(missing)('a controller whose cluster misbehaves', () => {
  let lab: KubernetesLab;
  let kubernetes: Kubernetes;
  let proxy: FaultProxy;
  let isQuiet: Proxied['isQuiet'];
  beforeAll(async () => {
    ({ lab, proxy, isQuiet } = await startProxied());
    kubernetes = lab.kubernetes;
  });
  afterEach(() => {
    proxy.rules.length = 0;
  });
  afterAll(() => lab?.close());

  it('heals what is edited and deleted by hand', async () => {
    await lab.deploy('edited', 1, ONE);
    await lab.until('edited', isHealthy(1));
    const uid = await spoilChildren(lab.cluster, 'edited');
    const isMended = (): Promise<void> =>
      eventually(() => expectMended(lab.cluster, 'edited', { uid, replicas: 1 }), { withinMs: 20_000, everyMs: 200 });
    await isMended();
    await lab.until('edited', isHealthy(1));
    // One deleted and made again has another uid; what was there must not be mistaken for it.
    await kubernetes.kubectl(['-n', NAMESPACE, 'delete', 'md/edited', '--cascade=orphan']);
    await kubernetes.kubectl(['-n', NAMESPACE, 'set', 'selector', 'service/edited-stable', 'app=nobody']);
    await lab.deploy('edited', 1, ONE);
    await isMended();
    await lab.until('edited', isHealthy(1));
    await isQuiet();
  });

  it('a namespace that is deleted in the middle of a rollout ends it, and nothing is asked any more', async () => {
    await makeNamespace(lab.cluster, 'doomed');
    const md = onKwok('gone', 1, { replicas: 1, strategy: HALF });
    await lab.cluster.create(MODELDEPLOYMENTS, { ...md, metadata: { name: 'gone', namespace: 'doomed' } });
    await eventually(
      async () =>
        expect((await lab.cluster.get(MODELDEPLOYMENTS, 'gone', 'doomed')).status).toMatchObject({
          stable: { version: 1 },
        }),
      { withinMs: 30_000 },
    );
    const next = onKwok('gone', 2, { replicas: 1, strategy: HALF }).spec;
    await lab.cluster.patch(MODELDEPLOYMENTS, 'gone', 'doomed', 'merge', { spec: next });
    await lab.cluster.delete(NAMESPACES, 'doomed');
    await eventually(
      () => expect(lab.cluster.get(NAMESPACES, 'doomed').then(() => false, isGone)).resolves.toBe(true),
      { withinMs: 60_000, everyMs: 300 },
    );
    expect((await lab.askedWithin('proxied', 4000)).filter(isWrite)).toEqual([]);
  });

  it('an older definition, which keeps less, costs no hot loop; the newer one under it changes no pod', async () => {
    const wanted = parse(readFileSync('deploy/crds/modeldeployments.yaml', 'utf8')) as Definition;
    const older = structuredClone(wanted);
    for (const version of older.spec.versions) {
      const { spec, status } = version.schema.openAPIV3Schema.properties;
      for (const field of ['step', 'ready', 'selector', 'history']) delete status.properties[field];
      delete spec.properties['replicas']?.default;
      delete version.subresources.scale;
      version.additionalPrinterColumns = [];
    }
    const manager = { fieldManager: 'clops-controller', force: true };
    await lab.cluster.apply(CRDS, older, manager);
    const md = onKwok('older', 1, { strategy: ROLLING });
    delete md.spec.replicas;
    await lab.cluster.create(MODELDEPLOYMENTS, md);
    await lab.until('older', isHealthy(1), 60_000);
    await eventually(isQuiet, { withinMs: 30_000 });
    const { metadata } = await lab.cluster.get(MODELDEPLOYMENTS, 'older', NAMESPACE);
    const made = async (): Promise<unknown[]> => {
      const of = { namespace: NAMESPACE, labelSelector: 'clops.dev/deployment=older' };
      const kinds = await Promise.all([DEPLOYMENTS, PODS].map((kind) => lab.cluster.list(kind, of)));
      return kinds.flatMap(({ items }) => items.map((item) => [item.metadata.name, item.metadata.uid]));
    };
    const before = await made();
    await lab.cluster.apply(CRDS, wanted, manager);
    const read = (): Promise<ModelDeployment> => lab.cluster.get(MODELDEPLOYMENTS, 'older', NAMESPACE);
    await eventually(async () => expect((await read()).spec.replicas).toBe(1)); // what nobody has written is read now
    await kubernetes.kubectl(['-n', NAMESPACE, 'annotate', 'md/older', 'looked-at=again']);
    await lab.until('older', (now) => expect(now).toMatchObject({ ready: '1/1', rollout: { number: 1 } }), 60_000);
    expect(await made()).toEqual(before);
    await eventually(isQuiet, { withinMs: 30_000 });
    expect((await read()).metadata.generation).toBe(metadata.generation);
    await lab.deploy('older', 2, ONE);
    await lab.until(
      'older',
      (status) => expect(status).toMatchObject({ ready: '1/1', stable: { version: 2 } }),
      60_000,
    );
  });

  // Before the API server is started again: until it has read the roles it refuses everything.
  it('had the rights for all of it', () => {
    expect(lab.forbidden()).toEqual([]);
  });

  it('an API server that answers slowly, that asks to wait, whose watches break, and that goes away', async () => {
    await lab.deploy('slow', 1, { replicas: 1, strategy: HALF });
    await lab.until('slow', isHealthy(1));
    const isPatch = ({ method }: { method: string }): boolean => method === 'PATCH';
    proxy.rules.push({ match: isPatch, times: 1000, delayMs: 700 });
    await lab.deploy('slow', 2, { replicas: 1, strategy: HALF });
    await lab.until('slow', isPaused, 60_000);
    proxy.rules.length = 0;

    const tooMany = {
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      code: 429,
      reason: 'TooManyRequests',
      message: 'slow down',
    };
    const isOfTeam = ({ method, url }: { method: string; url: string }): boolean =>
      isPatch({ method }) && url.includes('/namespaces/speech/');
    proxy.rules.push({
      match: isOfTeam,
      times: 1000,
      answer: { status: 429, body: tooMany, headers: { 'retry-after': '3' } },
    });
    const from = proxy.seen.length;
    await lab.command('slow', 'Promote');
    await new Promise((resolve) => setTimeout(resolve, 7000));
    expect(proxy.seen.slice(from).filter(isOfTeam).length).toBeLessThanOrEqual(4);
    proxy.rules.length = 0;
    await lab.until('slow', isHealthy(2));

    await lab.deploy('slow', 3, { replicas: 1, strategy: HALF });
    proxy.cut();
    await lab.until('slow', isPaused);
    await kubernetes.stopApiServer();
    await kubernetes.startApiServer();
    await lab.command('slow', 'Promote');
    await lab.until('slow', isHealthy(3), 90_000);
    await eventually(isQuiet, { withinMs: 60_000 });
  });

  it('says nothing and writes nothing while fifty are well', async () => {
    for (let number = 0; number < 50; number++) await lab.deploy(`many-${number}`, 1, ONE);
    for (let number = 0; number < 50; number++) await lab.until(`many-${number}`, isHealthy(1), 120_000);
    await eventually(async () => expect(await lab.askedWithin('proxied', 4000)).toEqual([]), { withinMs: 60_000 });
    expect((await lab.askedWithin('proxied', 15_000)).filter(isWrite)).toEqual([]);
  });
});

describe.skipIf(missing)('two controllers', () => {
  let lab: KubernetesLab;
  const processes = new Map<string, ChildProcess>();
  beforeAll(async () => {
    lab = await startKubernetesLab();
  });
  afterAll(async () => {
    for (const child of processes.values()) child.kill('SIGKILL');
    await lab?.close();
  });

  const start = (name: string): void => {
    const program = `${import.meta.dirname}/controllerProcess.mjs`;
    processes.set(name, spawn(process.execPath, [program, lab.kubeconfig, name], { stdio: 'inherit' }));
  };
  const holder = async (): Promise<string | undefined> => {
    const lease = await lab.cluster.get<KubeObject & { spec: { holderIdentity?: string } }>(
      LEASES,
      'clops-controller',
      'clops-system',
    );
    return lease.spec.holderIdentity;
  };
  const leads = (name: string): Promise<void> =>
    eventually(async () => expect(await holder()).toBe(name), { withinMs: 40_000, everyMs: 200 });

  it('one that was frozen and wakes up writes nothing, and the other has gone on in its place', async () => {
    const timed = (version: number) =>
      lab.deploy('vad', version, {
        replicas: 1,
        strategy: { canary: { steps: [{ setWeight: 50 }, { pause: { seconds: 10 } }], scaleDownDelaySeconds: 0 } },
      });
    start('one');
    await leads('one');
    start('two');
    await timed(1);
    await lab.until('vad', isHealthy(1));
    await timed(2);
    await lab.until('vad', isPaused);
    // What is on its way when the process is frozen arrives later: nobody can call it back.
    await eventually(async () => expect((await lab.askedWithin('one', 1000)).filter(isWrite)).toEqual([]));
    processes.get('one')?.kill('SIGSTOP');
    await leads('two');
    await lab.until('vad', isHealthy(2), 40_000);
    await timed(3);
    await lab.until('vad', isPaused);
    const from = lab.kubernetes.audit().length;
    processes.get('one')?.kill('SIGCONT');
    await lab.until('vad', isHealthy(3), 40_000);
    const askedByOne = lab.kubernetes
      .audit()
      .slice(from)
      .filter(({ userAgent }) => userAgent === agentOf('one'));
    expect(askedByOne.filter(({ verb, objectRef }) => verb === 'get' && objectRef?.resource === 'leases')).not.toEqual(
      [],
    );
    expect(lab.asked('one', from).filter(isWrite)).toEqual([]);
    expect(await holder()).toBe('two');
  });
});

interface Definition extends KubeObject {
  spec: {
    versions: {
      schema: {
        openAPIV3Schema: {
          properties: Record<'spec' | 'status', { properties: Record<string, { default?: unknown }> }>;
        };
      };
      subresources: { scale?: object };
      additionalPrinterColumns: object[];
    }[];
  };
}
