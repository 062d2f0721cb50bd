import { type BatchReader, groupedByKey, inKeyOrder } from '../../graphql/batch.ts';
import {
  type StringFilter,
  stringCondition,
  stringParams,
  type TagFilter,
  tagCondition,
  tagParams,
} from '../../graphql/filters.ts';
import { pagedReader } from '../../graphql/paged.ts';
import { Fault } from '../../lib/fault.ts';
import { columns, statement } from '../../platform/db/db.ts';
import { type ExperimentRow, experiments, type RunMetricRow, type RunRow, runMetrics, runs } from './tables.ts';

const E = columns(experiments, 'e');
const R = columns(runs, 'r');
const M = columns(runMetrics, 'm');

const selectExperimentsById = statement<ExperimentRow>(
  'experimentsById',
  `select ${E} from clops.experiments e where e.id = any($1)`,
);
const selectExperimentsByName = statement<ExperimentRow & { key: string }>(
  'experimentsByName',
  `select ${E}, k.key from unnest($1::text[], $2::text[], $3::text[]) as k(key, team, name)
   join clops.teams t on t.name = k.team join clops.experiments e on e.team_id = t.id and e.name = k.name`,
);
const selectRunsById = statement<RunRow>('runsById', `select ${R} from clops.runs r where r.id = any($1)`);

export const experimentsById: BatchReader<string, ExperimentRow | null> = async (ctx, ids) =>
  inKeyOrder(ids, await ctx.db.read(selectExperimentsById, [ids]), (row) => row.id);

/** By `team/name`. */
export const experimentsByName: BatchReader<string, ExperimentRow | null> = async (ctx, keys) => {
  const parts = keys.map((key) => [key.slice(0, key.indexOf('/')), key.slice(key.indexOf('/') + 1)] as const);
  const rows = await ctx.db.read(selectExperimentsByName, [
    keys,
    parts.map(([team]) => team),
    parts.map(([, name]) => name),
  ]);
  return inKeyOrder(keys, rows, (row) => row.key);
};

export const runsById: BatchReader<string, RunRow | null> = async (ctx, ids) =>
  inKeyOrder(ids, await ctx.db.read(selectRunsById, [ids]), (row) => row.id);

export interface ExperimentFilter {
  team?: string | null;
  name?: StringFilter | null;
}

const experimentPages = {
  columns: E,
  from: 'clops.experiments e',
  id: 'e.id',
  orderings: {
    NAME_ASC: { by: 'e.name', cast: 'text', direction: 'asc', valueOf: (row: ExperimentRow) => row.name },
  },
  where: `($5::text is null or e.team_id = (select id from clops.teams where name = $5)) and ${stringCondition('e.name', 6)}`,
  params: (f: ExperimentFilter) => [f.team ?? null, ...stringParams(f.name)],
} as const;

export const experimentsPage = pagedReader<ExperimentRow, ExperimentFilter>({
  ...experimentPages,
  name: 'experiments',
  parent: null,
});
export const experimentsByTeam = pagedReader<ExperimentRow, ExperimentFilter>({
  ...experimentPages,
  name: 'experimentsByTeam',
  parent: 'e.team_id',
});

export interface RunFilter {
  state?: string[] | null;
  parameter?: TagFilter | null;
  metric?: { key: string; lt?: number | null; gt?: number | null } | null;
  /** The metric whose latest value the runs are ordered by. */
  sortedBy?: string | null;
}

/** The latest value of a metric of run `r`: one probe of the primary key. */
const latest = (key: string): string =>
  `(select m.value from clops.run_metrics m where m.run_id = r.id and m.key = ${key} order by m.step desc limit 1)`;

type SortedRun = RunRow & { sortValue: number | null };
const startedAt = (row: SortedRun): string => row.startedAt.toISOString();

