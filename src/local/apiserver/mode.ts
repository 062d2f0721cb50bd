/** How a request is to be done: its media type, and the query parameters that all writes share, checked. */
import type { WriteMode } from './core.ts';
import { isObject } from './json.ts';
import { badRequest, invalidOptions } from './status.ts';
import type { ApiRequest } from './types.ts';

export const isTrue = (value: string | null): boolean => value !== null && value !== 'false' && value !== '0';
export const mediaType = (request: ApiRequest): string =>
  (request.headers.contentType.split(';')[0] ?? '').trim().toLowerCase();

export function checkApply(request: ApiRequest): void {
  if (!mediaType(request).startsWith('application/apply-patch')) return;
  if (!isObject(request.body)) throw badRequest('the body of an apply must be an object');
  if (!request.query.get('fieldManager'))
    throw invalidOptions('PATCH', { type: 'Required', field: 'fieldManager', detail: 'is required for apply patch' });
}

const MANAGER_LIMIT = 128;
const VALIDATIONS = ['Ignore', 'Warn', 'Strict'] as const;

/** `warnings`: what was found while the body was decoded. */
export function modeOf({ method, query, headers }: ApiRequest, warnings: readonly string[] = []): WriteMode {
  const dryRun = query.get('dryRun');
  if (dryRun !== null && dryRun !== 'All')
    throw invalidOptions(method, {
      type: 'NotSupported',
      field: 'dryRun',
      value: [dryRun],
      detail: 'supported values: "All"',
    });
  const asked = query.get('fieldValidation') || 'Warn';
  const validation = VALIDATIONS.find((one) => one === asked);
  if (!validation)
    throw invalidOptions(method, {
      type: 'NotSupported',
      field: 'fieldValidation',
      value: asked,
      detail: 'supported values: "", "Ignore", "Strict", "Warn"',
    });
  const given = query.get('fieldManager') ?? '';
  if (Buffer.byteLength(given) > MANAGER_LIMIT)
    throw invalidOptions(method, {
      type: 'TooLong',
      field: 'fieldManager',
      detail: `may not be more than ${MANAGER_LIMIT} bytes`,
    });
  return {
    manager: (given || headers.userAgent.split('/')[0] || 'unknown').slice(0, MANAGER_LIMIT),
    dryRun: dryRun === 'All',
    validation,
    decoding: query.has('fieldValidation'),
    force: isTrue(query.get('force')),
    warnings: [...warnings],
  };
}
