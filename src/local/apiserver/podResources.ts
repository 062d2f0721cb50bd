/** What a real server refuses of a container's requests and limits. */
import { isQuantity, parseQuantity } from '../../contract/quantity.ts';
import { objectAt } from './json.ts';
import type { FieldError } from './types.ts';

/** Names with a domain are devices: whole ones, and not to be promised twice. */
const isExtended = (name: string): boolean => name.includes('/') && !/(^|\.)kubernetes\.io\//.test(name);

/** `at` is the container's path. */
export function resourceErrors(container: unknown, at: string): FieldError[] {
  const resources = objectAt(container, 'resources');
  const [requests, limits] = [objectAt(resources, 'requests'), objectAt(resources, 'limits')];
  return [
    ...amountErrors(limits, `${at}.resources.limits`),
    ...amountErrors(requests, `${at}.resources.requests`),
    ...Object.entries(requests).flatMap(([name, request]): FieldError[] => {
      const limit = limits[name];
      if (!isAmount(request) || (limit !== undefined && !isAmount(limit))) return [];
      if (limit === undefined)
        return isExtended(name)
          ? [
              {
                type: 'Required',
                field: `${at}.resources.limits`,
                detail: 'Limit must be set for non overcommitable resources',
              },
            ]
          : [];
      const field = `${at}.resources.requests`;
      if (isExtended(name) && parseQuantity(request) !== parseQuantity(limit))
        return [{ type: 'Invalid', field, value: request, detail: `must be equal to ${name} limit of ${limit}` }];
      return parseQuantity(request) > parseQuantity(limit)
        ? [
            {
              type: 'Invalid',
              field,
              value: request,
              detail: `must be less than or equal to ${name} limit of ${limit}`,
            },
          ]
        : [];
    }),
  ];
}

const isAmount = (value: unknown): value is string | number =>
  typeof value === 'number' || (typeof value === 'string' && isQuantity(value));

function amountErrors(amounts: Record<string, unknown>, field: string): FieldError[] {
  return Object.entries(amounts).flatMap(([name, value]): FieldError[] => {
    const wrong = (detail: string): FieldError => ({ type: 'Invalid', field: `${field}[${name}]`, value, detail });
    if (!isAmount(value))
      return [wrong("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")];
    if (parseQuantity(value) < 0) return [wrong('must be greater than or equal to 0')];
    return isExtended(name) && !Number.isInteger(parseQuantity(value)) ? [wrong('must be an integer')] : [];
  });
}
