/**
 * What is shipped for Kubernetes, as the API server itself takes it: every manifest through its validation and admission,
 * with no field that it does not know. And what admission keeps the relay from, which no role can say.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { ClusterPort, KubeObject } from '../../src/platform/cluster/port.ts';
import { NAMESPACES, SECRETS } from '../../src/platform/cluster/resources.ts';
import { eventually } from '../support/eventually.ts';
import { gatewayApiCrds, missingPrograms, pathOf, prometheusOperatorCrds } from './build/build.ts';
import { type Kubernetes, missingFor, startKubernetes } from './cluster.ts';
import { run } from './parts/run.ts';
import { asRole } from './rights.ts';

const NAMESPACE = 'clops-system';
const OURS = { 'app.kubernetes.io/managed-by': 'clops' };
const TOKEN = 'kubernetes.io/service-account-token';
const unbuilt =
  missingPrograms(['chart']).length > 0 ? 'helm is not built yet: `npm run kubernetes:build`.' : undefined;
const missing = missingFor({});
for (const why of [missing, unbuilt]) if (why) console.warn(`Skipped: ${why}`);

/** Each flag and each list once, so that nothing of the templates is left out. */
const EVERYTHING = {
  image: { pullSecrets: ['registry'] },
  database: { existingSecret: 'clops-database' },
  gateway: { create: true, className: 'any', metricsUrl: 'http://gateway.example:9100/metrics' },
  api: { corsOrigins: ['https://a.example'], podAnnotations: { a: 'b' }, nodeSelector: { a: 'b' } },
  artifacts: { storageClass: 'fast' },
  extraCA: { configMap: 'ca' },
  relay: { tolerations: [{ key: 'a', operator: 'Exists' }] },
  newCluster: '11111111-2222-3333-4444-555555555555',
  uninstall: { models: 'delete' },
  networkPolicy: { enabled: true, from: [{ namespaceSelector: {} }] },
  monitoring: { podMonitor: true, rules: true, dashboard: true, labels: { release: 'prometheus' } },
};
const BUCKET = { s3: { bucket: 'models', prefix: 'a', endpoint: 'https://s3.example', existingSecret: 'clops-s3' } };

