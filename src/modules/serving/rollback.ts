/** Back to a revision that was stable. */
import { and, eq, inArray, lt, sql } from 'drizzle-orm';
import { toUpperSnake } from '../../contract/enums.ts';
import { GOOD } from '../../contract/verbs.ts';
import { load } from '../../graphql/batch.ts';
import { command } from '../../graphql/command.ts';
import { isProblems, problem } from '../../lib/problem.ts';
import type { Tx } from '../../platform/db/db.ts';
import { permit } from '../identity/index.ts';
import { inside, lockDeployment, modelAndVersion, moveDeployment, newestRevision } from './change.ts';
import { deletingProblem, noSuch } from './commands.ts';
import { deploymentsById, wereStable } from './queries.ts';
import { rollbackRule } from './rules.ts';
import { pick } from './spec.ts';
import { type DeploymentRow, revisions, rollouts } from './tables.ts';

/**
 * Back to a revision that was stable: the given one, else the last before the present, but not from where a rollback has led.
 * It is a new revision of the old hash.
 */
export const rollbackDeployment = command('rollbackDeployment', rollbackRule, async (ctx, input, run) => {
  const row = await load(ctx, deploymentsById, input.deployment);
  permit(ctx, 'DRIVE_ROLLOUT', row?.teamId ?? null);

  return run(async (tx, operationId) => {
    const now = row && (await lockDeployment(tx, row.id));
    if (!now || now.goneAt) return noSuch(input.deployment);
    if (now.deleteRequestedAt) return deletingProblem(now, 'deployment');
    const [present] = await tx.q
      .select()
      .from(rollouts)
      .where(eq(rollouts.id, now.rolloutId ?? ''));
    if (present?.isRollback && input.toRevision === undefined) {
      const { version } = await modelAndVersion(inside(ctx, tx), now);
      return isBackAlready(now, version.number);
    }
    const target = await rollbackTarget(tx, now, input.toRevision);
    if (isProblems(target)) return target;
    if (input.toRevision !== undefined && !(await load(inside(ctx, tx), wereStable, target.id)))
      return wasNeverStable(now, input.toRevision);
    const { versionId, runtime, resources, placement } = target;
    const of = await modelAndVersion(inside(ctx, tx), { ...now, versionId });
    const who = {
      actorId: ctx.principal.actorId,
      operationId,
      at: new Date(ctx.clock.now()),
      reason: input.reason,
      isRollback: true,
    };
    const moved = await moveDeployment(
      tx,
      now,
      { ...pick(now), versionId, runtime, resources, placement, paused: false },
      of,
      who,
      false,
    );
    return {
      subjects: [now.id, ...(moved.rolloutId ? [moved.rolloutId] : [])],
      state: 'ACCEPTED',
      events: moved.events,
    };
  });
});

/** Who presses twice in an emergency would be sent forward again, to the version that they have just left. */
const isBackAlready = ({ name, phase }: DeploymentRow, version: number) =>
  problem(
    'NOT_ALLOWED_NOW',
    `${name} has gone back to version ${version} already. To go forward again, or further back, deploy the version that you want or name a revision.`,
    ['deployment'],
    { phase, allowed: [] },
  );

/** Whoever is sent back in a hurry must not land where a rollout was aborted: with rolling it would get everything. */
const wasNeverStable = ({ phase }: DeploymentRow, revision: number) =>
  problem(
    'NOT_ALLOWED_NOW',
    `Revision ${revision} was never stable. Name one whose \`wasStable\` is true, or deploy its version: that is a rollout with its steps.`,
    ['toRevision'],
    { phase, allowed: [] },
  );

async function rollbackTarget(tx: Tx, now: DeploymentRow, asked: number | undefined) {
  const newest = await newestRevision(tx, now.id);
  if (asked !== undefined) {
    const [revision] = await tx.q
      .select()
      .from(revisions)
      .where(and(eq(revisions.deploymentId, now.id), eq(revisions.number, asked)));
    if (!revision)
      return problem('NOT_FOUND', `${now.name} has no revision ${asked}; its newest is ${newest?.number ?? 0}.`, [
        'toRevision',
      ]);
    if (revision.hash !== newest?.hash) return revision;
    return problem(
      'NOT_ALLOWED_NOW',
      `Revision ${asked} is what is wanted already. Name another one.`,
      ['toRevision'],
      {
        phase: now.phase,
        allowed: [],
      },
    );
  }
  const [before] = await tx.q
    .select({ revision: revisions })
    .from(rollouts)
    .innerJoin(revisions, eq(revisions.id, rollouts.toRevisionId))
    .where(
      and(
        eq(rollouts.deploymentId, now.id),
        inArray(rollouts.outcome, GOOD.map(toUpperSnake)),
        lt(revisions.number, newest?.number ?? 0),
        sql`${revisions.hash} <> ${newest?.hash ?? ''}`,
      ),
    )
    .orderBy(sql`${rollouts.finishedAt} desc`)
    .limit(1);
  return (
    before?.revision ??
    problem(
      'NOT_ALLOWED_NOW',
      `${now.name} has no earlier revision that was stable. Deploy the version that you want.`,
      ['deployment'],
      {
        phase: now.phase,
        allowed: [],
      },
    )
  );
}
