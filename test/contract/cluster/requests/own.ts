/** Our own kinds: each rule of their schemas broken once, defaults, pruning, generations, status and scale. */
import type { KubeObject } from '../../../../src/platform/cluster/port.ts';
import type { Step } from '../transcript.ts';

const DIGEST = `sha256:${'2c8f'.repeat(16)}`;
const MDS = '/apis/serving.clops.dev/v1alpha1/namespaces/NS/modeldeployments';
const COMMANDS = '/apis/serving.clops.dev/v1alpha1/namespaces/NS/rolloutcommands';
const RUNTIMES = '/apis/serving.clops.dev/v1alpha1/servingruntimes';

type Fields = Record<string, unknown>;

export const aModel = (name: string, spec: Fields = {}, namespace = 'NS'): KubeObject => ({
  apiVersion: 'serving.clops.dev/v1alpha1',
  kind: 'ModelDeployment',
  metadata: { name, namespace },
  spec: {
    model: { name: 'vad', version: 6, format: 'ONNX', artifact: { uri: 'https://x.example/a', digest: DIGEST } },
    runtime: 'onnx',
    ...spec,
  },
});

const aCommand = (name: string, spec: Fields): Fields => ({
  apiVersion: 'serving.clops.dev/v1alpha1',
  kind: 'RolloutCommand',
  metadata: { name, namespace: 'NS' },
  spec: { deployment: 'vad', rollout: 1, ...spec },
});

const aRuntime = (container: Fields, more: Fields = {}): Fields => ({
  apiVersion: 'serving.clops.dev/v1alpha1',
  kind: 'ServingRuntime',
  metadata: { name: 'contract' },
  spec: {
    formats: ['ONNX'],
    protocols: ['v2'],
    container: { name: 'server', image: 'x', ports: [{ name: 'http', containerPort: 8080 }], ...container },
    fetch: { image: 'x' },
    ...more,
  },
});

const refused = (note: string, spec: Fields, name = 'wrong'): Step => ({
  note,
  line: `POST ${MDS}`,
  body: aModel(name, spec),
});
const refusedRuntime = (note: string, container: Fields, more: Fields = {}): Step => ({
  note,
  line: `POST ${RUNTIMES}?dryRun=All`,
  body: aRuntime(container, more),
});
const canary = (...steps: unknown[]): Fields => ({ strategy: { canary: { steps } } });