describe.skipIf(missing)('the manifests and a real API server', () => {
  let kubernetes: Kubernetes;
  let admin: ClusterPort;
  beforeAll(async () => {
    kubernetes = await startKubernetes();
    admin = kubernetes.port();
    const operator = await prometheusOperatorCrds();
    const files = ['podmonitors', 'prometheusrules'].map((name) =>
      join(operator, `monitoring.coreos.com_${name}.yaml`),
    );
    const named = [await gatewayApiCrds(), ...files, 'deploy/crds'].flatMap((file) => ['-f', file]);
    await kubernetes.kubectl(['apply', '--server-side', ...named]);
    await kubernetes.kubectl(['create', 'namespace', NAMESPACE]);
    await kubernetes.kubectl(['wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all']);
  });
  afterAll(() => kubernetes?.stop());

  const helm = (args: string[], values: object): Promise<string> =>
    run([pathOf('helm'), ...args, 'deploy/chart', '-f', '-'], { input: JSON.stringify(values) });
  /** What the API server would make of each, one line for an object. */
  async function taken(args: string[], input?: string): Promise<string[]> {
    const strict = ['apply', '--dry-run=server', '--validate=strict', '--warnings-as-errors'];
    const said = await kubernetes.kubectl([...strict, ...args], { ...(input !== undefined && { input }) });
    return said.trim().split('\n');
  }

  it.skipIf(unbuilt).each([
    ['with the defaults', { database: { existingSecret: 'clops-database' } }, 20],
    ['with every option on', EVERYTHING, 30],
    ['with its artifacts in a bucket', { ...EVERYTHING, artifacts: BUCKET, api: { replicas: 2 } }, 30],
  ])('the chart %s', async (_, values, atLeast) => {
    const rendered = await helm(['template', 'clops', `-n=${NAMESPACE}`, '--kube-version=1.34.0'], values);
    // Hooks are applied as what they are.
    expect((await taken(['-f', '-'], rendered)).length).toBeGreaterThanOrEqual(atLeast);
    expect(await helm(['lint'], values)).toContain('0 chart(s) failed');
  });

  it.skipIf(unbuilt)('the chart refuses values that it does not know, and says what is missing', async () => {
    await expect(helm(['template', 'x'], { api: { replica: 3 } })).rejects.toThrow("'replica' not allowed");
    await expect(helm(['template', 'x', '--kube-version=1.34.0'], {})).rejects.toThrow('database.existingSecret');
  });

  it('deploy/base, the definitions and the runtimes', async () => {
    expect((await taken(['-k', 'deploy/base'])).length).toBeGreaterThan(15);
    expect(await taken(['-f', 'deploy/runtimes'])).toEqual([
      'servingruntime.serving.clops.dev/onnx created (server dry run)',
    ]);
  });

  describe('the policy of the relay', () => {
    let relay: ClusterPort;
    const theirs = Buffer.from('hunter2').toString('base64');
    beforeAll(async () => {
      const policy = parseAllDocuments(readFileSync('deploy/base/platform.yaml', 'utf8'))
        .map((document) => document.toJS() as KubeObject | null)
        .filter((object) => object?.kind?.startsWith('ValidatingAdmissionPolicy'));
      expect(policy).toHaveLength(2);
      await apply(...policy);
      relay = kubernetes.port(await asRole(kubernetes, 'relay'));
      const secret = (namespace: string, name: string) => ({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, namespace },
        data: { password: theirs },
      });
      await apply(
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'speech', labels: OURS } },
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'others' } },
        ...[secret('others', 'bank'), secret('speech', 'vad-artifact'), secret(NAMESPACE, 'clops')],
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'rich', namespace: 'speech' } },
      );
      // Admission follows what was written by watches of its own.
      await eventually(() => expect(write('bank', 'others')).rejects.toThrow('The relay writes only'), {
        withinMs: 30_000,
        everyMs: 300,
      });
    });

    const apply = (...items: unknown[]): Promise<string> =>
      kubernetes.kubectl(['apply', '--server-side', '-f', '-'], {
        input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
      });
    const force = { fieldManager: 'clops-relay', force: true };
    const write = (name: string, namespace: string, more: object = {}): Promise<KubeObject> =>
      relay.apply(
        SECRETS,
        {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name, namespace, labels: OURS },
          type: 'Opaque',
          ...more,
        },
        force,
      );

    it('says nothing that the API server finds wrong with it', async () => {
      await eventually(async () => {
        const name = `${NAMESPACE}-clops-relay`;
        const said = await kubernetes.kubectl(['get', 'validatingadmissionpolicy', name, '-o', 'json']);
        const { status } = JSON.parse(said) as { status?: { observedGeneration: number; typeChecking?: object } };
        expect(status).toMatchObject({ observedGeneration: 1, typeChecking: {} });
        expect(status?.typeChecking).toEqual({});
      });
    });

    const take = (name: string): Promise<KubeObject> =>
      relay.apply(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: OURS } }, force);

    it('lets it write the Secrets of deployments and the namespaces of teams', async () => {
      await write('asr-artifact', 'speech', { data: { url: 'eA==' } });
      expect(await write('asr-artifact', 'speech', { data: { url: 'eQ==' } })).toMatchObject({ data: { url: 'eQ==' } });
      await relay.delete(SECRETS, 'asr-artifact', 'speech');
      for (const name of ['speech', 'new']) await take(name);
      await write('asr-artifact', 'new');
    });

    it.each([
      ['another’s in a namespace of others', 'bank', 'others'],
      ['another’s in a namespace of a team, under a name that could be ours', 'vad-artifact', 'speech'],
      ['the platform’s own', 'clops', NAMESPACE],
    ])('reads no Secret by writing it, and deletes none: %s', async (_, name, namespace) => {
      const said = `The relay writes only Secrets of its own, named <deployment>-artifact, in namespaces of teams, and ${namespace}/${name} is none.`;
      const answers = await Promise.allSettled([
        write(name, namespace),
        relay.patch(SECRETS, name, namespace, 'merge', {}),
        relay.delete(SECRETS, name, namespace),
      ]);
      for (const answer of answers) {
        const words = answer.status === 'rejected' ? String(answer.reason) : JSON.stringify(answer.value);
        expect(words).toContain(said);
        expect(words).not.toContain(theirs);
      }
    });

    it.each([
      ['elsewhere', 'x-artifact', 'others', {}],
      ['of another name', 'x', 'speech', {}],
      ['of a type that the cluster fills with a token', 'x-artifact', 'speech', { type: TOKEN }],
    ])('makes no Secret %s', async (_, name, namespace, more) => {
      const annotations = { 'kubernetes.io/service-account.name': 'rich' };
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace, labels: OURS, annotations } };
      await expect(relay.create(SECRETS, { ...secret, ...more })).rejects.toThrow('The relay writes only');
    });

    it('takes no namespace of others, and says how one is given to it', async () => {
      await expect(take('kube-system')).rejects.toThrow('CLOps did not make namespace kube-system.');
      await expect(take('others')).rejects.toThrow('kubectl label namespace others app.kubernetes.io/managed-by=clops');
      await kubernetes.kubectl(['label', 'namespace', 'others', 'app.kubernetes.io/managed-by=clops']);
      await take('others');
    });

    it('binds nobody else', async () => {
      expect(await admin.get(SECRETS, 'bank', 'others')).toMatchObject({ data: { password: theirs } });
      await admin.patch(SECRETS, 'bank', 'others', 'merge', { metadata: { labels: { a: 'b' } } });
    });
  });
});
