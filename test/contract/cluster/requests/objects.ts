/** Built-in kinds that are plain data: ConfigMaps, Secrets, Services, Leases, Events, EndpointSlices, Nodes; and metadata. */
import type { Step } from '../transcript.ts';

const CORE = '/api/v1/namespaces/NS';
const CONFIGMAPS = `${CORE}/configmaps`;
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/NS/leases';
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/NS/endpointslices';

type Fields = Record<string, unknown>;
const aMap = (name: string, data: Fields = { a: '1' }, metadata: Fields = {}): Fields => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'NS', ...metadata },
  data,
});
const bad = (note: string, metadata: Fields): Step => ({
  note,
  line: `POST ${CONFIGMAPS}`,
  body: aMap('bad', {}, metadata),
});

export const metadata: readonly Step[] = [
  bad('a name with capitals', { name: 'Bad' }),
  bad('a name too long', { name: 'a'.repeat(254) }),
  bad('no name', { name: undefined }),
  bad('a label of two slashes', { labels: { 'a/b/c': 'd' } }),
  bad('a label with an empty name', { labels: { 'a/': 'd' } }),
  bad('a label prefix with capitals', { labels: { 'A/b': 'd' } }),
  bad('a label name too long', { labels: { ['a'.repeat(64)]: 'd' } }),
  bad('a label value with a space', { labels: { a: 'b c' } }),
  bad('a label value too long', { labels: { a: 'b'.repeat(64) } }),
  bad('an annotation with a space', { annotations: { 'a b': 'c' } }),
  bad('annotations too long', { annotations: { a: 'c'.repeat(262_145) } }),
  bad('an owner of nothing', { ownerReferences: [{ apiVersion: '', kind: '', name: '', uid: '' }] }),
  bad('an owner without a version', { ownerReferences: [{ apiVersion: 'a/b/c', kind: 'X', name: 'x', uid: 'u' }] }),
  bad('two controllers', {
    ownerReferences: ['a', 'b'].map((name) => ({ apiVersion: 'v1', kind: 'Pod', name, uid: name, controller: true })),
  }),
  bad('a finalizer that is no name', { finalizers: ['a b'] }),
  bad('a finalizer without a domain', { finalizers: ['plain'] }),
  bad('another namespace', { namespace: 'other' }),
  {
    note: 'generated',
    line: `POST ${CONFIGMAPS}?dryRun=All`,
    body: aMap('x', { a: '1' }, { name: undefined, generateName: 'made-' }),
    show: ['metadata.generateName'],
  },
  {
    note: 'what a client may not set',
    line: `POST ${CONFIGMAPS}?dryRun=All`,
    body: aMap(
      'mine',
      {},
      {
        uid: 'mine',
        generation: 7,
        selfLink: '/x',
        creationTimestamp: '2001-01-01T00:00:00Z',
        deletionTimestamp: '2001-01-01T00:00:00Z',
      },
    ),
    show: ['metadata.selfLink', 'metadata.deletionTimestamp'],
  },
  { note: 'with a resourceVersion', line: `POST ${CONFIGMAPS}`, body: aMap('mine', {}, { resourceVersion: '7' }) },
  {
    note: 'labels of another type',
    words: false,
    line: `POST ${CONFIGMAPS}`,
    body: aMap('mine', {}, { labels: { a: 1 } }),
  },
  { note: 'labels that are a list', words: false, line: `POST ${CONFIGMAPS}`, body: aMap('mine', {}, { labels: [] }) },
];

