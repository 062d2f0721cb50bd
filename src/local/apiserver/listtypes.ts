/**
 * How the lists of built-in kinds merge in a server-side apply: by which keys, or as a set. A list that is not named
 * here is atomic, a map is merged by key; that is also what Kubernetes does without a schema.
 */
import { isObject, type Plain } from './json.ts';
import type { StructuralSchema } from './types.ts';

/** Path of the list → its keys; `=` and a value gives a key's default. An empty list of keys: a set. `!`: atomic map. */
type Shapes = Record<string, readonly string[] | '!'>;

const POD_SPEC: Shapes = {
  containers: ['name'],
  'containers.env': ['name'],
  'containers.ports': ['containerPort', 'protocol=TCP'],
  'containers.volumeMounts': ['mountPath'],
  initContainers: ['name'],
  'initContainers.env': ['name'],
  'initContainers.ports': ['containerPort', 'protocol=TCP'],
  'initContainers.volumeMounts': ['mountPath'],
  volumes: ['name'],
  imagePullSecrets: ['name'],
  hostAliases: ['ip'],
  schedulingGates: ['name'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
  nodeSelector: '!',
};

const under = (prefix: string, shapes: Shapes): Shapes =>
  Object.fromEntries(Object.entries(shapes).map(([path, keys]) => [`${prefix}.${path}`, keys]));

const conditions: Shapes = { 'status.conditions': ['type'] };

const SHAPES: Record<string, Shapes> = {
  pods: {
    ...under('spec', POD_SPEC),
    ...conditions,
    'status.podIPs': ['ip'],
  },
  deployments: { ...under('spec.template.spec', POD_SPEC), ...conditions, 'spec.selector': '!' },
  replicasets: { ...under('spec.template.spec', POD_SPEC), ...conditions, 'spec.selector': '!' },
  services: { 'spec.ports': ['port', 'protocol=TCP'], ...conditions, 'spec.selector': '!' },
  nodes: { ...conditions, 'status.addresses': ['type'], 'spec.podCIDRs': [] },
  namespaces: conditions,
  serviceaccounts: { secrets: ['name'] },
  customresourcedefinitions: conditions,
  gatewayclasses: conditions,
  gateways: {
    'spec.listeners': ['name'],
    ...conditions,
    'status.listeners': ['name'],
    'status.listeners.conditions': ['type'],
  },
};

const METADATA: Shapes = { 'metadata.ownerReferences': ['uid'], 'metadata.finalizers': [] };

/** The paths as a structural schema, which is what the merge reads. */
function schemaOf(shapes: Shapes): StructuralSchema {
  const root: Plain = {};
  for (const [path, keys] of Object.entries(shapes)) {
    let node = root;
    for (const part of path.split('.')) node = step(node, part);
    if (keys === '!') {
      node['x-kubernetes-map-type'] = 'atomic';
      continue;
    }
    node['x-kubernetes-list-type'] = keys.length === 0 ? 'set' : 'map';
    if (keys.length > 0) node['x-kubernetes-list-map-keys'] = keys.map((key) => key.split('=')[0]);
    for (const key of keys) {
      const [name = '', value] = key.split('=');
      if (value !== undefined) step(node, name).default = value;
    }
  }
  return root;
}

/** The schema of a field; a list's fields are those of its items. */
function step(node: Plain, name: string): Plain {
  let owner = node;
  if (node['x-kubernetes-list-type'] !== undefined) {
    node.items = isObject(node.items) ? node.items : {};
    owner = node.items as Plain;
  }
  owner.properties = isObject(owner.properties) ? owner.properties : {};
  const properties = owner.properties as Plain;
  properties[name] = isObject(properties[name]) ? properties[name] : {};
  return properties[name] as Plain;
}

const METADATA_SCHEMA = schemaOf(METADATA);

export function listShapes(plural: string): StructuralSchema | undefined {
  return SHAPES[plural] && schemaOf(SHAPES[plural]);
}

/** The shapes of any kind: its own schema (of the table above or of a CRD) with the metadata that all kinds share. */
export function mergeSchema(schema: StructuralSchema | undefined): StructuralSchema {
  const properties = { ...(schema && isObject(schema.properties) ? schema.properties : {}) };
  return { ...schema, properties: { ...properties, ...(METADATA_SCHEMA.properties as Plain) } };
}
