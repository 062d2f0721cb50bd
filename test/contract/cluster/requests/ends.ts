/** Deletion: preconditions, finalizers, propagation; what is refused meanwhile. */
import { readAt, type Step } from '../transcript.ts';

const CONFIGMAPS = '/api/v1/namespaces/NS/configmaps';
const PODS = '/api/v1/namespaces/NS/pods';

type Fields = Record<string, unknown>;
const aMap = (name: string, metadata: Fields = {}): Step => ({
  line: `POST ${CONFIGMAPS}`,
  body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata } },
  show: ['metadata.finalizers'],
});
const options = (more: Fields): Fields => ({ kind: 'DeleteOptions', apiVersion: 'v1', ...more });
const remove = (note: string, name: string, more: Fields = {}): Step => ({
  note,
  line: `DELETE ${CONFIGMAPS}/${name}`,
  body: options(more),
});

export const ends: readonly Step[] = [
  aMap('a'),
  remove('another uid', 'a', { preconditions: { uid: 'other' } }),
  remove('another version', 'a', { preconditions: { resourceVersion: '1' } }),
  remove('tried', 'a', { dryRun: ['All'] }),
  remove('another policy', 'a', { propagationPolicy: 'Perhaps' }),
  remove('two policies', 'a', { propagationPolicy: 'Orphan', orphanDependents: true }),
  {
    note: 'by its uid',
    line: `DELETE ${CONFIGMAPS}/a`,
    of: ([made]) => options({ preconditions: { uid: readAt(made?.body, 'metadata.uid') } }),
  },
  { note: 'policy in the query', ...aMap('q') },
  { line: `DELETE ${CONFIGMAPS}/q?propagationPolicy=Background&gracePeriodSeconds=0` },
  aMap('held', { finalizers: ['clops.dev/hold'] }),
  remove('held by a finalizer', 'held'),
  remove('again', 'held'),
  { line: `GET ${CONFIGMAPS}/held`, show: ['metadata.finalizers', 'metadata.deletionGracePeriodSeconds'] },
  {
    note: 'made meanwhile',
    line: `POST ${CONFIGMAPS}`,
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'held' } },
  },
  {
    note: 'another finalizer',
    line: `PATCH ${CONFIGMAPS}/held`,
    type: 'merge',
    body: { metadata: { finalizers: ['clops.dev/hold', 'clops.dev/more'] } },
  },
  {
    note: 'data may change',
    line: `PATCH ${CONFIGMAPS}/held`,
    type: 'merge',
    body: { data: { a: '1' } },
    show: ['data'],
  },
  {
    note: 'let go',
    line: `PATCH ${CONFIGMAPS}/held`,
    type: 'merge',
    body: { metadata: { finalizers: null } },
    show: ['metadata.finalizers', 'data'],
  },
  { line: `GET ${CONFIGMAPS}/held` },
  aMap('front', { finalizers: [] }),
  remove('foreground, without dependents', 'front', { propagationPolicy: 'Foreground' }),
  aMap('last', { finalizers: ['clops.dev/hold'] }),
  {
    ...remove('orphaning, held', 'last', { propagationPolicy: 'Orphan' }),
    show: ['kind', 'metadata.deletionGracePeriodSeconds'],
  },
  {
    note: 'a pod without a node goes at once',
    line: `POST ${PODS}`,
    body: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: { containers: [{ name: 'a', image: 'a' }], schedulerName: 'nobody' },
    },
    show: [],
  },
  {
    line: `DELETE ${PODS}/p?gracePeriodSeconds=30`,
    show: ['kind', 'metadata.name', 'metadata.deletionGracePeriodSeconds'],
  },
  { line: `GET ${PODS}/p` },
  {
    note: 'a pod on a node takes its time',
    line: `POST ${PODS}`,
    body: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'n' },
      spec: { nodeName: 'nowhere', terminationGracePeriodSeconds: 7, containers: [{ name: 'a', image: 'a' }] },
    },
    show: [],
  },
  { line: `DELETE ${PODS}/n`, show: ['metadata.deletionGracePeriodSeconds', 'metadata.generation'] },
  {
    note: 'less time',
    line: `DELETE ${PODS}/n?gracePeriodSeconds=3`,
    show: ['metadata.deletionGracePeriodSeconds', 'metadata.generation'],
  },
  { note: 'more time', line: `DELETE ${PODS}/n?gracePeriodSeconds=30`, show: ['metadata.deletionGracePeriodSeconds'] },
  {
    note: 'no time',
    line: `DELETE ${PODS}/n?gracePeriodSeconds=0`,
    show: ['kind', 'metadata.deletionGracePeriodSeconds'],
  },
  { line: `GET ${PODS}/n` },
  { note: 'the namespace default', line: 'DELETE /api/v1/namespaces/default' },
  { note: 'a namespace that is not there', line: 'DELETE /api/v1/namespaces/nowhere' },
];
