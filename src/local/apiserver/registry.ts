/** Which kinds are served now: the built-in rows and those that CRDs added. */
import type { Plain } from './json.ts';
import type { ResourceRow, StructuralSchema } from './types.ts';

/** A row and what only the core needs to know of it. */
export interface ServedRow extends ResourceRow {
  /** Where its objects are kept. Two rows may show the same objects (events). */
  storage: string;
  /** Whether metadata.generation counts changes of the spec. */
  counted: boolean;
  /** A status in the body of a create is taken (nodes register themselves with one). */
  statusOnCreate?: boolean;
  /** A replacement must name the version it replaces, as a custom resource's must. */
  versioned?: boolean;
  /** What metadata.name may be. */
  names: 'subdomain' | 'label' | 'label1035';
  /** List and map types of the kind, for server-side apply. */
  shapes: StructuralSchema;
  /** Changes an object that is about to be stored, after validation: what a controller of Kubernetes fills in at once. */
  settle?(object: Plain, now: string): void;
}

export interface Registry {
  find(group: string, version: string, plural: string): ServedRow | undefined;
  ofStorage(storage: string): ServedRow | undefined;
  rows(): readonly ServedRow[];
  add(row: ServedRow): void;
  remove(storage: string): void;
  onChange(listener: () => void): () => void;
}

export function createRegistry(builtin: readonly ServedRow[]): Registry {
  let rows: readonly ServedRow[] = builtin;
  const listeners = new Set<() => void>();
  function change(next: readonly ServedRow[]): void {
    rows = next;
    for (const listener of listeners) listener();
  }
  return {
    find: (group, version, plural) =>
      rows.find((row) => row.plural === plural && row.group === group && row.version === version),
    ofStorage: (storage) => rows.find((row) => row.storage === storage),
    rows: () => rows,
    add: (row) => change([...rows.filter(({ storage }) => storage !== row.storage), row]),
    remove: (storage) => change(rows.filter((row) => row.storage !== storage)),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
