export { textRule } from '../../lib/check.ts';
export { VersionSelector } from './graphql/inputs.ts';
export {
  AliasResolver,
  DeletePayload,
  ModelResolver,
  ModelVersionResolver,
  RunVersionsResolver,
  registryNodes,
  TeamModelsResolver,
} from './graphql/resolvers.ts';
export { Model, ModelVersion, ModelVersionConnection } from './graphql/types.ts';
export { latestVersions, modelsById, modelsByName, versionsById, versionsByNumber, versionsByRun } from './queries.ts';
export { selectorRule, selectVersion } from './selector.ts';
export { startSweeping } from './sweep.ts';
export type { ModelRow, VersionRow } from './tables.ts';
