/** PATCH in its four spoken forms, scale, and binding: each becomes an ordinary update. */
import jsonpatch from 'fast-json-patch';
import type { KubeObject } from '../../platform/cluster/port.ts';
import { apply } from './apply.ts';
import { decodeBuiltIn, decodeMetadata, strictError, typed, unknownFields, untypable } from './builtin.ts';
import { asObject, type Core, type Item, timeOf, type WriteMode } from './core.ts';
import { refuseTerminating } from './crds.ts';
import { refuseUndeclared } from './custom.ts';
import { sorted } from './defaults.ts';
import { duplicateIn } from './fields.ts';
import { clone, isObject, mergePatch, type Plain, readPath, writePath } from './json.ts';
import type { ServedRow } from './registry.ts';
import {
  badRequest,
  conflict,
  invalid,
  modified,
  notServed,
  patchRejected,
  Refusal,
  unforeseen,
  unsupportedMediaType,
} from './status.ts';
import { strategicMergePatch } from './strategic.ts';
import { create, existing, objectOf, persist, update, writerOf } from './write.ts';

const SPOKEN = ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml'];
/** For built-in kinds alone, as in Kubernetes: it takes the kind's own knowledge of its lists. */
export const STRATEGIC = 'application/strategic-merge-patch+json';

/** What these make of an object is decoded; of other writes the body is. */
export const isOutcomeDecoded = (contentType: string): boolean =>
  contentType === 'application/json-patch+json' || contentType === 'application/merge-patch+json';
/** What the copies of a JSON patch may take together, as on a real server: a few lines could fill the heap (CVE-2019-1002100). */
const COPIED_LIMIT = 3 * 1024 * 1024;

export interface Patched {
  object: KubeObject;
  created: boolean;
}

export function patch(core: Core, item: Item, contentType: string, body: unknown, mode: WriteMode): Patched {
  if (contentType === 'application/apply-patch+yaml' || contentType === 'application/apply-patch+json')
    return serverSideApply(core, item, body, mode);
  const spoken = item.row.custom ? SPOKEN : [...SPOKEN, STRATEGIC];
  if (!spoken.includes(contentType)) {
    if (!item.row.custom) throw unsupportedMediaType('415: Unsupported Media Type', {});
    throw unsupportedMediaType(
      `the body of the request was in an unknown format - accepted media types include: ${spoken.join(', ')}`,
    );
  }
  const old = existing(core, item);
  const shown = item.row.view ? item.row.view.fromStored(old) : old;
  const changed =
    contentType === SPOKEN[0]
      ? jsonPatched(shown, body)
      : contentType === STRATEGIC
        ? strategicMergePatch(clone(shown), body, item.row.shapes)
        : merged(shown, body);
  const write = (): KubeObject => {
    const object = objectOf(item, isOutcomeDecoded(contentType) ? decoded(item.row, changed, mode) : changed);
    object.metadata.resourceVersion ??= old.metadata.resourceVersion as string;
    return update(core, item, object, mode);
  };
  return { object: patched(write, changed), created: false };
}

function decoded(row: ServedRow, outcome: unknown, { decoding, validation, warnings }: WriteMode): unknown {
  if (row.custom || !decoding) return outcome;
  const { body, unknown } = decodeBuiltIn(row, outcome);
  if (unknown.length > 0 && validation === 'Strict') throw strictError(row, unknown);
  if (validation === 'Warn') warnings.push(...unknownFields(unknown));
  return body;
}

/** What a patch makes of an object is decoded as strictly as was asked for; what is wrong then is a wrong patch. */
function patched(write: () => KubeObject, outcome: unknown): KubeObject {
  try {
    return write();
  } catch (error) {
    const detail =
      error instanceof Refusal ? / cannot be handled as a \w+: (.*)/s.exec(error.status.message)?.[1] : undefined;
    if (detail === undefined) throw error;
    throw invalid({ kind: '', group: '' }, '', [
      { type: 'Invalid', field: 'patch', value: JSON.stringify(outcome), detail },
    ]);
  }
}

function merged(old: unknown, body: unknown): unknown {
  if (!isObject(body)) throw badRequest('a merge patch must be an object');
  return mergePatch(clone(old), body);
}

function jsonPatched(old: unknown, body: unknown): unknown {
  if (!Array.isArray(body))
    throw badRequest(
      'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
    );
  if (body.length > 10_000)
    throw new Refusal({
      code: 413,
      reason: 'RequestEntityTooLarge',
      message: `The allowed maximum operations in a JSON patch is 10000, got ${body.length}`,
    });
  try {
    let [document, copied] = [clone(old), 0];
    for (const operation of body) {
      if (operation?.op === 'copy')
        copied += JSON.stringify(jsonpatch.getValueByPointer(document, operation.from)).length;
      if (copied > COPIED_LIMIT) throw patchRejected();
      document = jsonpatch.applyOperation(document, operation, true).newDocument;
    }
    return document;
  } catch {
    throw patchRejected();
  }
}

