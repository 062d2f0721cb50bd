/** What is special about built-in kinds: defaults that readers rely on, the checks a real server makes, field selectors. */
import { isObject, listAt, objectAt, type Plain, readPath } from './json.ts';
import type { FieldError, Strategy } from './types.ts';

const text = (object: unknown, path: string): string => String(readPath(object, path) ?? '');

/** Sets `object[key]` when it is absent. */
function fill(object: unknown, key: string, value: unknown): void {
  if (isObject(object) && (object[key] === undefined || object[key] === null)) object[key] = value;
}

function child(object: unknown, key: string): Plain {
  if (!isObject(object)) return {};
  fill(object, key, {});
  return object[key] as Plain;
}

function defaultProbe(probe: unknown): void {
  fill(probe, 'timeoutSeconds', 1);
  fill(probe, 'periodSeconds', 10);
  fill(probe, 'successThreshold', 1);
  fill(probe, 'failureThreshold', 3);
  const http = isObject(probe) ? probe.httpGet : undefined;
  fill(http, 'path', '/');
  fill(http, 'scheme', 'HTTP');
}

function defaultContainer(container: unknown): void {
  if (!isObject(container)) return;
  fill(
    container,
    'imagePullPolicy',
    /:[^/]+$/.test(text(container, 'image')) && !text(container, 'image').endsWith(':latest')
      ? 'IfNotPresent'
      : 'Always',
  );
  fill(container, 'resources', {});
  fill(container, 'terminationMessagePath', '/dev/termination-log');
  fill(container, 'terminationMessagePolicy', 'File');
  for (const port of listAt(container, 'ports')) fill(port, 'protocol', 'TCP');
  for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) defaultProbe(container[probe]);
  for (const variable of listAt(container, 'env')) {
    const ref = readPath(variable, 'valueFrom.fieldRef');
    fill(ref, 'apiVersion', 'v1');
  }
  const resources = objectAt(container, 'resources');
  for (const [key, limit] of Object.entries(objectAt(resources, 'limits')))
    fill(child(resources, 'requests'), key, limit);
}

export function defaultPodSpec(spec: unknown): void {
  fill(spec, 'restartPolicy', 'Always');
  fill(spec, 'terminationGracePeriodSeconds', 30);
  fill(spec, 'dnsPolicy', 'ClusterFirst');
  fill(spec, 'securityContext', {});
  fill(spec, 'schedulerName', 'default-scheduler');
  for (const container of [...listAt(spec, 'initContainers'), ...listAt(spec, 'containers')])
    defaultContainer(container);
  for (const volume of listAt(spec, 'volumes')) {
    if (!isObject(volume)) continue;
    fill(volume.configMap, 'defaultMode', 420);
    fill(volume.secret, 'defaultMode', 420);
  }
}

function validatePodSpec(spec: unknown, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const containers = listAt(spec, 'containers');
  if (containers.length === 0) errors.push({ type: 'Required', field: `${path}.containers`, detail: '' });
  const names = new Set<string>();
  for (const [list, index, container] of [
    ...listAt(spec, 'initContainers').map((one, index) => ['initContainers', index, one] as const),
    ...containers.map((one, index) => ['containers', index, one] as const),
  ]) {
    const at = `${path}.${list}[${index}]`;
    const name = text(container, 'name');
    if (name === '') errors.push({ type: 'Required', field: `${at}.name`, detail: '' });
    else if (names.has(name)) errors.push({ type: 'Duplicate', field: `${at}.name`, value: name, detail: '' });
    names.add(name);
    if (text(container, 'image') === '') errors.push({ type: 'Required', field: `${at}.image`, detail: '' });
    for (const [portIndex, port] of listAt(container, 'ports').entries()) {
      const value = readPath(port, 'containerPort');
      if (typeof value !== 'number' || value < 1 || value > 65_535)
        errors.push({
          type: 'Invalid',
          field: `${at}.ports[${portIndex}].containerPort`,
          value,
          detail: 'must be between 1 and 65535, inclusive',
        });
    }
  }
  return errors;
}

/** Of a pod's spec only images, deadlines and tolerations may change; binding has a subresource of its own. */
function podSpecChanged(spec: Plain, old: Plain): FieldError[] {
  const frozen = (value: Plain): string => {
    const { activeDeadlineSeconds: _1, terminationGracePeriodSeconds: _2, tolerations: _3, ...rest } = value;
    const strip = (list: unknown[]) => list.map((one) => (isObject(one) ? { ...one, image: undefined } : one));
    return JSON.stringify(
      sorted({
        ...rest,
        containers: strip(listAt(value, 'containers')),
        initContainers: strip(listAt(value, 'initContainers')),
      }),
    );
  };
  if (frozen(spec) === frozen(old)) return [];
  return [
    {
      type: 'Forbidden',
      field: 'spec',
      detail:
        'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
    },
  ];
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  );
}

