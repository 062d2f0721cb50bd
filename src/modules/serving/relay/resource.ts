/** What a ModelDeployment in the cluster says of who wrote it, held against its row. Pure. */
import type { ModelDeployment } from '../../../contract/modeldeployment.ts';
import { ANNOTATIONS, CONTROLLER_MANAGER, RELAY_MANAGER } from '../../../contract/names.ts';
import type { ManagedFieldsEntry } from '../../../platform/cluster/port.ts';
import type { DeploymentRow } from '../tables.ts';

export const annotatedGeneration = ({ metadata }: ModelDeployment): number =>
  Number(metadata.annotations?.[ANNOTATIONS.generation] ?? 0) || 0;

export const isLinked = (row: Pick<DeploymentRow, 'id'>, { metadata }: ModelDeployment): boolean =>
  metadata.annotations?.[ANNOTATIONS.id] === row.id;

/** A publication has arrived in the cluster, and the row does not say so yet. */
export const isInFlight = (row: DeploymentRow, md: ModelDeployment): boolean => {
  const annotated = annotatedGeneration(md);
  return annotated > row.publishedGeneration && annotated <= row.generation;
};

/** Somebody else wrote the spec after us. The API server counts every change of a spec, so nothing need be compared. */
export const isEdited = (row: DeploymentRow, md: ModelDeployment): boolean =>
  md.metadata.uid === row.uid && (md.metadata.generation ?? 0) > (row.resourceGeneration ?? 0) && !isInFlight(row, md);

/** Of one object, an older state than what was taken before. Only numbers can be told apart; Kubernetes' are. */
export function isOlder(md: ModelDeployment, than: string | null): boolean {
  const { resourceVersion = '' } = md.metadata;
  const isNumber = /^\d{1,20}$/;
  if (than === null || !isNumber.test(than) || !isNumber.test(resourceVersion)) return false;
  return BigInt(resourceVersion) < BigInt(than);
}

interface OwnedFields {
  'f:spec'?: { 'f:endpoint'?: { 'f:parentRefs'?: object } };
}

/** Somebody else has named its Gateway, of which the graph knows nothing: written over, its address would move unasked. */
export const hasOwnGateway = ({ metadata, spec }: ModelDeployment): boolean =>
  spec.endpoint?.parentRefs !== undefined &&
  !metadata.managedFields?.some(
    ({ manager, fieldsV1 }) =>
      manager === RELAY_MANAGER && (fieldsV1 as OwnedFields)['f:spec']?.['f:endpoint']?.['f:parentRefs'],
  );

export interface Editor {
  name: string;
  /** To the second, as Kubernetes keeps it. */
  at: Date;
}

/** Who last wrote the spec, apart from ourselves: `kubectl-client-side-apply` is kubectl. */
export function lastEditor({ metadata }: ModelDeployment): Editor {
  const others = (metadata.managedFields ?? []).filter(
    ({ manager, subresource }) =>
      subresource !== 'status' && manager !== RELAY_MANAGER && manager !== CONTROLLER_MANAGER,
  );
  const wrote = (entries: ManagedFieldsEntry[]) =>
    entries.reduce<ManagedFieldsEntry | undefined>((a, b) => ((a?.time ?? '') > (b.time ?? '') ? a : b), undefined);
  const newest = wrote(others.filter(({ fieldsV1 }) => 'f:spec' in fieldsV1)) ?? wrote(others);
  const name = !newest || newest.manager.startsWith('kubectl') ? 'kubectl' : newest.manager;
  return { name, at: new Date(newest?.time ?? metadata.creationTimestamp ?? 0) };
}
