/**
 * What a real cluster does to its controllers. Each fault ends in a condition that says it, costs few requests however long
 * it lasts, and is over when its cause is.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { ModelDeployment, ModelDeploymentStatus } from '../../src/contract/modeldeployment.ts';
import type { KubeObject } from '../../src/platform/cluster/port.ts';
import {
  CRDS,
  DEPLOYMENTS,
  HTTPROUTES,
  LEASES,
  MODELDEPLOYMENTS,
  NAMESPACES,
  PODS,
} from '../../src/platform/cluster/resources.ts';
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
  type Request,
  type RunningController,
  startKubernetesLab,
} from './controllerLab.ts';

const missing = missingFor({ kwok: 1 });
if (missing) console.warn(`Skipped: ${missing}`);

const HALF = { canary: { steps: [{ setWeight: 50 }, { pause: {} }], scaleDownDelaySeconds: 0 } };
const ROLLING = { rolling: {} };
const ONE = { replicas: 1, strategy: ROLLING };
/** As many as a quiet controller may make of a fault in some seconds. */
const FEW = 12;

const condition = (status: ModelDeploymentStatus, type: string) => status.conditions?.find((one) => one.type === type);
const isHealthy = (version: number) => (status: ModelDeploymentStatus) =>
  expect(status).toMatchObject({ phase: 'Healthy', stable: { version } });
const isPaused = (status: ModelDeploymentStatus) => expect(status).toMatchObject({ rollout: { phase: 'Paused' } });

describe.skipIf(missing)('a controller whose cluster lacks something', () => {
  let lab: KubernetesLab;
  beforeAll(async () => {
    lab = await startKubernetesLab({ gatewayApi: false });
  });
  afterAll(() => lab?.close());

  it('waits for its own definitions; says that the Gateway API is missing; goes on when each comes', async () => {
    await makeNamespace(lab.cluster, 'clops-system');
    await lab.start('early');
    await eventually(() => expect(lab.asked('early').filter(({ code }) => code === 404).length).toBeGreaterThan(2));
    expect((await lab.askedWithin('early', 3000)).length).toBeLessThan(FEW * 3);
    await lab.installDefinitions();
    await lab.deploy('vad', 1, ONE);
    const status = await lab.until(
      'vad',
      (now) => expect(condition(now, 'Progressing')).toMatchObject({ status: 'False', reason: 'HTTPRouteRefused' }),
      60_000,
    );
    expect(condition(status, 'Progressing')?.message).toBe(
      'This cluster does not know HTTPRoute (gateway.networking.k8s.io/v1): install it, and it goes on by itself.',
    );
    expect(condition(status, 'Available')).toMatchObject({ status: 'True' });
    expect((await lab.askedWithin('early', 5000)).filter(isWrite).length).toBeLessThan(FEW);
    await lab.installGateway();
    await lab.until('vad', isHealthy(1), 90_000);
  });
});