const pods: Strategy = {
  default(pod) {
    defaultPodSpec(child(pod, 'spec'));
    const spec = objectAt(pod, 'spec');
    fill(spec, 'enableServiceLinks', true);
    fill(spec, 'serviceAccountName', 'default');
    fill(spec, 'preemptionPolicy', 'PreemptLowerPriority');
    fill(spec, 'priority', 0);
    if (listAt(spec, 'tolerations').length === 0 || !hasDefaultTolerations(spec))
      spec.tolerations = withDefaultTolerations(spec);
    const status = child(pod, 'status');
    fill(status, 'phase', 'Pending');
    fill(status, 'qosClass', qosOf(spec));
  },
  validate(pod, old) {
    const errors = validatePodSpec(pod.spec, 'spec');
    if (old && isObject(pod.spec) && isObject(old.spec)) errors.push(...podSpecChanged(pod.spec, old.spec));
    return errors;
  },
  fields: (pod) => ({
    'spec.nodeName': text(pod, 'spec.nodeName'),
    'spec.restartPolicy': text(pod, 'spec.restartPolicy'),
    'spec.schedulerName': text(pod, 'spec.schedulerName'),
    'spec.serviceAccountName': text(pod, 'spec.serviceAccountName'),
    'spec.hostNetwork': String(readPath(pod, 'spec.hostNetwork') === true),
    'status.phase': text(pod, 'status.phase'),
    'status.podIP': text(pod, 'status.podIP'),
    'status.nominatedNodeName': text(pod, 'status.nominatedNodeName'),
  }),
};

const NODE_TAINTS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

const tolerates = (spec: Plain, key: string): boolean =>
  listAt(spec, 'tolerations').some(
    (one) =>
      isObject(one) &&
      (one.key === key || (!one.key && one.operator === 'Exists')) &&
      (!one.effect || one.effect === 'NoExecute'),
  );
const hasDefaultTolerations = (spec: Plain): boolean => NODE_TAINTS.every((key) => tolerates(spec, key));
/** What the admission plugin DefaultTolerationSeconds adds: pods leave a lost node after five minutes. */
const withDefaultTolerations = (spec: Plain): unknown[] => [
  ...listAt(spec, 'tolerations'),
  ...NODE_TAINTS.filter((key) => !tolerates(spec, key)).map((key) => ({
    key,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: 300,
  })),
];

function qosOf(spec: Plain): string {
  const all = [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')].map((one) =>
    objectAt(one, 'resources'),
  );
  const compute = ['cpu', 'memory'];
  const some = all.some((one) =>
    compute.some((key) => key in objectAt(one, 'requests') || key in objectAt(one, 'limits')),
  );
  if (!some) return 'BestEffort';
  const every = all.every((one) =>
    compute.every(
      (key) => key in objectAt(one, 'limits') && objectAt(one, 'requests')[key] === objectAt(one, 'limits')[key],
    ),
  );
  return every ? 'Guaranteed' : 'Burstable';
}

function validateReplicated(object: Plain, old?: Plain): FieldError[] {
  const errors: FieldError[] = [];
  const replicas = readPath(object, 'spec.replicas');
  if (typeof replicas !== 'number' || replicas < 0)
    errors.push({
      type: 'Invalid',
      field: 'spec.replicas',
      value: replicas,
      detail: 'must be greater than or equal to 0',
    });
  const selector = objectAt(object.spec, 'selector');
  const match = objectAt(selector, 'matchLabels');
  if (Object.keys(match).length === 0 && listAt(selector, 'matchExpressions').length === 0)
    errors.push({ type: 'Required', field: 'spec.selector', detail: '' });
  const labels = objectAt(readPath(object, 'spec.template.metadata'), 'labels');
  if (Object.entries(match).some(([key, value]) => labels[key] !== value))
    errors.push({
      type: 'Invalid',
      field: 'spec.template.metadata.labels',
      value: labels,
      detail: '`selector` does not match template `labels`',
    });
  errors.push(...validatePodSpec(readPath(object, 'spec.template.spec'), 'spec.template.spec'));
  if (old && JSON.stringify(sorted(selector)) !== JSON.stringify(sorted(objectAt(old.spec, 'selector'))))
    errors.push({ type: 'Invalid', field: 'spec.selector', value: selector, detail: 'field is immutable' });
  return errors;
}

const deployments: Strategy = {
  default(object) {
    const spec = child(object, 'spec');
    fill(spec, 'replicas', 1);
    const strategy = child(spec, 'strategy');
    fill(strategy, 'type', 'RollingUpdate');
    if (strategy.type === 'RollingUpdate') {
      const rolling = child(strategy, 'rollingUpdate');
      fill(rolling, 'maxUnavailable', '25%');
      fill(rolling, 'maxSurge', '25%');
    }
    fill(spec, 'revisionHistoryLimit', 10);
    fill(spec, 'progressDeadlineSeconds', 600);
    defaultPodSpec(objectAt(child(spec, 'template'), 'spec'));
  },
  validate: validateReplicated,
};

const replicasets: Strategy = {
  default(object) {
    const spec = child(object, 'spec');
    fill(spec, 'replicas', 1);
    defaultPodSpec(objectAt(child(spec, 'template'), 'spec'));
  },
  validate: validateReplicated,
  fields: (object) => ({ 'status.replicas': text(object, 'status.replicas') || '0' }),
};

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
  pods,
  services,
  secrets,
  configmaps: { validate: immutableData },
  namespaces,
  nodes,
  events,
  deployments,
  replicasets,
  controllerrevisions,
  endpointslices,
  httproutes,
  gateways,
};