export const rules: readonly Step[] = [
  refused('the name is too long', {}, `a${'b'.repeat(52)}`),
  refused('the name begins with a digit', {}, '1a'),
  refused('the name holds a dot', {}, 'a.b'),
  refused('a path of another', { endpoint: { path: '/team/other' } }),
  refused('no strategy in strategy', { strategy: {} }),
  refused('two strategies', { strategy: { rolling: {}, canary: { steps: [{ setWeight: 1 }] } } }),
  refused('weights fall', canary({ setWeight: 20 }, { setWeight: 10 })),
  refused('a step of nothing', canary({})),
  refused('a step of both', canary({ setWeight: 1, pause: {} })),
  refused('two rules at once', { ...canary({}, { setWeight: 20 }, { setWeight: 10 }) }),
  refused('no steps', canary()),
  refused('a weight above 100', canary({ setWeight: 101 })),
  refused('a surge above 100%', { strategy: { rolling: { maxSurge: '101%' } } }),
  refused('a surge below 0', { strategy: { rolling: { maxSurge: -1 } } }),
  refused('a surge of another type', { strategy: { rolling: { maxSurge: true } } }),
  refused('a fraction of a pod', { replicas: 1.5 }),
  refused('more pods than allowed', { replicas: 1001 }),
  refused('text for a number', { replicas: 'two' }),
  refused('a number for text', { runtime: 3 }),
  refused('a list for an object', { strategy: [] }),
  refused('an object for a list', { placement: { tolerations: {} } }),
  refused('null for an object', { model: null }),
  refused('no model', { model: undefined }),
  refused('an empty text', { runtime: '' }),
  refused('a text too long', { runtime: 'r'.repeat(254) }),
  refused('a pattern not met', {
    model: { name: '-', version: 1, format: 'ONNX', artifact: { uri: 'x', digest: DIGEST } },
  }),
  refused('a digest of another kind', {
    model: { name: 'a', version: 1, format: 'ONNX', artifact: { uri: 'x', digest: 'md5:0' } },
  }),
  refused('a value that is none of the list', { placement: { tolerations: [{ effect: 'Never' }] } }),
  refused('too many labels', {
    placement: { nodeSelector: Object.fromEntries(Array.from({ length: 33 }, (_, at) => [`k${at}`, 'v'])) },
  }),
  refused('a label of another type', { placement: { nodeSelector: { a: 1 } } }),
  refused('too many items', { placement: { tolerations: Array.from({ length: 33 }, () => ({ key: 'a' })) } }),
  refused('too few items', { endpoint: { parentRefs: [] } }),
  refused('an item without its required field', { endpoint: { parentRefs: [{ namespace: 'x' }] } }),
  refused('a quantity that is none', { resources: { requests: { cpu: 'much', memory: '-1' } } }),
  refused('several faults', { replicas: -1, runtime: '', paused: 'yes' }),
  { note: 'no spec', line: `POST ${MDS}`, body: { ...aModel('wrong'), spec: undefined } },
  { note: 'spec is text', line: `POST ${MDS}`, body: { ...aModel('wrong'), spec: 'x' } },
  { note: 'to without Promote', line: `POST ${COMMANDS}`, body: aCommand('wrong', { verb: 'Abort', to: 'End' }) },
  { note: 'another verb', line: `POST ${COMMANDS}`, body: aCommand('wrong', { verb: 'Pause' }) },
  { line: `POST ${COMMANDS}`, body: aCommand('once', { verb: 'Abort' }) },
  {
    note: 'changed afterwards',
    line: `PATCH ${COMMANDS}/once`,
    type: 'merge',
    body: { spec: { rollout: 2 } },
  },
  {
    note: 'its metadata may change',
    line: `PATCH ${COMMANDS}/once`,
    type: 'merge',
    body: { metadata: { labels: { a: 'b' } } },
  },
  {
    note: 'a status without its required fields',
    line: `PATCH ${COMMANDS}/once/status`,
    type: 'merge',
    body: { status: { state: 'Done' } },
  },
  {
    note: 'a set with an item twice',
    line: `PATCH ${COMMANDS}/once/status`,
    type: 'merge',
    body: {
      status: { state: 'Refused', message: 'no', handledAt: '2026-01-01T00:00:00Z', allowed: ['Abort', 'Abort'] },
    },
  },
  {
    note: 'a time that is none',
    line: `PATCH ${COMMANDS}/once/status`,
    type: 'merge',
    body: { status: { state: 'Refused', message: 'no', handledAt: 'today' } },
  },
  refusedRuntime('the container has another name', { name: 'main' }),
  refusedRuntime('no port http', { ports: [{ name: 'grpc', containerPort: 1 }] }),
  refusedRuntime('an unknown placeholder', { args: ['--model={{model.size}}'] }),
  refusedRuntime('an unknown placeholder, deep inside', {
    readinessProbe: { exec: { command: ['a', '{{x}}'] }, httpGet: { path: '/{{y}}', port: 'http' } },
  }),
  refusedRuntime('a port twice', {
    ports: [
      { name: 'http', containerPort: 1 },
      { name: 'http', containerPort: 2 },
    ],
  }),
  refusedRuntime('a port out of range', { ports: [{ name: 'http', containerPort: 70000 }] }),
  refusedRuntime('a format twice', {}, { formats: ['ONNX', 'ONNX'] }),
  refusedRuntime('no formats', {}, { formats: [] }),
  refusedRuntime('a port of a probe out of range', { readinessProbe: { tcpSocket: { port: 70000 } } }),
  {
    note: 'one that is fine',
    line: `POST ${RUNTIMES}?dryRun=All`,
    body: aRuntime({ args: ['{{model.name}}-{{port.http}}'] }),
  },
];

