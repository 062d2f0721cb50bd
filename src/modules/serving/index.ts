export {
  DeploymentClusterResolver,
  GpuHoldersResolver,
  ModelDeploymentsResolver,
  NodeReplicasResolver,
  ReplicaPlaceResolver,
  TeamDeploymentsResolver,
  VersionDeploymentsResolver,
} from './graphql/edges.ts';
export { LogSubscriptions } from './graphql/logs.ts';
export { ServingMutations } from './graphql/mutations.ts';
export {
  DeploymentResolver,
  ReplicaResolver,
  RevisionResolver,
  RolloutResolver,
  servingNodes,
  TrafficTargetResolver,
} from './graphql/resolvers.ts';
export { RuntimesResolver, runtimesById } from './graphql/runtimes.ts';
export { ServingSubscriptions } from './graphql/subscriptions.ts';
export { relayTrouble } from './relay/heard.ts';
export { type Relay, startRelay } from './relay/index.ts';
