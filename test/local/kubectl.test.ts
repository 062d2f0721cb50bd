/** The lines of kubectl that people use, by the real one. A stand-in serves the logs: no node runs here. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { type ApiServer, startApiServer } from '../../src/local/apiserver/index.ts';
import { openPki } from '../../src/local/apiserver/pki.ts';
import { MODELDEPLOYMENTS, NODES, PODS } from '../../src/platform/cluster/resources.ts';
import { eventually } from '../support/eventually.ts';
import { type Kubectl, kubectlFor, kubectlVersion } from './support/kubectl.ts';
import { type LogEndpoint, openLogEndpoint } from './support/logEndpoint.ts';

const version = kubectlVersion();
if (!version) console.warn('kubectl is not on the PATH: test/local/kubectl.test.ts is skipped');

const DIGEST = `sha256:${'2c8f'.repeat(16)}`;
const vad = (more = '', modelVersion = 6): string => `apiVersion: serving.clops.dev/v1alpha1
kind: ModelDeployment
metadata:
  name: vad
  namespace: speech
spec:
  model:
    name: vad
    version: ${modelVersion}
    format: ONNX
    artifact:
      uri: https://clops.example/artifacts/x
      digest: ${DIGEST}
  runtime: onnx
  replicas: 2
  strategy:
    canary:
      steps:
        - setWeight: 10
        - pause: {}
${more}`;

const web = (name: string, image: string): string => `apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: speech, labels: {app: web}}
spec:
  nodeName: local
  containers:
    - {name: web, image: "${image}"}
    - {name: waiting, image: "${image}"}
`;

describe.skipIf(!version)(`kubectl (${version})`, () => {
  let dataDir: string;
  let server: ApiServer;
  let endpoint: LogEndpoint;
  let kubectl: Kubectl;

  /** What it printed; a failure is the test's. */
  async function says(line: string, input?: string, more: string[] = []): Promise<string> {
    const { code, out, err } = await kubectl(line, { ...(input !== undefined && { input }), more });
    expect(code, `kubectl ${line}: ${err}`).toBe(0);
    return out.trim();
  }

  async function fails(line: string, input?: string, more: string[] = []): Promise<string> {
    const { code, err } = await kubectl(line, { ...(input !== undefined && { input }), more });
    expect(code, `kubectl ${line} should have failed`).not.toBe(0);
    return err.trim();
  }

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'clops-kubectl-'));
    server = await startApiServer({ dataDir, port: 0, bind: '127.0.0.1', log: silentLog });
    const pki = await openPki({ dir: join(dataDir, 'cluster/pki'), bind: '127.0.0.1' });
    endpoint = await openLogEndpoint(pki.server, pki.ca);
    kubectl = kubectlFor(server.kubeconfigPath, dataDir);
    await says('apply --server-side -f deploy/crds');
    await says('wait --for=condition=Established crd --all --timeout=10s');
    await server.cluster.create(NODES, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'local' } });
    const addresses = [{ type: 'InternalIP', address: '127.0.0.1' }];
    const status = { addresses, daemonEndpoints: { kubeletEndpoint: { Port: endpoint.port } } };
    await server.cluster.patch(NODES, 'local', undefined, 'merge', { status }, { subresource: 'status' });
    expect(await says('create namespace speech')).toBe('namespace/speech created');
  });

  afterAll(async () => {
    await server?.close();
    await endpoint?.close();
    await rm(dataDir, { recursive: true });
  });

  test('api-resources and explain know our kinds', async () => {
    const resources = await says('api-resources --categories=clops --no-headers -o wide');
    const line = resources.split('\n').find((one) => one.startsWith('modeldeployments')) ?? '';
    expect(line.split(/\s+/)).toEqual([
      'modeldeployments',
      'md',
      'serving.clops.dev/v1alpha1',
      'true',
      'ModelDeployment',
      'delete,deletecollection,get,list,patch,create,update,watch',
      'clops',
    ]);
    expect(await says('explain md.spec.strategy')).toMatch(/FIELD: strategy <Object>[\s\S]+canary\t<Object>/);
    expect(await says('explain pods.spec.containers.readinessProbe')).toContain('httpGet\t<HTTPGetAction>');
    expect(await says('version')).toMatch(/Server Version: v1\.\d+\.\d+\+clops/);
  });

  test('apply, diff and scale a custom resource from the client’s side', async () => {
    expect(await says('apply -f -', vad())).toBe('modeldeployment.serving.clops.dev/vad created');
    expect(await says('apply -f -', vad())).toBe('modeldeployment.serving.clops.dev/vad unchanged');
    const { code, out } = await kubectl('diff -f -', { input: vad('', 7) });
    expect(code).toBe(1); // there are differences
    expect(out).toMatch(/^-\s+version: 6$/m);
    expect(out).toMatch(/^\+\s+version: 7$/m);
    expect(await says('apply -f -', vad('', 7))).toBe('modeldeployment.serving.clops.dev/vad configured');
    expect(await says('scale md vad -n speech --replicas=3')).toBe('modeldeployment.serving.clops.dev/vad scaled');
    expect(
      await says('get md vad -n speech -o jsonpath={.spec.replicas}/{.spec.model.version}/{.metadata.generation}'),
    ).toBe('3/7/3');
    // Removed from the manifest: removed from the object.
    const manifest = vad('', 7);
    await says('apply -f -', manifest.slice(0, manifest.indexOf('  strategy')));
    expect(await says('get md vad -n speech -o jsonpath={.spec.strategy}')).toBe('');
  });

  test('apply from the server’s side, and its conflicts', async () => {
    const configMap = (value: string): string =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shared, namespace: speech}\ndata: {a: "${value}"}\n`;
    expect(await says('apply --server-side --field-manager=one -f -', configMap('1'))).toBe(
      'configmap/shared serverside-applied',
    );
    const refused = await fails('apply --server-side --field-manager=two -f -', configMap('2'));
    expect(refused).toContain('Apply failed with 1 conflict: conflict with "one": .data.a');
    await says('apply --server-side --field-manager=two --force-conflicts -f -', configMap('2'));
    expect(await says('get cm shared -n speech -o jsonpath={.data.a}')).toBe('2');
    expect(await says('apply --server-side --dry-run=server --field-manager=two -f -', configMap('2'))).toBe(
      'configmap/shared serverside-applied (server dry run)',
    );
  });

  test('get in every form', async () => {
    await server.cluster.patch(
      MODELDEPLOYMENTS,
      'vad',
      'speech',
      'merge',
      { status: { phase: 'Paused', step: '1/2', ready: '3/3' } },
      { subresource: 'status' },
    );
    const table = (await says('get md -n speech')).split('\n').map((line) => line.split(/\s{2,}/));
    expect(table[0]?.slice(0, 4)).toEqual(['NAME', 'PHASE', 'STEP', 'READY']);
    expect(table[1]?.slice(0, 4)).toEqual(['vad', 'Paused', '1/2', '3/3']);
    expect(table[1]?.at(-1)).toMatch(/^\d+s$/);
    expect(await says('get clops -A -o wide')).toMatch(/^NAMESPACE\s+NAME\s+PHASE/);
    expect(await says('get modeldeployments.serving.clops.dev -n speech -o name')).toBe(
      'modeldeployment.serving.clops.dev/vad',
    );
    expect(JSON.parse(await says('get md vad -n speech -o json'))).toMatchObject({ kind: 'ModelDeployment' });
    expect(await says('get md vad -n speech -o yaml')).toMatch(
      /^apiVersion: serving.clops.dev\/v1alpha1\nkind: ModelDeployment/,
    );
    expect(await says('get md -n speech -o custom-columns=N:.metadata.name,R:.spec.replicas --no-headers')).toBe(
      'vad   2',
    );
    expect(await says('get md -n speech -o go-template={{range.items}}{{.metadata.name}}{{end}}')).toBe('vad');
    expect(await says('get ns --sort-by=.metadata.name --no-headers')).toMatch(/^default[\s\S]+speech/);
    expect(await says('get ns --field-selector=metadata.name=speech --no-headers')).toMatch(/^speech\s+Active/);
    expect(await says('get ns speech --show-labels --no-headers')).toContain('kubernetes.io/metadata.name=speech');
    expect(await says('describe md vad -n speech')).toMatch(/Name:\s+vad[\s\S]+Phase:\s+Paused[\s\S]+Events:\s+<none>/);
  });

  test('get -w and wait follow what happens', async () => {
    const watch = kubectl.start('get md -n speech -w');
    try {
      await eventually(() => expect(watch.out()).toContain('vad'));
      const waiting = kubectl(`wait md/vad -n speech --for=jsonpath={.status.phase}=Healthy --timeout=10s`);
      const status = { phase: 'Healthy' };
      await server.cluster.patch(MODELDEPLOYMENTS, 'vad', 'speech', 'merge', { status }, { subresource: 'status' });
      expect((await waiting).out).toContain('condition met');
      await eventually(() => expect(watch.out()).toMatch(/vad\s+Healthy/));
      expect(watch.out().match(/NAME/g)).toHaveLength(1);
    } finally {
      watch.process.kill();
    }
  });

  test('patch, label, annotate', async () => {
    const patch = (type: string, body: object): Promise<unknown> =>
      kubectl(`patch md vad -n speech --type=${type} -p`, { more: [JSON.stringify(body)] });
    expect(await patch('merge', { spec: { paused: true } })).toMatchObject({
      code: 0,
      out: expect.stringContaining('patched'),
    });
    expect(await patch('json', [{ op: 'replace', path: '/spec/replicas', value: 5 }])).toMatchObject({ code: 0 });
    expect(await patch('merge', { spec: { paused: true } })).toMatchObject({
      out: expect.stringContaining('(no change)'),
    });
    expect(await patch('strategic', { spec: {} })).toMatchObject({
      code: 1,
      err: expect.stringContaining(
        'application/strategic-merge-patch+json is not supported by serving.clops.dev/v1alpha1',
      ),
    });
    expect(await says('label md vad -n speech tier=gold')).toMatch(/labeled$/);
    expect(await says('label ns speech tier=gold')).toMatch(/labeled$/);
    expect(await fails('label md vad -n speech tier=tin')).toContain("'tier' already has a value (gold)");
    expect(await says('annotate md vad -n speech why=because')).toMatch(/annotated$/);
    expect(await says('get md -n speech -l tier=gold -o jsonpath={.items[*].spec.replicas}')).toBe('5');
    expect(await says('get md -n speech -l tier!=gold -o name')).toBe('');
  });

  test('built-in kinds: cordon, taint, apply, set image, rollout restart, patch', async () => {
    await says('cordon local');
    expect(await says('get node local -o jsonpath={.spec.unschedulable}')).toBe('true');
    await says('uncordon local');
    await says('taint node local dedicated=speech:NoSchedule');
    expect(await says('get node local -o jsonpath={.spec.taints[*].key}')).toBe('dedicated');
    await says('taint node local dedicated-');

    const serving = (image: string, more = ''): string => `apiVersion: apps/v1
kind: Deployment
metadata: {name: serving, namespace: speech}
spec:
  selector: {matchLabels: {app: serving}}
  template:
    metadata: {labels: {app: serving}}
    spec:
      containers:
        - {name: server, image: "${image}"}
${more}`;
    const images = 'get deploy serving -n speech -o jsonpath={.spec.template.spec.containers[*].image}';
    expect(await says('apply -f -', serving('a:1', '        - {name: beside, image: "b:1"}'))).toMatch(/created$/);
    await says('set image deploy/serving -n speech server=a:2');
    expect(await says(images)).toBe('a:2 b:1');
    expect(await says('apply -f -', serving('a:3'))).toMatch(/configured$/);
    expect(await says(images)).toBe('a:3');
    await says('rollout restart deploy/serving -n speech');
    expect(await says('get deploy serving -n speech -o yaml')).toContain('kubectl.kubernetes.io/restartedAt');
    const env = {
      spec: { template: { spec: { containers: [{ name: 'server', env: [{ name: 'A', value: '1' }] }] } } },
    };
    await says('patch deploy serving -n speech', undefined, ['-p', JSON.stringify(env)]);
    expect(await says(images)).toBe('a:3');
    await says('delete deploy serving -n speech');
  });

  test('create with generateName, replace, delete', async () => {
    const command = `apiVersion: serving.clops.dev/v1alpha1
kind: RolloutCommand
metadata: {generateName: promote-, namespace: speech}
spec: {deployment: vad, rollout: 1, verb: Promote, to: NextStep}
`;
    const made = await says('create -f -', command);
    expect(made).toMatch(/^rolloutcommand\.serving\.clops\.dev\/promote-[a-z0-9]{5} created$/);
    const name = made.split(/[/ ]/)[1];
    expect(
      await fails('patch rcmd -n speech --type=merge', undefined, [String(name), '-p', '{"spec":{"rollout":2}}']),
    ).toContain('is invalid: spec: Invalid value:');
    const stored = await says('get cm shared -n speech -o json');
    expect(await says('replace -f -', stored.replace('"a": "2"', '"a": "3"'))).toBe('configmap/shared replaced');
    const old = stored.replace('"a": "2"', '"a": "4"');
    expect(await fails('replace -f -', old)).toContain(
      'Operation cannot be fulfilled on configmaps "shared": the object has been modified',
    );
    expect(await says(`delete rcmd ${name} -n speech`)).toMatch(/deleted/);
    expect(await says('delete cm --all -n speech')).toMatch(/^configmap "shared" deleted/);
  });

  /** What kubectl sends as protobuf since 1.32. */
  test('create namespace, configmap, secret, serviceaccount', async () => {
    await says('create configmap typed -n speech --from-literal=a=ü --from-literal=b=');
    expect(JSON.parse(await says('get cm typed -n speech -o jsonpath={.data}'))).toEqual({ a: 'ü', b: '' });
    await says('create secret generic typed -n speech --from-literal=p=q');
    expect(await says('get secret typed -n speech -o jsonpath={.type}{.data.p}')).toBe('OpaquecQ==');
    expect(await says('create serviceaccount typed -n speech')).toBe('serviceaccount/typed created');
  });

  test('logs', async () => {
    await says('create -f -', web('web', 'x'));
    expect(await says('logs web -n speech -c web --tail=2')).toBe('one\ntwo');
    expect(endpoint.asked.at(-1)).toBe('clops:apiserver /containerLogs/speech/web/web?tailLines=2');
    expect(await fails('logs web -n speech -c waiting')).toBe(
      'Error from server (BadRequest): container "waiting" in pod "web" is waiting to start: ContainerCreating',
    );
    expect(await fails('logs web -n speech -c nope')).toContain('container nope is not valid for pod web');
    const following = kubectl.start('logs web -n speech -c web -f');
    await eventually(() => expect(following.out()).toBe('one\ntwo\nthree\n'));
    following.process.kill();
    await eventually(() => expect(endpoint.open()).toBe(0));
    await says('delete pod web -n speech --wait=false --grace-period=0 --force');
    await expect(server.cluster.get(PODS, 'web', 'speech')).rejects.toMatchObject({ code: 404 });
  });

  test('refusals read as everywhere', async () => {
    expect(await fails('get pod x -n speech')).toBe('Error from server (NotFound): pods "x" not found');
    expect(await fails('get md x -n speech')).toBe(
      'Error from server (NotFound): modeldeployments.serving.clops.dev "x" not found',
    );
    expect(await fails('get statefulsets')).toBe('error: the server doesn\'t have a resource type "statefulsets"');
    expect(await fails('create -f -', vad())).toBe(
      'Error from server (AlreadyExists): error when creating "STDIN": modeldeployments.serving.clops.dev "vad" already exists',
    );
    const typo = vad().replace('replicas: 2', 'replcas: 2');
    expect(await fails('apply -f -', typo)).toContain('strict decoding error: unknown field "spec.replcas"');
    expect(await fails('create -f -', vad().replace('speech', 'nowhere').replace('name: vad', 'name: other'))).toBe(
      'Error from server (NotFound): error when creating "STDIN": namespaces "nowhere" not found',
    );
    expect(await fails('get pods -n speech --field-selector=spec.foo=x')).toContain(
      'field label not supported: spec.foo',
    );
    expect(await fails('apply -f -', vad().replace('format: ONNX', 'format: 3'))).toMatch(
      /The ModelDeployment "vad" is invalid:[\s\S]*spec\.model\.format/,
    );
  });

  test('a namespace goes with all that is in it', async () => {
    expect(await says('delete ns speech --timeout=10s')).toBe('namespace "speech" deleted');
    expect(await fails('get md vad -n speech')).toContain('not found');
  });
});
