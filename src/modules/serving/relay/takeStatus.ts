/**
 * The controller's status → rows and events. Decided under the row's lock and from what the row says was taken before, so that
 * two relays, a restart or a relist write every event once.
 */
import { and, eq, isNull, sql } from 'drizzle-orm';
import { toUpperSnake } from '../../../contract/enums.ts';
import type {
  ModelDeployment,
  ModelDeploymentStatus,
  RolloutOutcome,
  RolloutStatus,
} from '../../../contract/modeldeployment.ts';
import { ANNOTATIONS, CONDITIONS } from '../../../contract/names.ts';
import { OBSTACLES } from '../../../contract/verbs.ts';
import { storable } from '../../../lib/text.ts';
import type { Tx } from '../../../platform/db/db.ts';
import { lockDeployment, newestRevision } from '../change.ts';
import { phaseUntilSeen } from '../phase.ts';
import { isSame } from '../spec.ts';
import { type DeploymentRow, deployments, type RolloutRow, revisions, rollouts } from '../tables.ts';
import { endedEvent, happeningsBetween } from './happenings.ts';
import { closeOperations } from './operations.ts';
import type { Parts } from './parts.ts';
import { isInFlight, isOlder } from './resource.ts';

export async function takeStatus({ services, controllerId }: Parts, id: string, seen: ModelDeployment): Promise<void> {
  const { db, events, clock } = services;
  // What a container said last is in it, and a row that cannot be written would show what was before, for ever.
  const status = seen.status && storable(seen.status);
  if (!status) return;
  const md = { ...seen, status };
  const { uid, resourceVersion = null } = md.metadata;
  await db.tx(async (tx) => {
    const row = await lockDeployment(tx, id);
    if (!row || row.goneAt || row.uid !== uid || isOlder(md, row.resourceVersion)) return;
    await settleOperations(tx, row, md);
    const at = new Date(clock.now());
    const current = status.rollout && (await rolloutRow(tx, row, status.rollout));
    const rolloutId = (await isTheWanted(tx, row, md, current)) && current ? current.id : row.rolloutId;
    const phase = phaseOf(row, md);
    // Without a number its row came after this status: the edit that began it could not be taken before.
    const isKnown = current?.number !== null;
    if (isKnown && isSame(row.status, status) && rolloutId === row.rolloutId && phase === row.phase) return;
    if (current && status.rollout) await writeRollout(tx, current, status.rollout, status, at);
    const closed = await closeOthers(tx, { ...row, rolloutId }, status, current?.id, at);
    await tx.q.update(deployments).set({ status, phase, rolloutId, resourceVersion }).where(eq(deployments.id, id));
    const common = { team: row.teamId, actor: controllerId, about: [id] };
    const [open = null] = row.openOperations.slice(-1);
    await events.append(tx, [
      ...closed.map(({ rollout, outcome }) => ({
        ...endedEvent(row.name, rollout.number, outcome),
        ...common,
        subject: rollout.id,
        operation: rollout.operationId,
      })),
      ...happeningsBetween(row.name, row.status, status).map(({ of, ...happening }) => ({
        ...happening,
        ...common,
        ...(of === 'rollout' && current
          ? { subject: current.id, operation: current.operationId }
          : { subject: id, operation: open }),
      })),
    ]);
  });
}

/**
 * The row of the rollout that the controller means: by its number, or, when it is seen for the first time, the one that was
 * asked for and leads to the same revision. The id in the status decides between several of those, but is not believed
 * alone: an annotation that was not used up goes to whichever rollout begins next. None, when it was begun and left again
 * past the API before it was seen, or leads to what the registry does not know.
 */
async function rolloutRow(tx: Tx, row: DeploymentRow, rollout: RolloutStatus): Promise<RolloutRow | undefined> {
  const mine = eq(rollouts.deploymentId, row.id);
  const [numbered] = await tx.q
    .select()
    .from(rollouts)
    .where(and(mine, eq(rollouts.number, rollout.number)));
  if (numbered) return numbered;
  const waiting = await tx.q
    .select({ rollout: rollouts })
    .from(rollouts)
    .innerJoin(revisions, eq(revisions.id, rollouts.toRevisionId))
    .where(and(mine, isNull(rollouts.number), isNull(rollouts.outcome), eq(revisions.hash, rollout.hash)))
    .orderBy(sql`${revisions.number} desc`);
  return (waiting.find((one) => one.rollout.id === rollout.id) ?? waiting[0])?.rollout;
}

function phaseOf(row: DeploymentRow, md: ModelDeployment): string {
  if (row.deleteRequestedAt) return 'DELETING';
  const said = toUpperSnake(md.status?.phase ?? 'Pending');
  const isSeen =
    row.publishedGeneration >= row.generation &&
    !isInFlight(row, md) &&
    md.status?.observedGeneration === md.metadata.generation;
  return isSeen ? said : phaseUntilSeen(said);
}

/**
 * The controller has looked at what is wanted now and needs no other rollout for it: asking for another version and back
 * again before it was told leaves it where it was.
 */