function serverSideApply(core: Core, item: Item, body: unknown, mode: WriteMode): Patched {
  const { row, name, subresource } = item;
  if (subresource === 'scale') throw unsupportedMediaType('scale takes a merge patch or a JSON patch');
  if (!isObject(body) || !body.kind || !body.apiVersion) throw badRequest('an apply says its apiVersion and its kind');
  if (row.custom) typed(() => decodeMetadata(row, body.metadata ?? {}));
  const wanted = objectOf(item, body);
  if (Array.isArray(wanted.metadata.managedFields)) throw badRequest('metadata.managedFields must be nil');
  if (row.custom) refuseUndeclared(row, wanted, body);
  const twice = duplicateIn(wanted, row.shapes);
  if (twice) throw untypable(row, body, twice);
  const live = core.store.get(row.storage, item.namespace, name);
  if (!live && subresource) existing(core, item);
  const { resourceVersion, uid } = wanted.metadata;
  if (live && resourceVersion && resourceVersion !== live.metadata.resourceVersion) throw modified(row, name);
  if (live && uid && uid !== live.metadata.uid)
    throw invalid(row, name, [{ type: 'Invalid', field: 'metadata.uid', value: uid, detail: 'field is immutable' }]);
  const { object, owners } = apply({
    live,
    wanted,
    schema: row.shapes,
    writer: writerOf(row, mode, 'Apply', subresource),
    force: mode.force,
    custom: row.custom,
    part: subresource === 'status' ? 'status' : row.subresources.status ? 'main' : 'all',
  });
  if (!live) {
    refuseTerminating(core, row);
    return { object: create(core, item, object, mode, owners), created: true };
  }
  object.metadata.resourceVersion = live.metadata.resourceVersion as string;
  if (mode.manager === 'kubectl') rememberApplied(object, wanted);
  return { object: update(core, item, object, mode, owners), created: false };
}

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** Where client-side apply has left its note, kubectl's server-side apply brings it up to date: one may follow the other. */
function rememberApplied(object: KubeObject, wanted: KubeObject): void {
  if (object.metadata.annotations?.[LAST_APPLIED] === undefined) return;
  const note = clone(wanted);
  delete note.metadata.annotations?.[LAST_APPLIED];
  if (Object.keys(note.metadata.annotations ?? {}).length === 0) delete note.metadata.annotations;
  object.metadata.annotations = { ...object.metadata.annotations, [LAST_APPLIED]: `${JSON.stringify(sorted(note))}\n` };
}

/** The Scale of an object, 404 when its kind has none. */
export function scaleOf(row: ServedRow, object: KubeObject): Plain {
  const paths = row.subresources.scale;
  if (!paths) throw notServed();
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = readPath(object, paths.specReplicasPath) ?? 0;
  const selector = row.custom
    ? paths.labelSelectorPath && readPath(object, paths.labelSelectorPath)
    : selectorText(readPath(object, 'spec.selector'));
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: row.custom || replicas !== 0 ? { replicas } : {},
    status: {
      replicas: readPath(object, paths.statusReplicasPath) ?? 0,
      ...(selector ? { selector } : {}),
    },
  };
}

function selectorText(selector: unknown): string {
  const match = isObject(selector) && isObject(selector.matchLabels) ? selector.matchLabels : {};
  return Object.entries(match)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

/** PUT and PATCH of `scale`. */
export function writeScale(core: Core, item: Item, scale: unknown, mode: WriteMode): Plain {
  const { row, name } = item;
  const paths = row.subresources.scale;
  if (!paths) throw notServed();
  const replicas = readPath(scale, 'spec.replicas') ?? 0;
  // A custom resource's own schema knows better, and says so in its own name.
  if (typeof replicas !== 'number' || !Number.isInteger(replicas) || (replicas < 0 && !row.custom))
    throw invalid({ kind: 'Scale', group: 'autoscaling' }, name, [
      { type: 'Invalid', field: 'spec.replicas', value: replicas, detail: 'must be greater than or equal to 0' },
    ]);
  const old = existing(core, item);
  const object = clone(old);
  const asked = readPath(scale, 'metadata.resourceVersion');
  if (typeof asked === 'string' && asked !== '') object.metadata.resourceVersion = asked;
  writePath(object, paths.specReplicasPath, replicas);
  return scaleOf(row, update(core, item, object, mode));
}

export function patchScale(core: Core, item: Item, contentType: string, body: unknown, mode: WriteMode): Plain {
  const current = scaleOf(item.row, existing(core, item));
  if (contentType === SPOKEN[0]) return writeScale(core, item, jsonPatched(current, body), mode);
  if (contentType === SPOKEN[1]) return writeScale(core, item, merged(current, body), mode);
  throw unsupportedMediaType('scale takes a merge patch or a JSON patch');
}

/** A scheduler's decision. The node need not exist, as on a real server; a pod is bound once. */
export function bind(core: Core, item: Item, binding: unknown, mode: WriteMode): void {
  const { row, name } = item;
  const node = readPath(binding, 'target.name');
  if (typeof node !== 'string' || node === '') throw unforeseen('target.name: Required value');
  const pod = clone(existing(core, item));
  const spec = pod.spec as Plain;
  if (spec.nodeName)
    throw conflict(
      { ...row, plural: 'pods/binding' },
      name,
      `pod ${name} is already assigned to node "${spec.nodeName}"`,
    );
  if (pod.metadata.deletionTimestamp)
    throw conflict(
      { ...row, plural: 'pods/binding' },
      name,
      `pod ${name} is being deleted, cannot be assigned to a host`,
    );
  const annotations = readPath(binding, 'metadata.annotations');
  if (isObject(annotations))
    pod.metadata.annotations = { ...pod.metadata.annotations, ...(annotations as Record<string, string>) };
  spec.nodeName = node;
  const status = (isObject(pod.status) ? pod.status : {}) as Plain;
  const conditions = Array.isArray(status.conditions)
    ? status.conditions.filter((one) => !isObject(one) || one.type !== 'PodScheduled')
    : [];
  const scheduled = {
    type: 'PodScheduled',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: timeOf(core.clock.now()),
  };
  pod.status = { ...status, conditions: [...conditions, scheduled] };
  if (!mode.dryRun) persist(core, row, asObject(pod));
}
