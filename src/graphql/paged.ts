/**
 * Lists with keyset pages, batched: one statement gives the pages of all parents of a tick, whatever their number. A page
 * is cut inside a lateral subquery before anything is joined to it; offsets are never used.
 */
import { statement } from '../platform/db/db.ts';
import { type BatchReader, load } from './batch.ts';
import { type Connection, connection, type PageArgs, pageOf } from './connection.ts';
import type { Ctx } from './context.ts';

export interface Ordering<Row> {
  /** SQL of the value that rows are ordered by, before the id: `m.name`. */
  by: string;
  cast: 'text' | 'timestamptz' | 'int' | 'bigint' | 'float8';
  direction: 'asc' | 'desc';
  /** The same value of a row, as text or number. */
  valueOf: (row: Row) => string | number;
}

export interface PagedQuery<Row extends { id: string }, Filter> {
  /** The reader's name: names its statements and its cursors. */
  name: string;
  /** Select list, without the parent. */
  columns: string;
  /** `clops.models m` */
  from: string;
  /** SQL of a row's id: `m.id`. */
  id: string;
  /** SQL of the parent's id; null for a list that has none. */
  parent: string | null;
  /** Instead of `parent`: a condition on `p.id`, for what no single column says. Must lead to an index. */
  ofParent?: string;
  orderings: Readonly<Record<string, Ordering<Row>>>;
  /** Conditions on `$5`, `$6`, …; each must let everything pass when its parameter is null. */
  where?: string;
  params?: (filter: Filter) => unknown[];
}

export interface PageKey<Filter> {
  parentId: string;
  page: { first?: number | null; after?: string | null };
  ordering: string;
  filter: Filter;
}

export type PagedReader<Filter, Row> = (
  ctx: Ctx,
  key: Omit<PageKey<Filter>, 'page'> & { page: PageArgs },
) => Promise<Connection<Row>>;

export function pagedReader<Row extends { id: string }, Filter>(
  query: PagedQuery<Row, Filter>,
): PagedReader<Filter, Row> {
  const { name, columns, from, id, parent, orderings, where = 'true', params = () => [] } = query;
  const ofParent = query.ofParent ?? (parent ? `${parent} = p.id` : 'true');

  const pages = Object.fromEntries(
    Object.entries(orderings).map(([ordering, { by, cast, direction }]) => {
      const beyond = direction === 'asc' ? '>' : '<';
      const order = `${by} ${direction}, ${id} ${direction}`;
      return [
        ordering,
        statement<Row & { parentId: string }>(
          `${name}_${ordering}`,
          `select p.id as "parentId", x.* from unnest($1::text[]) with ordinality as p(id, n)
           cross join lateral (
             select ${columns}, row_number() over (order by ${order}) as "rowNumber" from ${from}
             where ${ofParent} and ($4::text is null or (${by}, ${id}) ${beyond} ($3::${cast}, $4)) and ${where}
             order by ${order} limit $2
           ) x order by p.n, x."rowNumber"`,
        ),
      ];
    }),
  );
  const counts = statement<{ parentId: string; count: number }>(
    `${name}_count`,
    // $2 to $4 are those of the page, so that the conditions need no second numbering.
    `select p.id as "parentId", (select count(*) from ${from} where ${ofParent} and ${where}) as count
     from unnest($1::text[]) as p(id) where $2::int is null and $3::text is null and $4::text is null`,
  );

  const pageReader: BatchReader<PageKey<Filter>, Connection<Row>> = (ctx, keys) =>
    inGroups(keys, async ({ page: args, ordering, filter }, parents) => {
      const { valueOf: orderOf, cast } = orderings[ordering] as Ordering<Row>;
      const order = `${name}_${ordering}`;
      const page = pageOf(order, args, ([value, after]) => typeof after === 'string' && fits(value, cast));
      const rows = await ctx.db.read(pages[ordering] as NonNullable<(typeof pages)[string]>, [
        parents,
        page.limit + 1,
        page.after?.[0] ?? null,
        page.after?.[1] ?? null,
        ...params(filter),
      ]);
      const byParent = Map.groupBy(rows, (row) => row.parentId);
      return (parentId) =>
        connection(
          order,
          page,
          byParent.get(parentId) ?? [],
          (row) => [orderOf(row), row.id],
          () => load(ctx, countReader, { parentId, page: {}, ordering, filter }),
        );
    });

  const countReader: BatchReader<PageKey<Filter>, number> = (ctx, keys) =>
    inGroups(keys, async ({ filter }, parents) => {
      const rows = await ctx.db.read(counts, [parents, null, null, null, ...params(filter)]);
      const byParent = new Map(rows.map((row) => [row.parentId, row.count]));
      return (parentId) => byParent.get(parentId) ?? 0;
    });

  return (ctx, { parentId, page, ordering, filter }) =>
    load(ctx, pageReader, {
      parentId,
      page: { first: page.first ?? null, after: page.after ?? null },
      ordering,
      filter,
    });
}

/** Whether Postgres will take the value as this type; null is the value of what has none. */
function fits(value: string | number | null | undefined, cast: Ordering<never>['cast']): boolean {
  if (value === null) return true;
  if (cast === 'text') return typeof value === 'string' && !value.includes('\0');
  if (cast === 'timestamptz')
    return typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]{5,}Z$/.test(value) && !Number.isNaN(Date.parse(value));
  if (cast === 'float8') return value === 'Infinity' || value === '-Infinity' || Number.isFinite(value);
  return Number.isSafeInteger(value) && (cast !== 'int' || Math.abs(Number(value)) < 2 ** 31);
}

/** Keys that differ only in their parent are asked together. */
async function inGroups<Filter, V>(
  keys: readonly PageKey<Filter>[],
  ask: (key: PageKey<Filter>, parentIds: string[]) => Promise<(parentId: string) => V>,
): Promise<V[]> {
  const groups = Map.groupBy(keys, ({ page, ordering, filter }) => JSON.stringify([page, ordering, filter]));
  const answers = new Map(
    await Promise.all(
      [...groups].map(async ([group, members]) => {
        const [first] = members;
        return [group, await ask(first as PageKey<Filter>, [...new Set(members.map((key) => key.parentId))])] as const;
      }),
    ),
  );
  return keys.map((key) =>
    (answers.get(JSON.stringify([key.page, key.ordering, key.filter])) as (id: string) => V)(key.parentId),
  );
}
