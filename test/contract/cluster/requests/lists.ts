/** Lists, selectors, tables, watches by plain request, discovery. */
import type { Step } from '../transcript.ts';
import { aModel } from './own.ts';

const CONFIGMAPS = '/api/v1/namespaces/NS/configmaps';
const MDS = '/apis/serving.clops.dev/v1alpha1/namespaces/NS/modeldeployments';
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
const METADATA = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json';
const METADATA_LIST = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json';

const aMap = (name: string, labels: Record<string, string>): Step => ({
  line: `POST ${CONFIGMAPS}`,
  body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels } },
  show: [],
});
const names = ['items.0.metadata.name', 'items.1.metadata.name', 'items.2.metadata.name', 'items.3.metadata.name'];
const list = (query: string): Step => ({ line: `GET ${CONFIGMAPS}?${query}`, show: names });
const labels = (selector: string): Step => list(`labelSelector=${selector}`);

export const selectors: readonly Step[] = [
  aMap('a', { test: 'x', app: 'one', n: '1' }),
  aMap('b', { test: 'x', app: 'two', n: '2' }),
  aMap('c', { test: 'x', n: '3', empty: '' }),
  labels('test=x,app=one'),
  labels('test,app==two'),
  labels('test=x,app!=one'),
  labels('app in (one,two)'),
  labels('test=x,app notin (one, two)'),
  labels('test,!app'),
  labels('test,n>1'),
  labels('test,n<2'),
  labels('test,empty='),
  labels('app in (one,two),n=1'),
  labels('a b'),
  labels('app in one'),
  labels('app in ()'),
  labels('app=one two'),
  labels(`app=${'x'.repeat(64)}`),
  labels('n>x'),
  list('fieldSelector=metadata.name=a'),
  list('labelSelector=test=x&fieldSelector=metadata.name!=a'),
  list('fieldSelector=metadata.namespace=NS,metadata.name==b'),
  list('fieldSelector=data.a=1'),
  list('fieldSelector=metadata.name'),
  list('labelSelector=test=x&limit=0'),
  list('labelSelector=test=x&resourceVersion=0'),
  list('labelSelector=test=x&resourceVersion=abc'),
  list('labelSelector=test=x&resourceVersion=999999999'),
  {
    note: 'all namespaces',
    line: 'GET /api/v1/configmaps?labelSelector=app=one&fieldSelector=metadata.namespace=NS',
    show: names,
  },
  { note: 'a custom resource’s', line: `GET ${MDS}?fieldSelector=spec.runtime=x` },
  {
    note: 'pods by node',
    line: 'GET /api/v1/namespaces/NS/pods?fieldSelector=spec.nodeName=x,status.phase!=Running',
    show: names,
  },
  { note: 'pods by another field', line: 'GET /api/v1/namespaces/NS/pods?fieldSelector=spec.foo=x' },
  { note: 'what a list is', line: `GET ${CONFIGMAPS}?labelSelector=app=one` },
  { note: 'an empty one', line: `GET ${MDS}` },
  { note: 'deleted by label', line: `DELETE ${CONFIGMAPS}?labelSelector=test=x`, show: ['kind', ...names] },
  labels('test=x'),
];

const table = (line: string, includeObject = 'None'): Step => ({
  line: `GET ${line}?includeObject=${includeObject}`,
  accept: TABLE,
});

export const forms: readonly Step[] = [
  { line: `POST ${MDS}`, body: aModel('vad'), show: [] },
  table(MDS),
  {
    line: `PATCH ${MDS}/vad/status`,
    type: 'merge',
    body: {
      status: {
        phase: 'Healthy',
        step: '1/2',
        stable: { revision: 1, hash: 'a', version: 6, replicas: 1, readyReplicas: 1, weight: 100 },
      },
    },
    show: [],
  },
  table(`${MDS}/vad`, 'Metadata'),
  table(`${MDS}/vad`, 'Object'),
  { note: 'what is not there', line: `GET ${MDS}/x`, accept: TABLE },
  table('/api/v1/namespaces/NS/pods'),
  table('/api/v1/namespaces/NS/services'),
  table('/api/v1/namespaces/NS/secrets'),
  table('/api/v1/namespaces/NS/events'),
  table('/apis/apps/v1/namespaces/NS/deployments'),
  table('/apis/apps/v1/namespaces/NS/replicasets'),
  table('/apis/coordination.k8s.io/v1/namespaces/NS/leases'),
  table('/apis/discovery.k8s.io/v1/namespaces/NS/endpointslices'),
  { line: `GET ${MDS}/vad`, accept: METADATA },
  { line: `GET ${MDS}`, accept: METADATA_LIST },
];

const watch = (line: string, query: string): Step => ({ line: `GET ${line}?watch=true&timeoutSeconds=1&${query}` });

export const watches: readonly Step[] = [
  watch(MDS, 'resourceVersion=abc'),
  watch(CONFIGMAPS, 'labelSelector=a b'),
  watch(CONFIGMAPS, 'fieldSelector=data.a=1'),
  watch(CONFIGMAPS, 'labelSelector=test=none'),
  { line: `POST ${MDS}`, body: aModel('vad'), show: [] },
  { ...watch(MDS, ''), note: 'without a version: what is there first' },
  { ...watch(MDS, 'resourceVersion=0'), note: 'from 0: what is there first' },
  { ...watch(`${MDS}/vad`, ''), note: 'of one object' },
];

export const discovery: readonly Step[] = [
  { line: 'GET /api', show: ['kind', 'versions'] },
  { line: 'GET /apis/serving.clops.dev' },
  { line: 'GET /apis/serving.clops.dev/v1alpha1' },
  { line: 'GET /apis/coordination.k8s.io/v1' },
  { line: 'GET /version', show: ['major', 'minor'] },
  { line: 'GET /healthz' },
  { line: 'GET /livez' },
  { line: 'GET /readyz' },
  { note: 'no such path', line: 'GET /nope' },
  { note: 'no such kind', line: 'GET /api/v1/nopes' },
  { note: 'no such kind, in a namespace', line: 'GET /api/v1/namespaces/NS/nopes/x' },
  { note: 'no such group', line: 'GET /apis/nope.dev/v1/nopes' },
  { note: 'no such kind of ours', line: 'GET /apis/serving.clops.dev/v1alpha1/nopes' },
  { note: 'no such version', line: 'GET /apis/apps/v9/deployments' },
  { note: 'no such subresource', line: `GET ${CONFIGMAPS}/a/nope` },
];
