import { index, integer, jsonb, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { bigint53, clops, moment } from '../../platform/db/schema.ts';
import { runs, type SourceValue } from '../experiments/tables.ts';
import { actors, teams } from '../identity/tables.ts';

type Json = Record<string, unknown>;

/** `shape`: -1 is a free dimension. `datatype`: an Open Inference Protocol v2 name. */
export interface TensorValue {
  name: string;
  datatype: string;
  shape: number[];
}

export interface SignatureValue {
  inputs: TensorValue[];
  outputs: TensorValue[];
}

export const models = clops.table(
  'models',
  {
    id: text('id').primaryKey(),
    teamId: text('team_id')
      .notNull()
      .references(() => teams.id),
    name: text('name').notNull(),
    description: text('description').notNull(),
    tags: jsonb('tags').$type<Json>().notNull(),
    /** Number of the newest version; 0 when there is none. Raised under the row's lock, so numbers have no gaps. */
    lastVersion: integer('last_version').notNull(),
    createdAt: moment('created_at').notNull(),
    updatedAt: moment('updated_at').notNull(),
    createdBy: text('created_by')
      .notNull()
      .references(() => actors.id),
  },
  (t) => [uniqueIndex('models_name').on(t.teamId, t.name), index('models_by_name').on(t.name, t.id)],
);

export const modelVersions = clops.table(
  'model_versions',
  {
    id: text('id').primaryKey(),
    modelId: text('model_id')
      .notNull()
      .references(() => models.id),
    number: integer('number').notNull(),
    description: text('description').notNull(),
    tags: jsonb('tags').$type<Json>().notNull(),
    format: text('format').notNull(),
    digest: text('digest').notNull(),
    /** Where the bytes were said to come from; null when they were only uploaded. */
    originUri: text('origin_uri'),
    sizeBytes: bigint53('size_bytes').notNull(),
    signature: jsonb('signature').$type<SignatureValue>(),
    source: jsonb('source').$type<SourceValue>(),
    parameters: jsonb('parameters').$type<Json>().notNull(),
    metrics: jsonb('metrics').$type<Json>().notNull(),
    runId: text('run_id').references(() => runs.id),
    createdAt: moment('created_at').notNull(),
    createdBy: text('created_by')
      .notNull()
      .references(() => actors.id),
  },
  (t) => [
    uniqueIndex('model_versions_number').on(t.modelId, t.number),
    index('model_versions_digest').on(t.digest),
    index('model_versions_run').on(t.runId),
  ],
);

/** A movable name on a version. */
export const aliases = clops.table(
  'aliases',
  {
    modelId: text('model_id')
      .notNull()
      .references(() => models.id),
    name: text('name').notNull(),
    versionId: text('version_id')
      .notNull()
      .references(() => modelVersions.id),
    movedAt: moment('moved_at').notNull(),
    movedBy: text('moved_by')
      .notNull()
      .references(() => actors.id),
  },
  (t) => [primaryKey({ columns: [t.modelId, t.name] }), index('aliases_version').on(t.versionId)],
);

export type ModelRow = typeof models.$inferSelect;
export type VersionRow = typeof modelVersions.$inferSelect;
export type AliasRow = typeof aliases.$inferSelect;
