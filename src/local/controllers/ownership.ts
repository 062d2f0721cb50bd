/**
 * Whose is it? Label selectors, the controlling owner, and claiming: an object that matches and is nobody's is adopted,
 * one that is ours and matches no more is let go.
 */
import type { ClusterPort, KubeObject, OwnerReference, Resource } from '../../platform/cluster/port.ts';
import { apiVersionOf, isNotFound } from '../../platform/cluster/port.ts';
import type { LabelSelector } from '../kinds.ts';

/** An empty selector matches nothing here: a workload that owned every pod of a namespace would be a mistake. */
export function selects(selector: LabelSelector | undefined, labels: Record<string, string> = {}): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  const equal = Object.entries(matchLabels);
  if (equal.length === 0 && matchExpressions.length === 0) return false;
  return (
    equal.every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === 'In') return value !== undefined && values.includes(value);
      if (operator === 'NotIn') return value === undefined || !values.includes(value);
      if (operator === 'Exists') return value !== undefined;
      return operator === 'DoesNotExist' && value === undefined;
    })
  );
}

export const controllerOf = (object: KubeObject): OwnerReference | undefined =>
  object.metadata.ownerReferences?.find((owner) => owner.controller === true);

export function ownedBy(owner: KubeObject, resource: Resource): OwnerReference {
  return {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  };
}

export interface ClaimOptions<T extends KubeObject> {
  cluster: ClusterPort;
  owner: KubeObject;
  ownerResource: Resource;
  selector: LabelSelector;
  resource: Resource;
  candidates: readonly T[];
  fieldManager: string;
}

/**
 * Those of the candidates that are the owner's now. An adoption that loses a race simply does not happen: the change
 * that won comes through the watch and the owner is looked at again. An owner being deleted adopts nothing.
 */
export async function claim<T extends KubeObject>(options: ClaimOptions<T>): Promise<T[]> {
  const { cluster, owner, ownerResource, selector, resource, candidates, fieldManager } = options;
  const leaving = owner.metadata.deletionTimestamp !== undefined;
  let confirmed = false;
  const mine: T[] = [];

  async function setOwners(object: T, ownerReferences: OwnerReference[]): Promise<T | undefined> {
    const { name, namespace, uid, resourceVersion } = object.metadata;
    const patch = { metadata: { uid, resourceVersion, ownerReferences } };
    try {
      return await cluster.patch<T>(resource, name, namespace, 'merge', patch, { fieldManager });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  for (const object of candidates) {
    const controller = controllerOf(object);
    const matches = selects(selector, object.metadata.labels);
    const others = object.metadata.ownerReferences ?? [];
    if (controller) {
      if (controller.uid !== owner.metadata.uid) continue;
      if (matches) mine.push(object);
      else if (!leaving) {
        await setOwners(
          object,
          others.filter((other) => other.uid !== owner.metadata.uid),
        );
      }
      continue;
    }
    if (!matches || leaving || object.metadata.deletionTimestamp !== undefined) continue;
    // The cache may not know yet that the owner is gone: pods adopted by a ghost would be collected at once.
    if (!confirmed) {
      const live = await cluster.get(ownerResource, owner.metadata.name, owner.metadata.namespace);
      if (live.metadata.uid !== owner.metadata.uid || live.metadata.deletionTimestamp) return mine;
      confirmed = true;
    }
    const adopted = await setOwners(object, [...others, ownedBy(owner, ownerResource)]);
    if (adopted) mine.push(adopted);
  }
  return mine;
}
