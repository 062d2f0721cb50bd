import { type BatchReader, inKeyOrder } from '../../graphql/batch.ts';
import { type Connection, connection, type PageArgs, pageOf } from '../../graphql/connection.ts';
import type { Ctx } from '../../graphql/context.ts';
import { columns, statement } from '../../platform/db/db.ts';
import { type EventRow, events, type OperationRow, operations } from '../../platform/events/tables.ts';

/** The ordering that every cursor of the log belongs to; streams and lists share it, so a list's end is a stream's start. */
export const LOG_ORDER = 'log';

const selectOperationsById = statement<OperationRow>(
  'operationsById',
  `select ${columns(operations, 'o')} from clops.operations o where o.id = any($1)`,
);
const selectEventsById = statement<EventRow>(
  'eventsById',
  `select ${columns(events, 'e')} from clops.events e where e.id = any($1)`,
);

const WHERE = `($1::text[] is null or e.type like any($1)) and ($2::text is null or e.team_id = $2)
  and ($3::text is null or e.operation_id = $3) and ($4::text is null or e.about @> array[$4::text])`;
const selectEvents = statement<EventRow>(
  'eventsPage',
  `select ${columns(events, 'e')} from clops.events e where ${WHERE} and e.seq > $5 order by e.seq limit $6`,
);
const selectEventsBackwards = statement<EventRow>(
  'eventsPageBackwards',
  `select ${columns(events, 'e')} from clops.events e where ${WHERE} and ($5::bigint is null or e.seq < $5) order by e.seq desc limit $6`,
);
const countEvents = statement<{ count: number }>(
  'countEvents',
  `select count(*) as count from clops.events e where ${WHERE}`,
);

export interface EventsWhere {
  teamId?: string | null;
  types?: readonly string[] | null;
  about?: string | null;
  operationId?: string | null;
}

export const operationsById: BatchReader<string, OperationRow | null> = async (ctx, ids) =>
  inKeyOrder(ids, await ctx.db.read(selectOperationsById, [ids]), (row) => row.id);

export const eventsById: BatchReader<string, EventRow | null> = async (ctx, ids) =>
  inKeyOrder(ids, await ctx.db.read(selectEventsById, [ids]), (row) => row.id);

/** `rollout.*` becomes a LIKE pattern; everything else in it is literal. */
export const typePatterns = (types: readonly string[] | null | undefined): string[] | null =>
  types?.map((type) => type.replace(/[\\%_]/g, '\\$&').replace(/\*$/, '%')) ?? null;

/** A page of the log, oldest first; with `last`, the page's end is the log's (or lies before `before`). */
export async function eventsPage(
  ctx: Ctx,
  where: EventsWhere,
  args: PageArgs & { last?: number | null; before?: string | null },
): Promise<Connection<EventRow>> {
  const filter = [typePatterns(where.types), where.teamId ?? null, where.operationId ?? null, where.about ?? null];
  const total = async () => (await ctx.db.read(countEvents, filter))[0]?.count ?? 0;
  const key = (row: EventRow) => [row.seq];
  if (args.last === null || args.last === undefined) {
    const page = pageOf(LOG_ORDER, args);
    const rows = await ctx.db.read(selectEvents, [...filter, page.after?.[0] ?? 0, page.limit + 1]);
    return connection(LOG_ORDER, page, rows, key, total);
  }
  const page = pageOf(LOG_ORDER, { first: args.last, after: args.before });
  const rows = await ctx.db.read(selectEventsBackwards, [...filter, page.after?.[0] ?? null, page.limit + 1]);
  const shown = rows.slice(0, page.limit).reverse();
  const result = connection(LOG_ORDER, page, shown, key, total);
  return {
    ...result,
    pageInfo: { ...result.pageInfo, hasNextPage: page.after !== null, hasPreviousPage: rows.length > page.limit },
  };
}
