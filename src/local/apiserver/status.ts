/** Refusals in Kubernetes' own words: people read them in kubectl and search for them. */
import type { KubeObject, Resource, Status } from '../../platform/cluster/port.ts';
import type { FieldError } from './types.ts';

/** Thrown anywhere below the handler, answered as its Status. */
export class Refusal extends Error {
  readonly status: Status;
  constructor(status: Omit<Status, 'kind' | 'apiVersion' | 'status'>) {
    super(status.message);
    this.name = 'Refusal';
    this.status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', ...status };
  }
}

type Details = Status['details'];

/** `deployments.apps`, or `pods` for the core group. */
const qualified = (resource: Pick<Resource, 'plural' | 'group'>): string =>
  resource.group ? `${resource.plural}.${resource.group}` : resource.plural;

const details = (resource: Resource, name: string): Details => ({
  name,
  ...(resource.group && { group: resource.group }),
  kind: resource.plural,
});

export const notFound = (resource: Resource, name: string): Refusal =>
  new Refusal({
    code: 404,
    reason: 'NotFound',
    message: `${qualified(resource)} "${name}" not found`,
    details: details(resource, name),
  });

export const notServed = (): Refusal =>
  new Refusal({
    code: 404,
    reason: 'NotFound',
    message: 'the server could not find the requested resource',
    details: {},
  });

/** A path of no group that the server itself has: answered in plain text, not as a Status. */
export const PAGE_NOT_FOUND = '404 page not found\n';
export const pageNotFound = (): Refusal => new Refusal({ code: 404, message: PAGE_NOT_FOUND });

/** 422 of a query parameter. */
export const invalidOptions = (method: string, error: FieldError): Refusal => {
  const kind = { POST: 'CreateOptions', PUT: 'UpdateOptions', PATCH: 'PatchOptions' }[method] ?? 'DeleteOptions';
  return invalid({ kind, group: 'meta.k8s.io' }, '', [error]);
};

/** What a real server forgot to make a refusal of: 500 without a reason. */
export const unforeseen = (message: string): Refusal => new Refusal({ code: 500, message });

/** 422 for a JSON patch that cannot be done; a real server does not say which operation. */
export const patchRejected = (): Refusal =>
  new Refusal({
    code: 422,
    reason: 'Invalid',
    message: 'the server rejected our request due to an error in our request',
    details: {},
  });

export const alreadyExists = (resource: Resource, name: string, there?: KubeObject): Refusal =>
  new Refusal({
    code: 409,
    reason: 'AlreadyExists',
    message: `${there?.metadata.deletionTimestamp ? 'object is being deleted: ' : ''}${qualified(resource)} "${name}" already exists`,
    details: details(resource, name),
  });

export const conflict = (resource: Resource, name: string, why: string): Refusal =>
  new Refusal({
    code: 409,
    reason: 'Conflict',
    message: `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`,
    details: details(resource, name),
  });

export const modified = (resource: Resource, name: string): Refusal =>
  conflict(
    resource,
    name,
    'the object has been modified; please apply your changes to the latest version and try again',
  );

export const badRequest = (message: string): Refusal => new Refusal({ code: 400, reason: 'BadRequest', message });

export const forbidden = (resource: Resource, name: string, why: string, causes?: FieldError[]): Refusal =>
  new Refusal({
    code: 403,
    reason: 'Forbidden',
    message: `${qualified(resource)} "${name}" is forbidden: ${why}`,
    details: { ...details(resource, name), ...(causes && { causes: causes.map(causeOf) }) },
  });

export const methodNotAllowed = (): Refusal =>
  new Refusal({
    code: 405,
    reason: 'MethodNotAllowed',
    message: 'the server does not allow this method on the requested resource',
    details: {},
  });

export const unsupportedMediaType = (message: string, details?: Details): Refusal =>
  new Refusal({ code: 415, reason: 'UnsupportedMediaType', message, ...(details && { details }) });

export const expired = (asked: string, oldest: number): Refusal =>
  new Refusal({ code: 410, reason: 'Expired', message: `too old resource version: ${asked} (${oldest})` });

export const tooLarge = (asked: string, current: number): Refusal =>
  new Refusal({
    code: 504,
    reason: 'Timeout',
    message: `Timeout: Too large resource version: ${asked}, current: ${current}`,
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  });

export const internalError = (message: string): Refusal =>
  new Refusal({
    code: 500,
    reason: 'InternalError',
    message: `Internal error occurred: ${message}`,
    details: { causes: [{ message }] },
  });

/** 422. `kind` may be another than the row's: a Scale, a PatchOptions. */
export function invalid(kind: { kind: string; group: string }, name: string, errors: readonly FieldError[]): Refusal {
  const lines = [...new Set(errors.map((error) => `${error.field}: ${bodyOf(error)}`))];
  const qualifiedKind = kind.group ? `${kind.kind}.${kind.group}` : kind.kind;
  return new Refusal({
    code: 422,
    reason: 'Invalid',
    message: `${qualifiedKind} "${name}" is invalid: ${lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`}`,
    details: {
      ...(name !== '' && { name }),
      ...(kind.group && { group: kind.group }),
      kind: kind.kind,
      causes: errors.map(causeOf),
    },
  });
}

const causeOf = (error: FieldError) => ({
  reason: `FieldValue${error.type}`,
  message: bodyOf(error),
  field: error.field,
});

function bodyOf(error: FieldError): string {
  switch (error.type) {
    case 'Required':
      return error.detail ? `Required value: ${error.detail}` : 'Required value';
    case 'Forbidden':
      return `Forbidden: ${error.detail}`;
    case 'TooLong':
      return `Too long: ${error.detail}`;
    case 'TooMany':
      return `Too many: ${quoted(error.value)}: ${error.detail}`;
    case 'NotFound':
      return `Not found: ${quoted(error.value)}`;
    case 'Duplicate':
      return `Duplicate value: ${quoted(error.value)}`;
    case 'NotSupported':
      return `Unsupported value: ${quoted(error.value)}: ${error.detail}`;
    case 'Invalid':
    case 'TypeInvalid':
      return `Invalid value: ${quoted(error.value)}${error.detail ? `: ${error.detail}` : ''}`;
  }
}

const quoted = (value: unknown): string => (value === undefined ? 'null' : JSON.stringify(value));
