/**
 * The migrated database as text, by a catalogue query: embedded Postgres ships no pg_dump. Committed as
 * `drizzle/schema.sql` and compared by `npm run check`, so that a migration's effect is seen in review.
 */
import type { Db } from './db.ts';
import { statement } from './db.ts';

const dumpTables = statement<{ table: string; column: string; type: string; notNull: boolean; default: string | null }>(
  'dumpTables',
  `select c.relname as "table", a.attname as "column", format_type(a.atttypid, a.atttypmod) as type,
     a.attnotnull as "notNull", pg_get_expr(d.adbin, d.adrelid) as "default"
   from pg_class c
   join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'clops'
   join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
   left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
   where c.relkind = 'r' and c.relname <> 'migrations'
   order by c.relname, a.attnum`,
);

const dumpConstraints = statement<{ table: string; name: string; definition: string }>(
  'dumpConstraints',
  `select c.relname as "table", k.conname as name, pg_get_constraintdef(k.oid) as definition
   from pg_constraint k
   join pg_class c on c.oid = k.conrelid
   join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'clops'
   where c.relname <> 'migrations' and k.contype in ('p', 'u', 'f', 'c')
   order by c.relname, k.conname`,
);

const dumpIndexes = statement<{ definition: string }>(
  'dumpIndexes',
  `select indexdef as definition from pg_indexes i
   where schemaname = 'clops' and tablename <> 'migrations'
     and not exists (select 1 from pg_constraint k where k.conname = i.indexname)
   order by indexname`,
);

export async function dumpSchema(db: Db): Promise<string> {
  const [columns, constraints, indexes] = await Promise.all([
    db.read(dumpTables),
    db.read(dumpConstraints),
    db.read(dumpIndexes),
  ]);
  const lines = ['-- The database after all migrations. Written by `npm run schema`; do not edit.', ''];
  for (const table of new Set(columns.map((row) => row.table))) {
    const body = [
      ...columns
        .filter((row) => row.table === table)
        .map(
          (row) =>
            `${row.column} ${row.type}${row.default ? ` default ${row.default}` : ''}${row.notNull ? ' not null' : ''}`,
        ),
      ...constraints.filter((row) => row.table === table).map((row) => `constraint ${row.name} ${row.definition}`),
    ];
    lines.push(`create table clops.${table} (`, `  ${body.join(',\n  ')}`, ');', '');
  }
  lines.push(...indexes.map((row) => `${row.definition};`), '');
  return lines.join('\n');
}
