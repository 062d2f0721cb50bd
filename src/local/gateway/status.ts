/**
 * What a GatewayClass, a Gateway and an HTTPRoute are told about themselves. Pure: state in, status out. A condition
 * keeps its lastTransitionTime while its status stands, so that an unchanged state gives an unchanged status.
 */

import type { Condition } from '../../contract/modeldeployment.ts';
import { GATEWAY_CONTROLLER } from '../../contract/names.ts';
import {
  type Attachment,
  bad,
  GATEWAY_GROUP,
  good,
  judgeListener,
  type ListenerOutcome,
  type Outcome,
} from './attach.ts';
import type { OwnRoute, State } from './state.ts';
import type { Gateway, GatewayClass, GatewayStatus, ListenerStatus, ParentRef, RouteParentStatus } from './types.ts';

export interface DataPlane {
  port: number;
  /** Where clients find it, for status.addresses. */
  address: string;
  /** Seconds since 1970 as Kubernetes writes them. */
  now: string;
}

export function gatewayClassStatus(gatewayClass: GatewayClass, now: string): { conditions: Condition[] } {
  const { generation } = gatewayClass.metadata;
  const write = conditionWriter(gatewayClass.status?.conditions, generation, now);
  return {
    conditions: [write('Accepted', good('Accepted', 'Gateways of this class are served by the local gateway.'))],
  };
}

export function gatewayStatus(gateway: Gateway, state: State, plane: DataPlane): GatewayStatus {
  const judged = gateway.spec.listeners.map((listener) => judgeListener(listener, plane.port));
  const broken = judged.filter(({ accepted, resolvedRefs }) => !accepted.ok || !resolvedRefs.ok);
  const anyServed = judged.some(({ accepted }) => accepted.ok);
  const write = conditionWriter(gateway.status?.conditions, gateway.metadata.generation, plane.now);
  const reasons = broken.map(({ accepted, resolvedRefs }) => (accepted.ok ? resolvedRefs : accepted).message).join(' ');
  return {
    addresses: [{ type: 'IPAddress', value: plane.address }],
    conditions: [
      write(
        'Accepted',
        broken.length === 0
          ? good('Accepted', 'All listeners are accepted.')
          : { ok: anyServed, reason: 'ListenersNotValid', message: reasons },
      ),
      write(
        'Programmed',
        anyServed
          ? good('Programmed', `Served on ${plane.address} port ${plane.port}.`)
          : bad('Invalid', reasons || 'The Gateway has no listeners.'),
      ),
    ],
    listeners: judged.map((outcome) => listenerStatus(outcome, gateway, state, plane.now)),
  };
}

function listenerStatus(outcome: ListenerOutcome, gateway: Gateway, state: State, now: string): ListenerStatus {
  const { listener, accepted, resolvedRefs } = outcome;
  const previous = gateway.status?.listeners?.find(({ name }) => name === listener.name);
  const write = conditionWriter(previous?.conditions, gateway.metadata.generation, now);
  const uid = gateway.metadata.uid;
  const attached = [...state.routes.values()].filter(({ attachments }) =>
    attachments.some((one) => one.gateway.metadata.uid === uid && one.listeners.includes(listener.name)),
  );
  const served = accepted.ok && resolvedRefs.ok;
  return {
    name: listener.name,
    attachedRoutes: attached.length,
    supportedKinds: accepted.ok ? [{ group: GATEWAY_GROUP, kind: 'HTTPRoute' }] : [],
    conditions: [
      write('Accepted', accepted),
      write(
        'Programmed',
        served
          ? good('Programmed', 'Listener is served.')
          : bad('Invalid', (accepted.ok ? resolvedRefs : accepted).message),
      ),
      write('ResolvedRefs', resolvedRefs),
      write('Conflicted', bad('NoConflicts', 'Listener conflicts with no other.')),
    ],
  };
}

/** The whole list, other controllers' entries first and as they are: it is one atomic field of the API. */
export function routeParents({ route, attachments, compiled }: OwnRoute, now: string): RouteParentStatus[] {
  const present = route.status?.parents ?? [];
  const ours = attachments.map((attachment): RouteParentStatus => {
    const previous = present.find(
      (entry) => entry.controllerName === GATEWAY_CONTROLLER && sameParent(entry.parentRef, attachment.parentRef),
    );
    const write = conditionWriter(previous?.conditions, route.metadata.generation, now);
    const conditions = [
      write('Accepted', acceptedOf(attachment, compiled.problems, isAllBroken(compiled.rules))),
      write('ResolvedRefs', compiled.resolvedRefs),
    ];
    if (attachment.accepted.ok && compiled.problems.length > 0 && !isAllBroken(compiled.rules))
      conditions.push(
        write('PartiallyInvalid', {
          ok: true,
          reason: 'UnsupportedValue',
          message: `Dropped Rule ${compiled.problems.join(' ')}`,
        }),
      );
    return { parentRef: attachment.parentRef, controllerName: GATEWAY_CONTROLLER, conditions };
  });
  return [...present.filter((entry) => entry.controllerName !== GATEWAY_CONTROLLER), ...ours];
}

function acceptedOf(attachment: Attachment, problems: readonly string[], allBroken: boolean): Outcome {
  if (!attachment.accepted.ok || !allBroken) return attachment.accepted;
  return bad('UnsupportedValue', problems.join(' '));
}

const isAllBroken = (rules: OwnRoute['compiled']['rules']): boolean =>
  rules.length > 0 && rules.every((rule) => rule.problem !== undefined || rule.matches.length === 0);

const sameParent = (a: ParentRef, b: ParentRef): boolean =>
  a.name === b.name && a.namespace === b.namespace && a.sectionName === b.sectionName && a.port === b.port;

function conditionWriter(
  previous: readonly Condition[] | undefined,
  generation: number | undefined,
  now: string,
): (type: string, outcome: Outcome) => Condition {
  return (type, { ok, reason, message }) => {
    const status = ok ? 'True' : 'False';
    const old = previous?.find((condition) => condition.type === type);
    return {
      type,
      status,
      reason,
      message: message.slice(0, 32_768),
      ...(generation !== undefined && { observedGeneration: generation }),
      lastTransitionTime: old?.status === status ? old.lastTransitionTime : now,
    };
  };
}
