import { isDeepStrictEqual } from 'node:util';
import { eq } from 'drizzle-orm';
import type { z } from 'zod';
import { load } from '../../graphql/batch.ts';
import { command } from '../../graphql/command.ts';
import type { Ctx } from '../../graphql/context.ts';
import { checked } from '../../lib/check.ts';
import { newId } from '../../lib/id.ts';
import { invalid, isProblems, type Problem, Problems, problem, type Result } from '../../lib/problem.ts';
import { isUniqueViolation, statement, type Tx } from '../../platform/db/db.ts';
import { permit, teamsByName } from '../identity/index.ts';
import { experimentsById, experimentsByName, runsById } from './queries.ts';
import {
  createExperimentRule,
  createRunRule,
  finishRunRule,
  logRunRule,
  MAX_METRIC_KEYS,
  mergedRule,
} from './rules.ts';
import { type ExperimentRow, experiments, type RunRow, runs } from './tables.ts';

const quoted = (id: string): string => JSON.stringify(id.slice(0, 60));

export const createExperiment = command('createExperiment', createExperimentRule, async (ctx, input, run) => {
  const team = await load(ctx, teamsByName, input.team);
  permit(ctx, 'WRITE_EXPERIMENT', team?.id ?? null);
  if (!team) return problem('NOT_FOUND', `There is no team ${quoted(input.team)}. Create it first.`, ['team']);

  try {
    return await run(async (tx) => {
      const id = newId('Experiment');
      const { name, description, tags } = input;
      const createdAt = new Date(ctx.clock.now());
      const createdBy = ctx.principal.actorId;
      await tx.q.insert(experiments).values({ id, teamId: team.id, name, description, tags, createdAt, createdBy });
      const message = `Experiment ${team.name}/${name} was created`;
      return {
        subjects: [id],
        state: 'SUCCEEDED',
        events: [{ type: 'experiment.created', subject: id, team: team.id, message }],
      };
    });
  } catch (error) {
    if (!isUniqueViolation(error, 'experiments_name')) throw error;
    const [existing] = await experimentsByName(ctx, [`${team.name}/${input.name}`]);
    return problem(
      'NAME_TAKEN',
      `Team ${team.name} has an experiment named "${input.name}" already. Add runs to it, or choose another name.`,
      ['name'],
      {
        existing,
      },
    );
  }
});

export const createRun = command('createRun', createRunRule, async (ctx, input, run) => {
  const experiment = await load(ctx, experimentsById, input.experiment);
  permit(ctx, 'WRITE_EXPERIMENT', experiment?.teamId ?? null);
  if (!experiment)
    return problem(
      'NOT_FOUND',
      `There is no experiment with the id ${quoted(input.experiment)}. The list \`experiments\` has those that there are.`,
      ['experiment'],
    );

  return run(async (tx) => {
    const id = newId('Run');
    const { name = id, parameters, tags, source, datasets } = input;
    await tx.q.insert(runs).values({
      id,
      experimentId: experiment.id,
      name,
      state: 'RUNNING',
      startedAt: new Date(ctx.clock.now()),
      finishedAt: null,
      createdBy: ctx.principal.actorId,
      parameters,
      tags,
      source: source ? { ...source } : null,
      datasets: datasets.map((dataset) => ({ ...dataset })),
    });
    return {
      subjects: [id],
      state: 'SUCCEEDED',
      events: [happening('run.created', { id, name }, experiment, 'began')],
    };
  });
});

const happening = (
  type: string,
  run: { id: string; name: string },
  experiment: ExperimentRow,
  what: string,
  data: Record<string, unknown> = {},
) => ({
  type,
  subject: run.id,
  team: experiment.teamId,
  about: [experiment.id],
  message: `Run ${run.name} of ${experiment.name} ${what}`,
  data,
});

/** Tells no event: a run logs thousands of values, and whoever follows them reads the series. */
export const logRun = command(
  'logRun',
  logRunRule,
  async (ctx, input, run) => {
    const both = input.removeTags.find((key) => Object.hasOwn(input.tags, key));
    if (both !== undefined)
      return new Problems([
        invalid(['removeTags'], 'both', `Tag ${quoted(both)} is given and removed at once: do one.`),
      ]);
    const { experiment } = await runToWrite(ctx, input.run);
    if (!experiment) return noSuchRun(input.run);

    return run(async (tx) => {
      const run = await lockedRun(tx, input.run);
      if (!run) return noSuchRun(input.run);
      if (run.state !== 'RUNNING') return hasEnded(run);
      const merged = mergedInto(run, input);
      if (isProblems(merged)) return merged;
      if (Object.keys(input.parameters).length + Object.keys(input.tags).length + input.removeTags.length > 0)
        await tx.q.update(runs).set(merged).where(eq(runs.id, run.id));
      const refused = await writeMetrics(tx, run, input.metrics, new Date(ctx.clock.now()));
      return refused ?? { subjects: [run.id], state: 'SUCCEEDED', events: [] };
    });
  },
  { keepNull: ['value'] },
);

