/** The built-in kinds: one row each. What is not in this table is not served. */

import type { Resource } from '../../platform/cluster/port.ts';
import {
  CONFIGMAPS,
  CONTROLLERREVISIONS,
  CRDS,
  DEPLOYMENTS,
  ENDPOINTSLICES,
  EVENTS,
  GATEWAYCLASSES,
  GATEWAYS,
  HTTPROUTES,
  LEASES,
  NAMESPACES,
  NODES,
  PODS,
  REPLICASETS,
  SECRETS,
  SERVICEACCOUNTS,
  SERVICES,
} from '../../platform/cluster/resources.ts';
import { COLUMNS } from './columns.ts';
import { CRD_STRATEGY, settleCrd } from './crdStrategy.ts';
import { EVENTS_VIEW } from './events.ts';
import { listShapes, mergeSchema } from './listtypes.ts';
import type { ServedRow } from './registry.ts';
import { STRATEGIES } from './strategies.ts';

interface Extra {
  short?: readonly string[];
  categories?: readonly string[];
  status?: boolean;
  scale?: boolean;
  log?: boolean;
  counted?: boolean;
  names?: ServedRow['names'];
}

const SCALE = {
  specReplicasPath: '.spec.replicas',
  statusReplicasPath: '.status.replicas',
  labelSelectorPath: '.status.selector',
};

const storageOf = (resource: Pick<Resource, 'group' | 'plural'>): string =>
  resource.group ? `${resource.group}/${resource.plural}` : resource.plural;

function row(resource: Resource, extra: Extra = {}): ServedRow {
  const strategy = STRATEGIES[resource.plural];
  return {
    ...resource,
    singular: resource.kind.toLowerCase(),
    listKind: `${resource.kind}List`,
    shortNames: extra.short ?? [],
    categories: extra.categories ?? [],
    columns: COLUMNS[resource.plural] ?? [],
    subresources: {
      status: extra.status ?? false,
      ...(extra.scale && { scale: SCALE }),
      ...(extra.log && { log: true }),
    },
    custom: false,
    ...(strategy && { strategy }),
    shapes: mergeSchema(listShapes(resource.plural)),
    storage: storageOf(resource),
    counted: extra.counted ?? false,
    names: extra.names ?? 'subdomain',
  };
}

export const BUILTIN_ROWS: readonly ServedRow[] = [
  row(NAMESPACES, { short: ['ns'], status: true, names: 'label' }),
  { ...row(NODES, { short: ['no'], status: true }), statusOnCreate: true },
  row(PODS, { short: ['po'], categories: ['all'], status: true, log: true, counted: true }),
  row(SERVICES, { short: ['svc'], categories: ['all'], status: true, names: 'label1035' }),
  row(CONFIGMAPS, { short: ['cm'] }),
  row(SECRETS),
  row(SERVICEACCOUNTS, { short: ['sa'] }),
  row(EVENTS, { short: ['ev'] }),
  { ...row({ ...EVENTS, group: 'events.k8s.io' }, { short: ['ev'] }), storage: storageOf(EVENTS), view: EVENTS_VIEW },
  row(DEPLOYMENTS, { short: ['deploy'], categories: ['all'], status: true, scale: true, counted: true }),
  row(REPLICASETS, { short: ['rs'], categories: ['all'], status: true, scale: true, counted: true }),
  row(CONTROLLERREVISIONS),
  row(ENDPOINTSLICES, { counted: true }),
  { ...row(LEASES), versioned: true },
  {
    versioned: true,
    ...row(CRDS, { short: ['crd', 'crds'], categories: ['api-extensions'], status: true, counted: true }),
    strategy: CRD_STRATEGY,
    settle: settleCrd,
  },
  row(GATEWAYCLASSES, { short: ['gc'], categories: ['gateway-api'], status: true, counted: true }),
  row(GATEWAYS, { short: ['gtw'], categories: ['gateway-api'], status: true, counted: true }),
  row(HTTPROUTES, { categories: ['gateway-api'], status: true, counted: true }),
];
