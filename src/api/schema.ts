/** The schema: every resolver by name, nothing registers itself. The file schema/schema.graphql is written from here. */
import 'reflect-metadata';
import { type GraphQLInputObjectType, type GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql';
import { buildSchemaSync, type NonEmptyArray } from 'type-graphql';
import { userErrorTypes } from '../graphql/problems.ts';
import { EventResolver, OperationResolver } from '../modules/audit/index.ts';
import { ClusterResolver, GpuNodeResolver, GpuResolver } from '../modules/compute/index.ts';
import { ExperimentResolver, RunResolver, TeamExperimentsResolver } from '../modules/experiments/index.ts';
import { IdentityResolver, Person, SystemActor } from '../modules/identity/index.ts';
import {
  AliasResolver,
  ModelResolver,
  ModelVersionResolver,
  RunVersionsResolver,
  TeamModelsResolver,
} from '../modules/registry/index.ts';
import {
  DeploymentClusterResolver,
  DeploymentResolver,
  GpuHoldersResolver,
  LogSubscriptions,
  ModelDeploymentsResolver,
  NodeReplicasResolver,
  ReplicaPlaceResolver,
  ReplicaResolver,
  RevisionResolver,
  RolloutResolver,
  RuntimesResolver,
  ServingMutations,
  ServingSubscriptions,
  TeamDeploymentsResolver,
  TrafficTargetResolver,
  VersionDeploymentsResolver,
} from '../modules/serving/index.ts';
import { NodeResolver } from './node.ts';
import { ServerInfoResolver } from './serverInfo.ts';

const resolvers: NonEmptyArray<NewableFunction> = [
  ServerInfoResolver,
  NodeResolver,
  IdentityResolver,
  EventResolver,
  OperationResolver,
  ClusterResolver,
  GpuNodeResolver,
  GpuResolver,
  ExperimentResolver,
  RunResolver,
  TeamExperimentsResolver,
  ModelResolver,
  ModelVersionResolver,
  AliasResolver,
  TeamModelsResolver,
  RunVersionsResolver,
  DeploymentResolver,
  RevisionResolver,
  RolloutResolver,
  TrafficTargetResolver,
  ReplicaResolver,
  RuntimesResolver,
  ServingMutations,
  ServingSubscriptions,
  LogSubscriptions,
  TeamDeploymentsResolver,
  ModelDeploymentsResolver,
  VersionDeploymentsResolver,
  NodeReplicasResolver,
  GpuHoldersResolver,
  DeploymentClusterResolver,
  ReplicaPlaceResolver,
];

/** Input types of which exactly one field is set; type-graphql has no option for it. */
const ONE_OF: readonly string[] = ['VersionSelector', 'StrategyInput', 'StepInput'];

export function buildApiSchema(): GraphQLSchema {
  const schema = buildSchemaSync({
    resolvers,
    orphanedTypes: [...userErrorTypes, Person, SystemActor],
    // Inputs are checked by the commands, which answer with typed errors and paths: one mechanism.
    validate: false,
    // Demanded as soon as a Subscription exists. Ours all bring their own source: type-graphql's own ends the process
    // when one subscriber falls 1,024 events behind.
    pubSub: {
      publish() {
        throw new Error('not used');
      },
      subscribe() {
        throw new Error('not used');
      },
    },
  });
  for (const name of ONE_OF) (schema.getType(name) as GraphQLInputObjectType).isOneOf = true;
  return schema;
}

export const printApiSchema = (schema: GraphQLSchema): string => `${printSchema(lexicographicSortSchema(schema))}\n`;
