/** The rules of metadata that hold for every kind. */
import { randomInt } from 'node:crypto';
import type { KubeObject, OwnerReference } from '../../platform/cluster/port.ts';
import { isObject } from './json.ts';
import type { ServedRow } from './registry.ts';
import type { FieldError } from './types.ts';

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const QUALIFIED = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const ANNOTATIONS_LIMIT = 256 * 1024;

const NAMES = {
  subdomain: {
    pattern: SUBDOMAIN,
    length: 253,
    rule: "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
  },
  label: {
    pattern: LABEL,
    length: 63,
    rule: "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
  },
  label1035: {
    pattern: LABEL_1035,
    length: 63,
    rule: "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
  },
} as const;

const VALUE_RULE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const KEY_RULE =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/** The characters of generated names: no vowels, no look-alikes. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

export function generatedName(prefix: string): string {
  let name = prefix.slice(0, 58);
  for (let i = 0; i < 5; i++) name += ALPHABET[randomInt(ALPHABET.length)];
  return name;
}

export function validateMetadata(row: ServedRow, object: KubeObject, old?: KubeObject): FieldError[] {
  const { metadata } = object;
  return [
    ...validateName(row, metadata.name),
    ...validateLabels(metadata.labels),
    ...validateAnnotations(metadata.annotations),
    ...(metadata.ownerReferences ?? []).flatMap(validateOwner),
    ...validateFinalizers(metadata.finalizers, old),
  ];
}

function validateName(row: ServedRow, name: string): FieldError[] {
  const { pattern, length, rule } = NAMES[row.names];
  const field = 'metadata.name';
  if (name === '' || name === undefined)
    return [{ type: 'Required', field, detail: 'name or generateName is required' }];
  if (name.length > length)
    return [{ type: 'Invalid', field, value: name, detail: `must be no more than ${length} bytes` }];
  return pattern.test(name) ? [] : [{ type: 'Invalid', field, value: name, detail: rule }];
}

function validateLabels(labels: unknown, field = 'metadata.labels'): FieldError[] {
  if (labels === undefined) return [];
  if (!isObject(labels)) return [{ type: 'TypeInvalid', field, value: labels, detail: 'must be a map of strings' }];
  return Object.entries(labels).flatMap(([key, value]): FieldError[] => [
    ...validateKey(key, field),
    ...(typeof value === 'string' && value.length <= 63 && VALUE.test(value)
      ? []
      : [
          {
            type: 'Invalid' as const,
            field,
            value,
            detail: typeof value === 'string' && value.length > 63 ? 'must be no more than 63 bytes' : VALUE_RULE,
          },
        ]),
  ]);
}

function validateKey(key: string, field: string): FieldError[] {
  const [name = '', prefix, ...more] = key.split('/').reverse();
  const fine =
    name.length <= 63 && QUALIFIED.test(name) && (prefix === undefined || SUBDOMAIN.test(prefix)) && more.length === 0;
  return fine ? [] : [{ type: 'Invalid', field, value: key, detail: KEY_RULE }];
}

function validateAnnotations(annotations: Record<string, string> | undefined): FieldError[] {
  const field = 'metadata.annotations';
  if (annotations === undefined) return [];
  const entries = Object.entries(annotations);
  const size = entries.reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(String(value)),
    0,
  );
  return [
    ...entries.flatMap(([key, value]): FieldError[] => [
      ...validateKey(key.toLowerCase(), field),
      ...(typeof value === 'string'
        ? []
        : [{ type: 'TypeInvalid' as const, field, value, detail: 'must be a string' }]),
    ]),
    ...(size > ANNOTATIONS_LIMIT
      ? [{ type: 'TooLong' as const, field, detail: `may not be more than ${ANNOTATIONS_LIMIT} bytes` }]
      : []),
  ];
}

function validateOwner(owner: OwnerReference, index: number): FieldError[] {
  return (['apiVersion', 'kind', 'name', 'uid'] as const)
    .filter((key) => !owner[key])
    .map((key) => ({
      type: 'Invalid',
      field: `metadata.ownerReferences[${index}].${key}`.replace(`[${index}]`, ''),
      value: '',
      detail: `${key === 'apiVersion' ? 'version' : key} must not be empty`,
    }));
}

function validateFinalizers(finalizers: string[] | undefined, old?: KubeObject): FieldError[] {
  if (!old?.metadata.deletionTimestamp) return [];
  const before = new Set(old.metadata.finalizers ?? []);
  const added = (finalizers ?? []).filter((one) => !before.has(one));
  if (added.length === 0) return [];
  const list = added.map((one) => `"${one}"`).join(', ');
  return [
    {
      type: 'Forbidden',
      field: 'metadata.finalizers',
      detail: `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
    },
  ];
}
