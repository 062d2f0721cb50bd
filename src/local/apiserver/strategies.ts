/** What is special about built-in kinds: defaults that readers rely on, the checks a real server makes, field selectors. */
import { isIP } from 'node:net';
import { child, fill, sorted, text } from './defaults.ts';
import { isObject, listAt, type Plain, readPath } from './json.ts';
import { POD_STRATEGY } from './podStrategy.ts';
import type { FieldError, Strategy } from './types.ts';
import { DEPLOYMENT_STRATEGY, REPLICASET_STRATEGY } from './workloadStrategy.ts';

const isPort = (value: unknown): boolean => typeof value === 'number' && value >= 1 && value <= 65_535;

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
      const wrong = ['port', 'targetPort'].filter((key) => {
        const number = readPath(port, key);
        return key === 'port' || typeof number === 'number' ? !isPort(number) : false;
      });
      const unnamed = ports.length > 1 && text(port, 'name') === '';
      return [
        ...(unnamed ? [{ type: 'Required' as const, field: `spec.ports[${index}].name`, detail: '' }] : []),
        ...wrong.map((key) => ({
          type: 'Invalid' as const,
          field: `spec.ports[${index}].${key}`,
          value: readPath(port, key),
          detail: 'must be between 1 and 65535, inclusive',
        })),
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
    errors.push(...keyErrors(object), ...immutableData(object, old));
    return errors;
  },
  fields: (object) => ({ type: text(object, 'type') }),
};

const KEY = /^[-._a-zA-Z0-9]+$/;
const KEY_RULE =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

const keyErrors = (object: Plain): FieldError[] =>
  ['data', 'binaryData'].flatMap((part) =>
    Object.keys(isObject(object[part]) ? object[part] : {})
      .filter((key) => !KEY.test(key))
      .map((key) => ({ type: 'Invalid', field: `${part}[${key}]`, value: key, detail: KEY_RULE })),
  );

function immutableData(object: Plain, old?: Plain): FieldError[] {
  if (old?.immutable !== true) return [];
  const immutable = 'field is immutable when `immutable` is set';
  if (object.immutable !== true) return [{ type: 'Forbidden', field: 'immutable', detail: immutable }];
  const same =
    JSON.stringify(sorted([old.data, old.binaryData])) === JSON.stringify(sorted([object.data, object.binaryData]));
  return same ? [] : [{ type: 'Forbidden', field: 'data', detail: immutable }];
}

const namespaces: Strategy = {
  default(object) {
    fill(child(object, 'status'), 'phase', 'Active');
    const metadata = child(object, 'metadata');
    const labels = child(metadata, 'labels');
    labels['kubernetes.io/metadata.name'] = metadata.name;
  },
  fields: (object) => ({ name: text(object, 'metadata.name'), 'status.phase': text(object, 'status.phase') }),
};

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
const nodes: Strategy = {
  validate: (object) =>
    listAt(object.spec, 'taints').flatMap((taint, index): FieldError[] => {
      const value = readPath(taint, 'effect');
      const detail = `supported values: ${EFFECTS.map((effect) => `"${effect}"`).join(', ')}`;
      const field = `metadata.taints[${index}].effect`; // sic
      return EFFECTS.includes(String(value)) ? [] : [{ type: 'NotSupported', field, value, detail }];
    }),
  fields: (object) => ({ 'spec.unschedulable': String(readPath(object, 'spec.unschedulable') === true) }),
};

/** Fields that a real server always shows. */
const EVENT_FIELDS = {
  eventTime: null,
  firstTimestamp: null,
  lastTimestamp: null,
  reportingComponent: '',
  reportingInstance: '',
  source: {},
};
const INVOLVED = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'];
const events: Strategy = {
  default(event) {
    for (const [key, value] of Object.entries(EVENT_FIELDS)) fill(event, key, value);
  },
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
  validate: (object, old) => [
    ...(old && JSON.stringify(sorted(old.data)) !== JSON.stringify(sorted(object.data))
      ? [{ type: 'Invalid' as const, field: 'data', value: object.data, detail: 'field is immutable' }]
      : []),
    ...(Number(object.revision) < 0
      ? [
          {
            type: 'Invalid' as const,
            field: 'revision',
            value: object.revision,
            detail: 'must be greater than or equal to 0',
          },
        ]
      : []),
  ],
};

const endpointslices: Strategy = {
  default(object) {
    // As a real server shows one without any: clients must not count on a list.
    for (const key of ['endpoints', 'ports']) if (listAt(object, key).length === 0) object[key] = null;
    for (const port of listAt(object, 'ports')) {
      fill(port, 'name', '');
      fill(port, 'protocol', 'TCP');
    }
  },
  // Addresses of this machine are let in, against the rule of a real server: pods here have no others.
  validate(object, old) {
    const type = object.addressType;
    if (type === undefined || type === '') return [{ type: 'Required', field: 'addressType', detail: '' }];
    if (old && old.addressType !== type)
      return [{ type: 'Invalid', field: 'addressType', value: type, detail: 'field is immutable' }];
    return listAt(object, 'endpoints').flatMap((endpoint, index) =>
      addressErrors(endpoint, `endpoints[${index}]`, type),
    );
  },
};

function addressErrors(endpoint: unknown, path: string, type: unknown): FieldError[] {
  const field = `${path}.addresses`;
  const addresses = listAt(endpoint, 'addresses');
  if (addresses.length === 0) return [{ type: 'Required', field, detail: 'must contain at least 1 address' }];
  if (type === 'FQDN') return [];
  const detail = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
  return addresses.flatMap((value, index): FieldError[] =>
    isIP(String(value)) === 0 ? [{ type: 'Invalid', field: `${field}[${index}]`, value, detail }] : [],
  );
}

/** A time without a fraction is refused: what writes one is wrong everywhere else. */
const leases: Strategy = {
  validate(object) {
    const field = 'spec.leaseDurationSeconds';
    const value = readPath(object, field);
    return typeof value === 'number' && value <= 0
      ? [{ type: 'Invalid', field, value, detail: 'must be greater than 0' }]
      : [];
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
  configmaps: { validate: (object, old) => [...keyErrors(object), ...immutableData(object, old)] },
  leases,
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
