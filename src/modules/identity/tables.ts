import { boolean, index, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { clops, moment } from '../../platform/db/schema.ts';

/** People, service accounts and the system itself: whoever an event or an operation names. */
export const actors = clops.table(
  'actors',
  {
    id: text('id').primaryKey(),
    kind: text('kind').$type<'PERSON' | 'SERVICE_ACCOUNT' | 'SYSTEM'>().notNull(),
    name: text('name').notNull(),
    isPlatformAdmin: boolean('is_platform_admin').notNull().default(false),
    createdAt: moment('created_at').notNull(),
  },
  (t) => [uniqueIndex('actors_name').on(t.kind, t.name)],
);

export const teams = clops.table(
  'teams',
  {
    id: text('id').primaryKey(),
    name: text('name').notNull(),
    displayName: text('display_name').notNull(),
    namespace: text('namespace').notNull(),
    createdAt: moment('created_at').notNull(),
    createdBy: text('created_by')
      .notNull()
      .references(() => actors.id),
  },
  (t) => [
    uniqueIndex('teams_name').on(t.name),
    uniqueIndex('teams_namespace').on(t.namespace),
    index('teams_created').on(t.createdAt, t.id),
  ],
);

export type ActorRow = typeof actors.$inferSelect;
export type TeamRow = typeof teams.$inferSelect;
