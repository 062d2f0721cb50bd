/** Server-side apply: who owns what after each step, what a manager's silence removes, conflicts, and writes that are none. */
import type { Step } from '../transcript.ts';
import { aModel } from './own.ts';

const CONFIGMAPS = '/api/v1/namespaces/NS/configmaps';
const MDS = '/apis/serving.clops.dev/v1alpha1/namespaces/NS/modeldeployments';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/NS/deployments';
const SERVICES = '/api/v1/namespaces/NS/services';

type Fields = Record<string, unknown>;
const OWNERS = 'metadata.managedFields';

const aMap = (name: string, data: Fields, metadata: Fields = {}): Fields => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  data,
});

const applied = (
  note: string,
  path: string,
  manager: string,
  body: unknown,
  show: readonly string[],
  more = '',
): Step => ({
  note,
  line: `PATCH ${path}?fieldManager=${manager}${more}`,
  type: 'apply',
  body,
  show,
});
const map = (note: string, manager: string, data: Fields, more = ''): Step =>
  applied(note, `${CONFIGMAPS}/a`, manager, aMap('a', data), ['data', OWNERS], more);

export const apply: readonly Step[] = [
  map('made', 'one', { a: '1', b: '2' }),
  map('nothing new', 'one', { a: '1', b: '2' }),
  map('shared', 'two', { a: '1', c: '3' }),
  map('a conflict', 'two', { a: '2', c: '3' }),
  map('tried', 'two', { a: '2', c: '3' }, '&force=true&dryRun=All'),
  map('forced', 'two', { a: '2', c: '3' }, '&force=true'),
  map('let go', 'two', { c: '3' }),
  map('nothing left of one', 'one', {}),
  {
    note: 'an update takes over',
    line: `PATCH ${CONFIGMAPS}/a?fieldManager=hand`,
    type: 'merge',
    body: { data: { c: '4', d: '5' } },
    show: ['data', OWNERS],
  },
  map('a conflict with an update', 'two', { c: '3', d: '6' }),
  map('conflicts with two', 'three', { c: '0', d: '0' }),
  applied(
    'a label is shared too',
    `${CONFIGMAPS}/a`,
    'two',
    aMap('a', {}, { labels: { x: 'y' }, annotations: { 'n/a': 'b' } }),
    ['metadata.labels', OWNERS],
  ),
  applied('and goes', `${CONFIGMAPS}/a`, 'two', aMap('a', {}), ['metadata.labels', 'metadata.annotations', OWNERS]),
  { note: 'no manager', line: `PATCH ${CONFIGMAPS}/a`, type: 'apply', body: aMap('a', {}) },
  { note: 'another name', line: `PATCH ${CONFIGMAPS}/a?fieldManager=x`, type: 'apply', body: aMap('b', {}) },
  {
    note: 'no name',
    line: `PATCH ${CONFIGMAPS}/a?fieldManager=x`,
    type: 'apply',
    body: { apiVersion: 'v1', kind: 'ConfigMap', data: { q: '1' } },
    show: ['data'],
  },
  {
    note: 'no kind',
    words: false,
    line: `PATCH ${CONFIGMAPS}/a?fieldManager=x`,
    type: 'apply',
    body: { metadata: { name: 'a' } },
  },
  {
    note: 'an old version',
    line: `PATCH ${CONFIGMAPS}/a?fieldManager=x`,
    type: 'apply',
    body: aMap('a', {}, { resourceVersion: '1' }),
  },
  {
    note: 'another uid',
    words: false,
    line: `PATCH ${CONFIGMAPS}/a?fieldManager=x`,
    type: 'apply',
    body: aMap('a', {}, { uid: 'other' }),
  },
  {
    note: 'with owners of its own',
    line: `PATCH ${CONFIGMAPS}/a?fieldManager=x`,
    type: 'apply',
    body: aMap('a', {}, { managedFields: [] }),
  },
  {
    note: 'an unknown field',
    line: `PATCH ${CONFIGMAPS}/a?fieldManager=x`,
    type: 'apply',
    body: { ...aMap('a', {}), dat: {} },
  },
  {
    note: 'a wrong type',
    words: false,
    line: `PATCH ${CONFIGMAPS}/a?fieldManager=x`,
    type: 'apply',
    body: aMap('a', { a: 1 }),
  },
  { note: 'not an object', words: false, line: `PATCH ${CONFIGMAPS}/a?fieldManager=x`, type: 'apply', body: [] },
];

