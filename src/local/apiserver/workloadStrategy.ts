/** Defaults and checks of Deployments and ReplicaSets. */
import { child, fill, sorted, text } from './defaults.ts';
import { isObject, listAt, objectAt, type Plain, readPath } from './json.ts';
import { defaultPodSpec, validatePodSpec } from './podStrategy.ts';
import type { FieldError, Strategy } from './types.ts';

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
  const given = readPath(object, 'spec.selector') !== undefined;
  const empty = Object.keys(match).length === 0 && listAt(selector, 'matchExpressions').length === 0;
  if (!given) errors.push({ type: 'Required', field: 'spec.selector', detail: '' });
  else if (empty)
    errors.push({
      type: 'Invalid',
      field: 'spec.selector',
      value: {},
      detail: `empty selector is invalid for ${String(object.kind).toLowerCase()}`,
    });
  const labels = readPath(object, 'spec.template.metadata.labels');
  const matches = Object.entries(match).every(([key, value]) => isObject(labels) && labels[key] === value);
  if (!given || !matches)
    errors.push({
      type: 'Invalid',
      field: 'spec.template.metadata.labels',
      value: labels ?? null,
      detail: '`selector` does not match template `labels`',
    });
  errors.push(...validatePodSpec(readPath(object, 'spec.template.spec'), 'spec.template.spec'));
  const policy = readPath(object, 'spec.template.spec.restartPolicy');
  if (policy === 'Never' || policy === 'OnFailure')
    errors.push({
      type: 'NotSupported',
      field: 'spec.template.spec.restartPolicy',
      value: policy,
      detail: 'supported values: "Always"',
    });
  if (old && JSON.stringify(sorted(selector)) !== JSON.stringify(sorted(objectAt(old.spec, 'selector'))))
    errors.push({ type: 'Invalid', field: 'spec.selector', value: selector, detail: 'field is immutable' });
  return errors;
}

function strategyErrors(object: Plain): FieldError[] {
  const errors: FieldError[] = [];
  const field = 'spec.strategy';
  const strategy = objectAt(object.spec, 'strategy');
  const rolling = strategy.rollingUpdate;
  const { maxSurge, maxUnavailable } = objectAt(strategy, 'rollingUpdate');
  if (strategy.type === 'Recreate' && rolling !== undefined)
    errors.push({
      type: 'Forbidden',
      field: `${field}.rollingUpdate`,
      detail: "may not be specified when strategy `type` is 'Recreate'",
    });
  else if (strategy.type !== 'Recreate' && strategy.type !== 'RollingUpdate')
    errors.push({
      type: 'NotSupported',
      field,
      value: { Type: strategy.type, RollingUpdate: rolling ?? null },
      detail: 'supported values: "Recreate", "RollingUpdate"',
    });
  const unavailable = `${field}.rollingUpdate.maxUnavailable`;
  const isNone = (value: unknown): boolean => value === 0 || value === '0%';
  if (isNone(maxSurge) && isNone(maxUnavailable))
    errors.push({
      type: 'Invalid',
      field: unavailable,
      value: maxUnavailable,
      detail: 'may not be 0 when `maxSurge` is 0',
    });
  if (typeof maxUnavailable === 'string' && Number.parseInt(maxUnavailable, 10) > 100)
    errors.push({
      type: 'Invalid',
      field: unavailable,
      value: maxUnavailable,
      detail: 'must not be greater than 100%',
    });
  const deadline = readPath(object, 'spec.progressDeadlineSeconds');
  const ready = readPath(object, 'spec.minReadySeconds') ?? 0;
  if (typeof deadline === 'number' && deadline <= Number(ready))
    errors.push({
      type: 'Invalid',
      field: 'spec.progressDeadlineSeconds',
      value: deadline,
      detail: 'must be greater than minReadySeconds',
    });
  return errors;
}

export const DEPLOYMENT_STRATEGY: Strategy = {
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
  validate: (object, old) => [...validateReplicated(object, old), ...strategyErrors(object)],
};

export const REPLICASET_STRATEGY: Strategy = {
  default(object) {
    const spec = child(object, 'spec');
    fill(spec, 'replicas', 1);
    defaultPodSpec(objectAt(child(spec, 'template'), 'spec'));
    fill(child(object, 'status'), 'replicas', 0);
  },
  validate: validateReplicated,
  fields: (object) => ({ 'status.replicas': text(object, 'status.replicas') || '0' }),
};
