/** Deployments, ReplicaSets, pods, bindings, namespaces and definitions as the API server takes them; no controller moves here. */
import type { Step } from '../transcript.ts';

const PODS = '/api/v1/namespaces/NS/pods';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/NS/deployments';
const REPLICASETS = '/apis/apps/v1/namespaces/NS/replicasets';
const REVISIONS = '/apis/apps/v1/namespaces/NS/controllerrevisions';
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

type Fields = Record<string, unknown>;
const container = (more: Fields = {}): Fields => ({ name: 'a', image: 'a:1', ...more });
const aPod = (name: string, spec: Fields = {}, metadata: Fields = {}): Fields => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...metadata },
  spec: { schedulerName: 'nobody', automountServiceAccountToken: false, containers: [container()], ...spec },
});
const pod = (note: string, spec: Fields): Step => ({
  note,
  line: `POST ${PODS}?dryRun=All`,
  body: aPod('wrong', spec),
});

/** What clients of ours read of a pod; a real server shows more defaults. */
const SHOWN = [
  'spec.restartPolicy',
  'spec.terminationGracePeriodSeconds',
  'spec.serviceAccountName',
  'spec.tolerations',
  'spec.containers.0',
  'status.phase',
  'status.qosClass',
  'metadata.generation',
];

export const pods: readonly Step[] = [
  {
    note: 'defaults',
    line: `POST ${PODS}`,
    body: aPod('p', {
      containers: [
        container({
          ports: [{ containerPort: 80 }],
          env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
          readinessProbe: { httpGet: { port: 80 } },
          resources: { limits: { cpu: '1', 'nvidia.com/gpu': 1 } },
        }),
      ],
    }),
    show: SHOWN,
  },
  pod('no containers', { containers: [] }),
  pod('a container twice', { containers: [container(), container()] }),
  pod('no image', { containers: [{ name: 'a' }] }),
  pod('a container name with capitals', { containers: [container({ name: 'A' })] }),
  {
    ...pod('a quantity that is none', { containers: [container({ resources: { requests: { cpu: 'much' } } })] }),
    words: false,
  },
  pod('a request above its limit', {
    containers: [container({ resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } })],
  }),
  pod('a GPU request without a limit', {
    containers: [container({ resources: { requests: { 'nvidia.com/gpu': '1' } } })],
  }),
  pod('half a GPU', { containers: [container({ resources: { limits: { 'nvidia.com/gpu': '500m' } } })] }),
  pod('a port out of range', { containers: [container({ ports: [{ containerPort: 0 }] })] }),
  pod('a mount of no volume', { containers: [container({ volumeMounts: [{ name: 'v', mountPath: '/v' }] })] }),
  pod('a priority that is not there', { priorityClassName: 'contract' }),
  pod('an unknown policy', { restartPolicy: 'Sometimes' }),
  {
    note: 'an image may change',
    line: `PATCH ${PODS}/p`,
    type: 'merge',
    body: { spec: { activeDeadlineSeconds: 1000 } },
    show: ['spec.activeDeadlineSeconds', 'metadata.generation'],
  },
  {
    note: 'a status',
    line: `PATCH ${PODS}/p/status`,
    type: 'merge',
    body: { status: { phase: 'Running', podIP: '10.1.2.3' } },
    show: ['status.phase', 'status.podIP', 'metadata.generation'],
  },
  {
    note: 'bound',
    line: `POST ${PODS}/p/binding`,
    body: { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'p' }, target: { kind: 'Node', name: 'nowhere' } },
  },
  {
    note: 'bound again',
    line: `POST ${PODS}/p/binding`,
    body: { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'p' }, target: { kind: 'Node', name: 'elsewhere' } },
  },
  {
    note: 'bound to nothing',
    line: `POST ${PODS}/p/binding`,
    body: { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'p' }, target: {} },
  },
  {
    note: 'a binding of no pod',
    line: `POST ${PODS}/q/binding`,
    body: { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'q' }, target: { kind: 'Node', name: 'nowhere' } },
  },
  { line: `GET ${PODS}/p`, show: ['spec.nodeName', 'status.conditions.0.type', 'status.conditions.0.status'] },
  { line: `DELETE ${PODS}/p?gracePeriodSeconds=0`, show: ['kind'] },
  {
    note: 'held back by gates',
    line: `POST ${PODS}`,
    body: aPod('gated', { schedulingGates: [{ name: 'clops.dev/a' }, { name: 'clops.dev/b' }] }),
    show: ['spec.schedulingGates'],
  },
  {
    note: 'another gate',
    line: `PATCH ${PODS}/gated`,
    type: 'merge',
    body: { spec: { schedulingGates: [{ name: 'clops.dev/a' }, { name: 'clops.dev/c' }] } },
  },
  {
    note: 'one gate less',
    line: `PATCH ${PODS}/gated`,
    type: 'merge',
    body: { spec: { schedulingGates: [{ name: 'clops.dev/b' }] } },
    show: ['spec.schedulingGates'],
  },
  {
    note: 'let go',
    line: `PATCH ${PODS}/gated`,
    type: 'merge',
    body: { spec: { schedulingGates: [] } },
    show: ['spec.schedulingGates.0'],
  },
  { line: `DELETE ${PODS}/gated?gracePeriodSeconds=0`, show: ['kind'] },
];

