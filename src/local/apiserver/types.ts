/** What the two sides of the API server agree on: the front (HTTPS, who asks, formats) and the core (resources, store). */
import type { Resource } from '../../platform/cluster/port.ts';

/** One kind that is served. Built-in kinds are rows of a table, CRDs add rows at run time; no code per kind outside `strategy`. */
export interface ResourceRow extends Resource {
  singular: string;
  listKind: string;
  shortNames: readonly string[];
  categories: readonly string[];
  columns: readonly PrinterColumn[];
  subresources: { status: boolean; scale?: ScalePaths; log?: boolean };
  /** Structural schema: of a CRD, or the small one a built-in kind has. */
  schema?: StructuralSchema;
  /** Another spelling of stored objects, which the columns know by the stored one. */
  view?: {
    toStored(object: Record<string, unknown>): Record<string, unknown>;
    fromStored(object: Record<string, unknown>): Record<string, unknown>;
  };
  /** True for rows that came from a CRD. */
  custom: boolean;
  strategy?: Strategy;
}

export interface PrinterColumn {
  name: string;
  type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  /** JSONPath as in a CRD, or a function for what JSONPath cannot compute (built-in kinds only). */
  value: string | ((object: Record<string, unknown>) => string | number);
  /** As which type a table names it, where Kubernetes names another one. */
  declared?: 'string';
  priority?: number;
  format?: string;
  description?: string;
}

export interface ScalePaths {
  specReplicasPath: string;
  statusReplicasPath: string;
  labelSelectorPath?: string;
}

export type StructuralSchema = Record<string, unknown>;

/** What is special about a built-in kind. Each hook gets plain objects and may change `object` in place. */
export interface Strategy {
  default?(object: Record<string, unknown>): void;
  /** Field errors in Kubernetes' form; an empty list is fine. */
  validate?(object: Record<string, unknown>, old?: Record<string, unknown>): FieldError[];
  /** Field selectors beyond metadata.name and metadata.namespace: path → value. */
  fields?(object: Record<string, unknown>): Record<string, string>;
}

export interface FieldError {
  type:
    | 'Required'
    | 'Invalid'
    | 'TypeInvalid'
    | 'NotSupported'
    | 'Forbidden'
    | 'TooLong'
    | 'Duplicate'
    | 'TooMany'
    | 'NotFound';
  field: string;
  detail: string;
  value?: unknown;
}

/** A request after the front: authenticated, body decoded from JSON or YAML, nothing else interpreted. */
export interface ApiRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: { accept: string; contentType: string; userAgent: string };
  body: unknown;
  /** Aborted when the client goes away. */
  signal: AbortSignal;
}

/** `body` is sent as JSON; `stream` is sent chunk by chunk as it comes (watch, logs). */
export interface ApiResponse {
  status: number;
  headers?: Record<string, string>;
  body?: unknown;
  stream?: AsyncIterable<Uint8Array>;
}

/** The core's door. Never throws: every failure is a Status body. */
export interface Api {
  handle(request: ApiRequest): Promise<ApiResponse>;
  /** Rows served now, for discovery and openapi. */
  rows(): readonly ResourceRow[];
  /** Called when a row came or went. */
  onRowsChanged(listener: () => void): void;
  /** Why this server is not ready, in a sentence; undefined when it is. */
  trouble(): string | undefined;
}
