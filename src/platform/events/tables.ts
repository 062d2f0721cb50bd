/** The ordered log and what feeds it. A transaction writes its rows and an outbox row; the sequencer numbers what committed. */
import { sql } from 'drizzle-orm';
import { bigserial, index, jsonb, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { bigint53, clops, moment } from '../db/schema.ts';

const shape = {
  id: text('id').notNull(),
  type: text('type').notNull(),
  at: moment('at').notNull(),
  subjectId: text('subject_id'),
  teamId: text('team_id'),
  actorId: text('actor_id').notNull(),
  operationId: text('operation_id'),
  message: text('message').notNull(),
  data: jsonb('data').$type<Record<string, unknown>>().notNull(),
  /** Ids of everything this event is about, the subject among them: what a stream may be narrowed to. */
  about: text('about').array().notNull(),
};

/** Ids are drawn while the aggregate's row lock is held, so they order the events of one thing; between things they may commit out of order. */
export const outbox = clops.table('outbox', {
  position: bigserial('position', { mode: 'number' }).primaryKey(),
  ...shape,
});

export const events = clops.table(
  'events',
  {
    /** Gapless, in commit order as the sequencer saw it. This is the cursor. */
    seq: bigint53('seq').primaryKey(),
    ...shape,
    recordedAt: moment('recorded_at').notNull(),
  },
  (t) => [
    uniqueIndex('events_id').on(t.id),
    index('events_about').using('gin', t.about),
    index('events_operation').on(t.operationId, t.seq),
    index('events_team').on(t.teamId, t.seq),
  ],
);

/** One row: the last number given. */
export const eventHead = clops.table('event_head', {
  one: text('one').primaryKey().default('head'),
  seq: bigint53('seq').notNull(),
  /** The lowest number still kept; older cursors are told to read again. */
  firstSeq: bigint53('first_seq').notNull(),
});

/** One accepted mutation. Kept as long as events are: `forget.ts`. */
export const operations = clops.table(
  'operations',
  {
    id: text('id').primaryKey(),
    name: text('name').notNull(),
    actorId: text('actor_id').notNull(),
    at: moment('at').notNull(),
    idempotencyKey: text('idempotency_key'),
    /** sha256 of the canonical input, so that a key with another input is refused. */
    inputHash: text('input_hash').notNull(),
    state: text('state').$type<OperationState>().notNull(),
    error: text('error'),
    subjects: text('subjects').array().notNull(),
  },
  (t) => [
    uniqueIndex('operations_idempotency').on(t.actorId, t.idempotencyKey).where(sql`${t.idempotencyKey} is not null`),
    index('operations_at').on(t.at),
    index('operations_open').on(t.state).where(sql`${t.state} in ('ACCEPTED', 'PUBLISHED')`),
  ],
);

export type OperationState = 'ACCEPTED' | 'PUBLISHED' | 'SUCCEEDED' | 'FAILED';
export type EventRow = typeof events.$inferSelect;
export type OperationRow = typeof operations.$inferSelect;
