/** Defaults and checks of Deployments and ReplicaSets. */
import { child, fill, sorted, text } from './defaults.ts';
import { listAt, objectAt, type Plain, readPath } from './json.ts';
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
  validate: validateReplicated,
};

export const REPLICASET_STRATEGY: Strategy = {
  default(object) {
    const spec = child(object, 'spec');
    fill(spec, 'replicas', 1);
    defaultPodSpec(objectAt(child(spec, 'template'), 'spec'));
  },
  validate: validateReplicated,
  fields: (object) => ({ 'status.replicas': text(object, 'status.replicas') || '0' }),
};
