/** The verbs on a rollout. Pause and resume are a field of the wanted state; the rest are commands, each done once. */
import { eq } from 'drizzle-orm';
import { toUpperSnake } from '../../contract/enums.ts';
import type { ModelDeployment } from '../../contract/modeldeployment.ts';
import type { PromoteTo, RolloutVerb } from '../../contract/rolloutcommand.ts';
import { allowedVerbs, outcomeWords } from '../../contract/verbs.ts';
import { load } from '../../graphql/batch.ts';
import { type Command, command, type Run } from '../../graphql/command.ts';
import type { Ctx } from '../../graphql/context.ts';
import { problem, type Result } from '../../lib/problem.ts';
import type { Tx } from '../../platform/db/db.ts';
import type { Accepted, Effect } from '../../platform/events/operations.ts';
import { permit } from '../identity/index.ts';
import { inside, lockDeployment, modelAndVersion, moveDeployment, type Who } from './change.ts';
import { deletingProblem } from './commands.ts';
import { deploymentsById, rolloutsById } from './queries.ts';
import { promoteRule, rolloutRule } from './rules.ts';
import { addCommand, type SentVerb } from './sentVerbs.ts';
import { pick } from './spec.ts';
import { type DeploymentRow, type RolloutRow, rollouts } from './tables.ts';

/** The verbs that this rollout takes now, in GraphQL's spelling. One that is not the current one takes none. */
export function verbsOf(deployment: DeploymentRow, rollout: RolloutRow): string[] {
  return current(deployment, rollout).map(toUpperSnake);
}

function current(deployment: DeploymentRow, rollout: RolloutRow): RolloutVerb[] {
  if (deployment.rolloutId !== rollout.id || deployment.deleteRequestedAt || deployment.goneAt) return [];
  // Asked for, but the controller has not begun it: it can be held, nothing else.
  if (rollout.number === null || deployment.status.rollout?.number !== rollout.number)
    return deployment.paused ? ['Resume'] : ['Pause'];
  const { paused, strategy, replicas } = deployment;
  const spec = { paused, replicas, ...(strategy && { strategy }) };
  const verbs = allowedVerbs({ spec: spec as ModelDeployment['spec'], status: deployment.status });
  return rollout.isRollback ? verbs.filter((verb) => verb !== 'Rollback') : verbs;
}

interface Verb {
  verb: RolloutVerb;
  act: (tx: Tx, now: DeploymentRow, rollout: RolloutRow, who: Who) => Promise<Effect['events']>;
}

const send =
  (verb: SentVerb, to?: PromoteTo, isOfStep = to === 'NextStep'): Verb['act'] =>
  async (tx, now, rollout, who) => [
    await addCommand(
      tx,
      now,
      rollout.id,
      { verb, ...(to && { to }), stepIndex: isOfStep ? seenStep(now) : null, reason: who.reason ?? null },
      who,
    ),
  ];

/**
 * Two who promote at the same pause mean that pause: without it the second would end the next one. Who says which step they
 * saw has been refused by now if this is another.
 */
const seenStep = (now: DeploymentRow): number | null => now.status.rollout?.stepIndex ?? null;

const hold =
  (ctx: Ctx, paused: boolean): Verb['act'] =>
  async (tx, now, _rollout, who) =>
    (await moveDeployment(tx, now, { ...pick(now), paused }, await modelAndVersion(inside(ctx, tx), now), who, false))
      .events;

export const promoteRollout = command('promoteRollout', promoteRule, (ctx, input, run) => {
  const isOfStep = input.step !== undefined;
  if (input.to === 'FULL')
    return drive(ctx, input, run, { verb: 'PromoteFull', act: send('Promote', 'Full', isOfStep) });
  if (input.to === 'END') return drive(ctx, input, run, { verb: 'SkipStep', act: send('Promote', 'End', isOfStep) });
  return drive(ctx, input, run, { verb: 'Promote', act: send('Promote', 'NextStep') });
});

const verbCommand = (name: string, make: (ctx: Ctx) => Verb): Command =>
  command(name, rolloutRule, (ctx, input, run) => drive(ctx, input, run, make(ctx)));