const aService = (ports: unknown): Fields => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 's' },
  spec: { clusterIP: 'None', ports },
});
const aPort = (port: number, more: Fields = {}): Fields => ({ port, name: `p${port}`, protocol: 'TCP', ...more });
const service = (note: string, manager: string, ports: unknown, more = ''): Step =>
  applied(note, `${SERVICES}/s`, manager, aService(ports), ['spec.ports', OWNERS], more);

const aDeployment = (containers: unknown, more: Fields = {}): Fields => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'd' },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: 'd' } },
    template: { metadata: { labels: { app: 'd' } }, spec: { containers } },
    ...more,
  },
});
const deployment = (note: string, manager: string, body: Fields, more = ''): Step =>
  applied(
    note,
    `${DEPLOYMENTS}/d`,
    manager,
    body,
    ['spec.replicas', 'spec.template.spec.containers', 'metadata.generation'],
    more,
  );

const model = (note: string, manager: string, spec: Fields, more = ''): Step =>
  applied(
    note,
    `${MDS}/m`,
    manager,
    { ...aModel('m', spec), metadata: { name: 'm' } },
    ['spec', 'metadata.generation', OWNERS],
    more,
  );
const part = (note: string, manager: string, spec: Fields, more = ''): Step =>
  applied(
    note,
    `${MDS}/m`,
    manager,
    { apiVersion: 'serving.clops.dev/v1alpha1', kind: 'ModelDeployment', metadata: { name: 'm' }, spec },
    ['spec', 'metadata.generation', OWNERS],
    more,
  );
const condition = (type: string, status: string): Fields => ({
  type,
  status,
  reason: 'R',
  message: '',
  lastTransitionTime: '2026-01-01T00:00:00Z',
});
const status = (note: string, manager: string, fields: Fields, more = ''): Step =>
  applied(
    note,
    `${MDS}/m/status`,
    manager,
    { apiVersion: 'serving.clops.dev/v1alpha1', kind: 'ModelDeployment', metadata: { name: 'm' }, status: fields },
    ['status', 'metadata.generation', OWNERS],
    more,
  );

export const applyLists: readonly Step[] = [
  service('made', 'one', [aPort(80), aPort(81)]),
  service('another’s port', 'two', [aPort(82)]),
  service('a port goes', 'one', [aPort(81)]),
  service('a conflict in a port', 'two', [aPort(81, { name: 'other' }), aPort(82)]),
  service('a port twice', 'one', [aPort(81), aPort(81)]),
  deployment(
    'made',
    'one',
    aDeployment([
      { name: 'a', image: 'a:1', env: [{ name: 'X', value: '1' }], ports: [{ containerPort: 80 }], args: ['a', 'b'] },
    ]),
  ),
  deployment('a container beside it', 'two', aDeployment([{ name: 'b', image: 'b:1' }])),
  deployment(
    'an image and an argument',
    'one',
    aDeployment([
      { name: 'a', image: 'a:2', env: [{ name: 'X', value: '2' }], ports: [{ containerPort: 80 }], args: ['c'] },
    ]),
  ),
  deployment('a variable goes', 'one', aDeployment([{ name: 'a', image: 'a:2' }])),
  deployment(
    'a conflict in an image',
    'two',
    aDeployment([
      { name: 'a', image: 'a:3' },
      { name: 'b', image: 'b:1' },
    ]),
  ),
  deployment('replicas let go', 'one', aDeployment([{ name: 'a', image: 'a:2' }], { replicas: undefined })),
  deployment('nothing new', 'one', aDeployment([{ name: 'a', image: 'a:2' }], { replicas: undefined })),
  {
    note: 'scaled by a patch of scale',
    line: `PATCH ${DEPLOYMENTS}/d/scale?fieldManager=scaler`,
    type: 'merge',
    body: { spec: { replicas: 0 } },
  },
  { note: 'what is left', line: `GET ${DEPLOYMENTS}/d`, show: ['spec.replicas', 'spec.selector'] },
  {
    note: 'a selector cannot change',
    line: `PATCH ${DEPLOYMENTS}/d`,
    type: 'merge',
    body: { spec: { selector: { matchLabels: { app: 'e' } } } },
  },
];