describe.skipIf(missing)('a controller whose cluster misbehaves', () => {
  let lab: KubernetesLab;
  let kubernetes: Kubernetes;
  let controller: RunningController;
  let proxy: FaultProxy;
  beforeAll(async () => {
    lab = await startKubernetesLab();
    kubernetes = lab.kubernetes;
    const through = await lab.proxy();
    proxy = through.proxy;
    controller = await lab.start('proxied', through.kubeconfig);
    await eventually(() => expect(controller.isLeading).toBe(true), { withinMs: 30_000 });
  });
  afterEach(async () => {
    proxy.rules.length = 0;
    await remove('-n', NAMESPACE, 'resourcequota,limitrange', '--all');
    await remove('validatingadmissionpolicybinding,validatingadmissionpolicy', '--all');
    await remove('validatingwebhookconfiguration', '--all');
  });
  afterAll(() => lab?.close());

  const apply = (...items: object[]): Promise<string> =>
    kubernetes.kubectl(['apply', '--server-side', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    });
  const remove = (...what: string[]): Promise<string> => kubernetes.kubectl(['delete', ...what]);
  const progressing = (status: ModelDeploymentStatus) => condition(status, 'Progressing');
  /** Few requests in some seconds, and none of them by lists. */
  const isQuiet = async (ms = 5000): Promise<Request[]> => {
    const asked = await lab.askedWithin('proxied', ms);
    expect(asked.filter(({ verb }) => verb === 'list')).toEqual([]);
    expect(asked.length, JSON.stringify(asked)).toBeLessThan(FEW);
    return asked;
  };

  it('a policy that denies a child: said in its words, asked seldom, and an abort goes through', async () => {
    await lab.deploy('denied', 1, { replicas: 1, strategy: HALF });
    await lab.until('denied', isHealthy(1));
    await apply(...policy('no-version-2', "object.metadata.?labels['clops.dev/version'].orValue('') != '2'"));
    await eventually(
      () =>
        expect(kubernetes.kubectl(['create', '--dry-run=server', '-f', '-'], { input: denied() })).rejects.toThrow(
          'not today',
        ),
      { withinMs: 30_000, everyMs: 500 },
    );
    await lab.deploy('denied', 2, { replicas: 1, strategy: HALF });
    const status = await lab.until('denied', (now) =>
      expect(progressing(now)).toMatchObject({ status: 'False', reason: 'DeploymentRefused' }),
    );
    expect(progressing(status)?.message).toMatch(/^The cluster refuses Deployment denied-\w+: .*not today/);
    expect(condition(status, 'Ready')).toMatchObject({ status: 'True' });
    await isQuiet();
    await lab.command('denied', 'Abort');
    await lab.until('denied', (now) => expect(now.rollout).toMatchObject({ outcome: 'Aborted' }));
    await remove('validatingadmissionpolicybinding,validatingadmissionpolicy', '--all');
    await lab.command('denied', 'Retry');
    await lab.until('denied', isPaused, 60_000);
    await lab.command('denied', 'Promote');
    await lab.until('denied', isHealthy(2));
  });

  it('a policy that denies a deletion: the rollout ends, what stays has no pods, and goes when it may', async () => {
    await lab.deploy('kept', 1, ONE);
    const before = await lab.until('kept', isHealthy(1));
    await apply(...policy('keep', 'false', ['DELETE']));
    const old = `kept-${before.stable?.hash}`;
    const deleted = ['-n', NAMESPACE, 'delete', 'deployment', old, '--dry-run=server'];
    await eventually(() => expect(kubernetes.kubectl(deleted)).rejects.toThrow('not today'), {
      withinMs: 30_000,
      everyMs: 500,
    });
    await lab.deploy('kept', 2, ONE);
    const status = await lab.until('kept', (now) => {
      isHealthy(2)(now);
      expect(progressing(now)).toMatchObject({ status: 'False', reason: 'DeploymentRefused' });
    });
    expect(progressing(status)?.message).toMatch(
      /^The cluster refuses the deletion of Deployment kept-\w+: .*not today/,
    );
    await eventually(async () => expect(await lab.read('deployment', old)).toMatchObject({ spec: { replicas: 0 } }));
    await isQuiet();
    await remove('validatingadmissionpolicybinding,validatingadmissionpolicy', '--all');
    await lab.until('kept', (now) => expect(progressing(now)).toMatchObject({ status: 'True' }), 60_000);
    await expect(lab.read('deployment', old)).rejects.toThrow('not found');
  });

  it('a webhook that is away and must be asked: said in its words, asked seldom, and over when it goes', async () => {
    const rules = [
      { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['deployments'] },
    ];
    const webhook = {
      name: 'away.example.com',
      clientConfig: { url: 'https://127.0.0.1:1/admit' },
      rules,
      failurePolicy: 'Fail',
      timeoutSeconds: 2,
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
    };
    const kind = 'ValidatingWebhookConfiguration';
    await apply({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind,
      metadata: { name: 'away' },
      webhooks: [webhook],
    });
    const asked = ['create', 'deployment', 'asked', '--image=a:1', '--dry-run=server', '-n', NAMESPACE];
    await eventually(() => expect(kubernetes.kubectl(asked)).rejects.toThrow('away.example.com'), {
      withinMs: 30_000,
      everyMs: 500,
    });
    await lab.deploy('hooked', 1, ONE);
    const status = await lab.until('hooked', (now) =>
      expect(progressing(now)).toMatchObject({ status: 'False', reason: 'DeploymentRefused' }),
    );
    expect(progressing(status)?.message).toMatch(/^The cluster refuses Deployment hooked-\w+: .*away\.example\.com/);
    await isQuiet();
    await remove('validatingwebhookconfiguration', 'away');
    await lab.until('hooked', isHealthy(1), 60_000);
  });

  it('a quota and a limit that let no pod be made: said in their words, and over when they are raised', async () => {
    const quota = (pods: string) => ({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'small', namespace: NAMESPACE },
      spec: { hard: { pods } },
    });
    await apply(quota('0'));
    await eventually(async () =>
      expect(await lab.read('resourcequota', 'small')).toMatchObject({ status: { hard: { pods: '0' } } }),
    );
    await lab.deploy('limited', 1, ONE);
    const status = await lab.until('limited', (now) =>
      expect(progressing(now)).toMatchObject({ reason: 'FailedCreate' }),
    );
    expect(progressing(status)?.message).toMatch(/exceeded quota: small/);
    expect(status.rollout?.message).toMatch(/exceeded quota: small/);
    await isQuiet();
    await remove('-n', NAMESPACE, 'resourcequota', 'small');
    await lab.until('limited', isHealthy(1), 90_000);

    await apply({
      apiVersion: 'v1',
      kind: 'LimitRange',
      metadata: { name: 'tiny', namespace: NAMESPACE },
      spec: { limits: [{ type: 'Container', max: { memory: '8Mi' } }] },
    });
    await lab.deploy('limited', 2, ONE);
    const small = await lab.until('limited', (now) =>
      expect(progressing(now)).toMatchObject({ reason: 'FailedCreate' }),
    );
    expect(progressing(small)?.message).toMatch(/memory limit of 8Mi/);
    await remove('-n', NAMESPACE, 'limitrange', 'tiny');
    await lab.until('limited', isHealthy(2), 90_000);

    // A quota on what we make ourselves is refused to us.
    const hard = { 'count/deployments.apps': '0' };
    await apply({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'few', namespace: NAMESPACE },
      spec: { hard },
    });
    await eventually(async () => expect(await lab.read('resourcequota', 'few')).toMatchObject({ status: { hard } }));
    await lab.deploy('limited', 3, ONE);
    const few = await lab.until('limited', (now) =>
      expect(progressing(now)).toMatchObject({ reason: 'DeploymentRefused' }),
    );
    expect(progressing(few)?.message).toMatch(/^The cluster refuses Deployment limited-\w+: .*exceeded quota: few/);
    await isQuiet();
    await remove('-n', NAMESPACE, 'resourcequota', 'few');
    await lab.until('limited', isHealthy(3), 60_000);
  });

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

  it('a Gateway that rejects the route, one whose class nobody serves, one that is not there', async () => {
    const at = (name: string) => ({ endpoint: { parentRefs: [{ name, namespace: 'clops-system' }] } });
    const gatewayApi = 'gateway.networking.k8s.io/v1';
    await apply(
      {
        apiVersion: gatewayApi,
        kind: 'GatewayClass',
        metadata: { name: 'nobodys' },
        spec: { controllerName: 'example.com/nobody' },
      },
      {
        apiVersion: gatewayApi,
        kind: 'Gateway',
        metadata: { name: 'nobodys', namespace: 'clops-system' },
        spec: { gatewayClassName: 'nobodys', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
      },
    );
    await lab.deploy('routed', 1, { ...ONE, ...at('nobodys') });
    const unserved = await lab.until('routed', (now) =>
      expect(condition(now, 'RouteProgrammed')).toMatchObject({ reason: 'GatewayClassNotAccepted' }),
    );
    expect(condition(unserved, 'RouteProgrammed')?.message).toContain('example.com/nobody');
    expect(unserved.rollout?.message).toContain('example.com/nobody');
    await isQuiet();
    await lab.deploy('routed', 1, { ...ONE, ...at('absent') });
    const absent = await lab.until('routed', (now) =>
      expect(condition(now, 'RouteProgrammed')).toMatchObject({ reason: 'GatewayNotFound' }),
    );
    expect(condition(absent, 'RouteProgrammed')?.message).toMatch(/^There is no Gateway clops-system\/absent/);
    await isQuiet();
    await lab.deploy('routed', 1, { ...ONE, ...at('clops') });
    await lab.until('routed', isHealthy(1));

    const rejected = async (status: 'True' | 'False', reason: string, message: string): Promise<void> => {
      const { metadata, spec } = await lab.cluster.get<KubeObject & { spec: { parentRefs: object[] } }>(
        HTTPROUTES,
        'routed',
        NAMESPACE,
      );
      const made = (type: string, value: string) => ({
        type,
        status: value,
        reason,
        message,
        observedGeneration: metadata.generation,
        lastTransitionTime: '2026-01-01T00:00:00Z',
      });
      const conditions = [made('Accepted', status), made('ResolvedRefs', 'True')];
      const parents = [{ parentRef: spec.parentRefs[0], controllerName: 'clops.dev/gateway', conditions }];
      await lab.cluster.patch(
        HTTPROUTES,
        'routed',
        NAMESPACE,
        'merge',
        { status: { parents } },
        { subresource: 'status' },
      );
    };
    await rejected('False', 'NotAllowedByListeners', 'No listener lets routes of namespace speech in.');
    const said = await lab.until('routed', (now) =>
      expect(condition(now, 'RouteProgrammed')).toMatchObject({ status: 'False', reason: 'NotAllowedByListeners' }),
    );
    expect(condition(said, 'Ready')?.message).toContain('No listener lets routes of namespace speech in.');
    await isQuiet();
    await rejected('True', 'Accepted', '');
    await lab.until('routed', isHealthy(1));
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

/** Refuses Deployments of which the expression is not true. */
function policy(name: string, expression: string, operations = ['CREATE', 'UPDATE']): object[] {
  const group = 'admissionregistration.k8s.io/v1';
  const rule = {
    apiGroups: ['apps'],
    apiVersions: ['v1'],
    operations,
    resources: ['deployments'],
  };
  return [
    {
      apiVersion: group,
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name },
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: { resourceRules: [rule] },
        validations: [{ expression, message: 'not today' }],
      },
    },
    {
      apiVersion: group,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name },
      spec: { policyName: name, validationActions: ['Deny'] },
    },
  ];
}

/** A Deployment that the policy refuses, to see when it is in force. */
function denied(): string {
  const labels = { app: 'denied' };
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'denied', namespace: NAMESPACE, labels: { 'clops.dev/version': '2' } },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'a', image: 'a:1' }] } },
    },
  });
}
