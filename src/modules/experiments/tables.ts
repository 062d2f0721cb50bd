import { doublePrecision, index, jsonb, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { bigint53, clops, moment } from '../../platform/db/schema.ts';
import { actors, teams } from '../identity/tables.ts';

type Json = Record<string, unknown>;

export interface SourceValue {
  repository: string;
  commit: string;
  path?: string;
}

export interface DatasetValue {
  name: string;
  digest: string;
  uri?: string;
}

export type RunState = 'RUNNING' | 'FINISHED' | 'FAILED' | 'KILLED';

export const experiments = clops.table(
  'experiments',
  {
    id: text('id').primaryKey(),
    teamId: text('team_id')
      .notNull()
      .references(() => teams.id),
    name: text('name').notNull(),
    description: text('description').notNull(),
    tags: jsonb('tags').$type<Json>().notNull(),
    createdAt: moment('created_at').notNull(),
    createdBy: text('created_by')
      .notNull()
      .references(() => actors.id),
  },
  (t) => [uniqueIndex('experiments_name').on(t.teamId, t.name), index('experiments_by_name').on(t.name, t.id)],
);

export const runs = clops.table(
  'runs',
  {
    id: text('id').primaryKey(),
    experimentId: text('experiment_id')
      .notNull()
      .references(() => experiments.id),
    name: text('name').notNull(),
    state: text('state').$type<RunState>().notNull(),
    startedAt: moment('started_at').notNull(),
    finishedAt: moment('finished_at'),
    createdBy: text('created_by')
      .notNull()
      .references(() => actors.id),
    parameters: jsonb('parameters').$type<Json>().notNull(),
    tags: jsonb('tags').$type<Json>().notNull(),
    source: jsonb('source').$type<SourceValue>(),
    datasets: jsonb('datasets').$type<DatasetValue[]>().notNull(),
  },
  (t) => [index('runs_experiment').on(t.experimentId, t.startedAt, t.id)],
);

/** One value of one metric at one step. NaN is null, since runs do log it and JSON has none. */
export const runMetrics = clops.table(
  'run_metrics',
  {
    runId: text('run_id')
      .notNull()
      .references(() => runs.id),
    key: text('key').notNull(),
    step: bigint53('step').notNull(),
    value: doublePrecision('value'),
    at: moment('at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.runId, t.key, t.step] })],
);

export type ExperimentRow = typeof experiments.$inferSelect;
export type RunRow = typeof runs.$inferSelect;
export type RunMetricRow = typeof runMetrics.$inferSelect;
