/**
 * Which routes does this data plane serve, and through which listeners? Pure: objects in, outcomes with the reasons of
 * Gateway API out. It has one port and speaks HTTP, and a listener that asks for anything else is told so.
 */
import { intersectHostnames } from './hostname.ts';
import type { Gateway, HttpRoute, Listener, ParentRef } from './types.ts';

export const GATEWAY_GROUP = 'gateway.networking.k8s.io';

export interface Outcome {
  ok: boolean;
  reason: string;
  message: string;
}

export interface ListenerOutcome {
  listener: Listener;
  accepted: Outcome;
  resolvedRefs: Outcome;
}

export interface Attachment {
  parentRef: ParentRef;
  gateway: Gateway;
  accepted: Outcome;
  listeners: readonly string[];
  /** '' is any host. */
  hostnames: readonly string[];
}

export const good = (reason: string, message: string): Outcome => ({ ok: true, reason, message });
export const bad = (reason: string, message: string): Outcome => ({ ok: false, reason, message });

export function judgeListener(listener: Listener, port: number): ListenerOutcome {
  return { listener, accepted: acceptListener(listener, port), resolvedRefs: acceptKinds(listener) };
}

function acceptListener(listener: Listener, port: number): Outcome {
  if (listener.protocol !== 'HTTP')
    return bad(
      'UnsupportedProtocol',
      `This gateway speaks HTTP; listener ${listener.name} asks for ${listener.protocol}.`,
    );
  if (listener.port !== port)
    return bad(
      'PortUnavailable',
      `This gateway listens on port ${port}; listener ${listener.name} asks for ${listener.port}.`,
    );
  const from = listener.allowedRoutes?.namespaces?.from ?? 'Same';
  if (from !== 'Same' && from !== 'All' && from !== 'None')
    return bad('UnsupportedValue', `allowedRoutes.namespaces.from ${from} is not served here: use Same or All.`);
  return good('Accepted', 'Listener is accepted.');
}

function acceptKinds(listener: Listener): Outcome {
  const kinds = listener.allowedRoutes?.kinds;
  if (!kinds || kinds.length === 0 || kinds.every(isHttpRoute))
    return good('ResolvedRefs', 'All references are resolved.');
  return bad('InvalidRouteKinds', 'This gateway serves routes of kind HTTPRoute only.');
}

const isHttpRoute = ({ group, kind }: { group?: string; kind: string }): boolean =>
  (group ?? GATEWAY_GROUP) === GATEWAY_GROUP && kind === 'HTTPRoute';

/** One attachment for each parentRef that names a Gateway of ours; other parents are other controllers' business. */
export function attach(route: HttpRoute, gateways: ReadonlyMap<string, Gateway>, port: number): Attachment[] {
  const attachments: Attachment[] = [];
  for (const parentRef of route.spec.parentRefs ?? []) {
    if ((parentRef.group ?? GATEWAY_GROUP) !== GATEWAY_GROUP || (parentRef.kind ?? 'Gateway') !== 'Gateway') continue;
    const gateway = gateways.get(`${parentRef.namespace ?? route.metadata.namespace}/${parentRef.name}`);
    if (gateway) attachments.push({ parentRef, gateway, ...attachTo(gateway, parentRef, route, port) });
  }
  return attachments;
}

function attachTo(
  gateway: Gateway,
  ref: ParentRef,
  route: HttpRoute,
  port: number,
): Pick<Attachment, 'accepted' | 'listeners' | 'hostnames'> {
  const refuse = (reason: string, message: string) => ({
    accepted: bad(reason, message),
    listeners: [],
    hostnames: [],
  });
  const name = `Gateway ${gateway.metadata.namespace}/${gateway.metadata.name}`;
  const named = gateway.spec.listeners.filter(
    (listener) =>
      (ref.sectionName === undefined || listener.name === ref.sectionName) &&
      (ref.port === undefined || listener.port === ref.port),
  );
  if (named.length === 0)
    return refuse('NoMatchingParent', `${name} has no listener of the name or port that parentRefs asks for.`);
  const served = named.filter((listener) => acceptListener(listener, port).ok);
  if (served.length === 0) return refuse('NoMatchingParent', acceptListener(named[0]!, port).message);
  const allowed = served.filter((listener) => allows(listener, gateway, route));
  if (allowed.length === 0)
    return refuse(
      'NotAllowedByListeners',
      `${name} takes no HTTPRoutes from namespace ${route.metadata.namespace}: see its allowedRoutes.`,
    );
  const hostnames = new Set<string>();
  const listeners: string[] = [];
  for (const listener of allowed) {
    const common = intersectHostnames(listener.hostname, route.spec.hostnames);
    if (!common) continue;
    listeners.push(listener.name);
    for (const hostname of common) hostnames.add(hostname);
  }
  if (listeners.length === 0)
    return refuse('NoMatchingListenerHostname', `No listener of ${name} has a hostname in common with this route.`);
  return { accepted: good('Accepted', 'Route is accepted.'), listeners, hostnames: [...hostnames] };
}

function allows(listener: Listener, gateway: Gateway, route: HttpRoute): boolean {
  const { namespaces, kinds } = listener.allowedRoutes ?? {};
  if (kinds && kinds.length > 0 && !kinds.some(isHttpRoute)) return false;
  const from = namespaces?.from ?? 'Same';
  return from === 'All' || (from === 'Same' && gateway.metadata.namespace === route.metadata.namespace);
}
