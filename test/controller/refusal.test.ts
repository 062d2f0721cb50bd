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
  expect(said({ code: 500, message: 'failed calling webhook "a.example.com": no route to host' })).toBeDefined();
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
