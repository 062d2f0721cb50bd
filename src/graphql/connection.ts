/** Lists as Relay connections with keyset cursors: `first` 1 to 100, default 20; `totalCount` is counted only when selected. */
import { type ClassType, Field, ObjectType } from 'type-graphql';
import { decodeCursor, encodeCursor } from '../lib/cursor.ts';
import { Fault } from '../lib/fault.ts';
import { Cursor, SafeInt } from './scalars.ts';

export const MAX_PAGE = 100;
export const DEFAULT_PAGE = 20;

@ObjectType({ simpleResolvers: true, description: 'Where a page of a list stands.' })
export class PageInfo {
  @Field(() => Boolean, { description: 'More entries follow after `endCursor`.' })
  hasNextPage!: boolean;
  @Field(() => Boolean, { description: 'Entries stand before `startCursor`. True whenever `after` was given.' })
  hasPreviousPage!: boolean;
  @Field(() => Cursor, { nullable: true, description: 'Cursor of the first entry of this page.' })
  startCursor!: string | null;
  @Field(() => Cursor, {
    nullable: true,
    description: 'Cursor of the last entry: give it as `after` for the next page.',
  })
  endCursor!: string | null;
}

export interface Connection<T> {
  edges: { cursor: string; node: T }[];
  nodes: T[];
  pageInfo: PageInfo;
  totalCount: () => number | Promise<number>;
}

/** The types `XConnection` and `XEdge` of a node type. `name` is X. */
export function connectionOf<T extends object>(
  name: string,
  node: () => ClassType<T> | object,
): ClassType<Connection<T>> {
  @ObjectType(`${name}Edge`, { simpleResolvers: true, description: `One ${name} in a list.` })
  class Edge {
    @Field(() => Cursor, { description: 'Position of this entry, for `after`.' })
    cursor!: string;
    @Field(node as () => ClassType<T>, { description: `The ${name}.` })
    node!: T;
  }
  @ObjectType(`${name}Connection`, { simpleResolvers: true, description: `A page of ${name} entries.` })
  class TheConnection {
    @Field(() => [Edge], { description: 'The entries with their cursors.' })
    edges!: Edge[];
    @Field(() => [node()] as unknown as [ClassType<T>], {
      description: 'The entries without cursors, in the same order.',
    })
    nodes!: T[];
    @Field(() => PageInfo, { description: 'Where this page stands.' })
    pageInfo!: PageInfo;
    @Field(() => SafeInt, { description: 'How many there are in all. Counted only when selected.' })
    totalCount!: () => number | Promise<number>;
  }
  return TheConnection as ClassType<Connection<T>>;
}

export interface PageArgs {
  first?: number | null | undefined;
  after?: string | null | undefined;
}

export interface Page {
  /** Rows to show. Readers fetch one more to know whether there are others. */
  limit: number;
  /** Keyset tuple of the row after which the page begins. */
  after: (string | number | null)[] | null;
}

/**
 * Checks `first` and `after` against the ordering named `order` (it is part of every cursor). `isKey` says whether a
 * decoded tuple can be a place in it: a cursor is opaque, not signed, so people can make some up.
 */
export function pageOf(
  order: string,
  { first, after }: PageArgs,
  isKey: (key: (string | number | null)[]) => boolean = () => true,
): Page {
  const limit = first ?? DEFAULT_PAGE;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) {
    throw new Fault('BAD_USER_INPUT', `first must be between 1 and ${MAX_PAGE}.`);
  }
  if (after === null || after === undefined) return { limit, after: null };
  const key = decodeCursor(order, after);
  if (!key || !isKey(key)) {
    throw new Fault('BAD_USER_INPUT', 'after is not a cursor of this list. Use one that an earlier page gave.');
  }
  return { limit, after: key };
}

/** Makes a connection of up to `limit + 1` rows; `keyOf` gives a row's keyset tuple. */
export function connection<T>(
  order: string,
  page: Page,
  rows: readonly T[],
  keyOf: (row: T) => (string | number | null)[],
  totalCount: () => number | Promise<number>,
): Connection<T> {
  const nodes = rows.slice(0, page.limit);
  const edges = nodes.map((node) => ({ cursor: encodeCursor(order, keyOf(node)), node }));
  return {
    edges,
    nodes,
    pageInfo: {
      hasNextPage: rows.length > page.limit,
      hasPreviousPage: page.after !== null,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
    totalCount,
  };
}