export const applyOwn: readonly Step[] = [
  model('made', 'relay', {
    strategy: { canary: { steps: [{ setWeight: 10 }] } },
    endpoint: { path: '/team/m' },
  }),
  model('nothing new', 'relay', {
    strategy: { canary: { steps: [{ setWeight: 10 }] } },
    endpoint: { path: '/team/m' },
  }),
  part('part of it by another', 'kubectl', { replicas: 3, endpoint: { parentRefs: [{ name: 'a' }] } }),
  part('a conflict', 'kubectl', { runtime: 'triton', replicas: 3 }),
  part('conflicts in depth', 'kubectl', { model: { name: 'x', version: 7 }, endpoint: { path: '/other/m' } }),
  model('a strategy is one value', 'relay', { strategy: { rolling: {} }, endpoint: { path: '/team/m' } }),
  part('of two', 'kubectl', { strategy: { rolling: { maxSurge: 1 } } }),
  model('path let go', 'relay', {}),
  part('replicas let go', 'kubectl', {}),
  model('placement and resources are one value each', 'relay', {
    placement: {},
    resources: { requests: { cpu: '1' } },
  }),
  part('of two as well', 'kubectl', { placement: { nodeSelector: { a: 'b' } }, resources: { gpus: { count: 1 } } }),
  {
    note: 'more in them by hand',
    line: `PATCH ${MDS}/m?fieldManager=edit`,
    type: 'merge',
    body: { spec: { placement: { nodeSelector: { a: 'b' } }, resources: { gpus: { count: 1 } } } },
    show: ['spec', OWNERS],
  },
  model('emptied', 'relay', { placement: {}, resources: {} }, '&force=true'),
  model('let go', 'relay', {}),
  part('an unknown field', 'kubectl', { modle: {} }),
  part('what the schema refuses', 'kubectl', { replicas: -1 }),
  status('a status', 'controller', { phase: 'Healthy', conditions: [condition('Ready', 'True')] }),
  status('a condition of another', 'other', { conditions: [condition('Seen', 'True')] }),
  status('a condition goes', 'controller', { phase: 'Healthy', conditions: [] }),
  status('a conflict of status', 'other', { phase: 'Paused' }),
  status('forced', 'other', { phase: 'Paused' }, '&force=true'),
  status('spec is none of its business', 'controller', { phase: 'Paused' }),
  applied(
    'status is none of the main resource’s',
    `${MDS}/m`,
    'kubectl',
    {
      apiVersion: 'serving.clops.dev/v1alpha1',
      kind: 'ModelDeployment',
      metadata: { name: 'm' },
      spec: { paused: true },
      status: { phase: 'Healthy' },
    },
    ['status.phase', 'spec.paused', OWNERS],
  ),
  {
    note: 'a status of nothing',
    line: `PATCH ${MDS}/n/status?fieldManager=x`,
    type: 'apply',
    body: {
      apiVersion: 'serving.clops.dev/v1alpha1',
      kind: 'ModelDeployment',
      metadata: { name: 'n' },
      status: { phase: 'Healthy' },
    },
  },
  {
    note: 'updates by hand',
    line: `PATCH ${MDS}/m?fieldManager=edit`,
    type: 'merge',
    body: { spec: { endpoint: { path: '/team/m' }, revisionHistoryLimit: 3 } },
    show: ['spec.endpoint', OWNERS],
  },
  part('a map that another made stays', 'kubectl', { endpoint: { path: '/team/m' } }),
  part('also when its last field goes', 'kubectl', {}),
  part('null for what has a default', 'kubectl', { replicas: null }),
  {
    note: 'scaled',
    line: `PATCH ${MDS}/m/scale?fieldManager=scaler`,
    type: 'merge',
    body: { spec: { replicas: 2 } },
    show: ['spec'],
  },
  { note: 'by whom', line: `GET ${MDS}/m`, show: ['spec.replicas', OWNERS] },
];
