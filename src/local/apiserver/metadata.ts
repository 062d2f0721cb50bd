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
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

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
    ...validateOwners(metadata.ownerReferences ?? []),
    ...validateFinalizerNames(metadata.finalizers ?? [], row.custom || row.group === 'apiextensions.k8s.io'),
    ...validateFinalizers(metadata.finalizers, old),
  ];
}

function validateName(row: ServedRow, name: string): FieldError[] {
  const { pattern, length, rule } = NAMES[row.names];
  const field = 'metadata.name';
  if (name === '' || name === undefined)
    return [{ type: 'Required', field, detail: 'name or generateName is required' }];
  if (name.length > length)
    return [{ type: 'Invalid', field, value: name, detail: `must be no more than ${length} characters` }];
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
            detail: typeof value === 'string' && value.length > 63 ? 'must be no more than 63 characters' : VALUE_RULE,
          },
        ]),
  ]);
}

/** `name` or `prefix/name`. */
function validateKey(key: string, field: string): FieldError[] {
  const parts = key.split('/');
  const wrong = (detail: string): FieldError => ({ type: 'Invalid', field, value: key, detail });
  if (parts.length > 2)
    return [
      wrong(`a qualified name ${KEY_RULE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`),
    ];
  const name = parts.at(-1) ?? '';
  const prefix = parts.length === 2 ? parts[0] : undefined;
  return [
    ...(prefix === '' ? [wrong('prefix part must be non-empty')] : []),
    ...(prefix && !SUBDOMAIN.test(prefix) ? [wrong(`prefix part ${NAMES.subdomain.rule}`)] : []),
    ...(name === '' ? [wrong('name part must be non-empty')] : []),
    ...(name.length > 63 ? [wrong('name part must be no more than 63 characters')] : []),
    ...(QUALIFIED.test(name) ? [] : [wrong(`name part ${KEY_RULE}`)]),
  ];
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

function validateOwners(owners: readonly OwnerReference[]): FieldError[] {
  const field = 'metadata.ownerReferences';
  const empty = owners.flatMap((owner) =>
    (['apiVersion', 'kind', 'name', 'uid'] as const)
      .filter((key) => (key === 'apiVersion' ? !/^([^/]+\/)?[^/]+$/.test(owner[key] ?? '') : !owner[key]))
      .map((key): FieldError => {
        const detail = key === 'apiVersion' ? 'version must not be empty' : 'must not be empty';
        return { type: 'Invalid', field: `${field}.${key}`, value: owner[key] ?? '', detail };
      }),
  );
  const [one, two] = owners.filter(({ controller }) => controller === true);
  if (!one || !two) return empty;
  const named = `${one.kind}/${one.name} and ${two.kind}/${two.name}`;
  const detail = `Only one reference can have Controller set to true. Found "true" in references for ${named}`;
  return [...empty, { type: 'Invalid', field, value: owners, detail }];
}

const STANDARD_FINALIZERS = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

/** Those of custom resources need no domain, nor do those of their definitions: the server's own has none. */
function validateFinalizerNames(finalizers: readonly string[], custom: boolean): FieldError[] {
  return finalizers.flatMap((one, index): FieldError[] => [
    ...validateKey(one, 'metadata.finalizers'),
    ...(custom || one.includes('/') || STANDARD_FINALIZERS.has(one)
      ? []
      : [
          {
            type: 'Invalid' as const,
            field: `metadata.finalizers[${index}]`,
            value: one,
            detail: 'name is neither a standard finalizer name nor is it fully qualified',
          },
        ]),
  ]);
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
