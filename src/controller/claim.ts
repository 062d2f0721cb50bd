/**
 * Writes a child that the caches do not show as this deployment's: it is made, or taken back when hands have loosed it from its
 * owner. What others made under its name is left alone: a route of somebody's was once overwritten, owned, and in the end
 * deleted with the deployment.
 */
import { CONTROLLER_MANAGER, LABELS } from '../contract/names.ts';
import { type ClusterPort, isConflict, type KubeObject, type Resource } from '../platform/cluster/port.ts';
import type { Failure } from './rollout/types.ts';

/**
 * Without force, since a server then says by itself whether there is something that others have set: nothing is asked
 * before, and making a child costs one request. Undefined: it is there, and not ours.
 */
export async function claim(
  cluster: ClusterPort,
  resource: Resource,
  wanted: KubeObject,
): Promise<KubeObject | undefined> {
  const fieldManager = CONTROLLER_MANAGER;
  try {
    return await cluster.apply(resource, wanted, { fieldManager });
  } catch (error) {
    if (!isConflict(error)) throw error;
    const present = await find(cluster, resource, wanted);
    if (!present) throw error;
    return isOurs(wanted, present) ? await cluster.apply(resource, wanted, { fieldManager, force: true }) : undefined;
  }
}

export const notOwned = ({ kind }: Resource, { metadata }: KubeObject): Failure => ({
  reason: `${kind}NotOwned`,
  message: `${kind} ${metadata.name} exists and is not this deployment's: delete it, and it goes on by itself, or deploy under another name.`,
});

/** A list of one: the controller may list its children's kinds, and needs to get none by its name otherwise. */
async function find(cluster: ClusterPort, resource: Resource, { metadata }: KubeObject) {
  const { name, namespace } = metadata;
  const fieldSelector = `metadata.name=${name}`;
  const { items } = await cluster.list(resource, { ...(namespace !== undefined && { namespace }), fieldSelector });
  return items.find((item) => item.metadata.name === name);
}

/** By its owner, its label or who made it: each of the three may have been lost alone. */
function isOurs(wanted: KubeObject, { metadata }: KubeObject): boolean {
  const uids = wanted.metadata.ownerReferences?.map(({ uid }) => uid);
  const label = metadata.labels?.[LABELS.deployment];
  return (
    metadata.ownerReferences?.some(({ uid }) => uids?.includes(uid)) ||
    (label !== undefined && label === wanted.metadata.labels?.[LABELS.deployment]) ||
    (metadata.managedFields?.some(({ manager }) => manager === CONTROLLER_MANAGER) ?? false)
  );
}
