/** Input types that several lists share, and their SQL conditions. */
import { Field, InputType, registerEnumType } from 'type-graphql';
import { Fault } from '../lib/fault.ts';

const MOST = 100;

@InputType({ description: 'Conditions on a text; all that are given must hold.' })
export class StringFilter {
  @Field(() => String, { nullable: true, description: 'Is exactly this.' })
  eq?: string | null;
  @Field(() => [String], { nullable: true, description: `Is one of these, at most ${MOST}.` })
  in?: string[] | null;
  @Field(() => String, { nullable: true, description: 'Contains this.' })
  contains?: string | null;
  @Field(() => String, { nullable: true, description: 'Begins with this.' })
  startsWith?: string | null;
}

@InputType({ description: 'A tag, and what it says.' })
export class TagFilter {
  @Field(() => String, { description: 'Name of the tag.' })
  key!: string;
  @Field(() => String, { nullable: true, description: 'Its value. Without it: the tag is there.' })
  value?: string | null;
}

export const SortDirection = { ASC: 'ASC', DESC: 'DESC' } as const;
registerEnumType(SortDirection, { name: 'SortDirection', description: 'Ascending or descending.' });

/** Four parameters of a StringFilter, for `stringCondition`. @throws Fault for a filter that is too long */
export function stringParams(filter: StringFilter | null | undefined): unknown[] {
  const { eq, in: among, contains, startsWith } = bounded(filter);
  return [eq ?? null, among ?? null, contains ?? null, startsWith ?? null];
}

function bounded(filter: StringFilter | null | undefined): StringFilter {
  const { in: among } = filter ?? {};
  if (among && among.length > MOST)
    throw new Fault('BAD_USER_INPUT', `in takes at most ${MOST} texts, and has ${among.length}. Ask in several parts.`);
  return filter ?? {};
}

/** SQL for a column, from parameter number `from` on. Takes four parameters. */
export const stringCondition = (column: string, from: number): string =>
  `($${from}::text is null or ${column} = $${from}) and ($${from + 1}::text[] is null or ${column} = any($${from + 1}))
   and ($${from + 2}::text is null or strpos(${column}, $${from + 2}) > 0) and ($${from + 3}::text is null or starts_with(${column}, $${from + 3}))`;

/**
 * The same conditions for what is not in Postgres. A text that is not there meets only an empty filter.
 * @throws Fault for a filter that is too long
 */
export function stringMatcher(filter: StringFilter | null | undefined): (text: string | null) => boolean {
  const { eq, in: among, contains, startsWith } = bounded(filter);
  const isEmpty = [eq, among, contains, startsWith].every((condition) => (condition ?? null) === null);
  return (text) =>
    text === null
      ? isEmpty
      : ((eq ?? null) === null || text === eq) &&
        (!among || among.includes(text)) &&
        text.includes(contains ?? '') &&
        text.startsWith(startsWith ?? '');
}

export const tagParams = (filter: TagFilter | null | undefined): unknown[] => [
  filter?.key ?? null,
  filter?.value ?? null,
];

/** A JSON number that Postgres can hold. */
const NUMBER = '^-?(0|[1-9][0-9]{0,99})([.][0-9]{1,99})?([eE][-+]?[0-9]{1,3})?$';

/**
 * SQL for a jsonb column of tags, from parameter number `from` on. Takes two parameters. A number is found however it is
 * written: jsonb says 0.00000001 of what was given as 1e-8.
 */
export const tagCondition = (column: string, from: number): string =>
  `($${from}::text is null or (${column} ? $${from} and ($${from + 1}::text is null or ${column} ->> $${from} = $${from + 1}
   or case when $${from + 1} ~ '${NUMBER}' then ${column} -> $${from} = $${from + 1}::jsonb end)))`;

/** The same condition for what is not in Postgres. */
export const matchesTag = (filter: TagFilter | null | undefined, tags: Readonly<Record<string, string>>): boolean =>
  !filter ||
  (Object.hasOwn(tags, filter.key) && ((filter.value ?? null) === null || tags[filter.key] === filter.value));