const aWorkload = (kind: string, name: string, spec: Fields = {}): Fields => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [container()] } },
    ...spec,
  },
});
const deployment = (note: string, spec: Fields): Step => ({
  note,
  line: `POST ${DEPLOYMENTS}?dryRun=All`,
  body: aWorkload('Deployment', 'wrong', spec),
});

export const workloads: readonly Step[] = [
  {
    note: 'defaults',
    line: `POST ${DEPLOYMENTS}`,
    body: aWorkload('Deployment', 'd'),
    show: [
      'spec.replicas',
      'spec.strategy',
      'spec.revisionHistoryLimit',
      'spec.progressDeadlineSeconds',
      'spec.template.spec.restartPolicy',
      'metadata.generation',
    ],
  },
  deployment('a selector that misses', { selector: { matchLabels: { app: 'other' } } }),
  deployment('no selector', { selector: undefined }),
  deployment('an empty selector', { selector: {} }),
  deployment('fewer than no replicas', { replicas: -1 }),
  deployment('half a replica', { replicas: 1.5 }),
  deployment('more replicas than a number holds', { replicas: 2 ** 31 }),
  deployment('half a surge', { strategy: { rollingUpdate: { maxSurge: 0.5 } } }),
  deployment('no room to move', {
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } },
  }),
  deployment('more than all unavailable', { strategy: { rollingUpdate: { maxUnavailable: '101%' } } }),
  deployment('recreate with rolling parts', { strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 1 } } }),
  deployment('another strategy', { strategy: { type: 'Jump' } }),
  deployment('a deadline before ready', { progressDeadlineSeconds: 10, minReadySeconds: 20 }),
  deployment('no template', { template: undefined }),
  deployment('pods that end', {
    template: { metadata: { labels: { app: 'wrong' } }, spec: { restartPolicy: 'Never', containers: [container()] } },
  }),
  {
    note: 'a label is no spec',
    line: `PATCH ${DEPLOYMENTS}/d`,
    type: 'merge',
    body: { metadata: { labels: { a: 'b' } } },
    show: ['metadata.labels', 'metadata.generation'],
  },
  {
    note: 'a pause is',
    line: `PATCH ${DEPLOYMENTS}/d`,
    type: 'merge',
    body: { spec: { paused: true } },
    show: ['spec.paused', 'metadata.generation'],
  },
  {
    note: 'by its lists',
    line: `PATCH ${DEPLOYMENTS}/d`,
    type: 'strategic',
    body: {
      spec: {
        template: {
          spec: {
            containers: [
              { name: 'b', image: 'b' },
              { name: 'a', image: 'a:2' },
            ],
          },
        },
      },
    },
    show: ['spec.template.spec.containers.0.name', 'spec.template.spec.containers.1.name', 'metadata.generation'],
  },
  {
    note: 'one alone comes first',
    line: `PATCH ${DEPLOYMENTS}/d`,
    type: 'strategic',
    body: { spec: { template: { spec: { containers: [{ name: 'z', image: 'z' }] } } } },
    show: ['spec.template.spec.containers.0.name', 'spec.template.spec.containers.2.name'],
  },
  {
    note: 'and out of one',
    line: `PATCH ${DEPLOYMENTS}/d`,
    type: 'strategic',
    body: { spec: { template: { spec: { containers: [{ name: 'b', $patch: 'delete' }] } } } },
    show: ['spec.template.spec.containers.0.image', 'spec.template.spec.containers.1'],
  },
  { line: `GET ${DEPLOYMENTS}/d/scale`, show: ['kind', 'spec', 'status.selector'] },
  { note: 'scaled below 0', line: `PATCH ${DEPLOYMENTS}/d/scale`, type: 'merge', body: { spec: { replicas: -1 } } },
  {
    note: 'a number of another type',
    words: false,
    line: `PATCH ${DEPLOYMENTS}/d`,
    type: 'merge',
    body: { spec: { replicas: 'two' } },
  },
  {
    note: 'an unknown field, deep inside',
    words: false,
    line: `PATCH ${DEPLOYMENTS}/d?fieldValidation=Strict`,
    type: 'merge',
    body: { spec: { template: { spec: { container: [] } } } },
  },
  {
    line: `POST ${REPLICASETS}`,
    body: aWorkload('ReplicaSet', 'r'),
    show: ['spec.replicas', 'metadata.generation', 'status.replicas'],
  },
  {
    line: `POST ${REVISIONS}`,
    body: {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: { name: 'v' },
      revision: 1,
      data: { spec: { a: 1 } },
    },
  },
  { note: 'data never changes', line: `PATCH ${REVISIONS}/v`, type: 'merge', body: { data: { spec: { a: 2 } } } },
  { note: 'its number may', line: `PATCH ${REVISIONS}/v`, type: 'merge', body: { revision: 2 }, show: ['revision'] },
  {
    note: 'a number below 0',
    line: `POST ${REVISIONS}`,
    body: { apiVersion: 'apps/v1', kind: 'ControllerRevision', metadata: { name: 'w' }, revision: -1, data: {} },
  },
];

