/** The table of docs/local-cluster.md, row by row: what is not served is answered as the row says. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { startApiServer } from '../../../src/local/apiserver/index.ts';
import { createClientNodeCluster } from '../../../src/platform/cluster/clientNode.ts';
import { type Answer, type Asked, type Lab, openLab } from './lab.ts';
import { aModel } from './requests/own.ts';

interface Example extends Asked {
  line: string;
  code: number;
  /** Words that the answer must hold. */
  says?: string;
}

const PODS = '/api/v1/namespaces/default/pods';
const MDS = '/apis/serving.clops.dev/v1alpha1/namespaces/default/modeldeployments';
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';

type Fields = Record<string, unknown>;
const version = (rule: Fields = {}, more: Fields = {}): Fields => {
  const rules = Object.keys(rule).length > 0 ? [{ message: 'm', ...rule }] : [];
  const spec = { type: 'object', properties: { a: { type: 'string' } }, 'x-kubernetes-validations': rules };
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec } } };
  return { name: 'v1', served: true, storage: true, schema, ...more };
};
const crd = (versions: Fields[], more: Fields = {}): Fields => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'things.example.com' },
  spec: { group: 'example.com', scope: 'Namespaced', names: { kind: 'Thing', plural: 'things' }, versions, ...more },
});
const refusedCrd = (body: Fields, says: string): Example => ({ line: `POST ${CRDS}`, body, code: 422, says });
const aPod = (spec: Fields = {}): Fields => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p' },
  spec: { containers: [{ name: 'a', image: 'a' }], ...spec },
});
const gone = (path: string, method = 'GET'): Example => ({ line: `${method} ${path}`, code: 404 });

/** By the first cell of the row; the last cell says the same in words. */
const ROWS: Readonly<Record<string, readonly Example[]>> = {
  Kinds: [
    { ...gone('/apis/apps/v1/namespaces/default/statefulsets'), says: 'could not find the requested resource' },
    { ...gone('/apis/batch/v1/jobs'), says: '404 page not found' },
    gone('/api/v1/persistentvolumes'),
  ],
  Verbs: ['exec', 'attach', 'portforward', 'eviction', 'proxy', 'ephemeralcontainers'].map((verb) =>
    gone(`${PODS}/p/${verb}`, 'POST'),
  ),
  Formats: [
    {
      line: `GET ${PODS}`,
      accept: 'application/vnd.kubernetes.protobuf',
      code: 406,
      says: 'only the following media types',
    },
    {
      line: `POST ${PODS}?dryRun=All`,
      type: 'yaml',
      body: 'apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: a}]}',
      code: 201,
    },
  ],
  Patches: [
    { line: `PATCH ${MDS}/vad`, type: 'strategic', body: {}, code: 415, says: 'accepted media types include' },
    { line: `PATCH ${MDS}/vad/scale?fieldManager=x`, type: 'apply', body: {}, code: 415 },
  ],
  Selectors: [
    { line: `GET ${PODS}?fieldSelector=spec.foo=x`, code: 400, says: 'field label not supported: spec.foo' },
    { line: `GET ${PODS}?continue=x`, code: 400, says: 'lists here are one page' },
    { line: `GET ${MDS}?limit=1`, code: 200, says: '"name":"second"' },
  ],
  Watches: [
    {
      line: `GET ${PODS}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`,
      code: 422,
      says: 'sendInitialEvents is forbidden',
    },
    { line: `GET ${PODS}?watch=true&resourceVersion=99999999`, code: 200, says: '"code":410' },
  ],
  CRDs: [
    refusedCrd(crd([version(), version({}, { name: 'v2', storage: false })]), 'serves one version'),
    refusedCrd(crd([version()], { conversion: { strategy: 'Webhook' } }), 'spec.conversion.strategy'),
    refusedCrd(crd([version({}, { selectableFields: [{ jsonPath: '.spec.a' }] })]), 'selectableFields'),
    refusedCrd(crd([version({ rule: 'self == oldSelf', optionalOldSelf: true })]), 'optionalOldSelf'),
    refusedCrd(crd([version({ rule: 'self.a.nonsense()' })]), 'compilation failed'),
    { line: `POST ${CRDS}?dryRun=All`, body: crd([version({ rule: 'self.b == 1' })]), code: 201 },
  ],
  Admission: [
    gone('/api/v1/namespaces/default/resourcequotas', 'POST'),
    gone('/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations', 'POST'),
    gone('/apis/scheduling.k8s.io/v1/priorityclasses'),
    {
      line: `POST ${PODS}`,
      body: aPod({ priorityClassName: 'high' }),
      code: 403,
      says: 'no PriorityClass with name high was found',
    },
  ],
  'Built-in kinds': [
    {
      line: `POST ${SLICES}?dryRun=All`,
      body: {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'e' },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['127.0.0.1'] }],
      },
      code: 201,
    },
    {
      line: 'POST /apis/gateway.networking.k8s.io/v1/namespaces/default/gateways?dryRun=All',
      body: {
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'Gateway',
        metadata: { name: 'g' },
        spec: { gatewayClassName: 1 },
      },
      code: 201,
    },
    { line: `POST ${PODS}?dryRun=All`, body: aPod({ hostAliases: [{ ip: 'nonsense' }] }), code: 201 },
  ],
  'Who may': [
    gone('/apis/authentication.k8s.io/v1/tokenreviews', 'POST'),
    gone('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', 'POST'),
    gone('/apis/rbac.authorization.k8s.io/v1/clusterroles'),
  ],
};

describe('what the local cluster does not serve', () => {
  let lab: Lab;
  let dataDir: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'clops-unserved-'));
    const server = await startApiServer({ dataDir, port: 0, bind: '127.0.0.1', log: silentLog });
    const port = createClientNodeCluster({ kubeconfig: server.kubeconfigPath, userAgent: 'clops-test/1' });
    const stop = async (): Promise<void> => {
      await port.close();
      await server.close();
    };
    lab = openLab({ port, kubeconfig: server.kubeconfigPath, stop });
    await lab.installCrds();
    for (const name of ['vad', 'second']) {
      const { code } = await lab.ask('POST', MDS, { body: aModel(name, {}, 'default') });
      expect(code).toBe(201);
    }
  });
  afterAll(async () => {
    await lab?.close();
    await rm(dataDir, { recursive: true });
  });

  test('is in the table, row by row', async () => {
    const text = await readFile('docs/local-cluster.md', 'utf8');
    const table = text.slice(text.indexOf('| | here | not here |')).split('\n\n')[0] ?? '';
    const rows = table
      .split('\n')
      .slice(2)
      .map((row) => row.split(' | ')[0]?.replace(/^\| /, ''));
    expect(rows).toEqual(Object.keys(ROWS));
  });

  describe.each(Object.entries(ROWS))('%s', (_row, examples) => {
    test.each(examples.map((example) => [example.line, example] as const))('%s', async (_line, example) => {
      const [method = '', path = ''] = example.line.split(' ');
      const { code, body }: Answer = await lab.ask(method, path, example);
      expect({ code, says: JSON.stringify(body) }).toEqual({
        code: example.code,
        says: expect.stringContaining(example.says ?? ''),
      });
    });
  });
});
