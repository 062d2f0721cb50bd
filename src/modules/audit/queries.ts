import { type BatchReader, inKeyOrder, load } from '../../graphql/batch.ts';
import { type Connection, connection, type Page, type PageArgs, pageOf } from '../../graphql/connection.ts';
import type { Ctx } from '../../graphql/context.ts';
import { columns, statement } from '../../platform/db/db.ts';
import { placeOf } from '../../platform/events/place.ts';
import { type EventRow, events, type OperationRow, operations } from '../../platform/events/tables.ts';
import { isPlace, keyOf, LOG_ORDER, placeIn } from './cursor.ts';

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
const BETWEEN = 'e.seq > $5 and ($6::bigint is null or e.seq < $6)';
const selectEvents = statement<EventRow>(
  'eventsPage',
  `select ${columns(events, 'e')} from clops.events e where ${WHERE} and ${BETWEEN} order by e.seq limit $7`,
);
const selectEventsBackwards = statement<EventRow>(
  'eventsPageBackwards',
  `select ${columns(events, 'e')} from clops.events e where ${WHERE} and ${BETWEEN} order by e.seq desc limit $7`,
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
const typePatterns = (types: readonly string[] | null | undefined): string[] | null =>
  types?.map((type) => type.replace(/[\\%_]/g, '\\$&').replace(/\*$/, '%')) ?? null;

/** A page of the log between both cursors, oldest first; with `last`, the last of what lies there. */
export async function eventsPage(
  ctx: Ctx,
  where: EventsWhere,
  args: PageArgs & { last?: number | null; before?: string | null },
): Promise<Connection<EventRow>> {
  const filter = [typePatterns(where.types), where.teamId ?? null, where.operationId ?? null, where.about ?? null];
  const total = async () => (await ctx.db.read(countEvents, filter))[0]?.count ?? 0;
  const key = (row: EventRow) => keyOf(placeOf(row));
  const last = args.last ?? undefined;
  const page = pageOf(LOG_ORDER, { first: last ?? args.first, after: args.after }, isPlace);
  const before = placeIn(args.before, 'before')?.seq;
  const params = [...filter, page.after?.[0] ?? 0, before ?? null, page.limit + 1];
  if (last === undefined) return connection(LOG_ORDER, page, await ctx.db.read(selectEvents, params), key, total);
  const rows = await ctx.db.read(selectEventsBackwards, params);
  const shown = rows.slice(0, page.limit).reverse();
  const result = connection(LOG_ORDER, page, shown, key, total);
  return {
    ...result,
    pageInfo: { ...result.pageInfo, hasNextPage: before !== undefined, hasPreviousPage: rows.length > page.limit },
  };
}

const selectEventsAbout = statement<EventRow & { parentId: string }>(
  'eventsAbout',
  `select p.id as "parentId", x.* from unnest($1::text[]) with ordinality as p(id, n)
   cross join lateral (
     select ${columns(events, 'e')} from clops.events e where e.about @> array[p.id] and e.seq > $2 order by e.seq limit $3
   ) x order by p.n, x.seq`,
);
const countEventsAbout = statement<{ parentId: string; count: number }>(
  'countEventsAbout',
  `select p.id as "parentId", (select count(*) from clops.events e where e.about @> array[p.id]) as count
   from unnest($1::text[]) as p(id)`,
);

interface AboutKey {
  id: string;
  first: number | null;
  after: string | null;
}

const aboutPages: BatchReader<AboutKey, Connection<EventRow>> = async (ctx, keys) => {
  const pages = new Map<string, { page: Page; byParent: Map<string, EventRow[]> }>();
  const groups = Map.groupBy(keys, pageNameOf);
  for (const [group, members] of groups) {
    const page = pageOf(LOG_ORDER, members[0] as AboutKey, isPlace);
    const ids = members.map(({ id }) => id);
    const rows = await ctx.db.read(selectEventsAbout, [ids, page.after?.[0] ?? 0, page.limit + 1]);
    pages.set(group, { page, byParent: Map.groupBy(rows, (row) => row.parentId) });
  }
  return keys.map((key) => {
    const { page, byParent } = pages.get(pageNameOf(key)) as { page: Page; byParent: Map<string, EventRow[]> };
    const rows = byParent.get(key.id) ?? [];
    return connection(
      LOG_ORDER,
      page,
      rows,
      (row) => keyOf(placeOf(row)),
      () => load(ctx, aboutCounts, key.id),
    );
  });
};

const pageNameOf = ({ first, after }: AboutKey): string => JSON.stringify([first, after]);

const aboutCounts: BatchReader<string, number> = async (ctx, ids) =>
  inKeyOrder(ids, await ctx.db.read(countEventsAbout, [ids]), (row) => row.parentId).map((row) => row?.count ?? 0);

/** What the log says about one thing, oldest first; the pages of many things are one statement. */
export const eventsAbout = (ctx: Ctx, id: string, { first, after }: PageArgs): Promise<Connection<EventRow>> =>
  load(ctx, aboutPages, { id, first: first ?? null, after: after ?? null });

const selectUntold = statement<{ untold: boolean }>(
  'untoldEvents',
  `select exists (select 1 from clops.outbox o where o.about @> array[$1::text])
     or exists (select 1 from clops.events e where e.about @> array[$1::text] and e.seq > $2) as untold`,
);

/** Whether everything that was committed about a thing stands in the log at or before `seq`: nothing more is on its way. */
export async function isToldUpTo(ctx: Ctx, id: string, seq: number): Promise<boolean> {
  const [now] = await ctx.db.read(selectUntold, [id, seq]);
  return now !== undefined && !now.untold;
}