const SCHEMA = {
  openAPIV3Schema: {
    type: 'object',
    properties: { spec: { type: 'object', properties: { a: { type: 'string', maxLength: 9 } } } },
  },
};
const aCrd = (spec: Fields = {}, version: Fields = {}): Fields => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'things.contract.clops.dev' },
  spec: {
    group: 'contract.clops.dev',
    scope: 'Namespaced',
    names: { kind: 'Thing', plural: 'things' },
    versions: [{ name: 'v1', served: true, storage: true, schema: SCHEMA, ...version }],
    ...spec,
  },
});
const crd = (note: string, spec: Fields, version: Fields = {}): Step => ({
  note,
  line: `POST ${CRDS}?dryRun=All`,
  body: aCrd(spec, version),
});
const property = (schema: Fields): Fields => ({
  schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: { a: schema } } } } },
});

export const definitions: readonly Step[] = [
  crd('a name that does not fit', { names: { kind: 'Thing', plural: 'thing' } }),
  crd('another scope', { scope: 'World' }),
  crd('no group', { group: '' }),
  crd('no schema', {}, { schema: undefined }),
  crd('a root of another type', {}, { schema: { openAPIV3Schema: { type: 'string' } } }),
  {
    ...crd(
      'a rule that is no CEL',
      {},
      property({ type: 'string', maxLength: 9, 'x-kubernetes-validations': [{ rule: 'self +', message: 'm' }] }),
    ),
    words: false,
  },
  {
    note: 'a namespace of a wrong name',
    line: 'POST /api/v1/namespaces?dryRun=All',
    body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'A.b' } },
  },
  {
    note: 'a namespace',
    line: 'POST /api/v1/namespaces?dryRun=All',
    body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'contract' } },
    show: ['spec', 'status', 'metadata.labels'],
  },
  {
    note: 'a namespace that somebody else holds too',
    line: 'POST /api/v1/namespaces?dryRun=All',
    body: {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'contract' },
      spec: { finalizers: ['clops.dev/hold'] },
    },
    show: ['spec'],
  },
  {
    note: 'what holds a namespace is not taken by a patch',
    line: 'PATCH /api/v1/namespaces/NS?dryRun=All',
    type: 'merge',
    body: { spec: { finalizers: [] } },
    show: ['spec'],
  },
  {
    note: 'nor by a replacement',
    line: 'PUT /api/v1/namespaces/NS?dryRun=All',
    body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'NS' } },
    show: ['spec'],
  },
];
