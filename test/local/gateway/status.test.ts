import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Condition } from '../../../src/contract/modeldeployment.ts';
import { GATEWAY_METRICS_ANNOTATION } from '../../../src/contract/names.ts';
import type { BackendRef, Gateway, GatewayClass, HttpRoute, RouteRule } from '../../../src/local/gateway/types.ts';
import { GATEWAYCLASSES, GATEWAYS, HTTPROUTES } from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';
import { echo, GATEWAY_API, type Lab, NAMESPACE, openLab, to } from './lab.ts';

const summary = (conditions: readonly Condition[] | undefined) =>
  Object.fromEntries((conditions ?? []).map(({ type, status, reason }) => [type, `${status}/${reason}`]));

describe('status', () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await openLab();
    await lab.service('one', [await lab.backend(echo('one'))]);
  });
  afterAll(() => lab.close());

  const gatewayOf = (name = 'clops') => lab.cluster.get<Gateway>(GATEWAYS, name, 'clops-system');
  const applyGateway = (name: string, listener: Record<string, unknown>, gatewayClassName = 'clops') =>
    lab.apply(GATEWAYS, {
      apiVersion: GATEWAY_API,
      kind: 'Gateway',
      metadata: { name, namespace: 'clops-system' },
      spec: { gatewayClassName, listeners: [{ name: 'http', protocol: 'HTTP', ...listener }] },
    });
  const parentsOf = async (name: string, rules: RouteRule[], more?: Partial<HttpRoute['spec']>) =>
    ((await lab.route(name, rules, more)).status?.parents ?? []).map(({ conditions }) => summary(conditions));
  const resolved = async (ref: BackendRef) => (await parentsOf('refs', [{ backendRefs: [ref] }]))[0]?.['ResolvedRefs'];

  it('accepts its class and Gateway, programs the listener and says where and how to count', async () => {
    await lab.route('first', [{ backendRefs: [to('one')] }]);
    const gateway = await eventually(async () => {
      const found = await gatewayOf();
      expect(found.status?.listeners?.[0]?.attachedRoutes).toBe(1);
      return found;
    });
    const gatewayClass = await lab.cluster.get<GatewayClass>(GATEWAYCLASSES, 'clops');
    expect(summary(gatewayClass.status?.conditions)).toEqual({ Accepted: 'True/Accepted' });
    expect(summary(gateway.status?.conditions)).toEqual({ Accepted: 'True/Accepted', Programmed: 'True/Programmed' });
    expect(gateway.status?.conditions?.map((condition) => condition.observedGeneration)).toEqual([1, 1]);
    expect(gateway.status?.addresses).toEqual([{ type: 'IPAddress', value: '127.0.0.1' }]);
    expect(summary(gateway.status?.listeners?.[0]?.conditions)).toEqual({
      Accepted: 'True/Accepted',
      Programmed: 'True/Programmed',
      ResolvedRefs: 'True/ResolvedRefs',
      Conflicted: 'False/NoConflicts',
    });
    expect(gateway.metadata.annotations?.[GATEWAY_METRICS_ANNOTATION]).toBe(lab.gateway.metricsUrl);
    expect((await fetch(new URL('/readyz', lab.gateway.metricsUrl))).status).toBe(200);
  });

  it('says why a backend cannot be used', async () => {
    expect(await resolved(to('one'))).toBe('True/ResolvedRefs');
    expect(await resolved(to('absent'))).toBe('False/BackendNotFound');
    expect(await resolved({ name: 'one', port: 81 })).toBe('False/BackendNotFound');
    expect(await resolved({ ...to('one'), namespace: 'clops-system' })).toBe('False/RefNotPermitted');
    expect(await resolved({ ...to('one'), group: 'inference.networking.k8s.io', kind: 'InferencePool' })).toBe(
      'False/InvalidKind',
    );
    expect(
      (await lab.route('refs', [{ backendRefs: [to('late')] }])).status?.parents?.[0]?.conditions?.[1]?.message,
    ).toBe('Service speech/late does not exist.');
    await lab.service('late', []);
    await eventually(async () =>
      expect(summary((await lab.getRoute('refs')).status?.parents?.[0]?.conditions)['ResolvedRefs']).toBe(
        'True/ResolvedRefs',
      ),
    );
  });

  it('says why a rule is not served, and serves the others', async () => {
    const good: RouteRule = { matches: [{ path: { value: '/good' } }], backendRefs: [to('one')] };
    const bad: RouteRule = {
      matches: [{ path: { value: '/bad' }, headers: [{ type: 'RegularExpression', name: 'x', value: '(a)\\1' }] }],
      backendRefs: [to('one')],
    };
    const own = { hostnames: ['partial.example'] };
    expect(await parentsOf('partial', [bad], own)).toEqual([
      { Accepted: 'False/UnsupportedValue', ResolvedRefs: 'True/ResolvedRefs' },
    ]);
    expect(await parentsOf('partial', [good, bad], own)).toEqual([
      { Accepted: 'True/Accepted', ResolvedRefs: 'True/ResolvedRefs', PartiallyInvalid: 'True/UnsupportedValue' },
    ]);
    expect(await parentsOf('partial', [good], own)).toEqual([
      { Accepted: 'True/Accepted', ResolvedRefs: 'True/ResolvedRefs' },
    ]);
  });

  it('says why a route cannot attach', async () => {
    const port = Number(new URL(lab.gateway.url).port);
    await applyGateway('narrow', { port, hostname: '*.example', allowedRoutes: { namespaces: { from: 'All' } } });
    await applyGateway('closed', { port });
    await applyGateway('elsewhere', { port: 1, allowedRoutes: { namespaces: { from: 'All' } } });
    await applyGateway('foreign', { port }, 'another');
    const parent = (name: string, sectionName?: string) => ({
      name,
      namespace: 'clops-system',
      ...(sectionName && { sectionName }),
    });
    const parentRefs = [
      parent('narrow'),
      parent('closed'),
      parent('elsewhere'),
      parent('clops', 'tls'),
      parent('foreign'),
    ];
    const outcome = await parentsOf('attaching', [{ backendRefs: [to('one')] }], {
      parentRefs,
      hostnames: ['a.other'],
    });
    expect(outcome.map((conditions) => conditions['Accepted'])).toEqual([
      'False/NoMatchingListenerHostname',
      'False/NotAllowedByListeners',
      'False/NoMatchingParent',
      'False/NoMatchingParent',
    ]);
    await eventually(async () => {
      const { status } = await gatewayOf('elsewhere');
      expect(summary(status?.listeners?.[0]?.conditions)['Accepted']).toBe('False/PortUnavailable');
      expect(summary(status?.conditions)).toEqual({ Accepted: 'False/ListenersNotValid', Programmed: 'False/Invalid' });
    });
    expect((await gatewayOf('foreign')).status).toBeUndefined();
  });

  it('leaves the entries of other controllers alone, and takes its own away when it is no parent any more', async () => {
    await lab.route('shared', [{ backendRefs: [to('one')] }]);
    const { status } = await lab.getRoute('shared');
    const other = { parentRef: { name: 'other' }, controllerName: 'example.com/other', conditions: [] };
    await lab.cluster.patch(
      HTTPROUTES,
      'shared',
      NAMESPACE,
      'merge',
      { status: { parents: [...(status?.parents ?? []), other] } },
      { subresource: 'status' },
    );
    const route = await lab.route('shared', [{ backendRefs: [to('one', 5)] }]);
    const controllers = ({ status: now }: HttpRoute) =>
      now?.parents?.map(({ controllerName }) => controllerName).toSorted();
    expect(controllers(route)).toEqual(['clops.dev/gateway', 'example.com/other']);
    await lab.apply(HTTPROUTES, {
      apiVersion: GATEWAY_API,
      kind: 'HTTPRoute',
      metadata: { name: 'shared', namespace: NAMESPACE },
      spec: { parentRefs: [{ name: 'other' }], rules: [{ backendRefs: [to('one')] }] },
    });
    await eventually(async () => expect(controllers(await lab.getRoute('shared'))).toEqual(['example.com/other']));
  });

  it('follows the generation, keeps transition times and writes nothing when nothing changed', async () => {
    const before = await lab.route('quiet', [{ backendRefs: [to('one', 1)] }]);
    const after = await lab.route('quiet', [{ backendRefs: [to('one', 2)] }]);
    const accepted = ({ status }: HttpRoute) => status?.parents?.[0]?.conditions?.[0];
    expect(accepted(after)?.observedGeneration).toBe(accepted(before)!.observedGeneration! + 1);
    expect(accepted(after)?.lastTransitionTime).toBe(accepted(before)?.lastTransitionTime);
    const version = async () => (await lab.getRoute('quiet')).metadata.resourceVersion;
    const settled = await version();
    // Other objects change, every status is looked at again, and this one stays as it is.
    for (const weight of [1, 2, 3]) await lab.route('noisy', [{ backendRefs: [to('one', weight)] }]);
    expect(await version()).toBe(settled);
  });
});