export const objects: readonly Step[] = [
  { line: `POST ${CONFIGMAPS}?fieldManager=one`, body: aMap('a') },
  { note: 'its owners', line: `GET ${CONFIGMAPS}/a`, show: ['metadata.managedFields'] },
  { note: 'again', line: `POST ${CONFIGMAPS}`, body: aMap('a') },
  { line: `GET ${CONFIGMAPS}/b` },
  { note: 'without a resourceVersion', line: `PUT ${CONFIGMAPS}/a`, body: aMap('a', { a: '2' }) },
  { note: 'with an old one', line: `PUT ${CONFIGMAPS}/a`, of: (answers) => answers[0]?.body },
  { note: 'with another uid', words: false, line: `PUT ${CONFIGMAPS}/a`, body: aMap('a', {}, { uid: 'other' }) },
  { note: 'what is not there', line: `PUT ${CONFIGMAPS}/b`, body: aMap('b') },
  { note: 'another name', line: `PUT ${CONFIGMAPS}/a`, body: aMap('b') },
  {
    note: 'another kind',
    words: false,
    line: `POST ${CONFIGMAPS}`,
    body: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' } },
  },
  {
    note: 'another version',
    words: false,
    line: `POST ${CONFIGMAPS}`,
    body: { apiVersion: 'v2', kind: 'ConfigMap', metadata: { name: 'x' } },
  },
  {
    note: 'no kind',
    line: `POST ${CONFIGMAPS}`,
    body: { metadata: { name: 'no-kind' } },
    show: ['kind', 'metadata.name'],
  },
  { note: 'not JSON', words: false, line: `POST ${CONFIGMAPS}`, body: '{' },
  { note: 'a list', words: false, line: `POST ${CONFIGMAPS}`, body: [] },
  { note: 'nothing', words: false, line: `POST ${CONFIGMAPS}` },
  { note: 'a number for text', line: `POST ${CONFIGMAPS}`, body: aMap('x', { a: 1 }) },
  { note: 'a key that is none', line: `POST ${CONFIGMAPS}`, body: aMap('x', { 'a b': '1' }) },
  {
    note: 'unknown, strict',
    line: `POST ${CONFIGMAPS}?fieldValidation=Strict`,
    body: { ...aMap('x'), dat: {}, metadata: { name: 'x', lables: {} } },
  },
  {
    note: 'unknown, warned of',
    line: `POST ${CONFIGMAPS}?fieldValidation=Warn&dryRun=All`,
    body: { ...aMap('x'), dat: {} },
  },
  {
    note: 'unknown, ignored',
    line: `POST ${CONFIGMAPS}?fieldValidation=Ignore&dryRun=All`,
    body: { ...aMap('x'), dat: {} },
  },
  { note: 'unknown, not asked for', line: `POST ${CONFIGMAPS}?dryRun=All`, body: { ...aMap('x'), dat: {} } },
  {
    note: 'unknown, in another script',
    line: `POST ${CONFIGMAPS}?dryRun=All`,
    body: { ...aMap('x'), 名字: 'größe' },
    show: ['data'],
  },
  { note: 'another validation', line: `POST ${CONFIGMAPS}?fieldValidation=Much`, body: aMap('x') },
  { note: 'another dry run', line: `POST ${CONFIGMAPS}?dryRun=Some`, body: aMap('x') },
  { note: 'a manager too long', line: `POST ${CONFIGMAPS}?fieldManager=${'m'.repeat(129)}`, body: aMap('x') },
  { note: 'a merge patch', line: `PATCH ${CONFIGMAPS}/a`, type: 'merge', body: { data: { b: '2', a: null } } },
  {
    note: 'a merge patch that changes nothing',
    line: `PATCH ${CONFIGMAPS}/a`,
    type: 'merge',
    body: { data: { b: '2' } },
  },
  {
    note: 'a JSON patch',
    line: `PATCH ${CONFIGMAPS}/a`,
    type: 'jsonpatch',
    body: [{ op: 'add', path: '/data/c', value: '3' }],
  },
  {
    note: 'a test that fails',
    line: `PATCH ${CONFIGMAPS}/a`,
    type: 'jsonpatch',
    body: [{ op: 'test', path: '/data/c', value: '4' }],
  },
  {
    note: 'an operation that is none',
    line: `PATCH ${CONFIGMAPS}/a`,
    type: 'jsonpatch',
    body: [{ op: 'turn', path: '/data/c' }],
  },
  {
    note: 'a JSON patch of wrong type',
    words: false,
    line: `PATCH ${CONFIGMAPS}/a`,
    type: 'jsonpatch',
    body: [{ op: 'add', path: '/data/c', value: 3 }],
  },
  {
    note: 'a JSON patch of an unknown field',
    words: false,
    line: `PATCH ${CONFIGMAPS}/a?fieldValidation=Strict`,
    type: 'jsonpatch',
    body: [{ op: 'add', path: '/dat', value: {} }],
  },
  {
    note: 'copies that take too much',
    line: `PATCH ${CONFIGMAPS}/a`,
    type: 'jsonpatch',
    body: [
      { op: 'add', path: '/data/long', value: 'x'.repeat(1_000_000) },
      ...[1, 2, 3, 4].map((i) => ({ op: 'copy', from: '/data/long', path: `/data/long${i}` })),
    ],
  },
  { note: 'a strategic patch', line: `PATCH ${CONFIGMAPS}/a`, type: 'strategic', body: { data: { d: '4' } } },
  { note: 'a patch of another type', line: `PATCH ${CONFIGMAPS}/a`, type: 'json', body: {} },
  { note: 'a patch of what is not there', line: `PATCH ${CONFIGMAPS}/b`, type: 'merge', body: {} },
  { note: 'a patch of the name', line: `PATCH ${CONFIGMAPS}/a`, type: 'merge', body: { metadata: { name: 'b' } } },
  {
    note: 'a patch with an old version',
    line: `PATCH ${CONFIGMAPS}/a`,
    type: 'merge',
    body: { metadata: { resourceVersion: '1' }, data: { z: '1' } },
  },
  { note: 'a patch of wrong type', words: false, line: `PATCH ${CONFIGMAPS}/a`, type: 'merge', body: { data: 'x' } },
  { note: 'no status', line: `GET ${CONFIGMAPS}/a/status` },
  { note: 'no scale', line: `GET ${CONFIGMAPS}/a/scale` },
  { note: 'a verb that is none', line: `PUT ${CONFIGMAPS}`, body: aMap('a') },
  { note: 'create at a name', line: `POST ${CONFIGMAPS}/a`, body: aMap('a') },
  { note: 'immutable', line: `POST ${CONFIGMAPS}`, body: { ...aMap('fixed'), immutable: true } },
  { note: 'and changed', line: `PATCH ${CONFIGMAPS}/fixed`, type: 'merge', body: { data: { a: '2' } } },
  { note: 'and made mutable', line: `PATCH ${CONFIGMAPS}/fixed`, type: 'merge', body: { immutable: false } },
  {
    line: `POST ${CORE}/secrets`,
    body: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { a: 'ü' }, data: { b: 'eA==' } },
  },
  {
    note: 'not base64',
    words: false,
    line: `POST ${CORE}/secrets`,
    body: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 't' }, data: { b: '?' } },
  },
  { note: 'another type of secret', line: `PATCH ${CORE}/secrets/s`, type: 'merge', body: { type: 'other' } },
  {
    line: `POST ${CORE}/serviceaccounts`,
    body: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'sa' } },
  },
  {
    note: 'no such namespace',
    line: 'POST /api/v1/namespaces/nowhere/configmaps',
    body: { ...aMap('a'), metadata: { name: 'a' } },
  },
];

