/** What a cluster's no is made of it: which answers are one, in which words, and how often it is asked again. */
import { expect, it } from 'vitest';
import { refusalOf } from '../../src/controller/refusal.ts';
import { routeState } from '../../src/controller/route.ts';
import { createBackoff } from '../../src/lib/backoff.ts';
import { ApiError, type Status } from '../../src/platform/cluster/port.ts';
import { DEPLOYMENTS, HTTPROUTES } from '../../src/platform/cluster/resources.ts';
import { aModelDeployment } from './lab.ts';

const said = (status: Partial<Status>, resource = DEPLOYMENTS) =>
  refusalOf(new ApiError({ code: 422, message: 'no', ...status }), resource, 'vad-1', createBackoff());

it('is a policy, a quota, a webhook that does not answer; not a conflict, an overload or an outage', () => {
  for (const code of [400, 403, 422]) expect(said({ code })).toMatchObject({ reason: 'DeploymentRefused' });
  const twice =
    'failed to create typed patch object (speech/vad-1; apps/v1, Kind=Deployment): errors: duplicate entries';
  // A webhook that is away and no address left for a Service say 500 in the same way.
  for (const given of [
    { reason: 'InternalError', message: 'failed calling webhook "a.example.com": no route to host' },
    { reason: 'InternalError', message: 'failed to allocate a serviceIP: range is full' },
    { message: 'admission webhook "a.example.com" denied the request: broken' },
    { message: twice },
  ])
    expect(said({ code: 500, ...given })).toMatchObject({
      reason: 'DeploymentRefused',
      message: `The cluster refuses Deployment vad-1: ${given.message}`,
    });
  expect(said({ code: 500, reason: 'ServerTimeout' })).toBeUndefined();
  for (const code of [401, 409, 410, 429, 500, 503, 504]) expect(said({ code })).toBeUndefined();
  expect(refusalOf(new Error('reset'), DEPLOYMENTS, 'vad-1', createBackoff())).toBeUndefined();
});

it('says what is not installed, and what was said', () => {
  expect(said({ code: 404, message: '404 page not found' }, HTTPROUTES)?.message).toBe(
    'This cluster does not know HTTPRoute (gateway.networking.k8s.io/v1): install it, and it goes on by itself.',
  );
  expect(said({ message: 'denied: not today' })?.message).toBe(
    'The cluster refuses Deployment vad-1: denied: not today',
  );
});

it('says several causes in one order, whichever they come in: other words would be written to the status each time', () => {
  const causes = [
    { field: 'spec.b', message: 'two' },
    { field: 'spec.a', message: 'one' },
  ];
  const one = said({ details: { causes } });
  expect(one?.message).toBe(said({ details: { causes: causes.toReversed() } })?.message);
  expect(one?.message).toContain('spec.a: one; spec.b: two');
});

it('a route that nobody answers for: because there is no Gateway, no class, or nobody who serves it', () => {
  const md = aModelDeployment(1, { endpoint: { parentRefs: [{ name: 'g', namespace: 'n' }] } });
  const named = (name: string, more: object) => ({ apiVersion: 'v1', kind: 'X', metadata: { name }, ...more });
  const route = { ...named('vad', {}), spec: {} };
  const gateway = { ...named('g', {}), spec: { gatewayClassName: 'c', listeners: [] } };
  const pending = { conditions: [{ type: 'Accepted', status: 'Unknown' }] };
  const gatewayClass = { ...named('c', {}), spec: { controllerName: 'example.com/x' }, status: pending };
  const state = (gateways: object[], classes: object[]) => {
    const of = <T>(list: object[]) => ({ get: () => list[0] as T | undefined });
    return routeState(md, route, {
      gateways: of<typeof gateway>(gateways),
      gatewayClasses: of<typeof gatewayClass>(classes),
    });
  };
  expect(state([], [])).toMatchObject({ reason: 'GatewayNotFound' });
  expect(state([gateway], [])).toMatchObject({ reason: 'GatewayClassNotFound' });
  expect(state([gateway], [gatewayClass])).toMatchObject({ reason: 'GatewayClassNotAccepted' });
  expect(state([gateway], [{ ...gatewayClass, status: {} }])).toMatchObject({ reason: 'WaitingForGateway' });
});

it('a route that two have answered for: the controller of the Gateway’s class counts, and its answer for the section asked', () => {
  const named = (name: string, more: object) => ({ apiVersion: 'v1', kind: 'X', metadata: { name }, ...more });
  const gateway = { ...named('g', {}), spec: { gatewayClassName: 'c', listeners: [] } };
  const gatewayClass = { ...named('c', {}), spec: { controllerName: 'example.com/new' } };
  const parent = (controllerName: string, observedGeneration: number, sectionName?: string) => ({
    parentRef: { name: 'g', namespace: 'n', ...(sectionName && { sectionName }) },
    controllerName,
    conditions: ['Accepted', 'ResolvedRefs'].map((type) => ({ type, status: 'True', observedGeneration })),
  });
  const state = (parents: ReturnType<typeof parent>[], sectionName?: string, classes = [gatewayClass]) => {
    const ref = { name: 'g', namespace: 'n', ...(sectionName && { sectionName }) };
    const metadata = { name: 'vad', namespace: 'speech', generation: 2 };
    const route = { apiVersion: 'v1', kind: 'X', metadata, spec: {}, status: { parents } };
    const caches = { gateways: { get: () => gateway }, gatewayClasses: { get: () => classes[0] } };
    return routeState(aModelDeployment(1, { endpoint: { parentRefs: [ref] } }), route, caches).reason;
  };
  const [left, right] = [parent('example.com/old', 1), parent('example.com/new', 2)];
  expect(state([left, right])).toBe('RouteAccepted');
  expect(state([parent('example.com/old', 2)])).toBe('WaitingForGateway');
  expect(state([parent('example.com/old', 2)], undefined, [])).toBe('RouteAccepted'); // nobody knows whose it is
  const [http, https] = [parent('example.com/new', 1, 'http'), parent('example.com/new', 2, 'https')];
  expect(state([http, https], 'https')).toBe('RouteAccepted');
  expect(state([http, https], 'http')).toBe('WaitingForGateway');
});
