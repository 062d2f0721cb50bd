/** The two Services whose selectors are the roles, and the HTTPRoute that divides between them. */

import type { ModelDeployment } from '../../contract/modeldeployment.ts';
import { ROUTE_RULE } from '../../contract/names.ts';
import { endpointPath } from '../../contract/validation.ts';
import type { KubeObject } from '../../platform/cluster/port.ts';
import { childOf, selectorOf } from './child.ts';

export type Role = 'stable' | 'canary';

export const serviceName = (deployment: string, role: Role): string => `${deployment}-${role}`;

const SERVICE_PORT = 80;

export function desiredService(owner: ModelDeployment, role: Role, hash: string): KubeObject {
  const { name } = owner.metadata;
  return {
    ...childOf(owner, 'v1', 'Service', serviceName(name, role)),
    spec: {
      selector: selectorOf(name, hash),
      ports: [{ name: 'http', port: SERVICE_PORT, protocol: 'TCP', targetPort: 'http' }],
    },
  };
}

export function parentRefsOf({ spec }: ModelDeployment): { name: string; namespace?: string; sectionName?: string }[] {
  return spec.endpoint?.parentRefs ?? [];
}

export interface GatewayRef {
  readonly namespace: string;
  readonly name: string;
}

/** A deployment that says nothing of its Gateway is attached to the platform's. */
export function withGateway(md: ModelDeployment, { namespace, name }: GatewayRef): ModelDeployment {
  if (md.spec.endpoint?.parentRefs !== undefined) return md;
  return { ...md, spec: { ...md.spec, endpoint: { ...md.spec.endpoint, parentRefs: [{ name, namespace }] } } };
}

export function desiredRoute(owner: ModelDeployment, weights: { stable: number; canary: number }): KubeObject {
  const { name, namespace = '' } = owner.metadata;
  const backend = (role: Role): object => ({
    name: serviceName(name, role),
    port: SERVICE_PORT,
    weight: weights[role],
  });
  const rewrite = { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } };
  return {
    ...childOf(owner, 'gateway.networking.k8s.io/v1', 'HTTPRoute', name),
    spec: {
      parentRefs: parentRefsOf(owner),
      rules: [
        {
          name: ROUTE_RULE,
          matches: [{ path: { type: 'PathPrefix', value: endpointPath(namespace, name) } }],
          filters: [{ type: 'URLRewrite', urlRewrite: rewrite }],
          backendRefs: [backend('stable'), backend('canary')],
        },
      ],
    },
  };
}