/** Asked again for the state it ended with, it answers as the first time. */
export const finishRun = command('finishRun', finishRunRule, async (ctx, input, run) => {
  const { experiment } = await runToWrite(ctx, input.run);
  if (!experiment) return noSuchRun(input.run);

  return run(async (tx) => {
    const run = await lockedRun(tx, input.run);
    if (!run) return noSuchRun(input.run);
    const { state } = input;
    if (run.state === state) return { subjects: [run.id], state: 'SUCCEEDED', events: [] };
    if (run.state !== 'RUNNING') return hasEnded(run);
    await tx.q
      .update(runs)
      .set({ state, finishedAt: new Date(ctx.clock.now()) })
      .where(eq(runs.id, run.id));
    const event = happening('run.finished', run, experiment, `ended as ${state}`, { state });
    return { subjects: [run.id], state: 'SUCCEEDED', events: [event] };
  });
});

const noSuchRun = (id: string): Problems =>
  problem('NOT_FOUND', `There is no run with the id ${quoted(id)}. An experiment has its own as \`runs\`.`, ['run']);

const hasEnded = (run: RunRow): Problems =>
  problem(
    'NOT_ALLOWED_NOW',
    `Run ${run.name} has ended as ${run.state}: nothing of it can change. Create a new run.`,
    ['run'],
    { phase: run.state, allowed: [] },
  );

async function runToWrite(ctx: Ctx, id: string): Promise<{ experiment: ExperimentRow | null }> {
  const run = await load(ctx, runsById, id);
  const experiment = run && (await load(ctx, experimentsById, run.experimentId));
  permit(ctx, 'WRITE_EXPERIMENT', experiment?.teamId ?? null);
  return { experiment };
}

async function lockedRun(tx: Tx, id: string): Promise<RunRow | undefined> {
  const [run] = await tx.q.select().from(runs).where(eq(runs.id, id)).for('no key update');
  return run;
}

type LogInput = z.output<typeof logRunRule>;
type Free = Record<string, unknown>;

/** Parameters say what a run was made with, so a value that was given stays; tags may be said anew, or go. */
function mergedInto(
  run: RunRow,
  { parameters, tags, removeTags }: Pick<LogInput, 'parameters' | 'tags' | 'removeTags'>,
): Result<{
  parameters: Free;
  tags: Free;
}> {
  const changed = Object.keys(parameters).filter(
    (key) => Object.hasOwn(run.parameters, key) && !isDeepStrictEqual(asJson(parameters[key]), run.parameters[key]),
  );
  if (changed.length > 0) {
    return new Problems(
      changed.slice(0, 20).map(
        (key): Problem => ({
          problem: 'CONFLICT',
          message: `Parameter ${quoted(key)} of the run is ${quoted(JSON.stringify(run.parameters[key]))} and stays so. Use another name, or a new run.`,
          path: ['parameters', key],
          details: { current: run },
        }),
      ),
    );
  }
  const kept = Object.entries({ ...run.tags, ...tags }).filter(([key]) => !removeTags.includes(key));
  return checked(mergedRule, {
    parameters: { ...run.parameters, ...parameters },
    tags: Object.fromEntries(kept),
  });
}

/** As it is read back: JSON has no -0. */
const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const upsertMetrics = statement<never>(
  'upsertMetrics',
  `insert into clops.run_metrics (run_id, key, step, value, at)
   select $1, * from unnest($2::text[], $3::bigint[], $4::float8[], $5::timestamptz[])
   on conflict (run_id, key, step) do update set value = excluded.value, at = excluded.at
   where run_metrics.value is distinct from excluded.value`,
);

/** Of several values for one step of one metric, the last counts. */
async function writeMetrics(
  tx: Tx,
  run: RunRow,
  metrics: LogInput['metrics'],
  now: Date,
): Promise<Problems | undefined> {
  if (metrics.length === 0) return undefined;
  const rows = [...new Map(metrics.map((metric) => [`${metric.step} ${metric.key}`, metric])).values()];
  const total = await countMetrics(tx, run, [...new Set(rows.map(({ key }) => key))]);
  if (total > MAX_METRIC_KEYS) {
    return problem(
      'INVALID_INPUT',
      `The run would have ${total} different metrics, at most ${MAX_METRIC_KEYS} are allowed. Put what varies into the step, not into the key.`,
      ['metrics'],
      { constraint: 'too_many_keys' },
    );
  }
  await tx.read(upsertMetrics, [
    run.id,
    rows.map(({ key }) => key),
    rows.map(({ step }) => step),
    rows.map(({ value }) => value),
    rows.map(({ at }) => at ?? now),
  ]);
  return undefined;
}

const selectMetricKeys = statement<{ isNew: number; present: number }>(
  'countMetricKeys',
  `with recursive fresh as (
     select count(*) as n from unnest($2::text[]) as k(key)
     where not exists (select 1 from clops.run_metrics m where m.run_id = $1 and m.key = k.key)
   ), present(key) as (
     (select m.key from clops.run_metrics m, fresh where fresh.n > 0 and m.run_id = $1 order by m.key limit 1)
     union all
     select n.key from present p cross join lateral (
       select m.key from clops.run_metrics m where m.run_id = $1 and m.key > p.key order by m.key limit 1
     ) n
   )
   select fresh.n as "isNew", (select count(*) from present) as present from fresh`,
);

/** How many different metrics the run has with these; 0 when none of them is new, which costs a probe for each. */
async function countMetrics(tx: Tx, run: RunRow, keys: string[]): Promise<number> {
  const [counted] = await tx.read(selectMetricKeys, [run.id, keys]);
  return counted && counted.isNew > 0 ? counted.isNew + counted.present : 0;
}