async function isTheWanted(
  tx: Tx,
  row: DeploymentRow,
  md: ModelDeployment,
  current: RolloutRow | undefined,
): Promise<boolean> {
  if (!current || current.id === row.rolloutId) return false;
  const { generation } = md.metadata;
  if (row.publishedGeneration < row.generation || generation !== row.resourceGeneration) return false;
  if (isInFlight(row, md) || md.status?.observedGeneration !== generation) return false;
  return (await newestRevision(tx, row.id))?.hash === md.status?.rollout?.hash;
}

async function writeRollout(
  tx: Tx,
  row: RolloutRow,
  rollout: RolloutStatus,
  { canary, stable }: ModelDeploymentStatus,
  at: Date,
): Promise<void> {
  const { number, hash, phase, message, stepIndex, stepStartedAt, startedAt, outcome, abort } = rollout;
  const earlier = Object.entries(row.stepTimes).filter(([step]) => Number(step) < stepIndex);
  const side = [canary, stable].find((one) => one?.hash === hash);
  const dateOf = (text: string | undefined): Date | null => (text ? new Date(text) : null);
  await tx.q
    .update(rollouts)
    .set({
      number,
      phase: toUpperSnake(phase),
      message: message ?? '',
      stepIndex,
      skippedSteps: rollout.skippedSteps ?? [],
      stepTimes: { ...Object.fromEntries(earlier), [String(stepIndex)]: stepStartedAt ?? at.toISOString() },
      startedAt: new Date(startedAt),
      weight: side?.weight ?? 0,
      pausedAt: dateOf(rollout.pausedAt),
      pausedBeforeSeconds: Math.round(rollout.pausedBeforeSeconds ?? 0),
      outcome: outcome ? toUpperSnake(outcome) : null,
      finishedAt: dateOf(rollout.finishedAt) ?? (outcome ? at : null),
      abort: abort ?? null,
    })
    .where(eq(rollouts.id, row.id));
}

/**
 * Rollouts that ended without being seen at the end: the history says how. By id and hash, as above: one that was replaced
 * with kubectl before it began gave its id to another, whose number it then wanted too, and no status was taken any more.
 */
async function closeOthers(
  tx: Tx,
  row: DeploymentRow,
  status: ModelDeploymentStatus,
  currentId: string | undefined,
  at: Date,
): Promise<{ rollout: RolloutRow; outcome: RolloutOutcome }[]> {
  const open = await tx.q
    .select({ rollout: rollouts, hash: revisions.hash })
    .from(rollouts)
    .innerJoin(revisions, eq(revisions.id, rollouts.toRevisionId))
    .where(and(eq(rollouts.deploymentId, row.id), isNull(rollouts.outcome)))
    .orderBy(rollouts.startedAt, rollouts.id);
  const closed: { rollout: RolloutRow; outcome: RolloutOutcome }[] = [];
  for (const { rollout, hash } of open) {
    if (rollout.id === currentId || rollout.id === row.rolloutId) continue;
    const entry = status.history?.find((one) =>
      rollout.number === null ? one.id === rollout.id && one.hash === hash : one.number === rollout.number,
    );
    const outcome = entry?.outcome ?? 'Superseded';
    await tx.q
      .update(rollouts)
      .set({
        ...endOf({ ...rollout, number: entry?.number ?? rollout.number }, outcome, entry && entry.number + 1),
        ...(entry && { number: entry.number }),
        finishedAt: entry ? new Date(entry.finishedAt) : at,
      })
      .where(eq(rollouts.id, rollout.id));
    closed.push({ rollout: { ...rollout, number: entry?.number ?? rollout.number }, outcome });
  }
  return closed;
}

function endOf(
  { number, message: said }: RolloutRow,
  outcome: RolloutOutcome,
  by: number | undefined,
): Pick<RolloutRow, 'outcome' | 'phase' | 'message'> {
  const ended = toUpperSnake(outcome);
  if (outcome === 'Superseded') {
    const one = by === undefined ? 'A newer rollout' : `Rollout ${by}`;
    const message = `${one} took its place${number === null ? ' before it began' : ''}.`;
    return { outcome: ended, phase: 'SUPERSEDED', message };
  }
  if (outcome === 'Aborted') return { outcome: ended, phase: 'ABORTED', message: said };
  return { outcome: ended, phase: 'HEALTHY', message: 'What it brought became stable.' };
}

/** The controller has looked at what these operations wanted, or at what a later one wanted on top. */
async function settleOperations(tx: Tx, row: DeploymentRow, md: ModelDeployment): Promise<void> {
  const { generation, annotations = {} } = md.metadata;
  if (md.status?.observedGeneration !== generation || isInFlight(row, md)) return;
  const reached = row.openOperations.indexOf(annotations[ANNOTATIONS.operation] ?? '');
  if (reached < 0) return;
  const progress = md.status?.conditions?.find(({ type }) => type === CONDITIONS.progressing);
  const obstacle = OBSTACLES.some((one) => one === progress?.reason) ? progress?.message : undefined;
  const done = row.openOperations.slice(0, reached + 1);
  await closeOperations(tx, row, done, obstacle);
  row.openOperations = row.openOperations.slice(reached + 1);
}
