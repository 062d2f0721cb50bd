export { SourceInput } from './graphql/inputs.ts';
export { ExperimentResolver, experimentNodes, RunResolver, TeamExperimentsResolver } from './graphql/resolvers.ts';
export { Run, Source } from './graphql/types.ts';
export { runsById } from './queries.ts';
export { sourceRule } from './rules.ts';
export type { RunRow } from './tables.ts';
