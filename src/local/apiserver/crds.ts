/** Custom resource definitions become rows: at once when one is written, again when the server starts. */
import type { Core } from './core.ts';
import { isObject, listAt, objectAt, type Plain } from './json.ts';
import { mergeSchema } from './listtypes.ts';
import type { ServedRow } from './registry.ts';
import { Refusal } from './status.ts';
import type { PrinterColumn } from './types.ts';

const STORAGE = 'apiextensions.k8s.io/customresourcedefinitions';

export function followCrds(core: Core): () => void {
  const { store, registry } = core;
  // Kinds of this server's own (the Gateway API's) stay its own when somebody installs their CRDs.
  const builtin = new Set(registry.rows().map((row) => row.storage));
  for (const object of store.list(STORAGE)) {
    const row = rowOf(object);
    if (row && !builtin.has(row.storage)) registry.add(row);
  }
  return store.onEvent((storage, event) => {
    if (storage !== STORAGE) return;
    const row = rowOf(event.object);
    if (!row || builtin.has(row.storage)) return;
    if (event.type === 'DELETED') registry.remove(row.storage);
    else registry.add(row);
  });
}

const words = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

/** The row of the one version that is served and stored. */
function rowOf(crd: Plain): ServedRow | undefined {
  const spec = objectAt(crd, 'spec');
  const names = objectAt(spec, 'names');
  const version = listAt(spec, 'versions').find((one) => isObject(one) && one.served === true && one.storage === true);
  if (!isObject(version)) return undefined;
  const schema = objectAt(version.schema, 'openAPIV3Schema');
  const subresources = objectAt(version, 'subresources');
  const scale = subresources.scale;
  const plural = String(names.plural);
  return {
    group: String(spec.group),
    version: String(version.name),
    plural,
    kind: String(names.kind),
    namespaced: spec.scope === 'Namespaced',
    singular: String(names.singular || String(names.kind).toLowerCase()),
    listKind: String(names.listKind || `${names.kind}List`),
    shortNames: words(names.shortNames),
    categories: words(names.categories),
    columns: columnsOf(version),
    subresources: {
      status: isObject(subresources.status),
      ...(isObject(scale) && {
        scale: {
          specReplicasPath: String(scale.specReplicasPath),
          statusReplicasPath: String(scale.statusReplicasPath),
          ...(typeof scale.labelSelectorPath === 'string' && { labelSelectorPath: scale.labelSelectorPath }),
        },
      }),
    },
    schema,
    custom: true,
    storage: `${spec.group}/${plural}`,
    counted: true,
    names: 'subdomain',
    shapes: mergeSchema(schema),
  };
}

const TYPES = ['string', 'integer', 'number', 'boolean', 'date'] as const;

function columnsOf(version: Plain): PrinterColumn[] {
  return listAt(version, 'additionalPrinterColumns')
    .filter(isObject)
    .map((column) => ({
      name: String(column.name),
      type: TYPES.find((type) => type === column.type) ?? 'string',
      value: String(column.jsonPath),
      ...(typeof column.priority === 'number' && column.priority > 0 && { priority: column.priority }),
      ...(typeof column.format === 'string' && { format: column.format }),
      ...(typeof column.description === 'string' && { description: column.description }),
    }));
}

/** Nothing new of a kind whose definition is going: the collector would never see its end. */
export function refuseTerminating({ store }: Core, row: ServedRow): void {
  if (!row.custom) return;
  const definition = store.get(STORAGE, undefined, `${row.plural}.${row.group}`);
  if (!definition?.metadata.deletionTimestamp) return;
  const message = 'create not allowed while custom resource definition is terminating';
  throw new Refusal({ code: 405, reason: 'MethodNotAllowed', message, details: {} });
}
