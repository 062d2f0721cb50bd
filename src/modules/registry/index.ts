export { SourceInput, VersionSelector } from './graphql/inputs.ts';
export {
  AliasResolver,
  DeletePayload,
  ModelResolver,
  ModelVersionResolver,
  registryNodes,
  TeamModelsResolver,
} from './graphql/resolvers.ts';
export { Model, ModelVersion, ModelVersionConnection, Source } from './graphql/types.ts';
export { latestVersions, modelsById, modelsByName, versionsById, versionsByNumber, versionsByRun } from './queries.ts';
export { jsonRule, sourceRule, textRule } from './rules.ts';
export { selectorRule, selectVersion } from './selector.ts';
export { sweepArtifacts } from './sweep.ts';
export type { ModelRow, VersionRow } from './tables.ts';
