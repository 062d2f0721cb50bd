/** Between rows and the custom resource's spec, both ways. Pure. */
import type { ModelDeploymentSpec, ResourcesSpec, StrategySpec } from '../../contract/modeldeployment.ts';
import { hashOf } from '../../contract/revision.ts';
import { endpointPath } from '../../contract/validation.ts';
import type { Settings } from '../../graphql/context.ts';
import { canonical } from '../../lib/canonical.ts';
import type { VersionRow } from '../registry/index.ts';
import type { DeploymentRow } from './tables.ts';

/** Everything that decides a revision. */
export interface TemplateInput {
  version: Pick<VersionRow, 'number' | 'format' | 'digest' | 'sizeBytes'>;
  modelName: string;
  runtime: string;
  resources: ResourcesSpec;
  placement: DeploymentRow['placement'];
}

/** The Secret with the signed URLs of all digests that pods of a deployment may have to fetch, a line each. */
export const secretName = (deployment: string): string => `${deployment}-artifact`;

function templateOf(
  input: TemplateInput,
  name: string,
  artifactsUrl: string,
): Pick<ModelDeploymentSpec, 'model' | 'runtime' | 'resources' | 'placement'> {
  const { version, modelName, runtime, resources, placement } = input;
  const { digest, sizeBytes } = version;
  return {
    model: {
      name: modelName,
      version: version.number,
      format: version.format,
      artifact: { uri: `${artifactsUrl}/${digest}`, digest, sizeBytes, secretName: secretName(name) },
    },
    runtime,
    // Empty ones too: what is left out of an apply stays as somebody else wrote it, and a rollback once changed nothing.
    resources,
    placement,
  };
}

export const revisionHash = (input: TemplateInput): string => hashOf(templateOf(input, '', ''));

/** What a generation may change. */
export type Changed = Pick<
  DeploymentRow,
  'versionId' | 'runtime' | 'replicas' | 'resources' | 'placement' | 'strategy' | 'paused'
>;

export type Wanted = Pick<
  DeploymentRow,
  'namespace' | 'name' | 'replicas' | 'paused' | 'strategy' | 'runtime' | 'resources' | 'placement'
>;

/** Without a gateway: somebody else has named one. */
export function specOf(
  row: Wanted,
  version: TemplateInput['version'],
  modelName: string,
  { artifactsUrl, gateway }: Pick<Settings, 'artifactsUrl'> & { gateway: Settings['gateway'] | undefined },
): ModelDeploymentSpec {
  const { namespace, name, replicas, paused, strategy, runtime, resources, placement } = row;
  return {
    ...templateOf({ version, modelName, runtime, resources, placement }, name, artifactsUrl),
    replicas,
    paused,
    endpoint: {
      ...(gateway && { parentRefs: [{ name: gateway.name, namespace: gateway.namespace }] }),
      path: endpointPath(namespace, name),
    },
    ...(strategy && { strategy }),
  };
}

/** What people can want differently, out of a spec: for noticing an edit made past the API. */
export function wantedOf(spec: ModelDeploymentSpec): {
  replicas: number;
  paused: boolean;
  strategy: StrategySpec | null;
  runtime: string;
  resources: ResourcesSpec;
  placement: DeploymentRow['placement'];
} {
  return {
    replicas: spec.replicas ?? 1,
    paused: spec.paused ?? false,
    strategy: spec.strategy ?? null,
    runtime: spec.runtime,
    resources: spec.resources ?? {},
    placement: spec.placement ?? {},
  };
}

/** Only what can be wanted, out of a row. */
export const pick = ({ versionId, runtime, replicas, resources, placement, strategy, paused }: Changed): Changed => ({
  versionId,
  runtime,
  replicas,
  resources,
  placement,
  strategy,
  paused,
});

export const isSame = (a: unknown, b: unknown): boolean => canonical(a, 'empty') === canonical(b, 'empty');
