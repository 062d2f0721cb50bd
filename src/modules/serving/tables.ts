import { sql } from 'drizzle-orm';
import { boolean, index, integer, jsonb, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type {
  ModelDeploymentStatus,
  PlacementSpec,
  ResourcesSpec,
  StepSpec,
  StrategySpec,
} from '../../contract/modeldeployment.ts';
import type { CommandVerb, PromoteTo } from '../../contract/rolloutcommand.ts';
import { clops, moment } from '../../platform/db/schema.ts';
import { actors, teams } from '../identity/tables.ts';
import { models, modelVersions } from '../registry/tables.ts';

/** What is wanted of a deployment, and what the cluster last said of it. */
export const deployments = clops.table(
  'deployments',
  {
    id: text('id').primaryKey(),
    teamId: text('team_id')
      .notNull()
      .references(() => teams.id),
    namespace: text('namespace').notNull(),
    name: text('name').notNull(),
    modelId: text('model_id')
      .notNull()
      .references(() => models.id),
    /** Counts changes of what is wanted. */
    generation: integer('generation').notNull(),
    /** The generation that the cluster was last told, or that was last taken from it. Smaller than `generation`: to be published. */
    publishedGeneration: integer('published_generation').notNull(),
    versionId: text('version_id')
      .notNull()
      .references(() => modelVersions.id),
    runtime: text('runtime').notNull(),
    replicas: integer('replicas').notNull(),
    resources: jsonb('resources').$type<ResourcesSpec>().notNull(),
    placement: jsonb('placement').$type<PlacementSpec>().notNull(),
    strategy: jsonb('strategy').$type<StrategySpec>(),
    paused: boolean('paused').notNull(),
    /** The operation behind the present generation. */
    operationId: text('operation_id'),
    /** Operations that the cluster has not acted on yet, in the order they were accepted. */
    openOperations: text('open_operations').array().notNull(),
    /** The rollout that the present template belongs to. */
    rolloutId: text('rollout_id'),
    /** The resource in the cluster that this row stands for, once it is there. */
    uid: text('uid'),
    /** Rollouts counted in clusters that this one has replaced: the controller goes on from there. */
    rolloutsBefore: integer('rollouts_before').notNull().default(0),
    /** Its metadata.generation as it was last written by us or taken from it: a higher one was written by somebody else. */
    resourceGeneration: integer('resource_generation'),
    /** Its metadata.resourceVersion when `status` was taken: an older one is not taken after it. */
    resourceVersion: text('resource_version'),
    phase: text('phase').notNull(),
    /** As the controller last wrote it. Nothing that ticks is in it, so it is as good as the cluster's while that is away. */
    status: jsonb('status').$type<ModelDeploymentStatus>().notNull(),
    deleteRequestedAt: moment('delete_requested_at'),
    goneAt: moment('gone_at'),
    createdAt: moment('created_at').notNull(),
    updatedAt: moment('updated_at').notNull(),
    createdBy: text('created_by')
      .notNull()
      .references(() => actors.id),
  },
  (t) => [
    uniqueIndex('deployments_name').on(t.namespace, t.name).where(sql`${t.goneAt} is null`),
    index('deployments_team').on(t.teamId, t.name),
    index('deployments_model').on(t.modelId, t.name),
    index('deployments_version').on(t.versionId),
    index('deployments_unpublished').on(t.id).where(sql`${t.publishedGeneration} < ${t.generation}`),
  ],
);

/** Immutable snapshot of what runs. Going back to an old one makes a new row of the same hash. */
export const revisions = clops.table(
  'revisions',
  {
    id: text('id').primaryKey(),
    deploymentId: text('deployment_id')
      .notNull()
      .references(() => deployments.id),
    number: integer('number').notNull(),
    hash: text('hash').notNull(),
    versionId: text('version_id')
      .notNull()
      .references(() => modelVersions.id),
    runtime: text('runtime').notNull(),
    resources: jsonb('resources').$type<ResourcesSpec>().notNull(),
    placement: jsonb('placement').$type<PlacementSpec>().notNull(),
    createdAt: moment('created_at').notNull(),
    createdBy: text('created_by')
      .notNull()
      .references(() => actors.id),
  },
  (t) => [uniqueIndex('revisions_number').on(t.deploymentId, t.number), index('revisions_version').on(t.versionId)],
);

export interface AbortValue {
  at: string;
  by?: string;
  reason: string;
}

/** The passage from one stable revision to another. */
export const rollouts = clops.table(
  'rollouts',
  {
    id: text('id').primaryKey(),
    deploymentId: text('deployment_id')
      .notNull()
      .references(() => deployments.id),
    /** The controller's number; null until it has begun. */
    number: integer('number'),
    fromRevisionId: text('from_revision_id').references(() => revisions.id),
    toRevisionId: text('to_revision_id')
      .notNull()
      .references(() => revisions.id),
    startedAt: moment('started_at').notNull(),
    finishedAt: moment('finished_at'),
    startedBy: text('started_by')
      .notNull()
      .references(() => actors.id),
    phase: text('phase').notNull(),
    outcome: text('outcome'),
    message: text('message').notNull(),
    reason: text('reason'),
    stepIndex: integer('step_index').notNull(),
    steps: jsonb('steps').$type<StepSpec[]>().notNull(),
    /** Steps that were left out and not done, by index. */
    skippedSteps: integer('skipped_steps').array().notNull().default([]),
    /** When each step was entered, by index, as far as it was seen. */
    stepTimes: jsonb('step_times').$type<Record<string, string>>().notNull(),
    weight: integer('weight').notNull(),
    pausedAt: moment('paused_at'),
    pausedBeforeSeconds: integer('paused_before_seconds').notNull(),
    abort: jsonb('abort').$type<AbortValue>(),
    /** Asked for as a rollback, and not by deploying the older version. */
    isRollback: boolean('is_rollback').notNull().default(false),
    operationId: text('operation_id'),
  },
  (t) => [
    uniqueIndex('rollouts_number').on(t.deploymentId, t.number),
    index('rollouts_deployment').on(t.deploymentId, t.startedAt, t.id),
    index('rollouts_started').on(t.startedAt, t.id),
  ],
);

/** Verbs on their way to the cluster. The operation's id is the name of the RolloutCommand, so that publishing twice is harmless. */
export const commands = clops.table(
  'rollout_commands',
  {
    operationId: text('operation_id').primaryKey(),
    deploymentId: text('deployment_id')
      .notNull()
      .references(() => deployments.id),
    rolloutId: text('rollout_id')
      .notNull()
      .references(() => rollouts.id),
    verb: text('verb').$type<CommandVerb>().notNull(),
    to: text('to').$type<PromoteTo>(),
    /** Where the rollout stood when it was asked for. */
    stepIndex: integer('step_index'),
    reason: text('reason'),
    by: text('by').notNull(),
    state: text('state').$type<'PENDING' | 'PUBLISHED' | 'DONE' | 'REFUSED'>().notNull(),
    createdAt: moment('created_at').notNull(),
  },
  (t) => [index('rollout_commands_open').on(t.deploymentId).where(sql`${t.state} in ('PENDING', 'PUBLISHED')`)],
);

/** One row: the cluster that all of this is published to. */
export const cluster = clops.table('cluster', {
  one: text('one').primaryKey().default('cluster'),
  /** Of its namespace kube-system, which nobody can delete: as good as a uid of the cluster. */
  uid: text('uid').notNull(),
  since: moment('since').notNull(),
  /** When a relay last found it to be the same. */
  seenAt: moment('seen_at').notNull(),
  /** Another one that a relay was pointed to, and left alone. */
  refusedUid: text('refused_uid'),
});

export type ClusterRow = typeof cluster.$inferSelect;
export type DeploymentRow = typeof deployments.$inferSelect;
export type RevisionRow = typeof revisions.$inferSelect;
export type RolloutRow = typeof rollouts.$inferSelect;
export type CommandRow = typeof commands.$inferSelect;
