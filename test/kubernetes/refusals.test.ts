/**
 * What a real cluster refuses its controllers, or does not have. Each ends in a condition in the cluster's words, costs few
 * requests however long it lasts, and is over when its cause is.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ModelDeploymentStatus } from '../../src/contract/modeldeployment.ts';
import type { KubeObject } from '../../src/platform/cluster/port.ts';
import { HTTPROUTES } from '../../src/platform/cluster/resources.ts';
import { eventually } from '../support/eventually.ts';
import { type Kubernetes, missingFor } from './cluster.ts';
import { isWrite, type KubernetesLab, makeNamespace, NAMESPACE, startKubernetesLab } from './controllerLab.ts';
import { condition, FEW, HALF, isHealthy, isPaused, ONE, type Proxied, startProxied } from './proxied.ts';

const missing = missingFor({ kwok: 1 });
if (missing) console.warn(`Skipped: ${missing}`);

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

describe.skipIf(missing)('a controller whose cluster refuses something', () => {
  let lab: KubernetesLab;
  let kubernetes: Kubernetes;
  let isQuiet: Proxied['isQuiet'];
  beforeAll(async () => {
    ({ lab, isQuiet } = await startProxied());
    kubernetes = lab.kubernetes;
  });
  afterEach(async () => {
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

  it('had the rights for all of it', () => {
    expect(lab.forbidden()).toEqual([]);
  });
});

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
