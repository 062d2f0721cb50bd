/**
 * `/openapi/v3`, as large as kubectl needs it: `apply`, `diff` and `create` look whether a kind's PATCH takes
 * `fieldValidation` and `dryRun`, `explain` reads the schemas. A CRD's schema is its own; the built-in kinds' come from
 * the models of client-node (names and types, without descriptions), read only when somebody asks.
 */
import { createHash } from 'node:crypto';
import { isObject, type Plain } from './json.ts';
import { attributesOf, modelOf } from './models.ts';
import type { ResourceRow } from './types.ts';

/** As a real server describes them for every kind: people know these sentences from `kubectl explain`. */
const CONVENTIONS = 'https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md';
const API_VERSION = `APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: ${CONVENTIONS}#resources`;
const KIND = `Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: ${CONVENTIONS}#types-kinds`;
const OBJECT_METADATA = `Standard object's metadata. More info: ${CONVENTIONS}#metadata`;

const METADATA = 'V1ObjectMeta';
const INT_OR_STRING = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';
const UNKNOWN = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

export interface OpenApi {
  /** The document at `path`, or undefined when it is none of these. */
  document(path: string): object | undefined;
}

export function createOpenApi(rows: () => readonly ResourceRow[]): OpenApi {
  const documents = new Map<string, { hash: string; content: object }>();

  return {
    document(path) {
      const parts = path.split('/').filter(Boolean).slice(2);
      if (parts.length === 0) return index(rows());
      const served = rows().filter((row) => rootOf(row) === parts.join('/'));
      if (served.length === 0) return undefined;
      const hash = hashOf(served);
      const kept = documents.get(parts.join('/'));
      if (kept?.hash === hash) return kept.content;
      const content = describe(served);
      documents.set(parts.join('/'), { hash, content });
      return content;
    },
  };
}

const rootOf = ({ group, version }: ResourceRow): string =>
  group === '' ? `api/${version}` : `apis/${group}/${version}`;

function index(rows: readonly ResourceRow[]): object {
  const paths: Plain = {};
  for (const root of new Set(rows.map(rootOf))) {
    const hash = hashOf(rows.filter((row) => rootOf(row) === root));
    paths[root] = { serverRelativeURL: `/openapi/v3/${root}?hash=${hash}` };
  }
  return { paths };
}

const hashOf = (rows: readonly ResourceRow[]): string =>
  createHash('sha256')
    .update(JSON.stringify(rows.map(({ plural, kind, subresources, schema }) => [plural, kind, subresources, schema])))
    .digest('hex')
    .slice(0, 32)
    .toUpperCase();

function describe(rows: readonly ResourceRow[]): object {
  const schemas: Plain = {
    [INT_OR_STRING]: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  };
  const paths: Plain = {};
  for (const row of rows) {
    Object.assign(paths, pathsOf(row));
    const schema = row.custom ? customSchema(row) : builtInSchema(row, schemas);
    schemas[schemaName(row)] = { ...schema, 'x-kubernetes-group-version-kind': [gvkOf(row)] };
  }
  addModel(METADATA, schemas);
  return {
    openapi: '3.0.0',
    info: { title: 'CLOps local cluster', version: 'unversioned' },
    paths,
    components: { schemas },
  };
}

const gvkOf = ({ group, version, kind }: ResourceRow): Plain => ({ group, version, kind });
const schemaName = ({ group, version, kind }: ResourceRow): string =>
  [...(group === '' ? 'core' : group).split('.').reverse(), version, kind].join('.');
const reference = (name: string): Plain => ({ $ref: `#/components/schemas/${name}` });

function pathsOf(row: ResourceRow): Plain {
  const scope = row.namespaced ? '/namespaces/{namespace}' : '';
  const collection = `/${rootOf(row)}${scope}/${row.plural}`;
  const parameter = (name: string): Plain => ({ name, in: 'query', schema: { type: 'string', uniqueItems: true } });
  const operation = (action: string, names: readonly string[] = []): Plain => ({
    parameters: names.map(parameter),
    responses: {
      '200': { description: 'OK', content: { 'application/json': { schema: reference(schemaName(row)) } } },
    },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvkOf(row),
  });
  const write = ['dryRun', 'fieldManager', 'fieldValidation'];
  return {
    [collection]: { get: operation('list'), post: operation('post', write) },
    [`${collection}/{name}`]: {
      get: operation('get'),
      put: operation('put', write),
      patch: operation('patch', [...write, 'force']),
      delete: operation('delete', ['dryRun', 'gracePeriodSeconds', 'propagationPolicy']),
    },
  };
}

function customSchema({ schema }: ResourceRow): Plain {
  if (!schema) return UNKNOWN;
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  return {
    ...schema,
    type: 'object',
    properties: {
      ...properties,
      apiVersion: { type: 'string', description: API_VERSION },
      kind: { type: 'string', description: KIND },
      metadata: { allOf: [reference(modelSchemaName(METADATA))], description: OBJECT_METADATA },
    },
  };
}

function builtInSchema(row: ResourceRow, schemas: Plain): Plain {
  return modelSchema(modelOf(row), schemas) ?? UNKNOWN;
}

/** client-node's name of a model, `CoreV1Event`, `V1beta1Thing`, as Kubernetes would name its schema. */
const modelSchemaName = (model: string): string => {
  const [, version = '', name = model] = /^(?:[A-Z][a-z]+)?(V\d+(?:alpha\d+|beta\d+)?)([A-Z].*)$/.exec(model) ?? [];
  return `io.k8s.${version.toLowerCase()}.${name}`;
};

function addModel(model: string, schemas: Plain): void {
  const name = modelSchemaName(model);
  if (name in schemas) return;
  schemas[name] = UNKNOWN; // in place before its properties are read: JSONSchemaProps holds itself
  schemas[name] = modelSchema(model, schemas) ?? UNKNOWN;
}

function modelSchema(model: string, schemas: Plain): Plain | undefined {
  const attributes = attributesOf(model);
  if (!attributes) return undefined;
  const properties: Plain = {};
  for (const { baseName, type, format } of attributes) properties[baseName] = typeSchema(type, format, schemas);
  return { type: 'object', properties };
}

function typeSchema(type: string, format: string, schemas: Plain): Plain {
  const list = /^Array<(.+)>$/.exec(type)?.[1];
  if (list) return { type: 'array', items: typeSchema(list, '', schemas) };
  const map = /^\{ \[key: string\]: (.+); \}$/.exec(type)?.[1];
  if (map) return { type: 'object', additionalProperties: typeSchema(map, '', schemas) };
  switch (type) {
    case 'string':
    case 'boolean':
      return { type, ...(format && { format }) };
    case 'number':
      return { type: format.startsWith('int') ? 'integer' : 'number', ...(format && { format }) };
    case 'Date':
    case 'V1MicroTime':
      return { type: 'string', format: 'date-time' };
    case 'IntOrString':
      return reference(INT_OR_STRING);
    case 'any':
    case 'object':
      return UNKNOWN;
    default:
      addModel(type, schemas);
      return reference(modelSchemaName(type));
  }
}
