/** What the Gateways say of our route. Pure. */
import type { ModelDeployment } from '../contract/modeldeployment.ts';
import { ROUTE_RULE } from '../contract/names.ts';
import type { Caches } from './caches.ts';
import { parentRefsOf, type Role, serviceName } from './desired/routing.ts';
import type { Gateway, GatewayClass, HttpRoute } from './kinds.ts';
import type { RouteState } from './rollout/types.ts';

type Parent = NonNullable<NonNullable<HttpRoute['status']>['parents']>[number];

type ParentRef = Parent['parentRef'];

type Gateways = { [cache in 'gateways' | 'gatewayClasses']: Pick<Caches[cache], 'get'> };

export function routeState(md: ModelDeployment, route: HttpRoute | undefined, gateways: Gateways): RouteState {
  if (!route) return { state: 'Absent', reason: 'NotRouted', message: 'There is no route yet.' };
  const weights = weightsOf(md.metadata.name, route);
  const said = parentRefsOf(md).map((ref) => {
    const gateway = gateways.gateways.get(`${ref.namespace ?? route.metadata.namespace}/${ref.name}`);
    // What a Gateway said that is gone by now is often left in the route.
    const parent = gateway && parentOf(route, ref, gateways.gatewayClasses.get(gateway.spec.gatewayClassName));
    return parent ? verdictOf(route, parent, ref.name) : unanswered(ref, route.metadata.namespace, gateways);
  });
  const worst =
    said.find(({ state }) => state === 'Refused') ?? said.find(({ state }) => state === 'Pending') ?? said[0];
  const verdict = worst ?? { state: 'Pending', reason: 'NoGateway', message: 'The route has no Gateway.' };
  return { ...verdict, ...(weights && { weights }) };
}

type Verdict = Pick<RouteState, 'state' | 'reason' | 'message'>;

/** Reasons of a route that nobody serves, and that nobody will without somebody's help. */
export const UNSERVED: readonly string[] = ['GatewayNotFound', 'GatewayClassNotFound', 'GatewayClassNotAccepted'];

/** Nobody has said anything of the route: because there is nobody, perhaps. */
function unanswered(ref: ParentRef, home: string | undefined, { gateways, gatewayClasses }: Gateways): Verdict {
  const pending = (reason: string, message: string): Verdict => ({ state: 'Pending', reason, message });
  const key = `${ref.namespace ?? home}/${ref.name}`;
  const gateway = gateways.get(key);
  if (!gateway)
    return pending('GatewayNotFound', `There is no Gateway ${key}: make it, or name another in endpoint.parentRefs.`);
  const { gatewayClassName } = gateway.spec;
  const gatewayClass = gatewayClasses.get(gatewayClassName);
  if (!gatewayClass) {
    const words = `Gateway ${key} is of the class ${gatewayClassName}, and there is no such GatewayClass.`;
    return pending('GatewayClassNotFound', words);
  }
  const accepted = gatewayClass.status?.conditions?.find(({ type }) => type === 'Accepted');
  if (accepted && accepted.status !== 'True') {
    const { controllerName } = gatewayClass.spec;
    const words = `Gateway ${key} is of the class ${gatewayClassName}, which its controller (${controllerName}) has not accepted: is it running?`;
    return pending('GatewayClassNotAccepted', words);
  }
  return pending('WaitingForGateway', `Gateway ${ref.name} has not answered yet.`);
}

function verdictOf(route: HttpRoute, parent: Parent, gateway: string): Verdict {
  for (const type of ['Accepted', 'ResolvedRefs']) {
    const condition = parent.conditions?.find((one) => one.type === type);
    const isOld = (condition?.observedGeneration ?? 0) < (route.metadata.generation ?? 0);
    if (!condition || isOld || condition.status === 'Unknown') {
      const message = `Gateway ${gateway} has not looked at the present weights yet.`;
      return { state: 'Pending', reason: 'WaitingForGateway', message };
    }
    if (condition.status === 'False') {
      const message = `Gateway ${gateway}: ${condition.message ?? condition.reason ?? type}`;
      return { state: 'Refused', reason: condition.reason ?? `Not${type}`, message };
    }
  }
  return { state: 'Programmed', reason: 'RouteAccepted', message: `Gateway ${gateway} has accepted the route.` };
}

/**
 * What the Gateway's own controller said. A Gateway that goes from one class to another leaves in the route what the controller
 * of the first one said: it stood before the answer that counts, and no rollout came to an end.
 */
const parentOf = (route: HttpRoute, ref: ParentRef, gatewayClass: GatewayClass | undefined): Parent | undefined =>
  route.status?.parents?.find(
    ({ parentRef, controllerName }) =>
      parentRef.name === ref.name &&
      (parentRef.namespace ?? route.metadata.namespace) === (ref.namespace ?? route.metadata.namespace) &&
      parentRef.sectionName === ref.sectionName &&
      (!gatewayClass || controllerName === gatewayClass.spec.controllerName),
  );

function weightsOf(name: string, route: HttpRoute): RouteState['weights'] {
  const rule = route.spec.rules?.find((one) => one.name === ROUTE_RULE);
  if (!rule) return undefined;
  const of = (role: Role): number => rule.backendRefs?.find((ref) => ref.name === serviceName(name, role))?.weight ?? 0;
  return { stable: of('stable'), canary: of('canary') };
}

/** Where clients find the model, when the Gateway says where it is. */
export function urlOf(gateway: Gateway | undefined, sectionName: string | undefined, path: string): string | undefined {
  const address = gateway?.status?.addresses?.[0]?.value;
  const listeners = gateway?.spec.listeners ?? [];
  const listener = listeners.find(({ name }) => sectionName === undefined || name === sectionName);
  if (!address || !listener) return undefined;
  const scheme = listener.protocol === 'HTTPS' ? 'https' : 'http';
  const isUsual = listener.port === (scheme === 'https' ? 443 : 80);
  const host = listener.hostname && !listener.hostname.startsWith('*') ? listener.hostname : address;
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}${isUsual ? '' : `:${listener.port}`}${path}`;
}