const typed = (note: string, metadata: Fields): Step => ({
  note,
  line: `POST ${MDS}?dryRun=All`,
  body: { ...aModel('other'), metadata: { name: 'other', namespace: 'NS', ...metadata } },
});

export const lives: readonly Step[] = [
  { note: 'defaults', line: `POST ${MDS}`, body: aModel('vad') },
  { note: 'again', line: `POST ${MDS}`, body: aModel('vad') },
  {
    note: 'unknown fields',
    line: `POST ${MDS}?fieldValidation=Warn&dryRun=All`,
    body: aModel('other', { modle: 1, placement: { nodes: [] } }),
  },
  {
    note: 'unknown fields, ignored',
    line: `POST ${MDS}?fieldValidation=Ignore&dryRun=All`,
    body: aModel('other', { modle: 1 }),
  },
  {
    note: 'unknown fields, strict',
    line: `POST ${MDS}?fieldValidation=Strict&dryRun=All`,
    body: aModel('other', { modle: 1, placement: { nodes: [] } }),
  },
  {
    note: 'an unknown field beside spec',
    line: `POST ${MDS}?fieldValidation=Strict&dryRun=All`,
    body: { ...aModel('other'), extra: 1 },
  },
  {
    note: 'an unknown field in metadata',
    line: `POST ${MDS}?fieldValidation=Strict&dryRun=All`,
    body: { ...aModel('other'), metadata: { name: 'other', lables: {} } },
  },
  { note: 'a name of another', line: `PUT ${MDS}/vad`, body: aModel('other') },
  { note: 'no resourceVersion', line: `PUT ${MDS}/vad`, body: aModel('vad') },
  {
    note: 'an old resourceVersion',
    line: `PUT ${MDS}/vad`,
    body: { ...aModel('vad'), metadata: { name: 'vad', namespace: 'NS', resourceVersion: '1' } },
  },
  {
    note: 'a resourceVersion that is none',
    line: `PUT ${MDS}/vad`,
    body: { ...aModel('vad'), metadata: { name: 'vad', namespace: 'NS', resourceVersion: 'abc' } },
  },
  {
    note: 'status is not of the main resource',
    line: `PUT ${MDS}/vad`,
    of: (answers) => ({ ...(answers[0]?.body as Fields), status: { phase: 'Healthy' } }),
  },
  { note: 'a spec that changes', line: `PATCH ${MDS}/vad`, type: 'merge', body: { spec: { replicas: 2 } } },
  { note: 'a label is no spec', line: `PATCH ${MDS}/vad`, type: 'merge', body: { metadata: { labels: { a: 'b' } } } },
  {
    note: 'the status',
    line: `PATCH ${MDS}/vad/status`,
    type: 'merge',
    body: { status: { phase: 'Healthy', replicas: 2, selector: 'a=b', step: '1/2' }, spec: { replicas: 7 } },
  },
  { note: 'a wrong status', line: `PATCH ${MDS}/vad/status`, type: 'merge', body: { status: { phase: 'Fine' } } },
  { line: `GET ${MDS}/vad/status` },
  { line: `GET ${MDS}/vad/scale` },
  { note: 'scaled', line: `PATCH ${MDS}/vad/scale`, type: 'merge', body: { spec: { replicas: 3 } } },
  { note: 'scaled below 0', line: `PATCH ${MDS}/vad/scale`, type: 'merge', body: { spec: { replicas: -3 } } },
  {
    note: 'scaled above its maximum',
    line: `PATCH ${MDS}/vad/scale`,
    type: 'merge',
    body: { spec: { replicas: 3000 } },
  },
  { line: `PUT ${MDS}/vad/scale`, of: (answers) => ({ ...(answers[18]?.body as Fields), spec: { replicas: 4 } }) },
  { line: `GET ${MDS}/vad`, show: ['spec.replicas', 'metadata.generation', 'status'] },
  { note: 'its own kind of patch only', line: `PATCH ${MDS}/vad`, type: 'strategic', body: { spec: {} } },
  {
    note: 'a test that fails',
    line: `PATCH ${MDS}/vad`,
    type: 'jsonpatch',
    body: [{ op: 'test', path: '/spec/replicas', value: 1 }],
  },
  {
    note: 'a path that is not there',
    line: `PATCH ${MDS}/vad`,
    type: 'jsonpatch',
    body: [{ op: 'remove', path: '/spec/paused' }],
  },
  { note: 'not a patch', line: `PATCH ${MDS}/vad`, type: 'jsonpatch', body: { spec: {} } },
  {
    note: 'null takes away',
    line: `PATCH ${MDS}/vad`,
    type: 'merge',
    body: { metadata: { labels: null } },
    show: ['metadata.labels', 'metadata.generation'],
  },
  {
    note: 'a default comes back',
    line: `PATCH ${MDS}/vad`,
    type: 'merge',
    body: { spec: { replicas: null } },
    show: ['spec.replicas', 'metadata.generation'],
  },
  { note: 'no scale', line: `GET ${COMMANDS}/x/scale` },
  { note: 'no status', line: `GET ${RUNTIMES}/x/status` },
  {
    note: 'a cluster-wide kind in a namespace',
    line: 'GET /apis/serving.clops.dev/v1alpha1/namespaces/NS/servingruntimes',
  },
  {
    note: 'a namespaced kind without one',
    line: 'POST /apis/serving.clops.dev/v1alpha1/modeldeployments',
    body: aModel('x'),
  },
  { note: 'another version', line: 'GET /apis/serving.clops.dev/v1/modeldeployments' },
  { note: 'another kind', line: `POST ${MDS}`, body: aCommand('x', { verb: 'Abort' }) },
  { note: 'no kind', line: `POST ${MDS}`, body: { metadata: { name: 'x' } } },
  { note: 'another namespace', line: `POST ${MDS}`, body: aModel('x', {}, 'default') },
  {
    note: 'no such namespace',
    line: `POST /apis/serving.clops.dev/v1alpha1/namespaces/nowhere/modeldeployments`,
    body: aModel('x', {}, 'nowhere'),
  },
  typed('annotations that are a list', { annotations: ['a'] }),
  typed('an annotation that is a number', { annotations: { a: 1 } }),
  typed('finalizers that are text', { finalizers: 'a' }),
  typed('owners that are none', { ownerReferences: [{ name: 1 }] }),
  typed('a name that is a number', { name: 1 }),
  typed('a prefix that is a number', { name: undefined, generateName: 1 }),
  { note: 'metadata that is text', line: `POST ${MDS}`, body: { ...aModel('other'), metadata: 'x' } },
  {
    note: 'an unknown field of an owner',
    line: `POST ${MDS}?fieldValidation=Strict&dryRun=All`,
    body: {
      ...aModel('other'),
      metadata: { name: 'other', ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u', color: 1 }] },
    },
  },
  {
    note: 'patched with a finalizer that is a number',
    words: false,
    line: `PATCH ${MDS}/vad`,
    type: 'jsonpatch',
    body: [{ op: 'add', path: '/metadata/finalizers', value: [1] }],
  },
  {
    note: 'patched with annotations that are text',
    words: false,
    line: `PATCH ${MDS}/vad`,
    type: 'merge',
    body: { metadata: { annotations: 'x' } },
  },
  {
    note: 'applied with annotations that are text',
    words: false,
    line: `PATCH ${MDS}/vad?fieldManager=x`,
    type: 'apply',
    body: { ...aModel('vad'), metadata: { name: 'vad', annotations: 'x' } },
  },
  { note: 'deleted', line: `DELETE ${MDS}/vad` },
  { note: 'deleted again', line: `DELETE ${MDS}/vad` },
];
