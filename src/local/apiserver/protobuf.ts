/**
 * The few bodies that kubectl sends as protobuf and in no other form: since 1.32 `kubectl create namespace | configmap |
 * secret | serviceaccount` neither ask nor fall back to JSON. Not a second encoding of the API: what is not in the
 * table below is refused with the way round it, and so is a field that would be lost.
 */
import { PbfReader } from 'pbf';
import { timeOf } from './core.ts';
import { isObject, type Plain } from './json.ts';
import { badRequest, Refusal, unsupportedMediaType } from './status.ts';

type Type = 'string' | 'bytes' | 'bool' | 'integer' | 'time' | 'strings' | 'byteses' | 'list' | Message;
/** Field number → name and type. `strings` and `byteses` are maps, `list` is of strings. */
interface Message {
  [field: number]: readonly [name: string, type: Type];
}

const METADATA: Message = {
  1: ['name', 'string'],
  2: ['generateName', 'string'],
  3: ['namespace', 'string'],
  4: ['selfLink', 'string'],
  5: ['uid', 'string'],
  6: ['resourceVersion', 'string'],
  7: ['generation', 'integer'],
  8: ['creationTimestamp', 'time'],
  11: ['labels', 'strings'],
  12: ['annotations', 'strings'],
  14: ['finalizers', 'list'],
};
const KINDS: Record<string, Message> = {
  Namespace: {
    1: ['metadata', METADATA],
    2: ['spec', { 1: ['finalizers', 'list'] }],
    3: ['status', { 1: ['phase', 'string'] }],
  },
  ConfigMap: {
    1: ['metadata', METADATA],
    2: ['data', 'strings'],
    3: ['binaryData', 'byteses'],
    4: ['immutable', 'bool'],
  },
  Secret: {
    1: ['metadata', METADATA],
    2: ['data', 'byteses'],
    3: ['type', 'string'],
    4: ['stringData', 'strings'],
    5: ['immutable', 'bool'],
  },
  ServiceAccount: { 1: ['metadata', METADATA], 4: ['automountServiceAccountToken', 'bool'] },
};
const ENVELOPE: Message = {
  1: ['type', { 1: ['apiVersion', 'string'], 2: ['kind', 'string'] }],
  2: ['raw', 'bytes'],
  3: ['contentEncoding', 'string'],
  4: ['contentType', 'string'],
};
const MAGIC = Buffer.from('k8s\0');

/** The object in a body of `application/vnd.kubernetes.protobuf`. Throws a Refusal. */
export function fromProtobuf(bytes: Buffer): Plain {
  if (!bytes.subarray(0, 4).equals(MAGIC)) throw refused('a body');
  const { type, raw } = read(bytes.subarray(4), ENVELOPE, 'a body');
  const { apiVersion, kind } = isObject(type) ? type : {};
  const message = apiVersion === 'v1' && Object.hasOwn(KINDS, String(kind)) ? KINDS[String(kind)] : undefined;
  if (!message || !(raw instanceof Uint8Array)) throw refused(String(kind ?? 'a body'));
  return { apiVersion, kind, ...read(raw, message, String(kind)) };
}

const refused = (what: string) =>
  unsupportedMediaType(
    `${what} cannot be sent as protobuf here: send JSON or YAML, with kubectl by --dry-run=client -o yaml | kubectl apply --server-side -f -`,
  );

/** Kubernetes writes empty strings, zeros and messages too: they are what JSON leaves out. */
function read(bytes: Uint8Array, message: Message, what: string): Plain {
  try {
    return new PbfReader(bytes).readFields((number, object: Plain, reader) => {
      const field = message[number];
      if (field) put(object, field[0], decode(reader, field[1], what));
      else if (!isEmpty(reader)) throw refused(`field ${number} of ${what}`);
    }, {});
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw badRequest(`${what} is not valid protobuf: ${(error as Error).message}`);
  }
}

/** A list's or a map's items come one by one. */
function put(object: Plain, name: string, value: unknown): void {
  const old = object[name];
  if (value === undefined) return;
  if (Array.isArray(old) && Array.isArray(value)) old.push(...value);
  else if (isObject(old) && isObject(value)) Object.assign(old, value);
  else object[name] = value;
}

function decode(reader: PbfReader, type: Type, what: string): unknown {
  switch (type) {
    case 'string':
      return reader.readString() || undefined;
    case 'bool':
      return reader.readBoolean();
    case 'integer':
      return reader.readVarint(true) || undefined;
    case 'bytes':
      return reader.readBytes();
    case 'list':
      return [reader.readString()];
    case 'time': {
      const { seconds } = read(reader.readBytes(), { 1: ['seconds', 'integer'] }, what);
      return typeof seconds === 'number' ? timeOf(seconds * 1000) : undefined;
    }
    case 'strings':
      return entry(reader, 'string', what);
    case 'byteses':
      return entry(reader, 'bytes', what);
    default: {
      const inner = read(reader.readBytes(), type, what);
      return Object.keys(inner).length > 0 ? inner : undefined;
    }
  }
}

function entry(reader: PbfReader, type: 'string' | 'bytes', what: string): Plain {
  const { key = '', value = '' } = read(reader.readBytes(), { 1: ['key', 'string'], 2: ['value', type] }, what);
  return { [String(key)]: value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value };
}

function isEmpty(reader: PbfReader): boolean {
  if (reader.type === 2) return reader.readBytes().length === 0;
  return reader.type === 0 && reader.readVarint() === 0;
}