export const pauseRollout = verbCommand('pauseRollout', (ctx) => ({ verb: 'Pause', act: hold(ctx, true) }));
export const resumeRollout = verbCommand('resumeRollout', (ctx) => ({ verb: 'Resume', act: hold(ctx, false) }));
export const abortRollout = verbCommand('abortRollout', () => ({ verb: 'Abort', act: send('Abort') }));
export const retryRollout = verbCommand('retryRollout', () => ({ verb: 'Retry', act: send('Retry') }));

async function drive(
  ctx: Ctx,
  input: { rollout: string; reason?: string | undefined; step?: number | undefined },
  run: Run,
  { verb, act }: Verb,
): Promise<Result<Accepted>> {
  const rollout = await load(ctx, rolloutsById, input.rollout);
  const deployment = rollout && (await load(ctx, deploymentsById, rollout.deploymentId));
  permit(ctx, 'DRIVE_ROLLOUT', deployment?.teamId ?? null);

  return run(async (tx, operationId) => {
    const now = deployment && (await lockDeployment(tx, deployment.id));
    if (!rollout || !now)
      return problem(
        'NOT_FOUND',
        `There is no rollout with the id ${JSON.stringify(input.rollout.slice(0, 60))}. A deployment has its own as \`rollouts\`.`,
        ['rollout'],
      );
    if (now.goneAt) return problem('NOT_FOUND', `The deployment ${now.name} of this rollout is gone.`, ['rollout']);
    if (now.deleteRequestedAt) return deletingProblem(now, 'rollout');
    const [fresh] = await tx.q.select().from(rollouts).where(eq(rollouts.id, rollout.id));
    const allowed = current(now, fresh ?? rollout);
    if (!allowed.includes(verb)) return notAllowed(now, fresh ?? rollout, verb, allowed);
    if (input.step !== undefined && input.step !== seenStep(now))
      return elsewhere(now, fresh ?? rollout, input.step, allowed);
    const who = { actorId: ctx.principal.actorId, operationId, at: new Date(ctx.clock.now()), reason: input.reason };
    return { subjects: [now.id, rollout.id], state: 'ACCEPTED', events: await act(tx, now, rollout, who) };
  });
}

/** `promote full` for PromoteFull: a verb as people say it. */
const asWords = (verb: RolloutVerb): string => toUpperSnake(verb).toLowerCase().replaceAll('_', ' ');

function stateOf(deployment: DeploymentRow, rollout: RolloutRow): string {
  if (deployment.rolloutId !== rollout.id) return 'a newer rollout has taken its place';
  const outcome = deployment.status.rollout?.number === rollout.number && deployment.status.rollout?.outcome;
  if (outcome && outcome !== 'Superseded') return `its rollout ${outcomeWords(outcome)}`;
  if (deployment.paused) return 'it is paused';
  return `its rollout is ${rollout.phase.toLowerCase()}`;
}

function notAllowed(
  deployment: DeploymentRow,
  rollout: RolloutRow,
  verb: RolloutVerb,
  allowed: RolloutVerb[],
): Result<never> {
  const verbs = allowed.map(toUpperSnake);
  const what =
    verbs.length > 0 ? `Possible now: ${allowed.map(asWords).join(', ')}.` : 'Nothing can be done to it now.';
  const words = `${deployment.name}: ${asWords(verb)} is not possible now, ${stateOf(deployment, rollout)}. ${what}`;
  return problem('NOT_ALLOWED_NOW', words, ['rollout'], { phase: rollout.phase, allowed: verbs });
}

function elsewhere(
  deployment: DeploymentRow,
  rollout: RolloutRow,
  step: number,
  allowed: RolloutVerb[],
): Result<never> {
  const at = deployment.status.rollout?.stepIndex ?? 0;
  const words = `${deployment.name}: its rollout has left step ${step + 1} that was seen, and stands at step ${at + 1} (\`step: ${at}\`). Look at it, and ask again if that one is meant.`;
  return problem('NOT_ALLOWED_NOW', words, ['step'], { phase: rollout.phase, allowed: allowed.map(toUpperSnake) });
}