/** Runs without the metric, or where it is NaN, stand at the end either way. */
export const runsByExperiment = pagedReader<SortedRun, RunFilter>({
  name: 'runsByExperiment',
  columns: `${R}, s.value as "sortValue"`,
  from: `clops.runs r left join lateral ${latest('$11::text')} s on true`,
  id: 'r.id',
  parent: 'r.experiment_id',
  orderings: {
    STARTED_AT_ASC: { by: 'r.started_at', cast: 'timestamptz', direction: 'asc', valueOf: startedAt },
    STARTED_AT_DESC: { by: 'r.started_at', cast: 'timestamptz', direction: 'desc', valueOf: startedAt },
    METRIC_ASC: {
      by: `coalesce(s.value, 'Infinity')`,
      cast: 'float8',
      direction: 'asc',
      valueOf: (row) => row.sortValue ?? 'Infinity',
    },
    METRIC_DESC: {
      by: `coalesce(s.value, '-Infinity')`,
      cast: 'float8',
      direction: 'desc',
      valueOf: (row) => row.sortValue ?? '-Infinity',
    },
  },
  where: `($5::text[] is null or r.state = any($5)) and ${tagCondition('r.parameters', 6)}
    and ($8::text is null or exists (select 1 from ${latest('$8')} l
      where ($9::float8 is null or l.value < $9) and ($10::float8 is null or l.value > $10)))`,
  params: (f) => [
    f.state ?? null,
    ...tagParams(f.parameter),
    f.metric?.key ?? null,
    f.metric?.lt ?? null,
    f.metric?.gt ?? null,
    f.sortedBy ?? null,
  ],
});

/**
 * Walks the primary key backwards and jumps from one metric's newest point to the next metric's: a probe per metric. A
 * `distinct on` would read every point of every run.
 */
const selectLatestMetrics = statement<RunMetricRow>(
  'latestMetricsByRun',
  `with recursive latest as (
     select l.* from unnest($1::text[]) as k(id) cross join lateral (
       select m.* from clops.run_metrics m where m.run_id = k.id order by m.key desc, m.step desc limit 1
     ) l
     union all
     select n.* from latest l cross join lateral (
       select m.* from clops.run_metrics m where m.run_id = l.run_id and m.key < l.key order by m.key desc, m.step desc limit 1
     ) n
   )
   select ${M} from latest m order by m.run_id, m.key`,
);

export const latestMetricsByRun: BatchReader<string, RunMetricRow[]> = async (ctx, runIds) =>
  groupedByKey(runIds, await ctx.db.read(selectLatestMetrics, [runIds]), (row) => row.runId);

export interface SeriesKey {
  runId: string;
  key: string;
  maxPoints: number;
}

/** Points of one series, and of all series that one operation asks for at a time. */
export const MAX_POINTS = 5_000;
const MAX_POINTS_TOGETHER = 100_000;

/** The first point of each of `points` equal parts of the steps; the last part is the last point alone. */
const selectSeries = statement<RunMetricRow & { n: number }>(
  'metricSeries',
  `select k.n, ${M} from unnest($1::text[], $2::text[], $3::bigint[]) with ordinality as k(run, key, points, n)
   cross join lateral (
     select p.*, row_number() over (order by p.step) - 1 as i, greatest(count(*) over () - 1, 1) as last
     from clops.run_metrics p where p.run_id = k.run and p.key = k.key
   ) m
   where m.i = 0 or m.i * (k.points - 1) / m.last > (m.i - 1) * (k.points - 1) / m.last
   order by k.n, m.step`,
);

export const metricSeries: BatchReader<SeriesKey, RunMetricRow[]> = async (ctx, keys) => {
  if (keys.reduce((sum, { maxPoints }) => sum + maxPoints, 0) > MAX_POINTS_TOGETHER) {
    throw new Fault(
      'BAD_USER_INPUT',
      `The operation asks for more than ${MAX_POINTS_TOGETHER} points. Ask for fewer runs, or a smaller maxPoints.`,
    );
  }
  const rows = await ctx.db.read(selectSeries, [
    keys.map((key) => key.runId),
    keys.map((key) => key.key),
    keys.map((key) => key.maxPoints),
  ]);
  const byPlace = Map.groupBy(rows, (row) => row.n);
  return keys.map((_, index) => byPlace.get(index + 1) ?? []);
};