const aService = (name: string, spec: Fields): Fields => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec,
});
const aSlice = (name: string, more: Fields = {}): Fields => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, labels: { 'kubernetes.io/service-name': 's' } },
  addressType: 'IPv4',
  endpoints: [],
  ports: [],
  ...more,
});
const aLease = (name: string, spec: Fields): Fields => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name },
  spec,
});
const anEvent = (name: string, more: Fields = {}): Fields => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name },
  involvedObject: { apiVersion: 'v1', kind: 'Pod', name: 'p', namespace: 'NS', uid: 'u' },
  reason: 'Seen',
  message: 'It was seen.',
  type: 'Normal',
  source: { component: 'contract' },
  count: 1,
  firstTimestamp: '2026-01-01T00:00:00Z',
  lastTimestamp: '2026-01-01T00:00:00Z',
  ...more,
});

export const machinery: readonly Step[] = [
  {
    note: 'headless',
    line: `POST ${CORE}/services`,
    body: aService('s', {
      clusterIP: 'None',
      selector: { app: 'a' },
      ports: [{ port: 80 }, { name: 'b', port: 81, targetPort: 'web' }].map((port, at) => ({
        name: `p${at}`,
        ...port,
      })),
    }),
  },
  {
    note: 'two ports without names',
    line: `POST ${CORE}/services`,
    body: aService('t', { clusterIP: 'None', ports: [{ port: 80 }, { port: 81 }] }),
  },
  {
    note: 'a port out of range',
    line: `POST ${CORE}/services`,
    body: aService('t', { clusterIP: 'None', ports: [{ port: 0 }] }),
  },
  {
    note: 'a name with a digit in front',
    line: `POST ${CORE}/services`,
    body: aService('1t', { clusterIP: 'None', ports: [{ port: 80 }] }),
  },
  {
    line: `POST ${LEASES}`,
    body: aLease('l', {
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      renewTime: '2026-01-01T00:00:00.000000Z',
      leaseTransitions: 0,
    }),
  },
  {
    note: 'a time without a fraction',
    words: false,
    line: `POST ${LEASES}`,
    body: aLease('m', { renewTime: '2026-01-01T00:00:00Z' }),
  },
  { note: 'a lease of no time', line: `POST ${LEASES}`, body: aLease('m', { leaseDurationSeconds: 0 }) },
  { note: 'renewed without a version', line: `PUT ${LEASES}/l`, body: aLease('l', { holderIdentity: 'b' }) },
  {
    note: 'renewed by the old version',
    line: `PUT ${LEASES}/l`,
    body: { ...aLease('l', { holderIdentity: 'b' }), metadata: { name: 'l', resourceVersion: '1' } },
  },
  {
    note: 'renewed',
    line: `PUT ${LEASES}/l`,
    of: (answers) => ({
      ...(answers[4]?.body as Fields),
      spec: { holderIdentity: 'b', leaseDurationSeconds: 15, renewTime: '2026-01-01T00:00:01.000000Z' },
    }),
  },
  {
    line: `POST ${SLICES}`,
    body: aSlice('e', { endpoints: [{ addresses: ['10.1.2.3'], conditions: { ready: true } }], ports: [{ port: 80 }] }),
  },
  { note: 'empty', line: `POST ${SLICES}`, body: aSlice('f') },
  { note: 'an address that is none', line: `POST ${SLICES}`, body: aSlice('g', { endpoints: [{ addresses: ['x'] }] }) },
  { note: 'no address', line: `POST ${SLICES}`, body: aSlice('g', { endpoints: [{ addresses: [] }] }) },
  { note: 'no address type', line: `POST ${SLICES}`, body: aSlice('g', { addressType: undefined }) },
  { note: 'another address type', line: `PATCH ${SLICES}/f`, type: 'merge', body: { addressType: 'IPv6' } },
  { line: `POST ${CORE}/events`, body: anEvent('ev') },
  {
    note: 'of another namespace',
    line: `POST ${CORE}/events`,
    body: anEvent('ew', { involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' } }),
  },
  { note: 'counted', line: `PATCH ${CORE}/events/ev`, type: 'merge', body: { count: 2 }, show: ['count', 'message'] },
  { note: 'the other group', line: 'GET /apis/events.k8s.io/v1/namespaces/NS/events/ev' },
  {
    note: 'of the other group',
    line: 'POST /apis/events.k8s.io/v1/namespaces/NS/events',
    body: {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: 'new' },
      eventTime: '2026-01-01T00:00:00.000000Z',
      reportingController: 'clops.dev/x',
      reportingInstance: 'x',
      action: 'Look',
      reason: 'Seen',
      type: 'Normal',
      regarding: { kind: 'Pod', name: 'p', namespace: 'NS' },
      note: 'It was seen.',
    },
  },
  {
    line: `GET ${CORE}/events?fieldSelector=involvedObject.name=p,reason=Seen`,
    show: ['items.0.metadata.name', 'items.1.metadata.name', 'items.2'],
  },
  { line: `GET ${CORE}/events?fieldSelector=count=2` },
  { note: 'a node', line: 'DELETE /api/v1/nodes/contract' },
  {
    line: 'POST /api/v1/nodes?dryRun=All',
    body: {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'contract' },
      status: { capacity: { cpu: '4', memory: '1Gi', 'nvidia.com/gpu': '2' } },
    },
    show: ['status.capacity'],
  },
  {
    note: 'a taint that is none',
    line: 'POST /api/v1/nodes?dryRun=All',
    body: {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'contract' },
      spec: { taints: [{ key: 'a', effect: 'Never' }] },
    },
  },
];
