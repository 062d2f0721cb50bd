/** Which version of the registry a ModelDeployment names, and how a resource is told that the registry does not know it. */
import type { Condition, ModelDeployment } from '../../../contract/modeldeployment.ts';
import { API_VERSION, CONDITIONS, RELAY_MANAGER } from '../../../contract/names.ts';
import type { Ctx } from '../../../graphql/context.ts';
import { isNotFound } from '../../../platform/cluster/port.ts';
import { MODELDEPLOYMENTS } from '../../../platform/cluster/resources.ts';
import { type TeamRow, teamsByNamespace } from '../../identity/index.ts';
import { type ModelRow, modelsByName, type VersionRow, versionsByNumber } from '../../registry/index.ts';
import type { Parts } from './parts.ts';

export interface Known {
  team: TeamRow;
  model: ModelRow;
  version: VersionRow;
}

/** Team, model, number, format and digest must all be as registered; otherwise the words for why it is not known. */
export async function knownVersion(ctx: Ctx, { metadata, spec }: ModelDeployment): Promise<Known | string> {
  const { name, version: number, format, artifact } = spec.model;
  const [team] = await teamsByNamespace(ctx, [metadata.namespace ?? '']);
  if (!team) return `Namespace ${metadata.namespace} is no team's.`;
  const [model] = await modelsByName(ctx, [`${team.name}/${name}`]);
  if (!model) return `Team ${team.name} has no model ${name}.`;
  const [version] = await versionsByNumber(ctx, [{ modelId: model.id, number }]);
  if (!version) return `Model ${name} has no version ${number}.`;
  if (version.digest !== artifact.digest) return `Version ${number} of ${name} is registered as ${version.digest}.`;
  if (version.format !== format) return `Version ${number} of ${name} is registered as ${version.format}.`;
  return { team, model, version };
}

const adoptedOf = ({ status }: ModelDeployment): Condition | undefined =>
  status?.conditions?.find(({ type }) => type === CONDITIONS.adopted);

export const isUnknown = (md: ModelDeployment): boolean => adoptedOf(md)?.status === 'False';

/** It runs all the same; who looks at it with kubectl reads why the graph does not show it. */
export const tellUnknown = (parts: Parts, md: ModelDeployment, why: string): Promise<void> =>
  tell(parts, md, 'False', 'ModelUnknown', `${why} It runs all the same, but the graph does not show it.`);

/** Only where the opposite was said before. */
export const tellKnown = async (parts: Parts, md: ModelDeployment): Promise<void> => {
  if (isUnknown(md)) await tell(parts, md, 'True', 'ModelKnown', 'The registry knows what it serves.');
};

/** An item of its own in a list keyed by type: the controller's items beside it are not touched, and it keeps ours. */
async function tell(
  { services }: Parts,
  md: ModelDeployment,
  status: Condition['status'],
  reason: string,
  message: string,
): Promise<void> {
  const before = adoptedOf(md);
  if (before?.status === status && before.message === message) return;
  const { name, namespace = '', generation = 0 } = md.metadata;
  const now = new Date(services.clock.now()).toISOString();
  const lastTransitionTime = before?.status === status ? before.lastTransitionTime : now;
  const condition = {
    type: CONDITIONS.adopted,
    status,
    reason,
    message,
    observedGeneration: generation,
    lastTransitionTime,
  };
  try {
    await services.cluster.port.apply(
      MODELDEPLOYMENTS,
      {
        apiVersion: API_VERSION,
        kind: 'ModelDeployment',
        metadata: { name, namespace },
        status: { conditions: [condition] },
      },
      { fieldManager: RELAY_MANAGER, force: true, subresource: 'status' },
    );
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
