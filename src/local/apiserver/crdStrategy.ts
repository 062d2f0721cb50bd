/** What is special about a CustomResourceDefinition itself: its names, its checks, and its status, which is settled at once. */
import { ruleErrors } from './cel.ts';
import { CRD_FINALIZER } from './collector.ts';
import { isObject, listAt, objectAt, type Plain, readPath } from './json.ts';
import { regexOf } from './structural.ts';
import type { FieldError, Strategy, StructuralSchema } from './types.ts';

export const CRD_STRATEGY: Strategy = {
  default(crd) {
    const spec = objectAt(crd, 'spec');
    const names = objectAt(spec, 'names');
    if (typeof names.kind === 'string') {
      names.singular ??= names.kind.toLowerCase();
      names.listKind ??= `${names.kind}List`;
    }
    spec.conversion ??= { strategy: 'None' };
  },
  validate(crd, old) {
    const spec = objectAt(crd, 'spec');
    return [
      ...nameErrors(crd, spec),
      ...versionErrors(spec),
      ...unservedErrors(spec),
      ...(old ? changeErrors(crd, old) : []),
    ];
  },
};

function nameErrors(crd: Plain, spec: Plain): FieldError[] {
  const errors: FieldError[] = [];
  const names = objectAt(spec, 'names');
  for (const key of ['plural', 'kind'])
    if (typeof names[key] !== 'string' || names[key] === '')
      errors.push({ type: 'Required', field: `spec.names.${key}`, detail: '' });
  if (typeof spec.group !== 'string' || spec.group === '')
    errors.push({ type: 'Required', field: 'spec.group', detail: '' });
  if (spec.scope !== 'Namespaced' && spec.scope !== 'Cluster')
    errors.push({
      type: 'NotSupported',
      field: 'spec.scope',
      value: spec.scope ?? '',
      detail: 'supported values: "Cluster", "Namespaced"',
    });
  const name = objectAt(crd, 'metadata').name;
  if (name !== `${names.plural}.${spec.group}`)
    errors.push({
      type: 'Invalid',
      field: 'metadata.name',
      value: name,
      detail: 'must be spec.names.plural+"."+spec.group',
    });
  return errors;
}

/** What a real server calls the schema of a definition's only version. */
const ONE_SCHEMA = 'spec.validation.openAPIV3Schema';

function versionErrors(spec: Plain): FieldError[] {
  const versions = listAt(spec, 'versions');
  const [version] = versions;
  if (!isObject(version))
    return [
      { type: 'Required', field: 'spec.versions', detail: 'must have exactly one version marked as storage version' },
    ];
  if (versions.length > 1)
    return [
      {
        type: 'Forbidden',
        field: 'spec.versions',
        detail: 'the local cluster serves one version of a kind: leave one that is served and stored',
      },
    ];
  if (version.served !== true || version.storage !== true)
    return [
      {
        type: 'Invalid',
        field: 'spec.versions',
        value: version.name,
        detail: 'must have exactly one version marked as storage version, and it must be served',
      },
    ];
  const path = 'spec.versions[0].schema.openAPIV3Schema';
  const schema = objectAt(version, 'schema').openAPIV3Schema;
  if (!isObject(schema)) return [{ type: 'Required', field: path, detail: '' }];
  if (schema.type !== 'object')
    return [
      { type: 'Invalid', field: `${ONE_SCHEMA}.type`, value: schema.type ?? '', detail: 'must be object at the root' },
    ];
  return [...patternErrors(schema, ONE_SCHEMA), ...ruleErrors(schema, ONE_SCHEMA)];
}

/** What would be skipped without a word: better refused. */
function unservedErrors(spec: Plain): FieldError[] {
  const refused = (field: string): FieldError => ({
    type: 'Forbidden',
    field,
    detail: 'is not served by the local cluster',
  });
  const conversion = objectAt(spec, 'conversion').strategy;
  return [
    ...(conversion === undefined || conversion === 'None' ? [] : [refused('spec.conversion.strategy')]),
    ...listAt(spec, 'versions').flatMap((version, index) =>
      listAt(version, 'selectableFields').length > 0 ? [refused(`spec.versions[${index}].selectableFields`)] : [],
    ),
  ];
}

function patternErrors(schema: StructuralSchema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (typeof schema.pattern === 'string') {
    try {
      regexOf(schema.pattern);
    } catch (error) {
      errors.push({
        type: 'Invalid',
        field: `${path}.pattern`,
        value: schema.pattern,
        detail: `must be a valid regular expression: ${(error as Error).message}`,
      });
    }
  }
  for (const [name, inner] of Object.entries(objectAt(schema, 'properties')))
    if (isObject(inner)) errors.push(...patternErrors(inner, `${path}.properties[${name}]`));
  for (const key of ['items', 'additionalProperties']) {
    const inner = schema[key];
    if (isObject(inner)) errors.push(...patternErrors(inner, `${path}.${key}`));
  }
  return errors;
}

function changeErrors(crd: Plain, old: Plain): FieldError[] {
  const changed = ['spec.scope', 'spec.names.kind', 'spec.group']
    .filter((field) => readPath(crd, field) !== readPath(old, field))
    .map(
      (field): FieldError => ({ type: 'Invalid', field, value: readPath(crd, field), detail: 'field is immutable' }),
    );
  const there = listAt(crd.spec, 'versions').map((version) => readPath(version, 'name'));
  const lost = listAt(crd.status, 'storedVersions').flatMap((value, index): FieldError[] => {
    const detail = `missing from spec.versions; ${value} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${value} and removes ${value} from status.storedVersions`;
    return there.includes(value) ? [] : [{ type: 'Invalid', field: `status.storedVersions[${index}]`, value, detail }];
  });
  return [...changed, ...lost];
}

/** Kubernetes does this a moment later by a controller; here there is nobody to wait for. */
export function settleCrd(crd: Plain, now: string): void {
  const spec = objectAt(crd, 'spec');
  const metadata = objectAt(crd, 'metadata');
  if (metadata.deletionTimestamp === undefined) {
    const finalizers = listAt(metadata, 'finalizers');
    if (!finalizers.includes(CRD_FINALIZER)) metadata.finalizers = [...finalizers, CRD_FINALIZER];
  }
  const status = objectAt(crd, 'status');
  const conditions = listAt(status, 'conditions').filter(isObject);
  const settled = (type: string, reason: string, message: string): Plain =>
    conditions.find((one) => one.type === type) ?? { type, status: 'True', lastTransitionTime: now, reason, message };
  crd.status = {
    acceptedNames: objectAt(spec, 'names'),
    conditions: [
      settled('NamesAccepted', 'NoConflicts', 'no conflicts found'),
      settled('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
    ],
    storedVersions: listAt(spec, 'versions').map((one) => (isObject(one) ? one.name : '')),
  };
}
