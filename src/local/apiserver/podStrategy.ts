/** Defaults and checks of pods, which the templates of Deployments and ReplicaSets share. */
import { child, fill, sorted, text } from './defaults.ts';
import { isObject, listAt, objectAt, type Plain, readPath } from './json.ts';
import { resourceErrors } from './podResources.ts';
import type { FieldError, Strategy } from './types.ts';

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

export function validatePodSpec(spec: unknown, path: string): FieldError[] {
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
    else if (name.length > 63 || !LABEL.test(name))
      errors.push({ type: 'Invalid', field: `${at}.name`, value: name, detail: LABEL_RULE });
    names.add(name);
    if (text(container, 'image') === '') errors.push({ type: 'Required', field: `${at}.image`, detail: '' });
    errors.push(...resourceErrors(container, at), ...mountErrors(spec, container, at));
    for (const [portIndex, port] of listAt(container, 'ports').entries()) {
      const value = readPath(port, 'containerPort');
      const field = `${at}.ports[${portIndex}].containerPort`;
      if (value === undefined || value === 0) errors.push({ type: 'Required', field, detail: '' });
      else if (typeof value !== 'number' || value < 1 || value > 65_535)
        errors.push({
          type: 'Invalid',
          field,
          value,
          detail: 'must be between 1 and 65535, inclusive',
        });
    }
  }
  const policy = readPath(spec, 'restartPolicy');
  if (policy !== undefined && !POLICIES.includes(String(policy)))
    errors.push({
      type: 'NotSupported',
      field: `${path}.restartPolicy`,
      value: policy,
      detail: `supported values: ${POLICIES.map((one) => `"${one}"`).join(', ')}`,
    });
  return errors;
}

const POLICIES = ['Always', 'OnFailure', 'Never'];
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_RULE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

function mountErrors(spec: unknown, container: unknown, at: string): FieldError[] {
  const volumes = new Set(listAt(spec, 'volumes').map((volume) => text(volume, 'name')));
  return listAt(container, 'volumeMounts').flatMap((mount, index): FieldError[] => {
    const value = text(mount, 'name');
    return volumes.has(value)
      ? []
      : [{ type: 'NotFound', field: `${at}.volumeMounts[${index}].name`, value, detail: '' }];
  });
}

/** Of a pod's spec only images, deadlines and tolerations may change, and gates go; binding has a subresource of its own. */
function podSpecChanged(spec: Plain, old: Plain): FieldError[] {
  const frozen = (value: Plain): string => {
    const { activeDeadlineSeconds: _1, terminationGracePeriodSeconds: _2, ...more } = value;
    const { tolerations: _3, schedulingGates: _4, ...rest } = more;
    const strip = (list: unknown[]) => list.map((one) => (isObject(one) ? { ...one, image: undefined } : one));
    return JSON.stringify(
      sorted({
        ...rest,
        containers: strip(listAt(value, 'containers')),
        initContainers: strip(listAt(value, 'initContainers')),
      }),
    );
  };
  const known = new Set(listAt(old, 'schedulingGates').map((gate) => text(gate, 'name')));
  const gates = listAt(spec, 'schedulingGates').map((gate) => text(gate, 'name'));
  const added = gates.flatMap((gate, index): FieldError[] => {
    const detail = `only deletion is allowed, but found new scheduling gate '${gate}'`;
    return known.has(gate) ? [] : [{ type: 'Forbidden', field: `spec.schedulingGates[${index}].name`, detail }];
  });
  if (frozen(spec) === frozen(old)) return added;
  return [
    ...added,
    {
      type: 'Forbidden',
      field: 'spec',
      detail:
        'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
    },
  ];
}

export const POD_STRATEGY: Strategy = {
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
