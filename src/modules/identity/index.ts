export { createTeam, ensureActor, keyRule, nameRule } from './commands.ts';
export {
  Actor,
  CreateTeamInput,
  IdentityResolver,
  identityNodes,
  ListArgs,
  Person,
  SystemActor,
  Team,
  TeamConnection,
} from './graphql.ts';
export { may, type Permission, permit } from './permit.ts';
export { actorsById, teamInWhere, teamsById, teamsByName, teamsByNamespace } from './queries.ts';
export type { ActorRow, TeamRow } from './tables.ts';
