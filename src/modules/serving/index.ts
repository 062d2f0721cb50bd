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
export { servingNodes } from './graphql/nodes.ts';
export { DeploymentResolver } from './graphql/resolvers/deployment.ts';
export { ReplicaResolver } from './graphql/resolvers/replica.ts';
export { RevisionResolver } from './graphql/resolvers/revision.ts';
export { RolloutResolver } from './graphql/resolvers/rollout.ts';
export { TrafficTargetResolver } from './graphql/resolvers/traffic.ts';
export { RuntimesResolver, runtimesById } from './graphql/runtimes.ts';
export { ServingSubscriptions } from './graphql/subscriptions.ts';
export { oldestUnpublished, relayTrouble } from './relay/heard.ts';
export { type Relay, startRelay } from './relay/index.ts';
