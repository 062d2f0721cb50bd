/** What is special about built-in kinds: defaults that readers rely on, the checks a real server makes, field selectors. */
import { child, fill, sorted, text } from './defaults.ts';
import { isObject, listAt, type Plain, readPath } from './json.ts';
import { POD_STRATEGY } from './podStrategy.ts';
import type { FieldError, Strategy } from './types.ts';
import { DEPLOYMENT_STRATEGY, REPLICASET_STRATEGY } from './workloadStrategy.ts';

const services: Strategy = {
  default(object) {
    const spec = child(object, 'spec');
    fill(spec, 'type', 'ClusterIP');
    fill(spec, 'sessionAffinity', 'None');
    // There is no ClusterIP routing here: a Service is a name for a set of endpoints, as a headless one is.
    fill(spec, 'clusterIP', 'None');
    fill(spec, 'clusterIPs', [spec.clusterIP]);
    fill(spec, 'internalTrafficPolicy', 'Cluster');
    fill(spec, 'ipFamilies', ['IPv4']);
    fill(spec, 'ipFamilyPolicy', 'SingleStack');
    for (const port of listAt(spec, 'ports')) {
      fill(port, 'protocol', 'TCP');
      fill(port, 'targetPort', readPath(port, 'port'));
    }
    fill(child(object, 'status'), 'loadBalancer', {});
  },
  validate(object) {
    const ports = listAt(object.spec, 'ports');
    return ports.flatMap((port, index): FieldError[] => {
      const value = readPath(port, 'port');
      const bad = typeof value !== 'number' || value < 1 || value > 65_535;
      const unnamed = ports.length > 1 && text(port, 'name') === '';
      return [
        ...(unnamed ? [{ type: 'Required' as const, field: `spec.ports[${index}].name`, detail: '' }] : []),
        ...(bad
          ? [
              {
                type: 'Invalid' as const,
                field: `spec.ports[${index}].port`,
                value,
                detail: 'must be between 1 and 65535, inclusive',
              },
            ]
          : []),
      ];
    });
  },
  fields: (object) => ({ 'spec.clusterIP': text(object, 'spec.clusterIP'), 'spec.type': text(object, 'spec.type') }),
};

const secrets: Strategy = {
  default(object) {
    fill(object, 'type', 'Opaque');
    if (!isObject(object.stringData)) return;
    const data = child(object, 'data');
    for (const [key, value] of Object.entries(object.stringData))
      data[key] = Buffer.from(String(value)).toString('base64');
    delete object.stringData;
  },
  validate(object, old) {
    const errors: FieldError[] = [];
    if (old && old.type !== object.type)
      errors.push({ type: 'Invalid', field: 'type', value: object.type, detail: 'field is immutable' });
    errors.push(...immutableData(object, old));
    return errors;
  },
  fields: (object) => ({ type: text(object, 'type') }),
};

function immutableData(object: Plain, old?: Plain): FieldError[] {
  if (old?.immutable !== true) return [];
  const same =
    JSON.stringify(sorted([old.data, old.binaryData])) === JSON.stringify(sorted([object.data, object.binaryData]));
  return same ? [] : [{ type: 'Forbidden', field: 'data', detail: 'field is immutable when `immutable` is set' }];
}

const namespaces: Strategy = {
  default(object) {
    fill(child(object, 'spec'), 'finalizers', ['kubernetes']);
    fill(child(object, 'status'), 'phase', 'Active');
    const metadata = child(object, 'metadata');
    const labels = child(metadata, 'labels');
    labels['kubernetes.io/metadata.name'] = metadata.name;
  },
  fields: (object) => ({ name: text(object, 'metadata.name'), 'status.phase': text(object, 'status.phase') }),
};

const nodes: Strategy = {
  fields: (object) => ({ 'spec.unschedulable': String(readPath(object, 'spec.unschedulable') === true) }),
};

const INVOLVED = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'];
const events: Strategy = {
  validate(event) {
    const namespace = text(event, 'involvedObject.namespace') || 'default';
    const same = namespace === text(event, 'metadata.namespace');
    return same
      ? []
      : [
          {
            type: 'Invalid',
            field: 'involvedObject.namespace',
            value: readPath(event, 'involvedObject.namespace') ?? '',
            detail: 'does not match event.namespace',
          },
        ];
  },
  fields: (event) => ({
    ...Object.fromEntries(INVOLVED.map((key) => [`involvedObject.${key}`, text(event, `involvedObject.${key}`)])),
    reason: text(event, 'reason'),
    type: text(event, 'type'),
    source: text(event, 'source.component') || text(event, 'reportingComponent'),
    reportingComponent: text(event, 'reportingComponent'),
  }),
};

const controllerrevisions: Strategy = {
  validate: (object, old) =>
    old && JSON.stringify(sorted(old.data)) !== JSON.stringify(sorted(object.data))
      ? [{ type: 'Invalid', field: 'data', value: object.data, detail: 'field is immutable' }]
      : [],
};

const endpointslices: Strategy = {
  default(object) {
    for (const port of listAt(object, 'ports')) {
      fill(port, 'name', '');
      fill(port, 'protocol', 'TCP');
    }
  },
};

const httproutes: Strategy = {
  default(object) {
    const spec = child(object, 'spec');
    for (const parent of listAt(spec, 'parentRefs')) {
      fill(parent, 'group', 'gateway.networking.k8s.io');
      fill(parent, 'kind', 'Gateway');
    }
    for (const rule of listAt(spec, 'rules')) {
      fill(rule, 'matches', [{ path: { type: 'PathPrefix', value: '/' } }]);
      for (const match of listAt(rule, 'matches')) fill(match, 'path', { type: 'PathPrefix', value: '/' });
      for (const backend of listAt(rule, 'backendRefs')) {
        fill(backend, 'group', '');
        fill(backend, 'kind', 'Service');
        fill(backend, 'weight', 1);
      }
    }
  },
};

const gateways: Strategy = {
  default(object) {
    for (const listener of listAt(object.spec, 'listeners'))
      fill(listener, 'allowedRoutes', { namespaces: { from: 'Same' } });
  },
};

export const STRATEGIES: Record<string, Strategy> = {
  pods: POD_STRATEGY,
  services,
  secrets,
  configmaps: { validate: immutableData },
  namespaces,
  nodes,
  events,
  deployments: DEPLOYMENT_STRATEGY,
  replicasets: REPLICASET_STRATEGY,
  controllerrevisions,
  endpointslices,
  httproutes,
  gateways,
};
